"""What onsets become before a net learns from them, and where frames stand."""

import warnings

import numpy as np
import pytest
import torch

from skdeepmir import OnsetDetector, SpectralFluxDetector, make_onset_pipeline
from skdeepmir._training._data import LabelledClips
from skdeepmir._training._gradient import FrameLogisticLoss
from skdeepmir.frames import ClipLayout
from skdeepmir.onset_detection._coding import OnsetCoding, read_onset_targets

RATE = 100.0
QUICK = {"n_units": 4, "max_epochs": 1, "threshold": 0.5, "verbose": False}


def layout_of(*n_frames):
    return ClipLayout("list", np.array(n_frames))


def test_targets_are_of_merged_onsets_at_the_offset_of_frames():
    coding = OnsetCoding(RATE, 0.2, near=1, weights=(1.0, 1.0, 0.25))
    (codes,) = coding.encode([np.array([0.5, 0.52, 0.9])], layout_of(80))
    assert np.flatnonzero(codes == 1).tolist() == [31, 70]
    assert np.flatnonzero(codes == 2).tolist() == [30, 32, 69, 71]
    np.testing.assert_allclose(coding.decode(codes), [0.51, 0.9])


def test_an_onset_in_the_last_half_window_is_within_the_clip():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (times,) = read_onset_targets([[0.95]], layout_of(80), RATE, 0.1, "y")
    assert times.tolist() == [0.95]
    with pytest.warns(UserWarning, match=r"clip 0.*1 of 1 onsets.*0\.95"):
        read_onset_targets([[0.95]], layout_of(80), RATE, 0.0, "y")


def test_frames_count_in_the_loss_as_parameters_say():
    detector = OnsetDetector(onset_weight=2.0, near_weight=0.25, near=2)
    coding = detector._make_coding(None, None)
    assert coding.near == 2
    logits = torch.tensor([[-1.0, 2.0, 0.5, 3.0]])
    codes = torch.tensor([[0, 1, 2, -1]])
    loss = coding.make_loss()(logits[..., None], codes, None)
    no, yes, near = np.log1p(np.exp([-1.0, -2.0, -0.5]))
    assert float(loss) == pytest.approx((no + 2 * yes + 0.5 * near) / 3)
    assert isinstance(coding.make_loss(), FrameLogisticLoss)


def test_nets_see_frames_around_an_excerpt_but_do_not_learn_from_them():
    frames = np.arange(60.0)[:, None] + np.zeros((60, 2))
    layout = layout_of(60)
    detector = OnsetDetector(
        excerpt_length=20, near=0, frame_rate=RATE, mix=0, shift_level=0
    )
    coding = detector._make_coding(None, None)
    targets = coding.encode([np.array([0.3])], layout)
    data = LabelledClips([frames], layout, targets, None)
    feed = detector._make_feed(detector).learn(data, coding, 0)
    generator = torch.Generator().manual_seed(0)
    seen = set()
    for _ in range(8):
        for batch in feed.batches(data, generator, 1, training=True):
            (inputs,) = batch.inputs
            x = inputs.frames[0, :, 0].numpy() * feed.scale[0] + feed.mean[0]
            own = x[batch.targets[0].numpy() >= 0]
            assert len(own) == 20
            first, last = np.rint([own[0], own[-1]]).astype(int)
            expected = np.arange(max(0, first - 7), min(60, last + 8))
            np.testing.assert_allclose(x, expected, atol=1e-3)
            labels = batch.targets[0].numpy()[np.rint(x).astype(int) == 30]
            assert labels.tolist() in ([], [1] if first <= 30 <= last else [-1])
            seen.add((first > 0, last < 59))
    assert (True, True) in seen


# Front ends


@pytest.mark.parametrize(
    "name, windows, n_mels",
    [
        ("conv", (1024, 2048, 4096), 80),
        ("rnn", (1024, 2048, 4096), 80),
        ("causal_rnn", (1024, 2048), 80),
        ("flux", (2048,), 138),
        ("superflux", (2048,), 138),
    ],
)
def test_front_ends_are_those_of_the_papers(name, windows, n_mels):
    extractor, detector = make_onset_pipeline(name, sample_rate=44100)
    assert (extractor.n_fft, extractor.n_mels) == (windows, n_mels)
    assert (extractor.fmin, extractor.fmax) == (27.5, 16000.0)
    assert extractor.frame_rate == RATE
    assert extractor.center is (name != "causal_rnn")
    half = make_onset_pipeline(name)[0]
    assert half.n_fft == tuple(n // 2 for n in windows) and half.fmax == 11025
    if "flux" in name:
        silent, faint = extractor.transform([np.zeros(44100), np.full(44100, 1e-4)])
        assert silent.min() == pytest.approx(-40) and faint.max() < -39
        expected = (2, 3) if name == "superflux" else (1, 1)
        assert (detector.lag, detector.max_size) == expected


def with_click(second, sample_rate=22050):
    wave = np.zeros(2 * sample_rate, np.float32)
    start = round(second * sample_rate)
    wave[start : start + 50] = 0.5
    return wave


@pytest.mark.parametrize("center", [True, False])
def test_a_click_is_where_its_frame_stands(center):
    detector = SpectralFluxDetector(threshold=5.0, shift=0.0, post_avg=0, pre_avg=0)
    pipeline = make_onset_pipeline(detector, center=center, verbose=False)
    pipeline.fit([with_click(1.0)])
    (times,) = pipeline.predict([with_click(0.8)])
    # Within the window of 46 ms in whose frames the click is.
    assert len(times) == 1 and abs(times[0] - 0.8) < 0.0235
    lateness = pipeline[-1].frame_offset_
    assert lateness == pipeline[0].frame_offset == (0.0 if center else 512 / 22050)


def test_a_net_learns_targets_at_the_offset_that_the_pipeline_tells(monkeypatch):
    encoded = []
    encode = OnsetCoding.encode

    def watched(self, y, layout, name="y"):
        encoded.append(self)
        return encode(self, y, layout, name)

    monkeypatch.setattr(OnsetCoding, "encode", watched)
    pipeline = make_onset_pipeline(OnsetDetector("causal_rnn", **QUICK), verbose=False)
    pipeline.fit([with_click(1.0)] * 2, [[1.0]] * 2)
    offset = 512 / 22050  # half of the longest window
    assert {coding.offset for coding in encoded} == {offset}
    assert pipeline[-1].frame_offset_ == offset
    assert pipeline[-1].n_windows_ == 2 and pipeline[-1].sample_rate_ == 22050


# Tuning


def test_thresholds_of_flux_are_tuned_on_merged_onsets():
    frames = np.full((300, 4), -60.0)
    onsets = []
    for frame in (50, 120, 200, 260):
        frames[frame : frame + 2] += 40.0
        frames[frame + 2 : frame + 9] += 50.0
        onsets += [frame / RATE, frame / RATE + 0.02]  # one to the ear
    own = {"pre_max": 1, "post_max": 1, "pre_avg": 0, "post_avg": 0, "wait": 0}
    detector = SpectralFluxDetector(frame_rate=RATE, shift=0.0, **own)
    detector.fit([frames], [onsets])
    assert 10 < detector.threshold_ <= 40
    assert detector.score([frames], [onsets]) == 1


def test_a_net_is_tuned_where_its_frames_stand(monkeypatch):
    given = {}
    monkeypatch.setattr(
        "skdeepmir.onset_detection._onset_detector.best_threshold",
        lambda activations, onsets, picker, **options: given.update(options) or 0.7,
    )
    clips, times = [np.random.RandomState(0).rand(40, 4)] * 2, [[0.3]] * 2
    net = OnsetDetector("rnn", frame_rate=RATE, frame_offset=0.1, **QUICK)
    net.set_params(threshold="tune").fit(clips, times, X_val=clips, y_val=times)
    assert given.pop("needs_next") is True  # post_max=1
    assert given == {"frame_rate": RATE, "offset": 0.1, "expected": 0.8}
    assert net.threshold_ == 0.7
