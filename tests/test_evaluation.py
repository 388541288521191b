import warnings
from typing import ClassVar

import numpy as np
import pytest
import soundfile
from scipy import stats
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    PredefinedSplit,
    StratifiedGroupKFold,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skdeepmir import compare
from skdeepmir.baselines import chroma_hmm, chroma_templates
from skdeepmir.datasets import make_chord_clips
from skdeepmir.evaluation import corrected_t_test
from skdeepmir.metrics import CHORD_SCORERS, score_chords

RNG = np.random.RandomState(0)
Y = np.arange(60) % 3
X = RNG.randn(60, 4) + Y[:, np.newaxis] * 0.5
GROUPS = np.arange(60) // 4
PIPELINES = {"guess": DummyClassifier(), "linear": LogisticRegression()}


def test_folds_are_those_of_scikit_learn_and_the_same_for_all():
    result = compare(PIPELINES, X, Y, cv=KFold(4), verbose=False)
    for name, estimator in PIPELINES.items():
        folds = result.folds[result.folds["pipeline"] == name]
        expected = cross_val_score(estimator, X, Y, cv=KFold(4))
        np.testing.assert_array_equal(folds["accuracy"], expected)
        assert result.summary().loc[name, "mean"] == pytest.approx(expected.mean())
        assert (folds[["fit_time", "predict_time"]] > 0).all(axis=None)


def test_workers_give_the_same_scores():
    one = compare(PIPELINES, X, Y, groups=GROUPS, verbose=False)
    two = compare(PIPELINES, X, Y, groups=GROUPS, n_jobs=2, verbose=False)
    np.testing.assert_array_equal(one.folds["accuracy"], two.folds["accuracy"])


def test_corrected_t_test_by_hand():
    d = np.array([0.1, 0.2, 0.15, 0.05, 0.3])
    t = d.mean() / np.sqrt((1 / 5 + 1 / 4) * d.var(ddof=1))
    assert corrected_t_test(d, 1 / 4) == pytest.approx(2 * stats.t.sf(t, 4))
    # Without the correction it is the usual paired test.
    usual = stats.ttest_rel(d, np.zeros(5)).pvalue
    assert corrected_t_test(d, 0) == pytest.approx(usual)
    assert corrected_t_test(np.zeros(5), 1 / 4) == 1


def test_groups_on_both_sides_are_told():
    with pytest.warns(UserWarning, match="clips of one group are on both sides of 3"):
        compare(PIPELINES, X, Y, groups=np.arange(60) % 7, cv=KFold(3), verbose=False)


@pytest.mark.filterwarnings("error::UserWarning")
def test_whole_groups_are_no_reason_to_warn():
    compare(PIPELINES, X, Y, groups=GROUPS, cv=GroupKFold(3), verbose=False)


def test_files_with_the_same_bytes_on_both_sides_are_told(tmp_path):
    from skdeepmir.baselines import mel_svm

    rng = np.random.RandomState(0)
    paths = [str(tmp_path / f"{i}.wav") for i in range(8)]
    for i, path in enumerate(paths):
        sound = rng.randn(3000) * 0.1 if i != 7 else np.zeros(3000)
        soundfile.write(path, sound, 22050)
    (tmp_path / "7.wav").write_bytes((tmp_path / "0.wav").read_bytes())
    with pytest.warns(UserWarning, match="files with the same bytes .*0.wav"):
        compare({"a": mel_svm()}, paths, [0, 1] * 4, cv=KFold(2), verbose=False)


def test_table_and_picture(tmp_path):
    import matplotlib

    matplotlib.use("agg")
    result = compare(PIPELINES, X, Y, cv=3, verbose=False, baseline="linear")
    assert result.to_markdown().count("\n") == 3
    assert "| linear | " in result.to_markdown()
    display = result.plot()
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == ["guess", "linear"]
    display.figure_.savefig(tmp_path / "picture.png")


def test_folds_of_tags_keep_groups_whole(recwarn):
    rng = np.random.RandomState(0)
    tags, groups = rng.randint(0, 2, (60, 3)), np.arange(60) // 4
    pipelines = {"a": DummyClassifier()}
    compare(pipelines, X, tags, groups=groups, cv=3, verbose=False)
    assert not [w for w in recwarn if "both sides" in str(w.message)]


def test_a_failing_pipeline_raises():
    with pytest.raises(ValueError, match="0 clips|could not convert|Expected 2D"):
        compare({"a": LogisticRegression()}, np.array(["x"] * 60), Y, verbose=False)


def test_labels_and_groups_of_the_wrong_length_are_named():
    with pytest.raises(ValueError, match="y has 59 labels, but X has 60 clips"):
        compare(PIPELINES, X, Y[:-1], verbose=False)
    with pytest.raises(ValueError, match="groups has 59 entries, but X has 60"):
        compare(PIPELINES, X, Y, groups=GROUPS[:-1], verbose=False)


@pytest.mark.parametrize(
    "pipelines, baseline, message",
    [([1], None, "must be a dict"), (PIPELINES, "svm", "is none of")],
)
def test_bad_arguments_are_named(pipelines, baseline, message):
    with pytest.raises(ValueError, match=message):
        compare(pipelines, X, Y, baseline=baseline, verbose=False)


class Recorder(StratifiedGroupKFold):
    """Inner folds that remember which groups they were given."""

    seen: ClassVar[list] = []

    def split(self, X, y=None, groups=None):
        type(self).seen.append(groups)
        return super().split(X, y, groups)


@pytest.mark.parametrize("inside", [False, True])
def test_groups_reach_searches_inside_a_fold(inside):
    search = GridSearchCV(SVC(), {"C": [0.1, 1]}, cv=Recorder(2))
    pipeline = make_pipeline(StandardScaler(), search) if inside else search
    Recorder.seen.clear()
    compare({"tuned": pipeline}, X, Y, groups=GROUPS, cv=GroupKFold(3), verbose=False)
    assert len(Recorder.seen) == 3
    for groups in Recorder.seen:
        assert len(groups) == 40 and set(groups) < set(GROUPS)


def test_groups_are_no_matter_to_folds_that_are_given():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        folds = PredefinedSplit(np.asarray(GROUPS) % 3)
        compare(PIPELINES, X, Y, groups=GROUPS, cv=folds, verbose=False)


def test_recognisers_of_chords_are_compared_on_annotations():
    songs = make_chord_clips(n_clips=6, duration=4.0, random_state=0)
    pipelines = {"templates": chroma_templates(), "HMM": chroma_hmm()}
    options = {"cv": 3, "groups": songs.groups, "verbose": False}
    scorer = CHORD_SCORERS["majmin"]
    result = compare(pipelines, songs.data, songs.target, scoring=scorer, **options)
    assert result.folds["score"].between(0, 1).all() and len(result.folds) == 6
    listed = list(songs.target)
    again = compare(pipelines, songs.data, listed, scoring=scorer, **options)
    assert (again.folds["score"] == result.folds["score"]).all()
    with pytest.raises(ValueError, match=r"several scores, .*majmin.*expected one"):
        compare(pipelines, songs.data, listed, scoring=score_chords, **options)
