"""Train here, test there; and what whole groups of test clips say of a difference."""

import itertools
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import FitFailedWarning, UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, f1_score, make_scorer
from sklearn.model_selection import KFold, PredefinedSplit
from sklearn.multiclass import OneVsRestClassifier

from skdeepmir import compare
from skdeepmir.baselines import chroma_hmm, chroma_templates, mel_svm
from skdeepmir.datasets import make_chord_clips
from skdeepmir.metrics import wcsr
from skdeepmir.model_selection import sign_flip_test

RNG = np.random.RandomState(0)
Y = np.arange(120) % 3
X = RNG.randn(120, 4) + Y[:, np.newaxis] * 0.7
GROUPS = np.arange(120) // 4
PIPELINES = {"guess": DummyClassifier(), "linear": LogisticRegression()}
HERE, THERE = slice(60), slice(60, None)
TEST = {"X_test": X[THERE], "y_test": Y[THERE], "verbose": False}


def signs(n):
    return np.array(list(itertools.product([1, -1], repeat=n)))


def p_by_hand(differences):
    sums = signs(len(differences)) @ differences
    return np.mean(np.abs(sums) >= abs(differences.sum()) - 1e-12)


@pytest.mark.parametrize("n_groups", [2, 5, 9])
def test_p_is_the_share_of_all_signs(n_groups):
    differences = RNG.randn(n_groups) + 0.3
    found = sign_flip_test(differences)
    assert found.p_value == pytest.approx(p_by_hand(differences))
    assert found.difference == pytest.approx(differences.sum())


def test_the_interval_holds_what_the_test_does_not_reject():
    differences = (RNG.randn(10) + 0.5) / 10
    weights = RNG.dirichlet(np.ones(10))
    found = sign_flip_test(differences, weights)
    for end, inward in ((found.low, 1e-6), (found.high, -1e-6)):
        inside, outside = end + inward, end - inward
        assert p_by_hand(differences - inside * weights) > 0.05
        assert p_by_hand(differences - outside * weights) <= 0.05


def test_drawn_signs_agree_with_all_signs():
    differences = RNG.randn(14) + 0.5
    exact = sign_flip_test(differences, n_resamples=2**13)
    drawn = sign_flip_test(differences, n_resamples=8000)
    np.testing.assert_allclose(drawn, exact, atol=0.3)
    assert drawn.p_value != exact.p_value
    assert drawn == sign_flip_test(differences, n_resamples=8000)
    assert drawn != sign_flip_test(differences, n_resamples=8000, random_state=1)


def test_few_groups_leave_the_interval_open():
    assert sign_flip_test(np.ones(4))[1:] == (-np.inf, np.inf, 0.125)
    assert np.isnan(sign_flip_test(np.ones(1))[1:]).all()
    assert sign_flip_test(np.zeros(7))[1:] == (0, 0, 1)


@pytest.mark.slow
def test_equal_systems_differ_in_one_of_twenty_tests():
    rejected = [sign_flip_test(RNG.randn(12)).p_value <= 0.05 for _ in range(1000)]
    assert 0.03 < np.mean(rejected) < 0.07


def test_pipelines_are_fitted_once_to_all_and_scored_there():
    result = compare(PIPELINES, X[HERE], Y[HERE], groups_test=GROUPS[THERE], **TEST)
    fitted = LogisticRegression().fit(X[HERE], Y[HERE])
    expected = fitted.score(X[THERE], Y[THERE])
    row = result.summary().loc["linear"]
    assert row["mean"] == expected and len(result.folds) == 2
    assert result.folds[["n_train", "n_test"]].to_numpy().tolist() == [[60, 60]] * 2
    right = fitted.predict(X[THERE]) == Y[THERE]
    guessed = DummyClassifier().fit(X[HERE], Y[HERE]).predict(X[THERE]) == Y[THERE]
    by_group = (right.astype(int) - guessed).reshape(15, 4).sum(axis=1) / 60
    assert row[["difference", "low", "high", "p_value"]].tolist() == pytest.approx(
        list(sign_flip_test(by_group))
    )
    assert row["se"] == pytest.approx(
        right.reshape(15, 4).mean(axis=1).std(ddof=1) / np.sqrt(15)
    )


def test_clips_of_one_group_are_no_more_evidence_than_one():
    times = 5
    repeated = {
        "X_test": np.repeat(X[THERE], times, axis=0),
        "y_test": np.repeat(Y[THERE], times),
        "verbose": False,
    }
    groups = np.repeat(np.arange(60), times)
    once = compare(PIPELINES, X[HERE], Y[HERE], **TEST).summary()
    many = compare(PIPELINES, X[HERE], Y[HERE], groups_test=groups, **repeated)
    columns = ["mean", "se", "difference", "low", "high", "p_value"]
    pd.testing.assert_frame_equal(many.summary()[columns], once[columns])
    alone = compare(PIPELINES, X[HERE], Y[HERE], **repeated).summary()
    assert alone.loc["linear", "se"] < 0.5 * once.loc["linear", "se"]


def test_scores_that_are_no_means_of_clips_are_tested_by_leaving_groups_out():
    options = {"groups_test": GROUPS[THERE], **TEST}
    scoring = {
        "known": "accuracy",
        "f1": "f1_macro",
        "same": make_scorer(accuracy_score),
    }
    result = compare(PIPELINES, X[HERE], Y[HERE], scoring=scoring, **options)
    # Groups are of one size, where pseudo-values of a mean are those of its groups.
    columns = ["se", "difference", "low", "high", "p_value"]
    known, same = (result.summary(name)[columns] for name in ("known", "same"))
    pd.testing.assert_frame_equal(same, known)
    fitted = LogisticRegression().fit(X[HERE], Y[HERE])
    predicted, groups, truth = fitted.predict(X[THERE]), GROUPS[THERE], Y[THERE]
    whole = f1_score(truth, predicted, average="macro")
    rest = [
        f1_score(truth[groups != g], predicted[groups != g], average="macro")
        for g in np.unique(groups)
    ]
    se = np.sqrt(14 / 15 * np.sum((np.mean(rest) - rest) ** 2))  # of the jackknife
    row = result.summary("f1").loc["linear"]
    assert row["mean"] == pytest.approx(whole) and row["se"] == pytest.approx(se)
    assert row["p_value"] < 0.01


def test_many_clips_are_left_out_in_blocks():
    data = np.repeat(X, 5, axis=0)[HERE], np.repeat(Y, 5)[HERE]
    options = {"X_test": np.tile(X, (5, 1)), "y_test": np.tile(Y, 5), "verbose": False}
    scoring = {"known": "accuracy", "same": make_scorer(accuracy_score)}
    result = compare(PIPELINES, *data, scoring=scoring, **options)
    known, same = (result.summary(name).loc["linear"] for name in ("known", "same"))
    assert same["difference"] == known["difference"]
    assert same["se"] == pytest.approx(known["se"], rel=0.2)


def test_folds_are_tested_by_groups_on_request():
    result = compare(PIPELINES, X, Y, groups=GROUPS, cv=3, verbose=False)
    by_folds, by_groups = result.summary(), result.summary(test="groups")
    columns = ["mean", "difference"]
    pd.testing.assert_frame_equal(by_groups[columns], by_folds[columns])
    assert by_groups.loc["linear", "p_value"] < by_folds.loc["linear", "p_value"]
    with pytest.raises(ValueError, match="test='clips' .*'folds', 'groups'"):
        result.summary(test="clips")


def test_a_single_split_is_tested_by_clips():
    split = np.arange(60), np.arange(60, 120)
    found = compare(PIPELINES, X, Y, cv=[split], verbose=False).summary()
    expected = compare(PIPELINES, X[HERE], Y[HERE], **TEST).summary()
    columns = ["mean", "se", "difference", "low", "high", "p_value"]
    pd.testing.assert_frame_equal(found[columns], expected[columns])
    assert found.loc["linear", "p_value"] < 0.05


def test_scorers_of_ones_own_have_no_test():
    def own(estimator, X, y):
        return float(np.mean(estimator.predict(X) == y))

    result = compare(PIPELINES, X[HERE], Y[HERE], scoring=own, **TEST)
    row = result.summary().loc["linear"]
    assert row["difference"] > 0 and np.isnan(row["p_value"])
    assert len(result.predictions) == 120 and "score" not in result.clip_scores


def test_all_pairs_are_tested_together():
    pipelines = {**PIPELINES, "weak": LogisticRegression(C=1e-3)}
    result = compare(pipelines, X[HERE], Y[HERE], **TEST)
    table = result.differences()
    assert table[["first", "second"]].to_numpy().tolist() == [
        ["guess", "linear"],
        ["guess", "weak"],
        ["linear", "weak"],
    ]
    p = table["p_value"].to_numpy()
    order = np.argsort(p)
    expected = np.maximum.accumulate(p[order] * [3, 2, 1])
    np.testing.assert_allclose(table["p_holm"].to_numpy()[order], expected.clip(max=1))


def test_numbers_and_chords_have_scores_of_clips():
    numbers = X[:, 0] + RNG.randn(120)
    result = compare(
        {"mean": DummyRegressor(), "ridge": Ridge()},
        *(X[HERE], numbers[HERE]),
        X_test=X[THERE],
        y_test=numbers[THERE],
        scoring=["neg_mean_absolute_error", "neg_mean_squared_error", "r2"],
        verbose=False,
    )
    means = result.clip_scores.groupby("pipeline").mean(numeric_only=True)
    for metric in ("neg_mean_absolute_error", "neg_mean_squared_error"):
        assert means[metric]["ridge"] == pytest.approx(
            result.summary(metric).loc["ridge", "mean"]
        )
    songs = make_chord_clips(n_clips=6, duration=3.0, random_state=0)
    y = list(songs.target)
    result = compare(
        {"a": chroma_templates(verbose=False), "b": chroma_hmm(verbose=False)},
        *(songs.data[:3], y[:3]),
        X_test=songs.data[3:],
        y_test=y[3:],
        scoring=["wcsr_majmin", "chord_seg"],
        verbose=False,
    )
    rows = result.predictions.query("pipeline == 'b'")
    rate = result.records.answers["b", 0].frame_rate
    by_song = wcsr(y[3:], list(rows["predicted"]), frame_rate=rate, average=None)
    scores = result.clip_scores.query("pipeline == 'b'")["wcsr_majmin"]
    np.testing.assert_allclose(scores, by_song)
    assert result.summary("chord_seg")["p_value"].notna().tolist() == [False, True]


def test_labels_that_training_never_sees_are_named():
    other = np.where(Y[THERE] == 2, 7, Y[THERE])
    with pytest.warns(UserWarning, match=r"y_test: 20 of 60 clips .*\[7\]"):
        compare(PIPELINES, X[HERE], Y[HERE], **{**TEST, "y_test": other})
    named = np.array(["a", "b", "c"])[Y[THERE]]
    with pytest.raises(ValueError, match="y_test: clip 0 has 'a'.* 0;"):
        compare(PIPELINES, X[HERE], Y[HERE], **{**TEST, "y_test": named})


def test_tags_of_data_frames_are_lined_up_by_name():
    tags = pd.DataFrame({"drums": Y == 0, "voice": X[:, 0] > 0, "organ": Y == 2})
    tags = tags.astype(int)
    taggers = {"linear": OneVsRestClassifier(LogisticRegression())}
    here, there = tags[HERE], tags[THERE]
    options = {"X_test": X[THERE], "verbose": False, "scoring": "auc_tag"}
    expected = compare(taggers, X[HERE], here, y_test=there, **options)
    turned = there[["organ", "drums", "voice"]]
    found = compare(taggers, X[HERE], here, y_test=turned, **options)
    assert found.folds["auc_tag"].equals(expected.folds["auc_tag"])
    with pytest.raises(ValueError, match="y_test has .*'voice'.*'song'"):
        other = there.rename(columns={"voice": "song"})
        compare(taggers, X[HERE], here, y_test=other, **options)
    with pytest.raises(ValueError, match=r"y_test has shape \(60, 2\).* \(60, 3\)"):
        other = there.to_numpy()[:, :2]
        compare(taggers, X[HERE], here, y_test=other, **options)
    silent = here.assign(organ=0)
    silent_too = DummyClassifier(strategy="prior")
    with pytest.warns(UserWarning, match=r"y_test: 20 of 60 clips have tags .*'organ'"):
        compare({"prior": silent_too}, X[HERE], silent, y_test=there, **options)


def test_names_of_columns_may_be_numbers_and_that_of_labels_anything():
    tags = pd.DataFrame({7: Y == 0, "voice": X[:, 0] > 0}).astype(int)
    taggers = {"linear": OneVsRestClassifier(LogisticRegression())}
    options = {"X_test": X[THERE], "verbose": False, "scoring": "auc_tag"}
    turned = tags[["voice", 7]]
    found, expected = (
        compare(taggers, X[HERE], tags[HERE], y_test=y[THERE], **options).folds
        for y in (turned, tags)
    )
    assert found["auc_tag"].equals(expected["auc_tag"])
    with pytest.raises(ValueError, match="y_test.columns has 'voice' twice"):
        twice = tags[THERE].set_axis(["voice", "voice"], axis=1)
        compare(taggers, X[HERE], tags[HERE], y_test=twice, **options)
    guess = {"guess": DummyClassifier()}
    y, y_test = pd.DataFrame({"label": Y[HERE]}), pd.DataFrame({"genre": Y[THERE]})
    assert len(compare(guess, X[HERE], y, **{**TEST, "y_test": y_test}).folds) == 1


@pytest.mark.parametrize(
    "options, match",
    [
        ({"X_test": X}, "y_test is None"),
        ({"y_test": Y}, "y_test is given, but X_test is None"),
        ({"groups_test": Y}, "groups_test is given, but X_test is None"),
        ({"X_test": X, "y_test": Y, "cv": 3}, "cv=3 .*X_test"),
        ({"X_test": X, "y_test": Y[1:]}, "y_test.*119 .* 120 "),
        ({"X_test": X, "y_test": Y, "groups_test": Y[1:]}, "groups_test.*119 .*120"),
        ({"X_test": X, "y_test": [None, *Y[1:]]}, "y_test.*clip 0 has no label"),
        ({"X_test": X, "y_test": Y > 5, "scoring": "roc_auc_ovr"}, "roc_auc_ovr"),
        ({"X_test": X[:0], "y_test": Y[:0]}, "X_test.*no clips"),
    ],
)
def test_what_makes_no_test_set_is_refused(options, match):
    with pytest.raises(ValueError, match=match):
        compare(PIPELINES, X, Y, verbose=False, **options)


def test_what_is_in_both_sets_is_told_of(tmp_path):
    options = {"groups": GROUPS[HERE], **TEST}
    with pytest.warns(UserWarning, match="clips of one group .*X and X_test .*14"):
        compare(PIPELINES, X[HERE], Y[HERE], groups_test=GROUPS[THERE] - 1, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compare(PIPELINES, X[HERE], Y[HERE], groups_test=GROUPS[THERE], **options)
    paths = [str(tmp_path / f"{i}.wav") for i in range(8)]
    for path in paths:
        soundfile.write(path, RNG.randn(3000) * 0.1, 22050)
    (tmp_path / "7.wav").write_bytes((tmp_path / "0.wav").read_bytes())
    test = {"X_test": paths[4:], "y_test": [0, 1] * 2, "verbose": False}
    with pytest.warns(UserWarning, match="same bytes .*X and X_test .*0.wav"):
        compare({"a": mel_svm(verbose=False)}, paths[:4], [0, 1] * 2, **test)


@pytest.mark.usefixtures("pictures")
def test_a_test_set_is_drawn_with_errors_over_groups():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = compare(PIPELINES, X[HERE], Y[HERE], **TEST)
        axes = result.plot().ax_
    assert "folds" not in axes.get_xlabel() and "accuracy" in axes.get_xlabel()
    for bar, (_, row) in zip(axes.containers, result.summary().iterrows(), strict=True):
        (low, high) = bar.lines[2][0].get_segments()[0][:, 0]
        assert (high - low) / 2 == pytest.approx(row["se"])


def test_messages_of_a_test_set_speak_of_no_folds():
    tags = np.stack([Y == 0, X[:, 0] > 9], axis=1).astype(int)
    tags[0, 1] = 1
    taggers = {"prior": DummyClassifier(strategy="prior")}
    test = {"X_test": X[THERE], "y_test": tags[THERE], "scoring": "auc_tag"}
    with pytest.warns(UndefinedMetricWarning, match="on the test set: 1 of 2 tags"):
        compare(taggers, X[HERE], tags[HERE], verbose=False, **test)
    test = {**TEST, "X_test": X[THERE, :2]}
    with pytest.warns(FitFailedWarning, match="'linear' failed on the test set"):
        result = compare(PIPELINES, X[HERE], Y[HERE], **test)
    assert result.summary()["n_failed"].tolist() == [0, 1]


def test_results_can_be_pickled():
    for cv in (KFold(2), PredefinedSplit(np.arange(120) % 2)):
        result = compare(PIPELINES, X, Y, cv=cv, verbose=False)
        again = pickle.loads(pickle.dumps(result))
        assert repr(again) == repr(result)
