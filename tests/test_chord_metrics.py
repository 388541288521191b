import pickle
import warnings

import mir_eval
import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from undefined_scores import only_warning

from skdeepmir.chords import (
    VOCABULARIES,
    frame_intervals,
    label_frames,
    write_jams,
    write_lab,
)
from skdeepmir.metrics import (
    CHORD_SCORERS,
    chord_confusion,
    chord_coverage,
    chord_report,
    chord_scorer,
    score_chords,
    segmentation_score,
    wcsr,
)

COMPARISONS = [name for name in CHORD_SCORERS if name != "seg"]
KINDS = ["seg", "overseg", "underseg"]
LABELS = ["N", "X", "C", "C:maj/3", "C:7", "C:9", "C:maj/b7", "A:min", "A:min7", "A:5"]
LABELS += ["A:sus4", "C:maj/2", "Db:dim", "C#:dim", "C:maj6", "A:min7/b3", "A:(3)", "E"]

# 5 s, of which majmin scores 4: N right 1 of 1 s, C:maj 2 of 3 s.
REFERENCE = ([[0, 1], [1, 4], [4, 5]], ["N", "C:maj7", "G:sus4"])
ESTIMATE = ([[0, 2], [2, 5]], ["N", "C:maj"])
# 2 s, all scored, none right.
WRONG = ([[0, 2]], ["A:min"]), ([[0, 2]], ["A:maj"])
UNSCORED = ([[0, 3]], ["X"]), ([[0, 3]], ["C:maj"])


def random_annotation(rng, n_chords, start=0.0, end=30.0, labels=LABELS):
    inner = np.sort(rng.uniform(start, end, n_chords - 1))
    edges = np.concatenate([[start], inner, [end]])
    return np.column_stack([edges[:-1], edges[1:]]), rng.choice(labels, n_chords)


def random_songs(seed, n_songs=3):
    """Return references and estimates of other spans."""
    rng = np.random.RandomState(seed)
    references, estimates = [], []
    for _ in range(n_songs):
        references.append(random_annotation(rng, 40, rng.uniform(0, 2)))
        start, end = rng.uniform(0, 4), rng.uniform(25, 33)
        estimates.append(random_annotation(rng, 50, start, end))
    return references, estimates


def by_mir_eval(reference, estimate):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of songs without scored time
        return mir_eval.chord.evaluate(
            reference[0], list(reference[1]), estimate[0], list(estimate[1])
        )


# Known answers


def test_recall_by_hand():
    assert wcsr([REFERENCE], [ESTIMATE]) == 0.75
    assert wcsr([REFERENCE], [ESTIMATE], vocabulary="root") == 0.6
    assert wcsr([REFERENCE], [ESTIMATE], vocabulary="tetrads") == 0.2
    assert chord_coverage([REFERENCE]) == 0.8
    assert chord_coverage([REFERENCE], vocabulary="root") == 1


def test_averages():
    y_true, y_pred = [REFERENCE, WRONG[0]], [ESTIMATE, WRONG[1]]
    np.testing.assert_array_equal(wcsr(y_true, y_pred, average=None), [0.75, 0])
    assert wcsr(y_true, y_pred) == 0.5  # 3 of 6 scored seconds
    assert wcsr(y_true, y_pred, average="macro") == 0.375
    assert chord_coverage(y_true) == 6 / 7
    y_true, y_pred = [REFERENCE, REFERENCE, WRONG[0]], [ESTIMATE, REFERENCE, WRONG[1]]
    scores = segmentation_score(y_true, y_pred, average=None)
    np.testing.assert_allclose(scores, [0.6, 1, 1])
    assert segmentation_score(y_true, y_pred) == pytest.approx((3 + 5 + 2) / 12)
    assert segmentation_score(y_true, y_pred, average="macro") == pytest.approx(2.6 / 3)


def test_songs_without_scored_time_are_left_out():
    y_true, y_pred = [REFERENCE, UNSCORED[0]], [ESTIMATE, UNSCORED[1]]
    recalls, message = only_warning(wcsr, y_true, y_pred, average=None)
    np.testing.assert_array_equal(recalls, [0.75, np.nan])
    assert message == "1 of 2 songs have no time that the vocabulary scores."
    for average in ("weighted", "macro"):
        assert only_warning(wcsr, y_true, y_pred, average=average)[0] == 0.75
    for average in ("weighted", "macro"):
        recall, message = only_warning(wcsr, y_true[1:], y_pred[1:], average=average)
        assert np.isnan(recall) and "1 of 1" in message
    assert chord_coverage(y_true) == 0.5


def test_gaps_are_unscored_in_references_and_no_chord_in_estimates():
    reference = ([[1, 2], [4, 6]], ["C:maj", "N"])
    estimate = ([[0.5, 1.5], [1.7, 2.0], [5, 5.5]], ["C:maj", "C:maj", "C:maj"])
    # Scored: C:maj, right 0.8 of 1 s, and N, right 1.5 of 2 s.
    assert wcsr([reference], [estimate]) == pytest.approx(2.3 / 3)
    assert chord_coverage([reference]) == pytest.approx(3 / 5)


def test_gaps_of_rounding_are_none():
    reference = ([[0, 0.9995], [1, 2]], ["C:maj", "N"])
    assert wcsr([reference], [([[0, 2]], ["C:maj"])]) == 0.5
    assert chord_coverage([reference]) == 1


@pytest.mark.parametrize("times", [[[5, 6]], [[0, 1]], [[0, 2]], [[3, 4]]])
def test_an_estimate_outside_of_the_reference_is_no_chord(times):
    y_true = [([[2, 3]], ["N"]), ([[2, 3]], ["C:maj"])]
    y_pred = [(times, ["C:maj"])] * 2
    assert wcsr(y_true, y_pred, average=None).tolist() == [1, 0]
    assert segmentation_score(y_true, y_pred) == 1


# mir_eval


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_mir_eval(seed):
    references, estimates = random_songs(seed)
    expected = [by_mir_eval(*pair) for pair in zip(references, estimates, strict=True)]
    for name in COMPARISONS:
        ours = wcsr(references, estimates, vocabulary=name, average=None)
        np.testing.assert_allclose(ours, [scores[name] for scores in expected])
        assert 0 < ours.max() < 1
    for kind in KINDS:
        ours = segmentation_score(references, estimates, kind=kind, average=None)
        np.testing.assert_allclose(ours, [scores[kind] for scores in expected])
        assert 0 < ours.max() < 1


def test_spellings_of_one_chord_are_one_segment():
    # mir_eval counts the ninth of C:9 here, though not in its comparisons.
    song = np.array([[0, 1], [1, 2], [2, 3.0]]), ["C:7", "C:7/1", "C:9"]
    whole = np.array([[0, 3.0]]), ["C:7"]
    ours = segmentation_score([song], [whole], kind="underseg")
    assert ours == pytest.approx(by_mir_eval(song, whole)["underseg"])
    assert ours == pytest.approx(2 / 3)


@pytest.mark.parametrize("name", COMPARISONS)
def test_coverage_is_the_share_that_mir_eval_scores(name):
    references, _ = random_songs(7)
    scored = total = 0.0
    for times, labels in references:
        durations = np.diff(times).ravel()
        compared = getattr(mir_eval.chord, name)(list(labels), list(labels))
        scored += durations[compared >= 0].sum()
        total += durations.sum()
    assert chord_coverage(references, vocabulary=name) == pytest.approx(scored / total)


# Kinds of annotations


def test_files_arrays_and_frames_agree(tmp_path):
    rng = np.random.RandomState(0)
    frames = [rng.choice(LABELS, 300), rng.choice(LABELS, 200)]
    others = [rng.choice(LABELS, 320), rng.choice(LABELS, 180)]
    y_true = [frame_intervals(f, 10) for f in frames]
    y_pred = [frame_intervals(f, 10) for f in others]
    write_lab(tmp_path / "0.lab", *y_true[0])
    write_jams(tmp_path / "1.jams", *y_true[1])
    paths = [tmp_path / "0.lab", str(tmp_path / "1.jams")]
    as_objects = np.empty(2, dtype=object)
    as_objects[:] = others
    pairs = np.empty((2, 2), dtype=object)
    for i, (times, labels) in enumerate(y_pred):
        pairs[i] = [times, labels]
    expected = wcsr(y_true, y_pred, average=None)
    for truth, estimate in [
        (paths, others),
        (frames, as_objects),
        (y_true, as_objects),
        (np.array(paths, dtype=object), pairs),
        ([list(frames[0]), y_true[1]], [y_pred[0], others[1].tolist()]),
    ]:
        recalls = wcsr(truth, estimate, frame_rate=10, average=None)
        np.testing.assert_allclose(recalls, expected, atol=1e-6)


def test_frames_of_equal_lengths_count_one_each():
    rng = np.random.RandomState(0)
    y_true = [rng.choice(LABELS, n) for n in (300, 1, 2)]
    y_pred = [rng.choice(LABELS, n) for n in (300, 1, 2)]
    truth, estimates = list(np.concatenate(y_true)), list(np.concatenate(y_pred))
    for name in COMPARISONS:
        right = getattr(mir_eval.chord, name)(truth, estimates)
        ours = wcsr(y_true, y_pred, vocabulary=name, average="weighted")
        assert ours == pytest.approx(right[right >= 0].mean())
    seconds = chord_confusion(y_true, y_pred)
    assert seconds.to_numpy().sum() == sum(label != "X" for label in truth)


def test_a_matrix_of_frames_is_a_song_a_row():
    y = np.array([["C:maj", "N", "N"], ["A:min", "C:maj", "N"]])
    assert wcsr(y, y[::-1], average=None).tolist() == pytest.approx([1 / 3, 1 / 3])


@pytest.mark.parametrize(
    "y_true, y_pred, frame_rate, message",
    [
        ([REFERENCE], [ESTIMATE] * 2, None, "y_true has 1 .*y_pred 2"),
        ([], [], None, r"y_true is \[\];"),
        (3, [ESTIMATE], None, "y_true is 3;"),
        (REFERENCE, ESTIMATE, 1, r"y_true\[0\] .*\[song\]"),
        ([REFERENCE], [["C:maj"] * 5], None, "frame_rate is None"),
        ([["N"] * 3], [["N"] * 4], None, r"y_true\[0\] has 3 .*y_pred\[0\] 4"),
        ([["N"] * 3], [["N"] * 4], 0, "frame_rate=0"),
        ([["N"] * 3], [["N", "N", "foo"]], 2, r"y_pred\[0\]: row 1: 'foo'"),
        ([[0, 1, 2]], [["N"] * 3], 1, r"y_true\[0\] .*list.*int64"),
        ([np.array([], dtype=str)], [["N"]], 1, r"y_true\[0\] .*\(0,\)"),
        ([REFERENCE], [([[0, 1]], [])], None, r"y_pred\[0\]: .*1 intervals .*0 labels"),
        ([REFERENCE], [([[0, 2], [1, 3]], ["N", "N"])], None, r"y_pred\[0\]: row 1"),
        ([([[0, 44100]], ["N"])], [ESTIMATE], None, r"y_true\[0\]: .*44100"),
        (["song.txt"], [ESTIMATE], None, r"y_true\[0\]: 'song.txt' "),
    ],
)
def test_bad_annotations(y_true, y_pred, frame_rate, message):
    for function in (wcsr, segmentation_score, chord_report, chord_confusion):
        with pytest.raises(ValueError, match=message):
            function(y_true, y_pred, frame_rate=frame_rate)


def test_files_that_are_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"y_true\[0\]: .*song.lab"):
        wcsr([tmp_path / "song.lab"], [ESTIMATE])


@pytest.mark.parametrize(
    "function, parameters",
    [
        (wcsr, {"vocabulary": "full"}),
        (wcsr, {"average": "micro"}),
        (segmentation_score, {"kind": "majmin"}),
        (segmentation_score, {"average": "micro"}),
        (chord_confusion, {"by": "bass"}),
    ],
)
def test_values_that_parameters_do_not_have(function, parameters):
    ((name, value),) = parameters.items()
    with pytest.raises(ValueError, match=f"{name}='{value}'"):
        function([REFERENCE], [ESTIMATE], **parameters)
    with pytest.raises(ValueError, match="vocabulary='full'"):
        chord_coverage([REFERENCE], vocabulary="full")


# Reports


def test_the_report_has_all_scores():
    references, estimates = random_songs(3)
    report = chord_report(references, estimates)
    assert list(report.index) == [*COMPARISONS, *KINDS]
    for name in COMPARISONS:
        score, coverage = report.loc[name, ["score", "coverage"]]
        assert score == wcsr(references, estimates, vocabulary=name)
        assert coverage == pytest.approx(chord_coverage(references, vocabulary=name))
    for kind in KINDS:
        score, coverage = report.loc[kind, ["score", "coverage"]]
        assert score == segmentation_score(references, estimates, kind=kind)
        assert coverage == 1


def test_the_report_says_what_is_not_defined():
    song = ([[0, 2]], ["C:sus4"])
    report, message = only_warning(chord_report, [song], [song])
    assert report.index[report["score"].isna()].tolist() == [
        "majmin",
        "majmin_inv",
        "sevenths",
        "sevenths_inv",
    ]
    assert "4 of 15 scores are NaN" in message
    assert (report["coverage"][report["score"].isna()] == 0).all()


def test_confusion_by_hand():
    reference = ([[0, 2], [2, 4], [4, 5], [5, 6]], ["C:maj/2", "A:min", "N", "X"])
    estimate = ([[0, 1], [1, 3], [3, 6]], ["C:7", "G:sus4(b7)", "X"])
    roots = chord_confusion([reference], [estimate])
    assert roots.shape == (13, 13) and list(roots.index) == list(roots.columns)
    expected = {("C", "C"): 1, ("C", "G"): 1, ("A", "G"): 1, ("A", "N"): 1}
    assert entries(roots) == {**expected, ("N", "N"): 1}
    qualities = chord_confusion([reference], [estimate], by="quality")
    assert qualities.shape == (16, 16)
    expected = {("maj", "7"): 1, ("maj", "other"): 1, ("min", "other"): 1}
    assert entries(qualities) == {**expected, ("min", "N"): 1, ("N", "N"): 1}
    intervals = chord_confusion([reference], [estimate], by="interval")
    assert intervals.shape == (15, 13)
    expected = {("maj", 0): 1, ("maj", 7): 1, ("min", 10): 1, ("min", "N"): 1}
    assert entries(intervals) == expected


def entries(frame):
    return {key: value for key, value in frame.stack().items() if value}


@pytest.mark.parametrize("by", ["root", "quality"])
def test_the_diagonal_of_the_confusion_is_what_is_right(by):
    references, estimates = random_songs(1)
    seconds = chord_confusion(references, estimates, by=by)
    total = sum(times[-1, 1] - times[0, 0] for times, _ in references)
    covered = total * chord_coverage(references, vocabulary="root")
    assert seconds.to_numpy().sum() == pytest.approx(covered)
    if by == "root":
        right = wcsr(references, estimates, vocabulary="root")
        assert np.trace(seconds) / covered == pytest.approx(right)
    perfect = chord_confusion(references, references, by=by).to_numpy()
    assert np.trace(perfect) == pytest.approx(perfect.sum())


# Scorers


class RoundingRecognizer(BaseEstimator):
    """Its songs are chord numbers; those of at most ``ceiling`` are recognised."""

    def __init__(self, ceiling=24, frame_rate=10.0):
        self.ceiling = ceiling
        self.frame_rate = frame_rate

    def fit(self, X, y):
        self.labels_ = np.array(VOCABULARIES["majmin"], dtype=object)
        return self

    def predict(self, X):
        labels = np.empty(len(X), dtype=object)
        for i, song in enumerate(X):
            labels[i] = self.labels_[np.minimum(song, self.ceiling)]
        return labels


class Untouched(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X


def numbered_songs():
    rng = np.random.RandomState(0)
    X = [rng.randint(25, size=rng.randint(50, 100)) for _ in range(6)]
    frames = [np.array(VOCABULARIES["majmin"])[song] for song in X]
    return X, [frame_intervals(song, 10.0) for song in frames]


@pytest.mark.parametrize("name", CHORD_SCORERS)
def test_scorers_score_what_is_predicted(name):
    X, y = numbered_songs()
    estimator = RoundingRecognizer(ceiling=12).fit(X, y)
    estimates = [frame_intervals(song, 10.0) for song in estimator.predict(X)]
    if name == "seg":
        expected = segmentation_score(y, estimates)
    else:
        expected = wcsr(y, estimates, vocabulary=name)
    score = CHORD_SCORERS[name](estimator, X, y)
    assert type(score) is float and 0 < score < 1
    assert score == pytest.approx(expected)
    assert pickle.loads(pickle.dumps(CHORD_SCORERS[name]))(estimator, X, y) == score


def test_all_scores_come_from_one_prediction():
    X, y = numbered_songs()
    estimator = RoundingRecognizer(ceiling=12).fit(X, y)
    found = cross_validate(estimator, X, y, cv=2, scoring=score_chords)
    expected = cross_validate(estimator, X, y, cv=2, scoring=CHORD_SCORERS)
    for name in CHORD_SCORERS:
        np.testing.assert_array_equal(found[f"test_{name}"], expected[f"test_{name}"])


def test_scorers_take_the_frame_rate_of_what_predicts():
    X, y = numbered_songs()
    pipeline = make_pipeline(Untouched(), RoundingRecognizer()).fit(X, y)
    search = GridSearchCV(
        pipeline,
        {"roundingrecognizer__ceiling": [5, 24]},
        scoring=CHORD_SCORERS["majmin"],
        cv=2,
    ).fit(X, y)
    assert search.best_params_ == {"roundingrecognizer__ceiling": 24}
    for estimator in (pipeline, search):
        assert CHORD_SCORERS["majmin"](estimator, X, y) == pytest.approx(1)
    own = RoundingRecognizer(frame_rate=5.0).fit(X, y)
    assert CHORD_SCORERS["majmin"](own, X, y) < 0.5
    assert chord_scorer(frame_rate=10.0)(own, X, y) == pytest.approx(1)


@pytest.mark.parametrize("name", ["majmin", "seg"])
def test_scorers_need_a_frame_rate_only_for_seconds(name):
    X, y = numbered_songs()
    frames = [
        label_frames(*annotation, len(x), 10.0)
        for annotation, x in zip(y, X, strict=True)
    ]
    rateless = RoundingRecognizer(ceiling=12, frame_rate=None)
    pipeline = make_pipeline(Untouched(), rateless).fit(X, y)
    predicted = pipeline.predict(X)
    expected = (
        segmentation_score(frames, predicted)
        if name == "seg"
        else np.mean(np.concatenate(frames) == np.concatenate(list(predicted)))
    )
    score = CHORD_SCORERS[name](pipeline, X, frames)
    assert 0 < score < 1 and score == pytest.approx(expected)
    with pytest.raises(ValueError, match="frame_rate is None.*chord_scorer"):
        CHORD_SCORERS[name](pipeline, X, y)


def test_all_scorers_at_once(tmp_path):
    X, y = numbered_songs()
    for i, annotation in enumerate(y):
        write_lab(tmp_path / f"{i}.lab", *annotation)
    paths = np.array([str(tmp_path / f"{i}.lab") for i in range(len(y))], dtype=object)
    results = cross_validate(
        RoundingRecognizer(20), X, paths, scoring=CHORD_SCORERS, cv=3
    )
    for name in CHORD_SCORERS:
        assert results[f"test_{name}"].shape == (3,)
        assert (results[f"test_{name}"] > 0.5).all()


def test_scorers_of_over_and_under_segmentation():
    X, y = numbered_songs()
    estimator = RoundingRecognizer(ceiling=3).fit(X, y)
    under, over = (
        chord_scorer(kind)(estimator, X, y) for kind in ("underseg", "overseg")
    )
    assert under < over == pytest.approx(1)
    with pytest.raises(ValueError, match="vocabulary='full'"):
        chord_scorer("full")


def test_frame_labels_of_an_annotation_score_one():
    times, labels = random_annotation(np.random.RandomState(0), 30)
    frames = label_frames(times, labels, 3001, 100.0)
    assert wcsr([(times, labels)], [frames], frame_rate=100.0) > 0.98


def test_all_annotations_that_cannot_be_scored_are_named_at_once(tmp_path):
    (tmp_path / "a.lab").write_text("0 2 N\n1 3 C\n")
    (tmp_path / "b.lab").write_text("0 2\n")
    y_true = [REFERENCE, tmp_path / "a.lab", REFERENCE]
    y_pred = [tmp_path / "b.lab", ESTIMATE, ([[0, 1]], ["H"])]
    with pytest.raises(ValueError, match="^3 annotations") as caught:
        wcsr(y_true, y_pred)
    message = str(caught.value)
    first, second, third = (message.index(f"({n}) y_") for n in (1, 2, 3))
    assert "y_true[1]: " in message[first:second]
    assert "a.lab': row 1" in message[first:second]
    assert "y_pred[0]: " in message[second:third]
    assert "b.lab': line 1" in message[second:third]
    assert "y_pred[2]" in message[third:] and "'H'" in message[third:]
