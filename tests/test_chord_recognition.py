"""The three recognisers of chords, as their users see them."""

import pickle

import numpy as np
import pytest
from chord_songs import (
    LEARNERS,
    PROGRESSION,
    RATE,
    assert_same_probabilities,
    blstm,
    chroma_of,
    in_seconds,
    learners,
    make_songs,
)
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

import skdeepmir
from skdeepmir import (
    BLSTMChordRecognizer,
    GaussianChordRecognizer,
    SpectrogramExtractor,
    TemplateChordRecognizer,
)
from skdeepmir.chords import read_chords, transpose, write_jams, write_lab
from skdeepmir.datasets import make_chord_clips
from skdeepmir.metrics import CHORD_SCORERS, wcsr

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


@pytest.mark.parametrize("transpose", [False, True])
def test_covariances_are_right_far_from_zero_and_from_each_other(transpose):
    rng = np.random.RandomState(0)
    clips = [rng.randn(200, 12) + far for far in (0, 1e9)]
    labels = [["N"] * 200, ["C:maj"] * 200]
    recognizer = GaussianChordRecognizer(transpose=transpose, shrinkage=0.1)
    recognizer.fit(clips, labels)
    for clip, (label, *_) in zip(clips, labels, strict=True):
        keys = [np.roll(clip, k, axis=1) for k in range(12)]
        is_same_in_all_keys = transpose and label == "N"
        frames = np.concatenate(keys) if is_same_in_all_keys else clip
        covariance = np.cov(frames.T, bias=True)
        expected = 0.9 * covariance + 0.1 * np.eye(12) * np.trace(covariance) / 12
        found = recognizer.covariances_[list(recognizer.classes_).index(label)]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert (np.concatenate(recognizer.predict(clips)) == np.concatenate(labels)).all()


# Decoding


@LEARNERS
def test_decoding_may_be_changed_after_fitting(recognizer):
    clips, y = make_songs()
    if isinstance(recognizer, BLSTMChordRecognizer):
        recognizer = clone(recognizer).set_params(cell="dense")  # others smooth
    noisy = [clip + 2 * np.random.RandomState(1).rand(*clip.shape) for clip in clips]
    recognizer = clone(recognizer).set_params(decoder="argmax").fit(noisy, y)
    single = recognizer.predict(noisy)
    for labels, p in zip(single, recognizer.predict_proba(noisy), strict=True):
        assert (labels == recognizer.classes_[p.argmax(axis=1)]).all()

    def n_changes(**parameters):
        predicted = recognizer.set_params(**parameters).predict(noisy)
        return sum((part[1:] != part[:-1]).sum() for part in predicted)

    by_frame = n_changes(decoder="argmax")
    smooth = n_changes(decoder="viterbi", self_transition=1.0)
    assert by_frame >= n_changes(self_transition=1e3) >= n_changes(self_transition=1e60)
    assert by_frame > n_changes(self_transition=1e60)
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


def test_parameters_are_checked_again_in_predictions():
    clips, y = make_songs(2)
    recognizer = blstm().fit(clips, y).set_params(decoder="greedy")
    with pytest.raises(ValueError, match="'decoder' parameter"):
        recognizer.predict(clips)
    with pytest.raises(ValueError, match="set transpose=True"):
        blstm(average_transpositions=True).fit(clips, y)


def test_templates_refuse_logarithms():
    clips, _ = make_songs(2)
    with pytest.raises(ValueError, match="Negative values in data.*magnitudes"):
        TemplateChordRecognizer().fit([np.log(0.1 + clip) - 9 for clip in clips])


def test_clips_to_validate_on_must_have_labels():
    clips, y = make_songs(4)
    unknown = [np.full(len(clips[0]), "X")]
    with pytest.raises(ValueError, match="no label that"):
        blstm(early_stopping=True).fit(clips, y, X_val=clips[:1], y_val=unknown)


def test_clips_that_are_held_out_or_not_must_have_labels():
    clips, y = make_songs(4)
    y[1:] = [np.full(len(clip), "X") for clip in clips[1:]]
    for fraction in (0.25, 0.75):  # one side has no label, whichever clip is drawn
        recognizer = blstm(early_stopping=True, validation_fraction=fraction)
        with pytest.raises(ValueError, match="to (train|validate) on have no label"):
            recognizer.fit(clips, y)


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
    recognizer = blstm(transpose=True, bins_per_octave=24, max_epochs=60)
    recognizer.fit([spectrum(clip, 0) for clip in clips], y)
    with pytest.raises(ValueError, match="is for chroma here, but X has 72 features"):
        GaussianChordRecognizer(transpose=True, bins_per_octave=24).fit(
            [spectrum(clip, 0) for clip in clips], y
        )
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


def test_scores_of_numbers_need_a_label_for_each_frame():
    clips, _ = make_songs(2)
    numbers = [np.arange(len(clip)) // 20 for clip in clips]
    recognizer = blstm(max_epochs=1).fit(clips, numbers)
    with pytest.raises(ValueError, match="clip 1 has labels of shape"):
        recognizer.score(clips, [numbers[0], numbers[1][:-1]])
