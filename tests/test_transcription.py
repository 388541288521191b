"""Piano transcription: three nets from frames to notes, and the parts of each."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import logit
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skdeepmir import (
    BandNormalizer,
    DBNFeatureLearner,
    OnsetDetector,
    PianoTranscriber,
    load,
    make_piano_pipeline,
    save,
)
from skdeepmir._training._excerpts import Augmentation
from skdeepmir._training._sequences import SequenceClips
from skdeepmir.decoding import pick_peaks, viterbi_binary
from skdeepmir.notes import (
    NEAR_OFFSET,
    NEAR_ONSET,
    OFFSET,
    ONSET,
    SOUNDING,
    check_notes,
    note_roll,
    note_targets,
    read_notes,
    roll_notes,
    write_notes,
)
from skdeepmir.transcription import form_notes
from skdeepmir.transcription._coding import (
    UNKNOWN,
    NoteBits,
    NoteCoding,
    NoteTransposition,
)
from skdeepmir.transcription._feed import NoteFeed
from skdeepmir.transcription._losses import NoteHingeLoss, NoteLoss
from skdeepmir.transcription._tuning import (
    best_evidence,
    best_frame_threshold,
    best_onset_threshold,
    fit_logistic,
)

RATE = 50.0  # frames per second
FAST = {"frame_rate": RATE, "random_state": 0, "verbose": False}
SMALL = {
    "hidden_layer_sizes": 24,
    "max_epochs": 30,
    "learning_rate": 0.02,
    "excerpt_length": 25,
    "batch_size": 4,
}
PLAYED = (60, 64, 67)


def make_clips(n=6, n_frames=100, seed=0, noise=0.2):
    """Return clips of noise, a feature for each of three notes, and what is played."""
    rng = np.random.RandomState(seed)
    clips, played = [], []
    for _ in range(n):
        clip, found = noise * rng.randn(n_frames, 5), []
        for column, pitch in enumerate(PLAYED):
            starts = np.arange(5 + rng.randint(10), n_frames - 15, 30)
            for start in starts:
                clip[start : start + 12, column] += 2
                found.append((start / RATE, (start + 12) / RATE, pitch))
        clips.append(clip)
        played.append(np.array(found))
    return clips, played


def accuracy(rolls, played):
    truth = [note_roll(y, len(r), RATE) for r, y in zip(rolls, played, strict=True)]
    pairs = list(zip(rolls, truth, strict=True))
    return sum((a & b).sum() for a, b in pairs) / sum((a | b).sum() for a, b in pairs)


@pytest.fixture(scope="module")
def fitted():
    clips, played = make_clips()
    return {
        net: PianoTranscriber(net, **FAST, **SMALL).fit(clips, played)
        for net in ("svm", "multi_note")
    }


@pytest.mark.parametrize("net", ["svm", "multi_note"])
def test_notes_of_other_clips_are_found(fitted, net):
    clips, played = make_clips(3, seed=1)
    transcriber = fitted[net]
    found = transcriber.predict(clips)
    assert found.dtype == object and found.shape == (3,)
    assert set(found[0]["pitch"]) <= set(PLAYED) and set(found[0]["velocity"]) == {64}
    assert transcriber.score(clips, played) > 0.9
    probabilities = transcriber.predict_proba(np.stack(clips))
    assert probabilities.shape == (3, 100, 88)
    assert transcriber.predict_activations(clips)[1].shape == (100, 88, 1)
    assert transcriber.predict_roll(np.stack(clips)).dtype == bool


@pytest.mark.parametrize("net", ["svm", "multi_note"])
def test_smoothing_finds_more_frames_than_thresholds_where_frames_are_noisy(net):
    clips, played = make_clips(8, 150, noise=1.0)
    transcriber = PianoTranscriber(net, **FAST, **{**SMALL, "max_epochs": 20})
    transcriber.fit(clips[:6], played[:6])
    smooth = accuracy(transcriber.predict_roll(clips[6:]), played[6:])
    transcriber.set_params(smoothing=None)
    plain = accuracy(transcriber.predict_roll(clips[6:]), played[6:])
    assert smooth > plain + 0.03


def test_one_fit_tunes_what_both_ways_of_smoothing_need():
    clips, played = make_clips(noise=1.0)
    given = {**FAST, **SMALL, "max_epochs": 5}
    plain, smooth = (
        PianoTranscriber("svm", smoothing=smoothing, **given).fit(clips, played)
        for smoothing in (None, "hmm")
    )
    assert plain.frame_threshold_ == smooth.frame_threshold_ != 0.5
    assert plain.evidence_weight_ == smooth.evidence_weight_
    assert plain.evidence_prior_ == smooth.evidence_prior_
    fixed = PianoTranscriber("svm", evidence_weight=0.2, **given).fit(clips, played)
    assert fixed.evidence_weight_ == 0.2
    assert fixed.evidence_prior_.shape == (88,)
    odds = logit(fixed.predict_proba(clips[:1])[0]) - logit(fixed.evidence_prior_)
    chain = {name: getattr(fixed, f"{name}_") for name in ("p_start", "p_on", "p_off")}
    weighted, full = (viterbi_binary(w * odds, **chain) for w in (0.2, 1.0))
    found = fixed.set_params(min_length=0.0).predict_roll(clips[:1])[0]
    assert np.array_equal(found, weighted) and not np.array_equal(found, full)


@pytest.mark.parametrize("truth", [0.02, 0.2])
def test_evidence_speaks_for_neither_where_frames_are_decided_best(truth):
    rng = np.random.RandomState(0)
    posterior = rng.rand(200, 88)
    prior = np.full(88, 0.02)
    weight, found = best_evidence(
        lambda weight, prior: [weight * (posterior - prior) > 0],
        [posterior > truth],
        prior,
    )
    assert np.all(found == truth)
    assert weight == 1.0  # all are equal: frames are independent


def test_rolls_are_the_frames_of_the_notes_that_are_predicted(fitted):
    clips, _ = make_clips(2, seed=3)
    for net, transcriber in fitted.items():
        rolls, found = transcriber.predict_roll(clips), transcriber.predict(clips)
        for roll, of_clip in zip(rolls, found, strict=True):
            assert np.array_equal(roll, note_roll(of_clip, 100, RATE)), net


def test_short_notes_are_left_out():
    onsets, frames = np.zeros((20, 88)), np.zeros((20, 88))
    onsets[[3, 10], [5, 6]] = 0.9
    frames[3:5, 5], frames[10:15, 6] = 1, 1
    kept = form_notes(onsets, frames, None, 10.0, min_length=0.3)
    assert kept["pitch"].tolist() == [27]


@pytest.fixture(scope="module")
def convolutional():
    """Return a fitted net of convolutions on a bin for each key, clips and notes."""
    rng = np.random.RandomState(0)
    clips, played = [], []
    for _ in range(4):
        clip, found = 0.1 * rng.randn(60, 112), []
        for start in range(4, 50, 12):
            key = rng.randint(20, 60)
            decay = np.exp(-np.arange(8) / 8)
            for partial in (0, 12, 19, 24):
                clip[start : start + 8, key + partial] += 4 * decay
            found.append((start / RATE, (start + 8) / RATE, key + 21))
        clips.append(clip)
        played.append(np.array(found))
    transcriber = PianoTranscriber(
        bins_per_octave=12,
        channels=8,
        n_units=4,
        dropout=0.0,
        max_epochs=20,
        learning_rate=0.015,
        batch_size=2,
        shift_level=0.0,
        onset_threshold=0.2,
        frame_threshold=0.3,
        **FAST,
    )
    return transcriber.fit(clips, played), clips, played


def test_convolutions_tell_onset_frame_and_offset_of_each_note(convolutional):
    transcriber, clips, played = convolutional
    activations = transcriber.predict_activations(clips)
    assert activations[0].shape == (60, 88, 3)
    bits = [note_targets(y, 60, RATE) for y in played]
    for head, bit in enumerate((NEAR_ONSET, SOUNDING, NEAR_OFFSET)):
        here, elsewhere = (
            np.concatenate(
                [
                    a[..., head][(b & bit > 0) == k].ravel()
                    for a, b in zip(activations, bits, strict=True)
                ]
            ).mean()
            for k in (True, False)
        )
        assert here > 4 * elsewhere, head
    assert transcriber.scale_.min() == transcriber.scale_.max()


def test_convolutions_take_rolls_from_the_notes_they_form(convolutional):
    transcriber, clips, _ = convolutional
    roll = transcriber.predict_roll(clips[:1])[0]
    assert np.array_equal(roll, note_roll(transcriber.predict(clips[:1])[0], 60, RATE))


def test_activations_of_a_clip_do_not_depend_on_longer_ones_beside_it(convolutional):
    transcriber, clips, _ = convolutional
    unequal = [clips[0], clips[1][:37], clips[2][:59]]
    together = transcriber.predict_activations(unequal)
    for clip, found in zip(unequal, together, strict=True):
        (alone,) = transcriber.predict_activations([clip])
        np.testing.assert_allclose(found, alone, rtol=1e-4, atol=1e-6)


# Forming notes


def test_onsets_are_the_peaks_that_pick_peaks_finds_in_each_key():
    rng = np.random.RandomState(0)
    onsets = rng.rand(50, 88)
    notes = form_notes(onsets, np.ones((50, 88)), None, 1.0, onset_threshold=0.7)
    for key in range(88):
        peaks = pick_peaks(onsets[:, key], threshold=0.7, interpolate=True)
        expected = np.maximum(peaks[peaks < 49], 0)
        own = notes["onset"][notes["pitch"] == key + 21]
        np.testing.assert_allclose(own, expected)
    assert (notes["offset"] > notes["onset"]).all()
    np.testing.assert_array_equal(check_notes(notes), notes)  # none overlap


def test_notes_end_where_frames_fall_offsets_peak_or_the_key_is_struck_again():
    onsets, frames, offsets = (np.zeros((20, 88)) for _ in range(3))
    onsets[2, :4] = onsets[10, 2] = 1
    frames[2:15, :3] = 1  # key 3 has no frame: it lasts for one
    offsets[7, 1] = 1
    notes = form_notes(onsets, frames, offsets, 10.0)
    ends = {(n["pitch"] - 21, round(n["onset"], 2)): n["offset"] for n in notes}
    expected = {(0, 0.2): 1.5, (1, 0.2): 0.7, (2, 0.2): 1.0, (2, 1.0): 1.5}
    assert ends == pytest.approx({**expected, (3, 0.2): 0.3})
    off = form_notes(onsets, frames, offsets, 10.0, offset_threshold=1.1)
    assert off["offset"][off["pitch"] == 22].tolist() == [1.5]


def test_a_key_is_not_struck_again_while_it_waits():
    onsets = np.zeros((12, 88))
    onsets[[2, 4, 6, 9], 10] = 0.9
    frames = np.ones((12, 88))
    assert len(form_notes(onsets, frames, None, 10.0)) == 4
    waited = form_notes(onsets, frames, None, 10.0, wait=2)
    np.testing.assert_allclose(waited["onset"], [0.2, 0.6, 0.9])
    assert len(form_notes(onsets, frames, None, 10.0, wait=10**30)) == 1


@pytest.mark.parametrize(
    "change, facts",
    [
        ({"onsets": np.zeros((5, 87))}, r"onsets.*\(5, 87\).*88"),
        ({"frames": np.zeros((4, 88))}, r"\(5, 88\).*\(4, 88\)"),
        ({"offsets": np.full((5, 88), np.nan)}, "offsets.*nan.*frame 0.*key 0"),
        ({"frame_rate": 0}, "frame_rate=0"),
        ({"onset_threshold": "high"}, "onset_threshold='high'"),
        ({"onsets": np.full((5, 88), "x")}, "onsets.*dtype"),
        ({"onsets": [[0.1, 0.2], [0.1]]}, "onsets.*inhomogeneous"),
        ({"wait": -1}, "wait=-1"),
        ({"wait": 1.5}, "wait=1.5"),
        ({"offset": np.inf}, "offset=inf"),
        ({"pitches": (100, 187)}, r"pitches=\(100, 187\)"),
    ],
)
def test_activations_that_cannot_be_used_are_named(change, facts):
    zeros = np.zeros((5, 88))
    given = {"onsets": zeros, "frames": zeros, "offsets": zeros, "frame_rate": 10.0}
    with pytest.raises(ValueError, match=f"(?s){facts}"):
        form_notes(**{**given, **change})


# Labels, losses, augmentation


def test_bins_move_with_their_notes_and_notes_beyond_the_keys_are_dropped():
    transposition = NoteTransposition(bins=3, largest=2)
    assert list(transposition.semitones) == [-2, -1, 0, 1, 2]
    frames = np.arange(30.0).reshape(2, 15)
    up = transposition.shift(frames, 1)
    assert np.array_equal(up[:, 3:], frames[:, :-3]) and (up[:, :3] == -1).all()
    labels = np.array([[1, 0, 2], [UNKNOWN] * 3], np.uint8)
    down, two = (transposition.relabel(labels, k) for k in (-1, 2))
    assert down.tolist() == [[0, 2, 0], [UNKNOWN] * 3]
    assert two.tolist() == [[0, 0, 1], [UNKNOWN] * 3] and two.dtype == np.uint8
    assert (transposition.shift(frames, 9) == -1).all()


def test_frames_are_coded_when_they_are_and_notes_expected_wherever_they_move():
    coding = NoteCoding(10.0, 0.2, 1, "conv_rnn", transposition=NoteTransposition(3, 1))
    layout = SimpleNamespace(has_clips=True, n_frames=[10])
    (bits,) = coding.encode([check_notes([[0.5, 0.7, 60]])], layout)
    sounding = bits[:, 60 - 21] & SOUNDING
    assert np.flatnonzero(sounding).tolist() == [3, 4]  # 0.5 s and 0.6 s
    prior = coding.learn(SimpleNamespace(layout=layout, targets=[bits])).prior
    assert prior[60 - 22] == pytest.approx((2.5 + 0.5 + 0.5) / 3 / 11)


def test_excerpts_are_moved_mixed_and_padded_with_their_labels():
    rng = np.random.RandomState(0)
    clips = [rng.rand(n, 264) + 5 for n in (30, 20)]
    played = [[[0.1, 0.3, 60]], [[0.0, 0.4, 70], [0.2, 0.3, 40]]]
    bits = [note_targets(y, len(x), RATE) for x, y in zip(clips, played, strict=True)]
    for clip, own in zip(clips, bits, strict=True):
        sounding = (own & SOUNDING) > 0
        clip[np.repeat(sounding, 3, axis=1)] = 100.0
    feed = NoteFeed(
        np.float64,
        12,
        Augmentation(),
        mean=np.zeros(264),
        scale=np.ones(264),
        labels=NoteBits(),
        context=2,
        mix=0.5,
        transposition=NoteTransposition(3, 4),
    )
    generator = torch.Generator().manual_seed(0)
    n_moved = 0
    for _ in range(5):
        for batch in SequenceClips(feed, clips, bits, 2, generator, training=True):
            x, y = batch.inputs[0].frames.numpy(), batch.targets.numpy()
            known = y[..., 0] < UNKNOWN
            assert batch.n == known.sum() and y.shape[2] == 88
            middle = (x[..., 1::3] == 100.0)[known]
            assert np.array_equal(middle, (y & SOUNDING > 0)[known])
            n_moved += int((x == -1).any())
    assert n_moved > 3


def test_the_loss_is_that_of_three_heads_over_frames_that_count():
    bits = np.array([[[SOUNDING | ONSET | NEAR_ONSET, 0]], [[UNKNOWN] * 2]], np.uint8)
    bits = np.concatenate([bits, [[[NEAR_ONSET, OFFSET]], [[SOUNDING, 0]]]])
    y = torch.from_numpy(bits.astype(np.uint8))
    outputs = torch.randn(4, 1, 6, generator=torch.Generator().manual_seed(0))
    heads = [(ONSET, NEAR_ONSET, 2.0), (SOUNDING, 0, 1.0), (OFFSET, 0, 0.5)]
    loss = float(NoteLoss(heads, near_target=0.25)(outputs, y, None))
    target = np.zeros((4, 2, 3))
    target[0, 0, :2], target[2, 0, 0], target[2, 1, 2], target[3, 0, 1] = 1, 0.25, 1, 1
    p = 1 / (1 + np.exp(-outputs.numpy().reshape(4, 2, 3).astype(float)))
    losses = -(target * np.log(p) + (1 - target) * np.log(1 - p)) * [2.0, 1.0, 0.5]
    assert loss == pytest.approx(losses[[0, 2, 3]].sum() / 3 / 2, rel=1e-5)


def test_svm_is_a_support_vector_machine_for_each_note():
    rng = np.random.RandomState(0)
    X = rng.randn(60, 3)
    y = np.zeros((60, 88), bool)
    y[:, 39], y[:, 50] = X[:, 0] + 0.5 * rng.randn(60) > 0, X[:, 1] > 0.5
    decay = 0.05
    transcriber = PianoTranscriber(
        "svm",
        max_epochs=250,
        batch_size=None,
        excerpt_length=None,
        precision="float64",
        learning_rate=0.1,
        weight_decay=decay,
        shift_level=0,
        evidence_weight=1.0,
        **FAST,
    ).fit([X], [roll_notes(y, RATE)], X_val=[X], y_val=[[]])
    Z = (X - transcriber.mean_) / transcriber.scale_
    for key in (39, 50):
        sign = 2 * y[:, key] - 1

        def objective(w, sign=sign):
            hinge = np.maximum(1 - sign * (Z @ w[:3] + w[3]), 0) ** 2
            return hinge.mean() + decay / 2 * w[:3] @ w[:3]

        best = minimize(objective, np.zeros(4)).x
        weights = transcriber.weights_["output.weight"][key]
        bias = transcriber.weights_["output.bias"][key]
        np.testing.assert_allclose([*weights, bias], best, atol=0.01)
    assert NoteHingeLoss([(SOUNDING, 0, 1.0)]).divisor(torch.zeros(1, 88)) == 1


def test_equalisation_adds_a_smooth_curve_over_bands_to_all_frames():
    x = torch.zeros(3, 4, 50, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    y = Augmentation(equalize=0.5).apply(x, generator).numpy()
    assert (y == y[:, :1]).all() and 0.1 < y.std() < 0.8
    assert np.abs(np.diff(y, axis=2)).max() < 0.5
    assert not np.array_equal(y[0], y[1])


# Thresholds and calibration


def test_the_logistic_curve_of_margins_is_that_of_maximum_likelihood():
    rng = np.random.RandomState(0)
    margins = [rng.randn(200, 88) for _ in range(2)]
    rolls = [rng.rand(*m.shape) < 1 / (1 + np.exp(-3 * m + 2)) for m in margins]
    slope, intercept = fit_logistic(margins, rolls)
    x, y = (np.concatenate(parts).ravel() for parts in (margins, rolls))
    expected = LogisticRegression(C=np.inf, tol=1e-8).fit(x[:, None], y)
    assert slope == pytest.approx(expected.coef_[0, 0], rel=2e-3)
    assert intercept == pytest.approx(expected.intercept_[0], rel=2e-3)


def test_the_threshold_of_frames_has_the_best_f_measure():
    rng = np.random.RandomState(0)
    rolls = [rng.rand(80, 88) < 0.1 for _ in range(2)]
    chances = [np.clip(0.3 * r + 0.6 * rng.rand(*r.shape), 0, 1) for r in rolls]
    found = best_frame_threshold(chances, rolls, 0.5)

    def f_measure(threshold):
        both = [(c >= threshold, r) for c, r in zip(chances, rolls, strict=True)]
        hits = sum((a & b).sum() for a, b in both)
        return 2 * hits / sum(a.sum() + b.sum() for a, b in both)

    best = max(map(f_measure, np.linspace(0, 1, 201)))
    assert f_measure(found) > best - 1.1e-3


def test_the_threshold_of_onsets_is_the_expected_one_unless_f_tells_otherwise():
    onsets = np.zeros((300, 88), bool)
    onsets[5::10, 30:34] = True
    for height, right in ((0.9, 0.5), (0.2, None)):
        activation = np.where(onsets, height, 0.01)
        activation[2::10, 60] = 0.1  # of no note
        threshold = best_onset_threshold(
            [activation], [onsets], frame_rate=RATE, wait=0, expected=0.5
        )
        assert threshold == right if right else 0.1 < threshold <= 0.2


# Features, pipelines, files


def test_learned_features_are_a_step_that_a_search_reaches(tmp_path):
    rng = np.random.RandomState(0)
    waves, played = [], []
    for _ in range(4):
        wave, found = 0.003 * rng.randn(8000), []
        for k, pitch in enumerate(rng.choice(PLAYED, 3)):
            start, stop = 800 + 2400 * k, 2800 + 2400 * k
            t = np.arange(stop - start) / 8000
            wave[start:stop] += 0.3 * np.sin(
                2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * t
            )
            found.append((start / 8000, stop / 8000, pitch))
        waves.append(wave.astype(np.float32))
        played.append(found)
    learner = DBNFeatureLearner((8,), max_epochs=1, random_state=0, verbose=False)
    fast = {"max_epochs": 2, "random_state": 0, "verbose": False}
    svm = PianoTranscriber("svm", **fast)
    inner = make_piano_pipeline(svm, features=learner, verbose=False)
    inner.fit(waves, played, X_val=waves[:1], y_val=played[:1])
    assert inner[-1].n_features_in_ == 8 and inner[-1].frame_rate_ == 100
    assert not hasattr(learner, "weights_") and inner["features"].finetune_epochs == 0
    frames = inner[:2].transform(waves)
    assert frames[0].shape == (101, 255)
    frozen = FrozenEstimator(learner.set_params(finetune_epochs=0).fit(frames))
    search = GridSearchCV(
        make_piano_pipeline(svm, verbose=False),
        {"features": ["passthrough", frozen]},
        cv=2,
        refit=False,
    ).fit(waves, played)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()

    tuned = PianoTranscriber(
        "multi_note", hidden_layer_sizes=8, pretrained=frozen, **fast
    ).set_params(frame_rate=100.0, learning_rate=1e-3)
    first = tuned.fit(frames, played).weights_["hidden.0.weight"]
    learned = learner.weights_[0].T
    assert np.corrcoef(first.ravel(), learned.ravel())[0, 1] > 0.9
    assert not np.array_equal(first, learned)
    np.testing.assert_array_equal(tuned.mean_, learner.mean_)
    with pytest.raises(ValueError, match="(?s)pretrained.*svm"):
        tuned.set_params(net="svm").fit(frames, played)
    tuned.set_params(net="multi_note", pretrained=DBNFeatureLearner((8,)))
    with pytest.raises(ValueError, match="not fitted(?!.*pretraining)"):
        tuned.fit(frames, played)
    with pytest.raises(ValueError, match="finetune_epochs=0"):
        DBNFeatureLearner((8,)).fit(frames, played)

    save(inner, tmp_path / "model.zip")
    same = load(tmp_path / "model.zip")
    paths = [tmp_path / f"{i}.mid" for i in range(4)]
    written = same.to_midi(waves, paths)
    for path, found in zip(paths, written, strict=True):
        assert read_notes(path)["pitch"].tolist() == found["pitch"].tolist()


def test_frames_of_single_rows_reach_the_net_in_blocks(fitted):
    clips, _ = make_clips(1, 120, seed=5)
    for transcriber in fitted.values():
        assert transcriber._takes_blocks
        parts = [transcriber._keep_blocks(np.split(clips[0], [7, 7, 50]))]
        kept = transcriber._kept_blocks(parts)
        expected = transcriber.predict_proba(clips)[0]
        found = transcriber.predict_proba(kept)[0]
        np.testing.assert_allclose(found, expected, atol=1e-5)
        assert len(transcriber.predict(kept)) == 1


@pytest.mark.parametrize("method, suffix", [("to_tsv", "tsv"), ("to_jams", "jams")])
def test_notes_are_written_and_read_back(fitted, tmp_path, method, suffix):
    clips, _ = make_clips(2, seed=2)
    paths = [tmp_path / f"{i}.{suffix}" for i in range(2)]
    written = getattr(fitted["svm"], method)(clips, paths)
    for path, found in zip(paths, written, strict=True):
        read = read_notes(path)
        assert len(read) == len(found) > 0
        np.testing.assert_allclose(read["onset"], found["onset"], atol=1e-6)
    with pytest.raises(ValueError, match="(?s)1 file.*2 clips"):
        getattr(fitted["svm"], method)(clips, paths[:1])


# Bad input


@pytest.mark.parametrize(
    "item, facts",
    [
        ([[0.1, 0.5, 261.6]], "clip 1.*note 0.*261.6.*21 to 108"),
        ([[0.1, 0.5, 12]], "clip 1.*note 0.*12"),
        ([[0.5, 0.5, 60]], "clip 1.*note 0.*after the onset"),
        ([[0.1, 0.5, 60], [np.nan, 1.0, 62]], "clip 1.*note 1.*nan"),
        ([[44100, 88200, 60]], "clip 1.*note 0.*later than the end"),
        ([0.1, 0.4], r"clip 1.*\(n_notes, 3\)"),
        ("missing.tsv", "clip 1.*missing.tsv"),
    ],
)
def test_annotations_that_cannot_be_used_are_named(item, facts):
    clips, played = make_clips(3)
    transcriber = PianoTranscriber("svm", max_epochs=1, **FAST)
    error = FileNotFoundError if isinstance(item, str) else ValueError
    with pytest.raises(error, match=f"(?s)y: {facts}"):
        transcriber.fit(clips, [played[0], item, played[2]])
    assert not hasattr(transcriber, "weights_")


def test_one_path_no_note_at_all_and_wrong_rows_are_refused(tmp_path):
    clips, played = make_clips(3)
    transcriber = PianoTranscriber("svm", max_epochs=1, **FAST)
    with pytest.raises(ValueError, match="list"):
        transcriber.fit(clips, str(write_notes(tmp_path / "a.tsv", played[0])))
    with pytest.raises(ValueError, match="no note"):
        transcriber.fit(clips, [[], [], []])
    with pytest.raises(ValueError, match=r"\(6, 5\).*88"):
        transcriber.fit(np.ones((6, 2)), np.ones((6, 5)))
    with pytest.raises(ValueError, match="frame_rate"):
        PianoTranscriber("svm", max_epochs=1, verbose=False).fit(clips, played)
    with pytest.raises(ValueError, match="bins_per_octave=10.*transpose=2"):
        transcriber.set_params(transpose=2, bins_per_octave=10).fit(clips, played)


def test_clips_without_notes_are_learned_from_but_cannot_tune():
    clips, played = make_clips(3)
    transcriber = PianoTranscriber("svm", max_epochs=1, smoothing=None, **FAST)
    with pytest.warns(UserWarning, match="(?s)no note.*X_val"):
        transcriber.fit(clips, [played[0], [], played[2]], X_val=clips[:1], y_val=[[]])
    assert transcriber.frame_threshold_ == 0.4
    silent = transcriber.predict([np.zeros((10, 5)) - 9])[0]
    assert silent.dtype.names == ("onset", "offset", "pitch", "velocity")


def test_a_warm_start_goes_on_with_what_was_learned():
    clips, played = make_clips(3)
    transcriber = PianoTranscriber("svm", max_epochs=2, warm_start=True, **FAST)
    first = transcriber.fit(clips, played).note_prior_
    transcriber.fit(
        clips[:2], [[[0.1, 0.2, 80]], []], X_val=clips[:1], y_val=played[:1]
    )
    np.testing.assert_array_equal(transcriber.note_prior_, first)
    with pytest.raises(ValueError, match="(?s)frame_rate=25.*50"):
        transcriber.set_params(frame_rate=25.0).fit(clips, played)


def test_rows_with_a_label_each_are_of_one_note():
    X = np.random.RandomState(0).randn(80, 3)
    y = (X[:, 0] > 0).astype(int)
    for net in ("svm", "multi_note", "conv_rnn"):
        small = {"hidden_layer_sizes": 4, "channels": 2, "n_units": 2}
        transcriber = PianoTranscriber(
            net, max_epochs=3, random_state=0, verbose=False, **small
        ).fit(X, y)
        found = transcriber.predict(X)
        assert found.shape == (80,) and set(found) <= {0, 1}
        assert 0 <= transcriber.score(X, y) <= 1
        assert transcriber.predict_proba(X).shape == (80, 1)
        with pytest.raises(ValueError, match="rows have no times"):
            transcriber.to_tsv(X, ["a.tsv"])
        assert transcriber.predict_proba([X])[0].shape == (80, 1)
        with pytest.raises(ValueError, match="rows.*pitch of its note"):
            transcriber.predict([X])


def test_a_warm_start_goes_on_from_rows_with_clips():
    clips, played = make_clips(3)
    rolls = [note_roll(y, 100, RATE) for y in played]
    transcriber = PianoTranscriber("svm", max_epochs=1, warm_start=True, **FAST)
    transcriber.fit(np.concatenate(clips), np.concatenate(rolls))
    shape = transcriber.fit(clips, played).predict_proba(clips)[0].shape
    assert shape == (100, 88)


@pytest.mark.parametrize("net", [None, PianoTranscriber, OnsetDetector(), "crnn"])
def test_a_front_end_is_made_for_transcribers_only(net):
    with pytest.raises((TypeError, ValueError), match="(?s)net=.*multi_note"):
        make_piano_pipeline(net)


def test_transcriber_and_front_end_have_the_same_bins_of_an_octave():
    pipeline = make_piano_pipeline("conv_rnn", bins_per_octave=24, n_bins=200)
    assert pipeline[-1].bins_per_octave == 24
    with pytest.raises(ValueError, match="bins_per_octave=24.*36"):
        make_piano_pipeline(PianoTranscriber(), bins_per_octave=24, n_bins=200)


def test_bands_are_normalised_by_those_around_them():
    rng = np.random.RandomState(0)
    clip = rng.rand(4, 30)
    found = BandNormalizer(5).fit_transform([clip])[0]
    around = clip[1, 8:13]
    assert found[1, 10] == pytest.approx((clip[1, 10] - around.mean()) / around.std())
    edge = clip[2, :3]
    assert found[2, 0] == pytest.approx((clip[2, 0] - edge.mean()) / edge.std())
    louder = BandNormalizer(5).fit_transform([1000 * clip])[0]
    np.testing.assert_allclose(louder, found)
    assert (BandNormalizer(5).fit_transform([np.ones((3, 9))])[0] == 0).all()


@pytest.mark.parametrize("net", ["svm", "multi_note", "conv_rnn"])
def test_guessing_has_the_loss_of_outputs_that_are_always_the_same(net):
    rng = np.random.RandomState(0)
    starts = [(t, k) for t in np.arange(0, 38, 0.9) for k in range(21, 109)]
    played = [(t + rng.rand() / 3, t + rng.uniform(0.4, 0.8), k) for t, k in starts]
    bits = note_targets(played, 2000, RATE)
    coding = NoteCoding(RATE, 0.0, 1, net, positive_weight=2.0)
    data = SimpleNamespace(targets=[bits], layout=SimpleNamespace(has_clips=True))
    loss, y = coding.make_loss(), torch.from_numpy(bits)[None]
    logits = torch.zeros(coding.n_outputs, requires_grad=True)
    best = torch.optim.LBFGS([logits], max_iter=200, line_search_fn="strong_wolfe")

    def step():
        best.zero_grad()
        found = loss(logits.expand(1, len(bits), -1), y, None)
        found.backward()
        return found

    best.step(step)
    assert step().item() == pytest.approx(coding.learn(data).guessing_loss, rel=0.05)


def test_convolutions_over_partials_are_not_given_a_linear_axis():
    with pytest.raises(ValueError, match="(?s)front_end='spectrogram'.*cqt"):
        make_piano_pipeline("conv_rnn", front_end="spectrogram")
