"""Sound from spectra."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from skdeepmir import (
    BandNormalizer,
    ClipLookup,
    DBNFeatureLearner,
    FrameTransformer,
    SpectrogramExtractor,
    make_pipeline,
)
from skdeepmir.datasets import make_chord_clips
from skdeepmir.frames import object_array
from skdeepmir.inspection import invert, optimal_stimulus

RATE = 22050
KINDS = {
    "magnitude": {},
    "power": {"log": True},
    "mel": {"n_mels": 64},
    "log_mel": {},
    "log_mel of part": {"fmin": 100.0, "fmax": 4000.0, "n_mels": 40},
    "several windows": {"n_fft": (512, 2048), "deltas": 1},
    "hop": {"n_fft": 1024, "hop_length": 220},
    "uncentred": {"center": False},
    "cqt": {},
    "cqt in decibels": {"log": True, "bins_per_octave": 24, "n_bins": 144},
}


def extractor_of(name):
    options = KINDS[name]
    kind = name if name in ("magnitude", "power", "mel", "cqt") else "log_mel"
    if name.startswith("cqt"):
        kind = "cqt"
    return SpectrogramExtractor(kind, verbose=False, **options)


def tone(frequency=440.0, seconds=1.0, level=0.5):
    t = np.arange(int(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * frequency * t)).astype(np.float32)


def peak_of(samples):
    return np.abs(np.fft.rfft(samples, 8 * RATE)).argmax() / 8


@pytest.mark.parametrize("name", KINDS)
def test_a_tone_comes_back_at_its_pitch_and_level(name):
    extractor = extractor_of(name)
    frames = extractor.fit_transform([tone()])[0]
    sound = invert(frames, extractor)
    assert sound.sample_rate == RATE and sound.samples.dtype == np.float32
    assert abs(len(sound.samples) - RATE) <= 2048
    middle = sound.samples[5000:-5000]
    assert peak_of(middle) == pytest.approx(440, rel=0.03)
    level = np.sqrt(np.mean(middle**2))
    assert level == pytest.approx(0.5 / np.sqrt(2), rel=0.25)


@pytest.mark.parametrize(
    ("name", "largest"), [("magnitude", 0.12), ("mel", 0.15), ("log_mel", 1.5)]
)
def test_music_has_nearly_the_spectra_that_it_was_made_of(name, largest):
    (song,) = make_chord_clips(n_clips=1, duration=3.0, random_state=0).data
    extractor = extractor_of(name)
    extractor.set_params(amin=1e-6)
    frames = extractor.fit_transform([song])[0]
    again = extractor.transform([invert(frames, extractor).samples])[0]
    again = again[: len(frames)]
    if name == "log_mel":  # decibels
        assert np.abs(again - frames).mean() < largest
    else:
        power = 1 if name == "magnitude" else 0.5
        error = np.linalg.norm(again**power - frames**power)
        assert error < largest * np.linalg.norm(frames**power)


def test_envelopes_of_mfcc_come_back():
    extractor = SpectrogramExtractor("mfcc", amin=1e-6, verbose=False)
    rng = np.random.RandomState(0)
    frames = extractor.fit_transform([0.1 * rng.randn(RATE).astype(np.float32)])[0]
    again = extractor.transform([invert(frames, extractor).samples])[0]
    again = again[: len(frames)]
    assert abs(again[5:-5, 0] - frames[5:-5, 0]).mean() < 0.1 * abs(frames[:, 0]).mean()


def test_steps_of_a_pipeline_are_undone():
    extractor = extractor_of("log_mel")
    waves = [tone(), tone(880)]
    learner = DBNFeatureLearner((4,), max_epochs=1, random_state=0)
    scaler = FrameTransformer(StandardScaler())
    pipeline = make_pipeline(extractor, scaler, learner).fit(waves)
    frames = scaler.transform(extractor.transform(waves))[0]
    one = invert(frames, pipeline).samples
    other = invert(extractor.transform(waves)[0], extractor).samples
    assert peak_of(one) == pytest.approx(peak_of(other))
    stimulus = optimal_stimulus(pipeline, 0, random_state=0)
    assert len(invert(stimulus.frames, pipeline).samples) == 512


def test_steps_before_the_extractor_are_left_alone():
    waves, extractor = [tone(), tone(880)], extractor_of("log_mel")
    learner = DBNFeatureLearner((4,), max_epochs=1, random_state=0)
    numbers = np.arange(2)[:, np.newaxis]
    pipeline = make_pipeline(ClipLookup(waves), extractor, learner).fit(numbers)
    frames = extractor.fit_transform(waves)[1]
    one, other = invert(frames, pipeline), invert(frames, extractor)
    np.testing.assert_array_equal(one.samples, other.samples)
    nothing = make_pipeline("passthrough")
    with pytest.raises(TypeError, match="Pipeline.*SpectrogramExtractor"):
        invert(frames, nothing)


@pytest.mark.filterwarnings("error")
def test_short_constant_q_frames_give_no_warnings():
    extractor = SpectrogramExtractor(
        "cqt", sample_rate=11025, hop_length=128, n_bins=36, verbose=False
    )
    frames = extractor.fit_transform([tone(110)[: RATE // 4]])[0]
    assert np.isfinite(invert(frames, extractor, n_iter=2).samples).all()


def test_steps_that_cannot_be_undone_are_named():
    pipeline = make_pipeline(
        extractor_of("log_mel"),
        BandNormalizer(3),
        DBNFeatureLearner((4,), max_epochs=1, random_state=0),
    ).fit([tone(), tone(880)])
    with pytest.raises(TypeError, match="BandNormalizer.*inverse_transform"):
        invert(np.zeros((3, 128)), pipeline)
    learner = DBNFeatureLearner((4,), max_epochs=1).fit(np.random.rand(5, 128))
    with pytest.raises(TypeError, match="DBNFeatureLearner.*SpectrogramExtractor"):
        invert(np.zeros((3, 128)), learner)


def test_components_are_undone_as_far_as_they_go():
    extractor = extractor_of("log_mel")
    waves = [tone(220), tone(880)]
    pca = FrameTransformer(PCA(10, random_state=0))
    pipeline = make_pipeline(
        extractor, pca, DBNFeatureLearner((4,), max_epochs=1, random_state=0)
    ).fit(waves)
    frames = pca.transform(extractor.transform(waves))[1]
    sound = invert(frames, pipeline)
    assert peak_of(sound.samples) == pytest.approx(880, rel=0.03)


def test_lists_frames_and_containers_agree():
    extractor = extractor_of("mel")
    clips = extractor.fit_transform([tone(), tone(660)])
    several = invert(clips, extractor)
    assert len(several) == 2
    np.testing.assert_array_equal(several[0].samples, invert(clips[0], extractor)[0])
    stacked = invert(np.stack(clips), extractor)
    np.testing.assert_array_equal(stacked[1].samples, several[1].samples)
    for container in (object_array(clips), pd.Series(clips), tuple(clips)):
        found = invert(container, extractor)
        np.testing.assert_array_equal(found[1].samples, several[1].samples)
    frame = invert(pd.DataFrame(clips[0]), extractor)
    np.testing.assert_array_equal(frame.samples, several[0].samples)


def test_seeds_decide_and_the_global_generator_stays():
    extractor = extractor_of("magnitude")
    frames = extractor.fit_transform([tone()])[0]
    state = np.random.get_state()[1].copy()
    one, other, third = (
        invert(frames, extractor, n_iter=4, random_state=seed).samples
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, other)
    assert not np.array_equal(one, third)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_single_frames_silence_and_what_is_too_loud():
    extractor = extractor_of("log_mel")
    frames = extractor.fit_transform([tone()])[0]
    assert len(invert(frames[:1], extractor).samples) == 512
    silence = np.full((20, 128), -100.0)
    assert (invert(silence, extractor).samples == 0).all()
    loud = invert(frames + 300, extractor).samples
    assert np.isfinite(loud).all() and np.abs(loud).max() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (np.zeros((3, 5)), "5 features.*128"),
        (np.full((3, 128), np.nan), "NaN"),
        (np.zeros((0, 128)), r"\(0, 128\)"),
        (np.zeros(128), r"\(128,\)"),
        ([np.zeros((3, 128)), np.zeros((3, 7))], r"spectra\[1\].*7 features"),
        (iter([np.zeros((3, 128))]), "spectra is a list_iterator.*only once"),
        (None, "spectra is None"),
        (np.zeros((3, 128), complex), "complex"),
        ([np.ma.masked_equal(np.eye(3, 128), 1)], r"spectra\[0\].*masked"),
    ],
    ids=[
        *("width", "nan", "no frame", "one dimension", "second", "iterator", "none"),
        *("complex", "masked"),
    ],
)
def test_frames_that_no_extractor_made_are_named(frames, message):
    with pytest.raises(ValueError, match=message):
        invert(frames, extractor_of("log_mel"))


def test_chroma_and_impossible_hops_are_refused():
    chroma = SpectrogramExtractor("chroma", verbose=False)
    with pytest.raises(ValueError, match="chroma.*cqt"):
        invert(np.zeros((3, 12)), chroma)
    with pytest.raises(ValueError, match="n_iter"):
        invert(np.zeros((3, 128)), extractor_of("log_mel"), n_iter=0)
