"""The three recognisers of chords, as their users see them."""

import itertools
import pickle

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from test_training import Stop

import skdeepmir
from skdeepmir import (
    BLSTMChordRecognizer,
    GaussianChordRecognizer,
    SpectrogramExtractor,
    TemplateChordRecognizer,
)
from skdeepmir.chords import (
    encode,
    frame_intervals,
    label_frames,
    parse,
    read_chords,
    transpose,
    write_jams,
    write_lab,
)
from skdeepmir.datasets import make_chord_clips
from skdeepmir.metrics import CHORD_SCORERS, wcsr
from skdeepmir.nets import SequenceBatch

RATE = 10.0
PROGRESSION = ["C:maj", "A:min", "F:maj", "G:maj"]


def blstm(**parameters):
    defaults = {
        "n_units": 8,
        "n_layers": 1,
        "dropout": 0,
        "max_epochs": 15,
        "learning_rate": 0.03,
        "excerpt_length": 32,
        "batch_size": 4,
        "frame_rate": RATE,
        "random_state": 0,
        "verbose": False,
    }
    return BLSTMChordRecognizer(**{**defaults, **parameters})


def learners(**parameters):
    """Return recognisers that learn from labels."""
    parameters = {"frame_rate": RATE, **parameters}
    return [
        TemplateChordRecognizer(templates="mean", **parameters),
        GaussianChordRecognizer(**parameters),
        blstm(**parameters),
    ]


LEARNERS = pytest.mark.parametrize(
    "recognizer", learners(), ids=lambda recognizer: type(recognizer).__name__
)


def chroma_of(labels, noise=0.3, seed=0):
    """Return noisy frames (n_frames, 12) in which chords sound."""
    frames = noise * np.random.RandomState(seed).rand(len(labels), 12)
    for frame, label in zip(frames, labels, strict=True):
        chord = parse(label)
        frame += np.roll(np.maximum(chord.bitmap, 0), max(chord.root, 0))
    return frames


def make_songs(n_songs=6, chords=PROGRESSION, seed=0):
    """Return clips of 36 to 60 frames, and labels of their frames."""
    rng = np.random.RandomState(seed)
    clips, y = [], []
    for song in range(n_songs):
        order = rng.permutation(chords)
        labels = np.repeat(order, rng.randint(9, 16, size=len(order)))
        clips.append(chroma_of(labels, seed=seed + song))
        y.append(labels.astype(object))
    return clips, y


def in_seconds(y):
    return [frame_intervals(labels, RATE) for labels in y]


def assert_same_probabilities(a, b, clips):
    for p, q in zip(a.predict_proba(clips), b.predict_proba(clips), strict=True):
        np.testing.assert_array_equal(p, q)


# Annotations and results


@LEARNERS
def test_all_forms_of_annotations_are_learned_alike(recognizer, tmp_path):
    clips, y = make_songs()
    pairs = in_seconds(y)
    for i, pair in enumerate(pairs):
        write_lab(tmp_path / f"{i}.lab", *pair)
        write_jams(tmp_path / f"{i}.jams", *pair)
    labs = [tmp_path / f"{i}.lab" for i in range(len(y))]
    jams = np.array([str(tmp_path / f"{i}.jams") for i in range(len(y))], dtype=object)
    of_frames = clone(recognizer).fit(clips, y)
    assert of_frames.score(clips, y) > 0.9
    for form in (pairs, labs, jams, [*pairs[:2], *labs[2:4], *y[4:]]):
        fitted = clone(recognizer).fit(clips, form)
        assert_same_probabilities(of_frames, fitted, clips)
        np.testing.assert_array_equal(fitted.transition_, of_frames.transition_)
        assert fitted.score(clips, form) > 0.9


@LEARNERS
def test_predictions_have_a_row_for_each_frame(recognizer):
    clips, y = make_songs()
    recognizer = clone(recognizer).fit(clips, y)
    labels = recognizer.predict(clips)
    assert isinstance(labels, np.ndarray) and labels.dtype == object
    assert [part.shape for part in labels] == [(len(clip),) for clip in clips]
    probabilities = recognizer.predict_proba(clips)
    assert isinstance(probabilities, list) and len(recognizer.classes_) == 25
    for part, clip in zip(probabilities, clips, strict=True):
        assert part.shape == (len(clip), 25) and part.dtype == np.float64
        np.testing.assert_allclose(part.sum(axis=1), 1)
    cube = np.array([clip[:36] for clip in clips])
    in_cube = recognizer.predict_proba(cube)
    assert isinstance(in_cube, np.ndarray) and in_cube.shape == (6, 36, 25)
    assert recognizer.predict(cube)[0].shape == (36,)


@LEARNERS
def test_rows_are_clips_of_one_frame(recognizer):
    rows, labels = chroma_of(PROGRESSION * 20), np.array(PROGRESSION * 20)
    recognizer = clone(recognizer).set_params(decoder="argmax").fit(rows, labels)
    assert recognizer.predict(rows).shape == (80,)
    assert recognizer.predict_proba(rows).shape == (80, 25)
    expected = np.mean(recognizer.predict(rows) == labels)
    assert recognizer.score(rows, labels) == pytest.approx(expected) and expected > 0.9
    with pytest.raises(ValueError, match=r"shape \(80, 12\).*pass \[X\]"):
        recognizer.predict_intervals(rows)


def test_chords_change_half_way_between_frames(tmp_path):
    clip = chroma_of(["C:maj"] * 25 + ["G:maj"] * 15, noise=0)
    recognizer = TemplateChordRecognizer(frame_rate=RATE).fit([clip])
    ((intervals, labels),) = recognizer.predict_intervals([clip])
    np.testing.assert_allclose(intervals, [[0, 2.45], [2.45, 3.95]])
    assert labels.tolist() == ["C:maj", "G:maj"]
    recognizer.set_params(frame_rate=5.0)
    ((intervals, _),) = recognizer.predict_intervals(clip[None])
    np.testing.assert_allclose(intervals, [[0, 4.9], [4.9, 7.9]])


@LEARNERS
def test_files_hold_what_was_recognised(recognizer, tmp_path):
    clips, y = make_songs(3)
    recognizer = clone(recognizer).fit(clips, y)
    for write, suffix in ((recognizer.to_lab, "lab"), (recognizer.to_jams, "jams")):
        paths = [tmp_path / f"{i}.{suffix}" for i in range(3)]
        written = write(clips, paths)
        expected = recognizer.predict_intervals(clips)
        for path, pair, known in zip(paths, written, expected, strict=True):
            intervals, labels = read_chords(path)
            np.testing.assert_allclose(intervals, known[0], atol=1e-6)
            np.testing.assert_array_equal(pair[0], known[0])
            assert labels.tolist() == known[1].tolist() == pair[1].tolist()
        with pytest.raises(ValueError, match="paths is one path.*Wrap it in a list"):
            write(clips, paths[0])
        with pytest.raises(ValueError, match="paths has 2 files, but X has 3 clips"):
            write(clips, paths[:2])


@pytest.mark.parametrize(
    "vocabulary, metric",
    [
        ("majmin", "majmin"),
        ("majmin_inv", "majmin_inv"),
        ("sevenths", "sevenths"),
        ("tetrads", "tetrads"),
        ("full", "tetrads_inv"),
        (("C:maj", "A:min7", "G:7/3", "N"), "tetrads_inv"),
    ],
)
def test_the_score_is_the_recall_in_the_vocabulary(vocabulary, metric):
    chords = ["C:maj", "A:min7", "G:7/3", "F:maj", "D:sus4"]
    clips, y = make_songs(chords=chords)
    recognizer = GaussianChordRecognizer(vocabulary, frame_rate=RATE).fit(clips, y)
    test, truth = make_songs(2, chords, seed=9)
    truth[0][:5] = "X"
    predicted = list(recognizer.predict(test))
    score = recognizer.score(test, truth)
    assert 0.5 < score <= 1
    assert score == wcsr(truth, predicted, vocabulary=metric, frame_rate=RATE)
    assert recognizer.score(test, in_seconds(truth)) == pytest.approx(score)
    without_rate = recognizer.set_params(frame_rate=None)
    of_frames = wcsr(truth, predicted, vocabulary=metric)
    assert without_rate.score(test, truth) == of_frames
    scorer = CHORD_SCORERS[metric]
    assert scorer(without_rate, test, truth) == pytest.approx(of_frames)


@LEARNERS
def test_numbers_are_classes_of_another_kind(recognizer):
    clips, y = make_songs()
    codes = {"C:maj": 3, "A:min": 7, "F:maj": 11, "G:maj": 20}
    numbers = [np.array([codes[label] for label in labels]) for labels in y]
    recognizer = clone(recognizer).fit(clips, numbers)
    assert recognizer.classes_.tolist() == [3, 7, 11, 20]
    predicted = recognizer.predict(clips)
    right = np.concatenate(list(predicted)) == np.concatenate(numbers)
    assert recognizer.score(clips, numbers) == right.mean() > 0.9
    with pytest.raises(ValueError, match="predict_intervals is for chords"):
        recognizer.predict_intervals(clips)
    with pytest.raises(ValueError, match="in seconds, but labels are numbers"):
        recognizer.fit(clips, [*numbers[:5], in_seconds(y)[5]])
    with pytest.raises(ValueError, match="numbers as labels of some frames"):
        recognizer.fit(clips, [numbers[0], *y[1:]])
    with pytest.raises(ValueError, match=r"numbers such as \S*\.5"):
        recognizer.fit(clips, [numbers[0] + 0.5, *numbers[1:]])


# Decoding


@LEARNERS
def test_decoding_may_be_changed_after_fitting(recognizer):
    clips, y = make_songs()
    if isinstance(recognizer, BLSTMChordRecognizer):
        recognizer = clone(recognizer).set_params(cell="dense")  # others smooth
    noisy = [clip + np.random.RandomState(1).rand(*clip.shape) for clip in clips]
    recognizer = clone(recognizer).set_params(decoder="argmax").fit(noisy, y)
    single = recognizer.predict(noisy)
    for labels, p in zip(single, recognizer.predict_proba(noisy), strict=True):
        assert (labels == recognizer.classes_[p.argmax(axis=1)]).all()

    def n_changes(**parameters):
        predicted = recognizer.set_params(**parameters).predict(noisy)
        return sum((part[1:] != part[:-1]).sum() for part in predicted)

    by_frame = n_changes(decoder="argmax")
    smooth = n_changes(decoder="viterbi", self_transition=1.0)
    assert by_frame > n_changes(self_transition=1e3) >= n_changes(self_transition=1e60)
    assert n_changes(self_transition=1.0) == smooth < by_frame
    p = recognizer.predict_proba(noisy)
    recognizer.transition_ = np.full((25, 25), 1 / 25)
    assert (np.concatenate(recognizer.predict(noisy)) == np.concatenate(single)).all()
    recognizer.transition_ = np.eye(25)
    assert n_changes() == 0
    for before, after in zip(p, recognizer.predict_proba(noisy), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("recognizer", learners(vocabulary=("C:maj", "A:min")))
def test_a_wide_beam_equals_viterbi(recognizer):
    clips, y = make_songs(chords=["C:maj", "A:min"])
    unclear = [2 * np.random.RandomState(i).rand(7, 12) for i in range(8)]
    recognizer = clone(recognizer).fit(clips, y)
    viterbi = recognizer.set_params(decoder="viterbi").predict(unclear)
    beam = recognizer.set_params(decoder="beam", beam_width=2**7).predict(unclear)
    assert len(np.unique(np.concatenate(viterbi))) == 2
    for one, other in zip(viterbi, beam, strict=True):
        assert (one == other).all()


@LEARNERS
@pytest.mark.parametrize(
    "transition, message",
    [
        (np.ones((24, 24)), r"transition_ has shape \(24, 24\); expected .*\(25, 25\)"),
        (np.full((25, 25), -1.0), "transition_ .*expected probabilities"),
        (np.full((25, 25), np.nan), "transition_ contains NaN"),
    ],
)
def test_wrong_transitions_are_refused(recognizer, transition, message):
    clips, y = make_songs(2)
    recognizer = clone(recognizer).set_params(decoder="viterbi")
    if isinstance(recognizer, BLSTMChordRecognizer):
        recognizer.set_params(max_epochs=1)
    recognizer.fit(clips, y).transition_ = transition
    with pytest.raises(ValueError, match=message):
        recognizer.predict(clips)


# Transposition


def moved(clips, y, semitones):
    return (
        [np.roll(clip, semitones, axis=1) for clip in clips],
        [transpose(labels, semitones) for labels in y],
    )


@pytest.mark.parametrize(
    "recognizer",
    [
        TemplateChordRecognizer(frame_rate=RATE),
        GaussianChordRecognizer(frame_rate=RATE, transpose=True),
        blstm(n_units=24, transpose=True, max_epochs=40),
    ],
)
def test_one_key_teaches_all_keys(recognizer):
    clips, y = make_songs(8)
    recognizer.fit(clips, y)
    for semitones in range(12):
        assert recognizer.score(*moved(clips, y, semitones)) > 0.9
    if recognizer.get_params().get("transpose"):
        plain = clone(recognizer).set_params(transpose=False).fit(clips, y)
        assert plain.score(*moved(clips, y, 6)) < 0.3 < 0.9 < plain.score(clips, y)
        rolled = recognizer.transition_[np.ix_(range(12), range(12))]
        np.testing.assert_allclose(np.roll(rolled, (5, 5), (0, 1)), rolled)


def test_spectra_of_several_octaves_are_moved_bin_by_bin():
    def spectrum(clip, semitones):
        # Two bins a semitone; the chord lies in the middle of three octaves.
        wide = np.zeros((len(clip), 72))
        wide[:, 24 + 2 * semitones : 48 + 2 * semitones : 2] = clip
        return wide

    clips, y = make_songs()
    recognizer = GaussianChordRecognizer(transpose=True, bins_per_octave=24)
    recognizer.fit([spectrum(clip, 0) for clip in clips], y)
    for semitones in range(-5, 7):
        high = [spectrum(clip, semitones) for clip in clips]
        truth = [transpose(labels, semitones) for labels in y]
        assert recognizer.score(high, truth) > 0.9


@pytest.mark.parametrize(
    "recognizer", [GaussianChordRecognizer(transpose=True), blstm(transpose=True)]
)
def test_what_cannot_be_transposed_is_refused(recognizer):
    clips, y = make_songs(2)
    numbers = [np.zeros(len(clip), dtype=int) for clip in clips]
    with pytest.raises(ValueError, match="labels are numbers.*transpose=False"):
        clone(recognizer).fit(clips, numbers)
    with pytest.raises(ValueError, match="bins_per_octave=13 must be a multiple of 12"):
        clone(recognizer).set_params(bins_per_octave=13).fit(clips, y)
    with pytest.raises(ValueError, match="has 'C:maj' but lacks 'C#:maj'"):
        clone(recognizer).set_params(vocabulary=("C:maj", "N")).fit(clips, y)


# The net


@pytest.mark.parametrize(
    "parameters",
    [
        {"weight_noise": 0.02, "batch_size": 1, "max_epochs": 8},
        {"channels": (4,), "max_epochs": 30},
        {"cell": "rnn"},
        {"cell": "dense"},
        {"bidirectional": False},
        {"n_layers": 2, "dropout": 0.2, "input_dropout": 0.1, "max_epochs": 30},
        {"excerpt_length": None},
        {"initialization": "uniform", "max_epochs": 30},
        {"precision": "float64"},
    ],
    ids=str,
)
def test_kinds_of_nets_learn(parameters):
    clips, y = make_songs()
    recognizer = blstm(**parameters).fit(clips, y)
    assert recognizer.score(clips, y) > 0.9
    assert recognizer.loss_curve_[-1] < 0.5 * recognizer.loss_curve_[0]
    assert_same_probabilities(recognizer, recognizer, clips)  # no noise is left
    for name, weights in recognizer.module_.state_dict().items():
        np.testing.assert_array_equal(weights.numpy(), recognizer.weights_[name])


@pytest.mark.parametrize(
    "parameters, seen",
    [
        ({}, {"before", "at", "after"}),
        ({"bidirectional": False}, {"before", "at"}),
        ({"cell": "dense"}, {"at"}),
    ],
)
def test_what_a_frame_depends_on(parameters, seen):
    clips, y = make_songs(3)
    recognizer = blstm(max_epochs=2, **parameters).fit(clips, y)
    before = recognizer.predict_proba(clips[:1])[0]
    other = clips[0].copy()
    other[20] += 1
    differs = (recognizer.predict_proba([other])[0] != before).any(axis=1)
    assert differs[20]
    assert differs[:20].any() == ("after" in seen)
    assert differs[21:].any() == ("before" in seen)


def test_excerpts_of_whole_clips():
    clips, y = make_songs()
    whole, long = (
        blstm(excerpt_length=n, max_epochs=3).fit(clips, y) for n in (None, 1000)
    )
    short = blstm(excerpt_length=5, max_epochs=3).fit(clips, y)
    assert_same_probabilities(whole, long, clips)
    assert whole.loss_curve_[0] != short.loss_curve_[0]


def test_neighbours_in_a_batch_change_nothing():
    clips, y = make_songs()
    recognizer = blstm(max_epochs=3, precision="float64").fit(clips, y)
    together = recognizer.predict_proba(clips)
    for clip, part in zip(clips, together, strict=True):
        alone = recognizer.predict_proba([clip])[0]
        np.testing.assert_allclose(alone, part, atol=1e-12)


@pytest.mark.parametrize("channels", [(0,), (2.5,), (True,), ("4",)])
def test_bad_channels_are_named(channels):
    clips, y = make_songs(2)
    with pytest.raises(ValueError, match="channels="):
        blstm(channels=channels).fit(clips, y)


# Nets that see the chord before


def previous_chord_net(decoder="viterbi", **parameters):
    options = {"sees_previous": True, "dropout": 0.2, "max_epochs": 30}
    return blstm(decoder=decoder, **{**options, **parameters})


def test_a_net_that_sees_the_chord_before_is_decoded_in_three_ways():
    clips, y = make_songs()
    recognizer = previous_chord_net().fit(clips, y)
    likelihoods = {}
    for decoder in ("argmax", "viterbi", "beam"):
        recognizer.set_params(decoder=decoder)
        assert recognizer.score(clips, y) > 0.9
        predicted, likelihoods[decoder] = recognizer.predict(clips), []
        for labels, p in zip(predicted, recognizer.predict_proba(clips), strict=True):
            assert p.shape == (len(labels), 25)
            np.testing.assert_allclose(p.sum(axis=1), 1)
            codes = encode(labels, "majmin")
            likelihoods[decoder].append(np.log(p[np.arange(len(p)), codes]).sum())
            if decoder == "argmax":  # greedy: the best label of each step
                assert (p.argmax(axis=1) == codes).all()
    assert np.sum(likelihoods["beam"]) >= np.sum(likelihoods["argmax"])
    del recognizer.transition_  # is not needed
    assert recognizer.score(clips, y) > 0.9


def test_a_beam_that_holds_all_paths_is_exhaustive():
    clips, y = make_songs(chords=["C:maj", "A:min"])
    recognizer = previous_chord_net(
        "beam", vocabulary=("C:maj", "A:min"), beam_width=2**5, max_epochs=10
    ).fit(clips, y)
    module = recognizer.module_.float()
    found = []
    for seed in range(5):
        clip = 2 * np.random.RandomState(seed).rand(5, 12)
        paths = np.array(list(itertools.product(range(2), repeat=5)))
        before = np.column_stack([np.full(len(paths), 2), paths[:, :-1]])
        frames = torch.tensor((clip - recognizer.mean_) / recognizer.scale_).float()
        batch = SequenceBatch(
            frames.expand(len(paths), -1, -1),
            torch.full((len(paths),), 5),
            torch.from_numpy(before),
        )
        with torch.inference_mode():
            scores = log_softmax(module(batch).double().numpy(), axis=2)
        totals = np.take_along_axis(scores, paths[:, :, None], axis=2).sum(axis=(1, 2))
        best = recognizer.classes_[paths[totals.argmax()]]
        assert (recognizer.predict([clip])[0] == best).all()
        found += best.tolist()
    assert len(set(found)) == 2


# Training


def test_a_warm_start_goes_on():
    clips, y = make_songs()
    recognizer = blstm(warm_start=True, max_epochs=5).fit(clips, y)
    first, mean = recognizer.loss_curve_, recognizer.mean_
    recognizer.fit([clip + 0.1 for clip in clips], y)
    assert recognizer.loss_curve_[0] < 0.5 * first[0]
    np.testing.assert_array_equal(recognizer.mean_, mean)
    recognizer.set_params(vocabulary="sevenths")
    with pytest.raises(ValueError, match="there are 61 classes now .* had 25"):
        recognizer.fit(clips, y)


def test_early_stopping_on_other_songs_in_seconds():
    clips, y = make_songs()
    val, y_val = make_songs(2, seed=50)
    recognizer = blstm(early_stopping=True, n_iter_no_change=2, tol=1, max_epochs=20)
    recognizer.fit(clips, in_seconds(y), X_val=val, y_val=in_seconds(y_val))
    assert recognizer.n_iter_ == len(recognizer.validation_scores_) < 20
    same = clone(recognizer).fit(clips, y, X_val=val, y_val=y_val)
    assert_same_probabilities(recognizer, same, val)
    by_fraction = clone(recognizer).set_params(validation_fraction=0.3).fit(clips, y)
    assert by_fraction.n_iter_ == len(by_fraction.validation_scores_) < 20
    with pytest.raises(ValueError, match="y_val: clip 1 has labels of shape"):
        clone(recognizer).fit(clips, y, X_val=val, y_val=[y_val[0], y_val[1][1:]])


@pytest.mark.parametrize(
    "parameters",
    [
        {"dropout": 0.3, "n_layers": 2, "transpose": True},
        {"sees_previous": True, "weight_noise": 0.01, "dropout": 0.3},
    ],
    ids=str,
)
def test_a_fit_that_was_killed_goes_on(parameters, tmp_path):
    clips, y = make_songs()
    parameters = {"max_epochs": 6, **parameters}
    whole = blstm(**parameters).fit(clips, y)
    with pytest.raises(RuntimeError, match="killed"):
        stop = [Stop(4, RuntimeError("killed"))]
        blstm(checkpoint_dir=tmp_path, callbacks=stop, **parameters).fit(clips, y)
    assert list(tmp_path.iterdir())
    resumed = blstm(checkpoint_dir=tmp_path, **parameters).fit(clips, y)
    assert_same_probabilities(whole, resumed, clips)
    np.testing.assert_array_equal(whole.loss_curve_, resumed.loss_curve_)


@LEARNERS
def test_saved_and_pickled_recognisers_are_the_same(recognizer, tmp_path):
    clips, y = make_songs(3)
    recognizer = clone(recognizer).fit(clips, y)
    skdeepmir.save(recognizer, tmp_path / "chords.skops")
    loaded = skdeepmir.load(tmp_path / "chords.skops")
    for other in (loaded, pickle.loads(pickle.dumps(recognizer))):
        assert_same_probabilities(recognizer, other, clips)
        assert other.score(clips, y) == recognizer.score(clips, y)
    copy = clone(recognizer)
    assert copy.get_params() == recognizer.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(clips)


def test_the_same_seed_gives_the_same_bits_in_all_processes():
    clips, y = make_songs()
    recognizer = blstm(
        n_layers=2, dropout=0.3, weight_noise=0.01, transpose=True, max_epochs=3
    )
    fits = [
        fitted
        for n_jobs in (1, 2)
        for fitted in Parallel(n_jobs=n_jobs)(
            delayed(clone(recognizer).fit)(clips, y) for _ in range(2)
        )
    ]
    for other in fits[1:]:
        for name, weights in fits[0].weights_.items():
            np.testing.assert_array_equal(weights, other.weights_[name])
    other_seed = clone(recognizer).set_params(random_state=1).fit(clips, y)
    assert other_seed.loss_curve_[0] != fits[0].loss_curve_[0]


# scikit-learn


def test_a_search_from_waveforms_to_chords():
    songs = make_chord_clips(
        n_clips=6, duration=(5.0, 7.0), sample_rate=11025, random_state=0
    )
    extractor = SpectrogramExtractor(
        "chroma", sample_rate=11025, hop_length=1024, n_bins=60, verbose=False
    )
    recognizer = blstm(
        frame_rate=extractor.frame_rate, n_units=16, learning_rate=0.01, max_epochs=40
    )
    pipeline = make_pipeline(extractor, recognizer)
    search = GridSearchCV(
        pipeline,
        {"blstmchordrecognizer__transpose": [False, True]},
        scoring=CHORD_SCORERS["majmin"],
        cv=GroupKFold(3),
        n_jobs=2,
        error_score="raise",
    ).fit(songs.data, songs.target, groups=songs.groups)
    assert search.best_params_ == {"blstmchordrecognizer__transpose": True}
    predicted = search.predict(songs.data)
    recall = wcsr(list(songs.target), list(predicted), frame_rate=extractor.frame_rate)
    assert search.score(songs.data, songs.target) == pytest.approx(recall)


@LEARNERS
def test_cross_validation_of_ragged_clips(recognizer):
    clips, y = make_songs()
    for form in (y, in_seconds(y)):
        target = np.empty(len(form), dtype=object)
        target[:] = form
        predicted = cross_val_predict(recognizer, clips, target, cv=KFold(3))
        assert predicted.shape == (6,)
        assert [len(part) for part in predicted] == [len(clip) for clip in clips]
        assert wcsr(y, list(predicted)) > 0.8
        scores = cross_val_score(recognizer, clips, target, cv=KFold(3))
        assert scores.shape == (3,) and scores.min() > 0.8


# Bad input


def two_songs():
    clips = [chroma_of(["C:maj"] * 20 + ["A:min"] * 20, seed=i) for i in range(2)]
    return clips, ([[0, 2], [2, 4]], ["C:maj", "A:min"])


@LEARNERS
@pytest.mark.parametrize(
    "annotation, message",
    [
        (["C:maj"] * 39 + ["H:dur"], "y: clip 1: 'H:dur' .*did you mean 'B:maj'"),
        (([[0, 4]], ["Cmaj"]), "y: clip 1: row 0: 'Cmaj' .*did you mean 'C:maj'"),
        (([[0, 3], [2, 4]], ["C", "G"]), "y: clip 1: row 1 .*starts before row 0 ends"),
        (([[2, 4], [0, 2]], ["C", "G"]), "y: clip 1: row 1 .*starts before row 0"),
        (([[0, 88200], [88200, 176400]], ["C", "G"]), "clip 1: .*sample indices"),
        (([[0, 4]], ["C", "G"]), "y: clip 1: it has 1 intervals and 2 labels"),
        (([[5, 9]], ["C"]), "y: clip 1: it starts at 5.0 s, but the audio lasts 4.0 s"),
        (["C:maj"] * 39, r"y: clip 1 has labels of shape \(39,\), but .* 40 frames"),
        ([1] * 40, "y: clip 1 has 1; expected chord labels"),
    ],
)
def test_annotations_that_are_wrong_name_their_clip(recognizer, annotation, message):
    clips, good = two_songs()
    with pytest.raises(ValueError, match=message):
        clone(recognizer).fit(clips, [good, annotation])


@LEARNERS
def test_files_that_are_wrong_are_named(recognizer, tmp_path):
    clips, good = two_songs()
    bad = {
        "empty.lab": ("", "empty.lab'.* is empty; expected at least 1 chord"),
        "typo.lab": ("0 4 H:dur\n", "typo.lab'.* line 1: 'H:dur' is not in Harte"),
        "samples.lab": ("0 88200 C:maj\n", "samples.lab': .*sample indices"),
        "later.lab": ("5 9 C:maj\n", r"clip 1 \('.*later.lab'\): it starts at 5.0 s"),
    }
    for name, (text, message) in bad.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(ValueError, match=message):
            clone(recognizer).fit(clips, [good, tmp_path / name])
    with pytest.raises(FileNotFoundError, match=r"missing\.lab"):
        clone(recognizer).fit(clips, [good, str(tmp_path / "missing.lab")])


@LEARNERS
def test_targets_that_are_wrong_as_a_whole(recognizer):
    clips, good = two_songs()

    def refused(y, message, **parameters):
        with pytest.raises(ValueError, match=message):
            clone(recognizer).set_params(**parameters).fit(clips, y)

    refused("song.lab", "y is one path, 'song.lab'.*Wrap it in a list")
    refused([good], "y has 1 labels, but X has 2 clips")
    refused(None, "requires y to be passed")
    refused([["X"] * 40] * 2, "y has no label that vocabulary='majmin' can say")
    refused([["C:sus4"] * 40] * 2, "y has no label that vocabulary='majmin' can say")
    refused([good] * 2, "frame_rate=None, but seconds are asked for", frame_rate=None)
    refused([good] * 2, "The 'vocabulary' parameter", vocabulary="triads")
    recognizer = clone(recognizer).set_params(frame_rate=None)
    recognizer.fit(clips, [["C:maj"] * 40] * 2)
    with pytest.raises(ValueError, match="frame_rate=None, but seconds are asked for"):
        recognizer.predict_intervals(clips)
    with pytest.raises(ValueError, match="frame_rate is None, but frame labels"):
        recognizer.score(clips, [good] * 2)
    with pytest.raises(ValueError, match="y has 1 labels, but X has 2 clips"):
        recognizer.score(clips, [good])


@LEARNERS
def test_gaps_are_not_learned_from(recognizer):
    clips, _ = two_songs()
    with_gap = ([[0, 1.55], [2.45, 3.95]], ["C:maj", "A:min"])
    frames = label_frames(*with_gap, 40, RATE)
    assert frames.tolist() == ["C:maj"] * 16 + ["X"] * 9 + ["A:min"] * 15
    by_seconds = clone(recognizer).fit(clips, [with_gap] * 2)
    by_frames = clone(recognizer).fit(clips, [frames] * 2)
    assert_same_probabilities(by_seconds, by_frames, clips)
    wrong_there = [np.where(frames == "X", "F#:maj", frames).astype(object)] * 2
    learned = clone(recognizer).fit(clips, wrong_there)
    p, q = (fitted.predict_proba(clips)[0] for fitted in (by_frames, learned))
    f_sharp = list(learned.classes_).index("F#:maj")
    assert p[20, f_sharp] < q[20, f_sharp]


@LEARNERS
def test_annotations_that_outlast_the_audio_are_cut(recognizer):
    clips, good = two_songs()
    longer = ([[0, 2], [2, 4], [4, 9]], ["C:maj", "A:min", "G:maj"])
    with pytest.warns(UserWarning, match=r"clip 1: it ends at 9.0 s, but .* 4.0 s"):
        cut = clone(recognizer).fit(clips, [good, longer])
    assert_same_probabilities(cut, clone(recognizer).fit(clips, [good] * 2), clips)


@pytest.mark.parametrize(
    "recognizer",
    [
        *learners(),
        TemplateChordRecognizer(frame_rate=RATE),
        GaussianChordRecognizer(frame_rate=RATE, transpose=True),
        previous_chord_net(),
    ],
)
def test_songs_of_one_chord(recognizer):
    clips = [chroma_of(["E:min"] * n, seed=n) for n in (30, 40)]
    recognizer.fit(clips, [([[0, 3]], ["E:min"]), ["E:min"] * 40])
    assert [set(labels) for labels in recognizer.predict(clips)] == [{"E:min"}] * 2
    ((intervals, labels), _) = recognizer.predict_intervals(clips)
    np.testing.assert_allclose(intervals, [[0, 2.95]])
    assert labels.tolist() == ["E:min"]
    only = clone(recognizer).set_params(vocabulary=("E:min",))
    if not only.get_params().get("transpose"):
        assert set(only.fit(clips, [["E:min"] * 30, ["E:min"] * 40]).predict(clips)[0])


def test_templates_need_no_labels_and_no_octave_but_whole_semitones():
    labels = ["C:maj"] * 20 + ["A:min"] * 20
    clip = chroma_of(labels)
    wide = np.repeat(np.concatenate([clip, clip], axis=1), 3, axis=1)
    recognizer = TemplateChordRecognizer(bins_per_octave=36).fit([wide])
    assert recognizer.predict([wide])[0].tolist() == labels
    silent = recognizer.predict([np.zeros_like(wide)])[0]
    assert set(silent) == {"N"}
    with pytest.raises(ValueError, match="bins_per_octave=13 must be a multiple of 12"):
        TemplateChordRecognizer(bins_per_octave=13).fit([clip])


def test_gaussians_leave_out_chords_that_are_too_rare():
    clips, y = make_songs()
    y[0][0] = "D:maj"
    recognizer = GaussianChordRecognizer(min_frames=5).fit(clips, y)
    counts = dict(zip(recognizer.classes_, recognizer.class_count_, strict=True))
    assert counts["D:maj"] == 0 < counts["C:maj"]
    d_major = [chroma_of(["D:maj"] * 10)]
    assert "D:maj" not in recognizer.predict(d_major)[0]
    assert "D:maj" in GaussianChordRecognizer(min_frames=1).fit(clips, y).classes_
