"""Every estimator that learns from labels, on labels that it cannot use."""

import re

import numpy as np
import pandas as pd
import pytest
from bad_input_checks import set_all
from own_nets import FrameNet
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from test_common import (
    CLASSIFIERS,
    EVENT_DETECTORS,
    NOTE_TRANSCRIBERS,
    REGRESSORS,
    SEQUENCE_LABELLERS,
)

from skdeepmir import (
    AugmentedClassifier,
    ClipVotingClassifier,
    ConvRegressor,
    ConvTagger,
    DBNFeatureLearner,
    DropoutMLPClassifier,
    GaussianChordRecognizer,
    GroupBaggingClassifier,
    MultiTimescaleTagger,
    NetFrameClassifier,
    TemplateChordRecognizer,
)
from skdeepmir.frames import object_array
from skdeepmir.testing import make_bad_audio

pytestmark = pytest.mark.faults

# The row, and the label or what it should be.
OWED = {
    "y_missing": "requires y to be passed",
    "y_short": "y has 7 labels, but X has 8 clips",
    "y_nan": r"row 2 has nan",
    "y_none": r"row 0 is None",
    "y_empty_string": r"row 0 is ''",
    "y_mixed_types": r"row 1 is 'jazz'",
    "y_one_class": r"class",
    "y_continuous": r"row 1 has 0\.142",
    "y_tags_not_binary": r"row 0 has 3; expected 0 or 1",
    "y_tag_lists": r"row 0 is \['rock'\].*MultiLabelBinarizer",
}
TAKES_NO_TAGS = r"y should be a 1d array, .* \(8, \d\).* takes one label a clip"


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    corpus = make_bad_audio(tmp_path_factory.mktemp("bad"), hours=0)
    return {case.name: case.value for case in corpus if case.scope == "labels"}


@pytest.fixture(scope="module")
def clips():
    rng = np.random.default_rng(1)
    return [rng.random((9 + i, 5), dtype=np.float32) for i in range(8)]


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=str)
def test_labels_of_classifiers(classifier, labels, clips):
    classifier = set_all(classifier, max_epochs=1, verbose=False)
    only_rows = "RidgeClassifier" in str(classifier)
    X = np.array([clip.mean(axis=0) for clip in clips]) if only_rows else clips
    for name, y in labels.items():
        owed = OWED.get(name)
        if name == "y_one_class" and only_rows:
            owed = None  # scikit-learn's learns that there is nothing to tell apart
        if np.ndim(y) == 2 if name != "y_tag_lists" else False:
            takes_tags = hasattr(classifier, "pos_weight")
            owed = owed if takes_tags or owed else TAKES_NO_TAGS
        if owed is None:
            assert len(clone(classifier).fit(X, y).predict(X)) == 8, name
        else:
            with pytest.raises(ValueError, match=owed):
                clone(classifier).fit(X, y)


@pytest.mark.parametrize("regressor", REGRESSORS, ids=["batches", "whole", "own"])
def test_labels_of_regressors(regressor, labels, clips):
    regressor = set_all(regressor, max_epochs=1, verbose=False)
    owed = {name: OWED[name] for name in ("y_missing", "y_short", "y_nan", "y_none")}
    owed["y_tag_lists"] = OWED["y_tag_lists"]
    owed["y_mixed_types"] = "row 1 is 'jazz'; expected a number"
    for name, y in labels.items():
        if name not in owed and np.asarray(y).dtype.kind == "U":
            owed[name] = "row 0 is '.*'; expected a number"
        if name in owed:
            with pytest.raises(ValueError, match=owed[name]):
                clone(regressor).fit(clips, y)
        else:
            predicted = clone(regressor).fit(clips, y).predict(clips)
            assert predicted.shape == np.shape(y) and np.isfinite(predicted).all()


@pytest.mark.parametrize("learner", [DBNFeatureLearner((4,), max_epochs=1)], ids=str)
def test_labels_of_feature_learners(learner, labels, clips):
    owed = {
        "y_short": "7 labels, but X has 8",
        "y_one_class": "1 class, 'rock'",
    }
    names = ("y_mixed_types", "y_continuous", "y_tags_not_binary", "y_tag_lists")
    owed |= {name: OWED[name] for name in names}
    learner = set_all(learner, finetune_epochs=1, verbose=False, random_state=0)
    for name, y in labels.items():  # None and NaN stand for no label
        if name in owed:
            with pytest.raises(ValueError, match=owed[name]):
                clone(learner).fit(clips, y)
        else:
            assert len(clone(learner).fit(clips, y).transform(clips)) == 8, name


@pytest.mark.parametrize(
    "recognizer",
    [e for e in SEQUENCE_LABELLERS[1:] if not isinstance(e, NetFrameClassifier)],
    ids=str,
)
def test_labels_of_chord_recognizers(recognizer, labels, clips):
    recognizer = set_all(recognizer, max_epochs=1, verbose=False)
    of_frames = {
        "y_short": "7 labels, but X has 8",
        "y_nan": "clip 2 holds numbers such as nan",
        "y_none": "clip 0 has None",
        "y_empty_string": "clip 0: '' is not in Harte's grammar",
        "y_mixed_types": r"such as clip 0, but clip 1 has \['jazz'\]",
        "y_continuous": r"clip 1 holds numbers such as 0\.142",
        "y_chord_unknown": r"clip 1: 'H:dur' is not in .*did you mean 'B:maj'",
        "y_chord_n_and_x": None,
    }
    for name, owed in of_frames.items():
        y = [
            np.array([label] * len(clip), dtype=None if owed else object)
            for clip, label in zip(clips, labels[name], strict=False)
        ]
        if owed is None:
            predicted = clone(recognizer).fit(clips, y).predict(clips)
            assert [len(p) for p in predicted] == [len(clip) for clip in clips]
            continue
        with pytest.raises(ValueError, match=owed):
            clone(recognizer).fit(clips, y)
    for y in labels.values():  # a label a clip is too few
        with pytest.raises(ValueError, match=r"clip \d|7 labels|y to be passed"):
            clone(recognizer).fit(clips, y)


def test_labels_of_frames_of_any_kind(labels, clips):
    net = NetFrameClassifier(FrameNet, max_epochs=1, verbose=False)
    for name, y in labels.items():  # a label a clip is too few
        with pytest.raises(ValueError, match=r"clip \d|7 labels|y to be passed"):
            clone(net).fit(clips, y)
        if name in ("y_mixed_types", "y_continuous"):
            many = [
                np.array([label] * len(clip), dtype=object)
                for clip, label in zip(clips, y, strict=True)
            ]
            with pytest.raises(ValueError, match="Unknown label type"):
                clone(net).fit(clips, many)


NO_TIMES = {  # of one clip: what is said of it
    "masked": (np.ma.array([0.1, 0.2], mask=[0, 1]), "row 2 .*mask"),
    "text": (["0.1"], "onset 0 is '0.1'"),
    "flags": ([True], "onset 0 is True"),
    "complex": ([1j], "onset 0 is 1j"),
    "missing": ([0.1, pd.NA], "onset 1 is <NA>"),
    "none": ([None], "onset 0 is None"),
    "intervals": ([(0.1, 0.2), (0.3, 0.4)], r"shape \(2, 2\)"),
    "dict": ({"a": 0.1}, r"found \{'a': 0\.1\}"),
    "infinite": ([0.1, np.inf], "onset 1 is at inf s"),
    "in no order": ([0.3, 0.1], r"onset 1 is at 0\.1 s, earlier"),
    "samples": ([0, 22050], r"onset 1 is at 22050.* \(1\.1 s\)"),
    "name of no annotation": ("rock", "'rock' has the extension ''"),
    "name of no file": ("none.jams", "no file 'none.jams'"),
}


@pytest.mark.parametrize("detector", EVENT_DETECTORS, ids=str)
def test_labels_of_onset_detectors(detector, labels, clips):
    detector = set_all(detector, max_epochs=1)
    for y in labels.values():  # none has times
        with pytest.raises(ValueError, match=r"clip \d|7 labels|y to be passed"):
            clone(detector).fit(clips, y)
    for item, owed in NO_TIMES.values():
        y = [[0.2], [0.3], item, *[[0.4]] * 5]
        with pytest.raises((ValueError, FileNotFoundError), match=owed) as raised:
            clone(detector).fit(clips, y)
        assert re.search(r"clip 2|row 2", str(raised.value))


NO_NOTES = {  # of one clip: what is said of it
    "masked": (np.ma.array([(0.1, 0.2, 60)], mask=[(0, 0, 1)]), "row 2 .*mask"),
    "text": ([("0.1", "0.2", "60")], r"note 0 is '0\.1'"),
    "complex": ([(0.1, 0.2, 60j)], "note 0 is 60j"),
    "missing": ([(0.1, pd.NA, 60)], "note 0 .*<NA>"),
    "none": ([None], r"shape \(1,\)"),
    "onsets": ([0.1, 0.2], r"shape \(2,\)"),
    "dict": ({"onset": 0.1}, r"found \{'onset': 0\.1\}"),
    "columns": (pd.DataFrame({"onset": [0.1], "pitch": [60]}), "offset"),
    "infinite": ([(0.1, np.inf, 60)], "note 0 .*inf"),
    "negative": ([(0.1, 0.2, 60), (-0.1, 0.2, 61)], r"note 1 .*-0\.1"),
    "backwards": ([(0.3, 0.2, 60)], r"note 0 .*0\.3.*0\.2"),
    "frequencies": ([(0.1, 0.2, 440.0)], "note 0 .*440.*Hz"),
    "between keys": ([(0.1, 0.2, 60.5)], r"note 0 .*60\.5"),
    "below the piano": ([(0.1, 0.2, 20)], "note 0 .*20.*21"),
    "too loud": ([(0.1, 0.2, 60, 128)], "note 0 .*128"),
    "samples": ([(2205, 4410, 60)], r"note 0 .*2205.* \(1\.1 s\)"),
    "name of no annotation": ("rock", "'rock' has the extension ''"),
    "name of no file": ("none.mid", "no file 'none.mid'"),
}


def test_labels_of_transcribers(labels, clips):
    transcriber = set_all(NOTE_TRANSCRIBERS[-1], max_epochs=1)
    for y in labels.values():  # none has notes
        with pytest.raises(ValueError, match=r"clip \d|7 labels|y to be passed"):
            clone(transcriber).fit(clips, y)
    for item, owed in NO_NOTES.values():
        y = object_array([[(0.2, 0.4, 60)]] * 8)
        y[2] = item
        with pytest.raises((ValueError, FileNotFoundError), match=owed) as raised:
            clone(transcriber).fit(clips, y)
        assert re.search(r"clip 2|row 2", str(raised.value))


def test_templates_have_no_use_for_labels(labels, clips):
    predicted = TemplateChordRecognizer().fit(clips).predict(clips)
    assert len(predicted) == 8
    with pytest.raises(ValueError, match="7 labels, but X has 8"):
        TemplateChordRecognizer().fit(clips, labels["y_short"])


# Lists of tags and of numbers, in what may hold them.

TAG_LISTS = [["rock"], ["rock", "live"], [], ["jazz"]] * 2
OF_ONE_TAG = [["rock"], ["jazz"]] * 4
ROWS = [[0, 1], [1, 0]] * 4
WITH_LABELS = [DropoutMLPClassifier(), ConvRegressor(), DBNFeatureLearner((4,))]
WITH_LABELS += [
    ClipVotingClassifier(LogisticRegression()),
    ConvTagger(),
    MultiTimescaleTagger(),
]


@pytest.fixture(params=WITH_LABELS, ids=lambda estimator: type(estimator).__name__)
def estimator(request):
    return set_all(request.param, max_epochs=1, finetune_epochs=1, verbose=False)


def as_sets(rows):
    return [set(row) for row in rows]


def as_series_of_arrays(rows):
    return pd.Series([np.array(row) for row in rows])


@pytest.mark.parametrize("rows", [TAG_LISTS, OF_ONE_TAG], ids=["unequal", "equal"])
@pytest.mark.parametrize(
    "container",
    [list, tuple, object_array, pd.Series, as_sets, as_series_of_arrays],
    ids=lambda container: container.__name__,
)
def test_lists_of_tags_are_refused(estimator, container, rows, clips):
    owed = r"row 0 is .'rock'., a list of tags; .*MultiLabelBinarizer"
    with pytest.raises(ValueError, match=owed):
        estimator.fit(clips, container(rows))


@pytest.mark.parametrize("container", [list, object_array, pd.Series])
@pytest.mark.parametrize(
    "first, second, owed",
    [
        (1, [0, 1], r"row 1 is \[0, 1\], but row 0 is 1; expected a label for all"),
        ([0, 1], 1, r"row 1 is 1, but row 0 is \[0, 1\]; expected a label for all"),
        ([0, 1], None, r"row 1 is None, but row 0 is \[0, 1\]"),
        (1, np.array([0, 1]), r"row 1 is \[0, 1\], but row 0 is 1"),
        ([0, 1], [0, [1]], r"row 1 is \[0, \[1\]\]; expected 0 or 1 for each tag"),
        ([0, 1], [0], r"row 1 is \[0\], a list of tags; .*MultiLabelBinarizer"),
        ([], [], r"row 0 is \[\], a list of tags; .*MultiLabelBinarizer"),
    ],
)
def test_rows_that_make_no_matrix(estimator, container, first, second, owed, clips):
    with pytest.raises(ValueError, match=owed):
        estimator.fit(clips, container([first, second] * 4))


@pytest.mark.parametrize("container", [object_array, pd.Series, as_series_of_arrays])
def test_column_of_lists_is_refused(estimator, container, clips):
    owed = r"row 0 is \[0, 1\], in a column of lists; .*np\.array\(list\(y\)\)"
    with pytest.raises(ValueError, match=owed):
        estimator.fit(clips, container(ROWS))


@pytest.mark.parametrize("bad", [None, np.nan, pd.NA, "live", {}], ids=repr)
@pytest.mark.parametrize("container", [np.array, pd.DataFrame, list])
def test_matrix_of_objects_with_a_bad_tag(estimator, container, bad, clips):
    y = np.array(ROWS, dtype=object)
    y[3, 1] = bad
    y = y.tolist() if container is list else container(y, dtype=object)
    with pytest.raises(ValueError, match=r"row 3 (has|is) "):
        estimator.fit(clips, y)


@pytest.mark.parametrize("container", [list, np.array, pd.DataFrame])
def test_rows_of_numbers_are_tags(container, clips):
    for kind in (DropoutMLPClassifier, ConvTagger, ConvRegressor):
        fitted = kind(max_epochs=1, verbose=False).fit(clips, container(ROWS))
        assert np.shape(fitted.predict(clips)) == (8, 2)


def test_dicts_are_no_labels(estimator, clips):
    with pytest.raises(ValueError, match=r"(row \d is \{|in row \d)"):
        estimator.fit(clips, [{"genre": "jazz"}] * 8)


@pytest.mark.parametrize(
    "y",
    [3, np.array(3.0), "abcdefgh", dict.fromkeys(range(8), 1), {*range(8)}],
    ids=str,
)
def test_what_holds_no_labels_in_order_is_shown(estimator, y, clips):
    with pytest.raises(ValueError, match=r"y is .*(3|abc|0).*each of 8 clips"):
        estimator.fit(clips, y)


def test_targets_of_too_many_dimensions_are_refused(clips):
    for kind in (ConvTagger, ConvRegressor):
        with pytest.raises(ValueError, match=r"y has shape \(8, 2, 2\)"):
            kind(max_epochs=1, verbose=False).fit(clips, np.zeros((8, 2, 2)))


def test_complex_targets_are_refused(clips):
    for y in (np.arange(8) + 1j, list(np.arange(8) + 1j)):
        with pytest.raises(ValueError, match="y has dtype complex128"):
            ConvRegressor(max_epochs=1, verbose=False).fit(clips, y)


def test_a_column_of_targets_is_predicted_as_a_column(clips):
    net = ConvRegressor(max_epochs=1, verbose=False, random_state=0)
    y = np.arange(8.0)
    column = net.fit(clips, y[:, None]).predict(clips)
    np.testing.assert_array_equal(column, net.fit(clips, y).predict(clips)[:, None])


OF_CLIPS = [
    ClipVotingClassifier(LogisticRegression()),
    AugmentedClassifier(ClipVotingClassifier(LogisticRegression()), []),
    GroupBaggingClassifier(ClipVotingClassifier(LogisticRegression()), verbose=False),
    DropoutMLPClassifier(verbose=False),
    ConvTagger(verbose=False),
    MultiTimescaleTagger(verbose=False),
]
BLANKS = {
    "empty": ["a", "b", "", "b"] * 2,
    "spaces": np.array(["a", "b", " \t", "b"] * 2),
    "objects": np.array(["a", "b", "\u3000", None] * 2, dtype=object),
    "bytes": np.array([b"a", b"b", b" ", b"b"] * 2),
    "series": pd.Series(["a", "b", "", "b"] * 2, index=range(8, 0, -1)),
}


@pytest.mark.parametrize("y", BLANKS.values(), ids=BLANKS)
@pytest.mark.parametrize("estimator", OF_CLIPS, ids=str)
def test_blank_text_is_a_missing_label(estimator, y, clips):
    with pytest.raises(ValueError, match=r"row 2 is b?'"):
        clone(estimator).fit(clips, y)


def test_blank_text_stands_for_no_label_where_labels_may_be_missing(clips):
    learner = DBNFeatureLearner((4,), max_epochs=1, finetune_epochs=1, verbose=False)
    learner.fit(clips, ["a", "b", "", " "] * 2)
    assert learner.classes_.tolist() == ["a", "b"]


TEXT = np.array(["a", "b"] * 4)
VALUES = np.arange(16.0).reshape(8, 2) % 2
MASKED = {
    "labels": np.ma.array(TEXT, mask=np.arange(8) == 5),
    "tags": np.ma.array(VALUES, mask=np.arange(16).reshape(8, 2) == 11),
    "list": [*range(5), np.ma.masked, 1, 0],
}
LEARNERS = [
    *OF_CLIPS,
    ConvRegressor(verbose=False),
    DBNFeatureLearner((4,), finetune_epochs=1, verbose=False),
]


@pytest.mark.parametrize("y", MASKED.values(), ids=MASKED)
@pytest.mark.parametrize("learner", LEARNERS, ids=str)
def test_masked_labels_are_refused_with_their_row(learner, y, clips):
    with pytest.raises(ValueError, match="y: row 5 .*mask"):
        clone(learner).fit(clips, y)


@pytest.mark.parametrize("learner", LEARNERS, ids=str)
def test_masked_frames_are_refused_with_their_row(learner, clips):
    y = np.arange(8) % 2
    rows = np.ma.array(np.stack([clip[0] for clip in clips]))
    rows[3, 1] = np.ma.masked
    listed = [*clips[:3], np.ma.array(clips[3], mask=clips[3] > 0.5), *clips[4:]]
    cube = np.ma.array(np.stack([clip[:9] for clip in clips]))
    cube[3, 2, 1] = np.ma.masked
    for X in (rows, listed, cube, pd.Series(listed), pd.DataFrame({"clip": listed})):
        with pytest.raises(ValueError, match="X: (row|clip) 3 .*mask"):
            clone(learner).fit(X, y)


def test_masked_weights_and_annotations_are_refused_with_their_row(clips):
    weight = np.ma.array(np.ones(8), mask=np.arange(8) == 6)
    y = np.arange(8) % 2
    net = DropoutMLPClassifier(max_epochs=1, verbose=False)
    for learner in (net, ClipVotingClassifier(LogisticRegression())):
        with pytest.raises(ValueError, match="sample_weight: row 6 .*mask"):
            learner.fit(clips, y, sample_weight=weight)
    with pytest.raises(ValueError, match="y_val: row 1 .*mask"):
        net.fit(clips, y, X_val=clips[:2], y_val=np.ma.array([0, 1], mask=[0, 1]))
    of_frames = [np.ma.array(np.arange(len(clip)) % 2) for clip in clips]
    of_frames[4][1] = np.ma.masked
    with pytest.raises(ValueError, match="y: row 4 .*mask"):
        GaussianChordRecognizer().fit(clips, of_frames)


def test_a_mask_that_hides_nothing_does_not_matter(clips):
    y = np.arange(8) % 2
    vote = ClipVotingClassifier(LogisticRegression())
    expected = vote.fit(clips, y).predict_proba(clips)
    vote.fit([np.ma.array(clip) for clip in clips], np.ma.array(y), np.ma.ones(8))
    np.testing.assert_array_equal(vote.predict_proba(clips), expected)


@pytest.mark.parametrize("kind", [DropoutMLPClassifier, ConvTagger, ConvRegressor])
def test_tags_may_be_objects(kind, clips):
    net = kind(max_epochs=1, verbose=False).fit(clips, np.array(ROWS, dtype=object))
    assert net.predict(clips).shape == (8, 2)


WATCHED = [
    DropoutMLPClassifier((4,), max_epochs=1),
    ConvTagger((4,), excerpt_length=8, max_epochs=1),
    DBNFeatureLearner((4,), max_epochs=1, finetune_epochs=1),
]


@pytest.mark.parametrize("learner", WATCHED, ids=lambda learner: type(learner).__name__)
def test_errors_of_validation_clips_say_so(learner):
    rng, y = np.random.RandomState(0), [0, 1] * 4
    clips = [rng.rand(10, 6) for _ in y]
    bad = {
        "X_val: clip 1 .* nan in frame 2": [clips[0], clips[1].copy()],
        "X_val: clip 0 has 5 features": [clips[0][:, :5], clips[1][:, :5]],
        "X_val: .* empty": [],
        "X_val: X is one array of shape": np.concatenate(clips[:2]),
        "y_val has 2 labels, but X_val has 3 clips": clips[:3],
    }
    bad["X_val: clip 1 .* nan in frame 2"][1][2] = np.nan
    for owed, val in bad.items():
        with pytest.raises(ValueError, match=owed):
            clone(learner).fit(clips, y, X_val=val, y_val=[0, 1])
