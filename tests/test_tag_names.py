"""Names of tags: in models, predictions, scores and files."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline as ordinary_pipeline
from sklearn.preprocessing import MultiLabelBinarizer
from small_nets import assert_same_weights

from skdeepmir import (
    ConvRegressor,
    ConvTagger,
    DBNFeatureLearner,
    DropoutMLPClassifier,
    FrameStacker,
    GroupBaggingClassifier,
    MultiTimescaleTagger,
    SpectrogramExtractor,
    load,
    make_pipeline,
    save,
)
from skdeepmir.metrics import TAG_SCORERS, tag_report

NAMES = ["piano", "drums", "voice"]
MOVED = ["voice", "piano", "drums"]
SHORT = {"max_epochs": 2, "random_state": 0, "verbose": False}
TAGGERS = {
    "convolutional": ConvTagger((4,), excerpt_length=8, **SHORT),
    "dropout": DropoutMLPClassifier((8,), **SHORT),
    "time scales": MultiTimescaleTagger((4, "clip"), n_units=6, **SHORT),
}
RNG = np.random.RandomState(0)
TAGS = RNG.randint(2, size=(16, 3))
CLIPS = [RNG.rand(12, 5) + row.sum() for row in TAGS]
TABLE = pd.DataFrame(TAGS, columns=NAMES)


@pytest.fixture(autouse=True)
def _few_epochs():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def tagger(**parameters):
    return clone(TAGGERS["convolutional"]).set_params(**parameters)


def told(tags):
    return [[NAMES[k] for k in np.flatnonzero(row)] for row in tags]


@pytest.mark.parametrize("name", TAGGERS)
def test_columns_name_the_tags_and_change_nothing_else(name, tmp_path):
    fitted = clone(TAGGERS[name]).fit(CLIPS, TABLE)
    assert fitted.tag_names_.tolist() == NAMES
    assert fitted.predict_tags(CLIPS) == told(fitted.predict(CLIPS))
    assert_same_weights(fitted, clone(TAGGERS[name]).fit(CLIPS, TAGS))
    save(fitted, tmp_path / "tagger")
    loaded = load(tmp_path / "tagger")
    assert loaded.predict_tags(CLIPS[:2]) == fitted.predict_tags(CLIPS[:2])
    assert not hasattr(clone(fitted), "tag_names_")
    assert not hasattr(fitted.fit(CLIPS, TAGS), "tag_names_")


@pytest.mark.parametrize(
    "y",
    [
        pl.DataFrame(TAGS, schema=NAMES),
        pd.DataFrame.sparse.from_spmatrix(scipy.sparse.csr_array(TAGS), columns=NAMES),
        TABLE.astype(bool),
        TABLE.astype("boolean"),
        TABLE.assign(drums=TABLE["drums"].astype(bool)),
        TABLE.rename(index=lambda i: f"clip {i}"),
    ],
    ids="polars sparse bool nullable mixed index".split(),
)
def test_tables_of_any_kind_have_names(y):
    fitted = tagger().fit(CLIPS, y)
    assert fitted.tag_names_.tolist() == NAMES
    assert fitted.predict_tags(CLIPS) == tagger().fit(CLIPS, TABLE).predict_tags(CLIPS)


@pytest.mark.parametrize("pack", [list, tuple, np.array])
@pytest.mark.parametrize("convert", [np.asarray, scipy.sparse.csr_array])
def test_arrays_are_named_by_the_parameter(pack, convert):
    named = tagger(tag_names=pack(NAMES))
    assert named.fit(CLIPS, convert(TAGS)).tag_names_.tolist() == NAMES
    assert clone(named).get_params()["tag_names"] is not None


def test_lists_of_tags_are_named_by_their_binarizer():
    lists = told(TAGS)
    with pytest.raises(ValueError, match="MultiLabelBinarizer.*classes_.*tag_names"):
        tagger().fit(CLIPS, lists)
    coder = MultiLabelBinarizer()
    y = coder.fit_transform(lists)
    fitted = tagger(tag_names=coder.classes_).fit(CLIPS, y)
    assert fitted.tag_names_.tolist() == sorted(NAMES)
    assert fitted.predict_tags(CLIPS) == [
        list(row) for row in coder.inverse_transform(fitted.predict(CLIPS))
    ]


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ([60, 62, 64], ["60", "62", "64"]),
        ([("genre", "rock"), ("genre", "pop"), ("mood", "sad")], None),
        (["a", 1, 2.5], ["a", "1", "2.5"]),
    ],
)
def test_names_that_are_not_strings_are_spelled_out(columns, names):
    fitted = tagger().fit(CLIPS, TABLE.set_axis(columns, axis=1))
    assert fitted.tag_names_.tolist() == (names or ["/".join(c) for c in columns])


def test_tags_without_names_keep_their_numbers():
    for y in (TAGS, pd.DataFrame(TAGS)):
        fitted = tagger().fit(CLIPS, y)
        assert not hasattr(fitted, "tag_names_")
        rows = [np.flatnonzero(row).tolist() for row in fitted.predict(CLIPS)]
        assert fitted.predict_tags(CLIPS) == rows


def test_classes_have_no_tags():
    fitted = tagger().fit(CLIPS, TAGS[:, 0])
    assert not hasattr(fitted, "predict_tags") and not hasattr(fitted, "tag_names_")
    with pytest.raises(AttributeError) as caught:
        fitted.predict_tags(CLIPS)
    assert "predict(X)" in str(caught.value.__cause__)
    with pytest.raises(NotFittedError):
        tagger().predict_tags(CLIPS)
    with pytest.raises(ValueError, match="tag_names .* one label a clip"):
        tagger(tag_names=NAMES).fit(CLIPS, TAGS[:, 0])


@pytest.mark.parametrize(
    ("names", "y", "match"),
    [
        (NAMES[:2], TAGS, "tag_names has 2 names, but y has 3 tags"),
        (MOVED, TABLE, "y has 'piano' in column 0, .*tag_names has 'voice'"),
        (["gong", *NAMES[1:]], TABLE, "y .* lacks 'gong', and it has 'piano'"),
        (set(NAMES), TAGS, "'tag_names' .* 'list'"),
        (TABLE.columns, TAGS, "'tag_names' .* 'list'"),  # which could not be saved
        (["a", "b", "a"], TAGS, "tag_names has 'a' twice, at 0 and 2"),
        (["a", " ", "b"], TAGS, r"tag_names\[1\] is ' '"),
        (["a", "b", None], TAGS, r"tag_names\[2\] is None"),
        (["a", "b", float("nan")], TAGS, r"tag_names\[2\] is nan"),
        (["a", "b", ["c"]], TAGS, r"tag_names\[2\] is \['c'\]"),
        ("abc", TAGS, "tag_names"),
        (None, TABLE.set_axis(["a", "a", "b"], axis=1), "y.columns has 'a' twice"),
        (None, TABLE.set_axis(["a", np.nan, "b"], axis=1), r"y.columns\[1\] is n"),
    ],
)
def test_what_names_no_tags_is_refused(names, y, match):
    with pytest.raises(ValueError, match=match):
        tagger(tag_names=names).fit(CLIPS, y)


def test_messages_do_not_grow_with_the_number_of_tags():
    tags = np.zeros((16, 100), int)
    tags[:8] = 1
    names = [f"tag {k}" for k in range(100)]
    y = pd.DataFrame(tags, columns=names[::-1])
    with pytest.raises(ValueError, match="'tag 11' and 88 more") as caught:
        tagger(tag_names=names).fit(CLIPS, y)
    assert len(str(caught.value)) < 400


def test_validation_clips_have_the_same_tags():
    fitted = tagger().fit(CLIPS, TABLE, X_val=CLIPS, y_val=TABLE)
    assert_same_weights(fitted, tagger().fit(CLIPS, TABLE, X_val=CLIPS, y_val=TAGS))
    with pytest.raises(ValueError, match="y_val has 'voice' in column 0"):
        tagger().fit(CLIPS, TABLE, X_val=CLIPS, y_val=TABLE[MOVED])
    with pytest.raises(ValueError, match="y_val .* lacks 'drums', and it has 'gong'"):
        other = TABLE.rename(columns={"drums": "gong"})
        tagger(tag_names=NAMES).fit(CLIPS, TAGS, X_val=CLIPS, y_val=other)


@pytest.mark.parametrize(
    "learner",
    [
        ConvRegressor((4,), excerpt_length=8, **SHORT),
        DBNFeatureLearner((4,), finetune_epochs=1, **SHORT),
    ],
    ids=lambda learner: type(learner).__name__,
)
def test_targets_of_others_are_in_one_order_as_well(learner):
    y = TABLE.astype(float) if isinstance(learner, ConvRegressor) else TABLE
    learner.fit(CLIPS, y, X_val=CLIPS, y_val=y).fit(CLIPS, y, X_val=CLIPS, y_val=TAGS)
    with pytest.raises(ValueError, match="y_val has 'voice' in column 0"):
        learner.fit(CLIPS, y, X_val=CLIPS, y_val=y[MOVED])


def test_passes_and_warm_starts_keep_names_and_refuse_others():
    for first in (TABLE, TAGS):
        fits = [tagger(), tagger(warm_start=True)]
        for fitted, method in zip(fits, ("partial_fit", "fit"), strict=True):
            go_on = getattr(fitted, method)
            go_on(CLIPS, first)
            go_on(CLIPS, TABLE)
            go_on(CLIPS, TAGS)
            assert fitted.tag_names_.tolist() == NAMES
            before = fitted.weights_
            with pytest.raises(ValueError, match="'voice' in column 0, .* 'piano'"):
                go_on(CLIPS, TABLE[MOVED])
            assert fitted.weights_ is before


def test_a_finished_checkpoint_has_names(tmp_path):
    for _ in range(2):
        fitted = tagger(checkpoint_dir=tmp_path).fit(CLIPS, TABLE)
        assert fitted.tag_names_.tolist() == NAMES
    other = tagger(checkpoint_dir=tmp_path).fit(CLIPS, TABLE.set_axis([*"abc"], axis=1))
    assert other.tag_names_.tolist() == [*"abc"]


def test_scores_take_columns_by_name():
    fitted = tagger().fit(CLIPS, TABLE)
    search = GridSearchCV(fitted, {"mixup": [0.0]}, cv=2).fit(CLIPS, TABLE)
    pipeline = ordinary_pipeline(FrameStacker(1), fitted).fit(CLIPS, TABLE)
    for estimator in (fitted, GroupBaggingClassifier(fitted, 2, random_state=0)):
        estimator.fit(CLIPS, TABLE)
        expected = estimator.score(CLIPS, TAGS)
        assert estimator.score(CLIPS, TABLE[MOVED]) == expected
    for estimator in (fitted, search, pipeline):
        for scorer in (TAG_SCORERS["auc_tag"], TAG_SCORERS["average_precision_tag"]):
            expected = scorer(estimator, CLIPS, TAGS)
            assert scorer(estimator, CLIPS, TABLE[MOVED]) == expected
        with pytest.raises(ValueError, match="lacks 'drums'"):
            TAG_SCORERS["auc_tag"](estimator, CLIPS, TABLE[["piano", "voice"]])
    with pytest.raises(ValueError, match="lacks 'drums'.* has 'gong'"):
        fitted.score(CLIPS, TABLE.rename(columns={"drums": "gong"}))


def test_an_average_of_classifiers_has_the_names_of_its_tags(tmp_path):
    bag = GroupBaggingClassifier(tagger(), 2, random_state=0, verbose=False)
    named = clone(bag).set_params(estimator=tagger(tag_names=NAMES))
    for fitted in (bag.fit(CLIPS, TABLE), named.fit(CLIPS, TAGS)):
        assert fitted.tag_names_.tolist() == NAMES
        assert fitted.estimators_[0].tag_names_.tolist() == NAMES
        assert fitted.predict_tags(CLIPS) == told(fitted.predict(CLIPS))
    np.testing.assert_array_equal(bag.predict_proba(CLIPS), named.predict_proba(CLIPS))
    save(bag, tmp_path / "bag")
    assert load(tmp_path / "bag").tag_names_.tolist() == NAMES
    with pytest.raises(ValueError, match="y has 'voice'.*tag_names"):
        named.fit(CLIPS, TABLE[MOVED])
    assert not hasattr(bag.fit(CLIPS, TAGS[:, 0]), "tag_names_")
    rows = np.array([clip.mean(axis=0) for clip in CLIPS])
    others = bag.set_params(estimator=OneVsRestClassifier(LogisticRegression()))
    assert others.fit(rows, TABLE).predict_tags(rows) == told(others.predict(rows))


def test_a_report_takes_names_from_what_predicted():
    fitted = tagger().fit(CLIPS, TABLE)
    pipeline = ordinary_pipeline(FrameStacker(1), fitted).fit(CLIPS, TABLE)
    predicted = fitted.predict(CLIPS)
    expected = tag_report(TAGS, predicted, tag_names=NAMES)
    for estimator in (fitted, pipeline):
        report = tag_report(TABLE[MOVED], predicted, tag_names=estimator)
        pd.testing.assert_frame_equal(report, expected)
    fitted.fit(CLIPS, TAGS)
    assert tag_report(TAGS, predicted, tag_names=fitted).index.tolist() == [0, 1, 2]
    assert tag_report(TABLE, predicted, tag_names=fitted).index.tolist() == NAMES


def test_a_pipeline_on_audio_names_tags(tmp_path):
    rng = np.random.RandomState(0)
    waveforms = [0.1 * rng.randn(4000) for _ in TAGS]
    extractor = SpectrogramExtractor(n_mels=8, n_fft=256, hop_length=128, verbose=False)
    pipeline = make_pipeline(extractor, tagger()).fit(waveforms, TABLE)
    save(pipeline, tmp_path / "pipeline")
    for estimator in (pipeline, load(tmp_path / "pipeline")):
        assert estimator.tag_names_.tolist() == NAMES
        assert estimator.predict_tags(waveforms) == told(pipeline.predict(waveforms))
        score = estimator.score(waveforms, TABLE)
        assert estimator.score(waveforms, TABLE[MOVED]) == score
    options = {"X_val": waveforms, "y_val": TABLE[MOVED]}
    with pytest.raises(ValueError, match="y_val has 'voice' in column 0"):
        pipeline.fit(waveforms, TABLE, **options)
    assert not hasattr(pipeline.fit(waveforms, TAGS), "tag_names_")
