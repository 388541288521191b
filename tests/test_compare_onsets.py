"""Detectors of onsets in comparisons: targets, scores, tests, parts and reports."""

import json
import pickle
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.model_selection import GridSearchCV

from skdeepmir import compare
from skdeepmir.baselines import chroma_templates
from skdeepmir.datasets import make_chord_clips
from skdeepmir.frames import object_array
from skdeepmir.metrics import onset_f1, onset_report, onset_scorer, onset_scores
from skdeepmir.model_selection._annotations import default_scoring
from skdeepmir.onset_detection import OnsetDetector
from skdeepmir.onset_detection._detector import EventDetector

pytest_plugins = ["browser"]

RATE = 8000
TIMES = [np.arange(1, 4 + i % 3) * (0.4 + 0.02 * i) for i in range(8)]
KINDS = np.array(["drums", "flute"] * 4)


def clicks(times, seconds=3.0):
    y = np.zeros(int(seconds * RATE), np.float32)
    y[np.round(np.asarray(times) * RATE).astype(int)] = 0.9
    return y


CLIPS = [clicks(times) for times in TIMES]


class Detector(BaseEstimator):
    """Detects clicks; in clips with an odd number of them, some besides."""

    _annotates = "onsets"
    sample_rate = RATE

    def __init__(self, late=0.0, extra=0, sample_rate=RATE):
        self.late = late
        self.extra = extra
        self.sample_rate = sample_rate

    def fit(self, X, y):
        self.n_clips_ = len(X)
        return self

    def predict(self, X):
        found = []
        for y in X:
            times = np.flatnonzero(y > 0.5) / RATE
            extra = np.linspace(0.01, 0.3, self.extra if len(times) % 2 else 0)
            found.append(np.sort(np.append(times + self.late, extra)))
        return object_array(found)

    def predict_activations(self, X):
        return [np.abs(y.reshape(-1, 80)).max(axis=1) for y in X]

    @property
    def frame_rate(self):
        return 100.0

    @property
    def frame_offset_(self):
        return 0.005  # frames begin with their first sample


class Own(Detector):
    """A detector that does not tell what it is."""

    _annotates = None


PIPELINES = {"good": Detector(), "eager": Detector(0.002, 4), "late": Detector(0.1)}


@pytest.fixture(scope="module")
def result():
    return compare(PIPELINES, CLIPS, TIMES, cv=4, activations=True, verbose=False)


def test_the_default_score_is_that_of_the_field(result):
    assert result.metrics == ["onset_f1"]
    means = result.folds.groupby("pipeline")["onset_f1"].mean()
    assert means["good"] == 1 > means["eager"] > means["late"] == 0
    for row in result.folds.itertuples():
        test = result.records.tests[row.fold]
        found = PIPELINES[row.pipeline].predict([CLIPS[i] for i in test])
        assert row.onset_f1 == onset_f1([TIMES[i] for i in test], found)
    songs = make_chord_clips(n_clips=2, duration=2.0, random_state=0)
    chords = compare(
        {"it": chroma_templates(verbose=False)},
        *(songs.data, list(songs.target)),
        cv=2,
        verbose=False,
    )
    assert chords.metrics == ["wcsr_majmin"]
    labels = compare({"it": DummyClassifier()}, CLIPS, KINDS, cv=2, verbose=False)
    assert labels.metrics == ["accuracy"]


def test_what_pipelines_end_with_tells_the_default_score():
    detectors = [OnsetDetector(), EventDetector()]
    assert default_scoring(detectors) == "onset_f1"
    assert default_scoring([*detectors, DummyRegressor()]) == "accuracy"


def test_targets_may_be_arrays_tables_lists_or_files(tmp_path, result):
    paths = [tmp_path / f"{i}.onsets" for i in range(len(TIMES))]
    for path, times in zip(paths, TIMES, strict=True):
        path.write_text("".join(f"{time!r}\n" for time in times.tolist()))
    pipelines = {"eager": PIPELINES["eager"]}
    expected = result.folds.query("pipeline == 'eager'")["onset_f1"].tolist()
    lists = [times.tolist() for times in TIMES]
    for y in (object_array(TIMES), lists, paths, np.array(list(map(str, paths)))):
        found = compare(pipelines, CLIPS, y, cv=4, verbose=False)
        assert found.folds["onset_f1"].tolist() == expected
    # Of clips with equal numbers of onsets, a table is not taken for tags.
    table = np.array([times[:3] for times in TIMES])
    X = [clicks(times) for times in table]
    found = compare({"it": Detector()}, X, table, cv=2, verbose=False)
    assert found.folds["onset_f1"].tolist() == [1, 1]


def test_detectors_that_do_not_tell_and_searches_are_compared_by_their_score():
    grid = GridSearchCV(Own(), {"late": [0.1, 0.01]}, scoring=onset_scorer(), cv=2)
    found = compare(
        {"own": Own(), "search": grid},
        *(object_array(CLIPS), TIMES),
        scoring=["onset_f1", "onset_recall"],
        cv=2,
        verbose=False,
    )
    assert (found.folds[["onset_f1", "onset_recall"]] == 1).all(axis=None)
    assert compare(
        {"it": GridSearchCV(Detector(), {"late": [0.0]}, cv=2, scoring=onset_scorer())},
        object_array(CLIPS),
        TIMES,
        cv=2,
        verbose=False,
    ).metrics == ["onset_f1"]


def test_a_test_set_and_groups_are_kept_apart():
    found = compare(
        {"it": Detector()},
        *(CLIPS[:4], TIMES[:4]),
        X_test=CLIPS[4:],
        y_test=TIMES[4:],
        verbose=False,
    )
    assert found.folds["onset_f1"].tolist() == [1]
    groups = np.arange(8) // 2
    found = compare(
        {"it": Detector()}, CLIPS, TIMES, groups=groups, cv=4, verbose=False
    )
    assert all(len(set(groups[test])) == 1 for test in found.records.tests)


@pytest.mark.parametrize(
    ("pipeline", "y", "scoring", "match"),
    [
        (Detector(), TIMES, "accuracy", "'accuracy'.*'it'.*'onset_f1'"),
        (Detector(), TIMES, "wcsr_majmin", "'wcsr_majmin'.*'it'.*chords"),
        (DummyClassifier(), KINDS, "onset_f1", "'onset_f1'.*'it'.*onsets"),
        (DummyRegressor(), np.arange(8.0), "onset_f1", "y has numbers"),
        (Detector(), np.arange(8.0), "auto", "y has numbers"),
        (Detector(), [*TIMES[:-1], [2.0, 1.0]], "auto", r"y\[7\].*onset 1"),
        (Detector(), [*TIMES[:-1], [np.nan]], "auto", r"y\[7\].*onset 0"),
        (Detector(), [[44100.0], *TIMES[1:]], "auto", r"y\[0\].*44100"),
        (Detector(), [*TIMES[:-1], None], "auto", "clip 7"),
    ],
)
def test_what_cannot_be_scored_is_refused_before_anything_is_fitted(
    pipeline, y, scoring, match
):
    with pytest.raises(ValueError, match=match):
        compare({"it": pipeline}, CLIPS, y, scoring=scoring, cv=2, verbose=False)


def test_a_missing_annotation_is_named(tmp_path):
    y = [*TIMES[:-1], str(tmp_path / "gone.onsets")]
    with pytest.raises(FileNotFoundError, match=r"y\[7\].*gone\.onsets"):
        compare({"it": Detector()}, CLIPS, y, cv=2, verbose=False)


def test_clips_without_onsets_are_tested_on():
    y = [[] if i % 2 else times for i, times in enumerate(TIMES)]
    X = [clicks(times) for times in y]
    found = compare({"it": Detector()}, X, y, cv=[([0, 1], np.arange(2, 8))])
    assert found.folds["onset_f1"].tolist() == [1]
    assert found.clip_scores["onset_f1"].isna().tolist() == [False, True] * 3


# Clips and groups


def test_clips_have_scores_and_what_groups_contribute_sums_to_the_score(result):
    scores = result.clip_scores
    for name, clip in (("good", 0), ("eager", 3), ("late", 2)):
        row = scores.query("pipeline == @name and clip == @clip")
        found = PIPELINES[name].predict([CLIPS[clip]])
        assert row["onset_f1"].item() == onset_f1([TIMES[clip]], found)
    for key in result.records.answers:
        shares = result.records.shares(*key, "onset_f1")
        row = result.folds.query("pipeline == @key[0] and fold == @key[1]")
        assert shares.values.sum() == pytest.approx(row["onset_f1"].item())
        assert shares.weights.sum() == pytest.approx(1)


def one_test(**pipelines):
    return compare(
        pipelines,
        *(CLIPS, TIMES),
        cv=[([0, 1], np.arange(2, 8))],
        scoring=["onset_f1", "onset_precision", "onset_recall"],
        verbose=False,
    )


class Once(Detector):
    """Has false alarms in a single clip."""

    def predict(self, X):
        found = super().predict(X)
        longest = np.argmax([len(times) for times in found])
        alarms = np.linspace(0.0, 0.35, 30)
        found[longest] = np.sort(np.append(found[longest], alarms))
        return found


def test_false_alarms_of_one_clip_are_told_of_that_clip_alone():
    found = one_test(good=Detector(), once=Once())
    for metric in ("onset_f1", "onset_precision"):
        good, once = (
            found.records.shares(name, 0, metric) for name in ("good", "once")
        )
        contributed, weights = once.minus(good)
        assert (contributed < -0.2).sum() == 1
        np.testing.assert_allclose(np.sort(contributed)[1:], 0, atol=1e-12)
        row = found.summary(metric).loc["once"]
        assert row["difference"] == pytest.approx(contributed.sum())
        assert weights.sum() == pytest.approx(1)
        assert row["p_value"] == 1  # one clip of six proves nothing
    assert found.summary("onset_recall").loc["once", "p_value"] == 1


def test_a_difference_in_every_clip_is_found_by_flips_of_signs():
    found = one_test(good=Detector(), late=Detector(0.1)).summary()
    assert found.loc["late", "p_value"] == pytest.approx(2 / 2**6)  # of six clips
    assert found.loc["late", "difference"] == -1


def test_predictions_are_what_reports_by_kind_take(result):
    rows = result.predictions.query("pipeline == 'eager'")
    report = onset_report(rows["true"], rows["predicted"], groups=KINDS[rows["clip"]])
    assert report.loc["all", "n_reference"] == sum(map(len, TIMES))
    found = PIPELINES["eager"].predict(CLIPS)
    assert report.loc["all", "f"] == pytest.approx(onset_scores(TIMES, found).f)


def test_onsets_are_counted_instead_of_taken_for_each_other(result):
    table = result.confusion("eager")
    scores = onset_scores(TIMES, PIPELINES["eager"].predict(CLIPS))
    assert table.loc["onset"].to_dict() == {
        "true_positive": scores.n_hits,
        "false_positive": scores.n_detected - scores.n_hits,
        "false_negative": scores.n_reference - scores.n_hits,
    }
    with pytest.raises(ValueError, match="events"):
        result.plot_confusion("eager")


def test_tables_pictures_and_pickles_work(result):
    again = pickle.loads(pickle.dumps(result))
    assert repr(again) == repr(result) and "onset_f1" in result.to_markdown()
    pd.testing.assert_frame_equal(again.clip_scores, result.clip_scores)
    result.plot()
    assert len(result.differences()) == 3


# Kept parts


def test_finished_parts_are_kept_and_scored_again(tmp_path, monkeypatch):
    options = {"cv": 2, "cache_dir": tmp_path, "verbose": False}
    first = compare({"it": Detector(extra=4)}, CLIPS, TIMES, **options)

    def fail(*args):
        raise AssertionError("fitted again")

    monkeypatch.setattr("skdeepmir.model_selection._parts.Work._compute", fail)
    wide = {"f": onset_scorer(), "wide": onset_scorer(window=0.5)}
    again = compare({"it": Detector(extra=4)}, CLIPS, TIMES, scoring=wide, **options)
    assert again.folds["f"].equals(first.folds["onset_f1"].rename("f"))
    assert (again.folds["wide"] >= again.folds["f"]).all()


# The report


def data_of(path, name="facts"):
    text = Path(path).read_text(encoding="utf-8")
    found = re.search(
        rf'<script type="application/json" id="{name}">(.*?)</script>', text
    )
    return json.loads(found[1])


def written(result, folder, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return result.to_html(folder / "page.html", verbose=False, **options)


@pytest.fixture(scope="module")
def page_path(result, tmp_path_factory):
    return written(result, tmp_path_factory.mktemp("page"))


def test_the_report_tells_hits_false_alarms_and_misses(result, page_path):
    facts = data_of(page_path)
    assert facts["kind"] == "onsets"
    n = dict(zip(result.pipelines, facts["said"], strict=True))
    item = facts["items"].index([0, 0])
    assert n["good"][item][2] == "3 hits, 0 false alarms, 0 missed"
    assert n["eager"][item][2] == "3 hits, 4 false alarms, 0 missed"
    assert n["late"][item][2] == "0 hits, 3 false alarms, 3 missed"
    (table,) = facts["matrices"][1]
    counts = result.confusion("eager").loc["onset"]
    cells = table["cells"][0]
    assert cells[0][0] == str(counts["true_positive"])
    assert cells[1][0] == str(counts["false_positive"]) and cells[2] is None
    block = data_of(page_path, "clip-0")
    details = next(iter(block["items"].values()))
    rows = {strip["name"]: strip["events"] for strip in details["strips"]}
    assert list(rows) == ["reference", "good", "eager", "late"]
    assert (
        rows["good"]
        == rows["reference"]
        == [["hit", round(float(time), 3)] for time in TIMES[0]]
    )
    assert sorted({kind for kind, _ in rows["late"]}) == ["false alarm", "missed"]
    assert len(details["curves"]) == 3


class Loud(Detector):
    """Has activations that are no probabilities."""

    def predict_activations(self, X):
        return [4 * activation for activation in super().predict_activations(X)]


def test_activations_are_drawn_where_their_frames_stand(tmp_path):
    options = {"cv": 2, "activations": True, "verbose": False}
    found = compare({"it": Detector(), "loud": Loud()}, CLIPS, TIMES, **options)
    block = data_of(written(found, tmp_path), "clip-0")
    it, loud = next(iter(block["items"].values()))["curves"]
    assert it["times"][:2] == [[0.0, 0.01], [0.01, 0.02]]
    name, values = it["lines"][0]
    assert [name, values.index(0.9), max(values)] == ["activation", 40, 0.9]
    name, values = loud["lines"][0]
    assert [name, values.index(1.0), max(values)] == ["activation / 3.6", 40, 1.0]


def test_lines_of_events_are_drawn_under_the_cursor(visit, page_path):
    page = visit(page_path)
    page.click(".choice button >> nth=1")
    page.click("[aria-label^='onsets false alarms']")
    stage = page.locator("#picked .stage").first
    assert stage.locator(".events").count() == 4
    assert stage.locator(".events").nth(2).locator("i.false-alarm").count() == 4
    label = stage.locator(".events").nth(2).get_attribute("aria-label")
    assert label == "onsets, eager: 3 hit, 4 false alarm"
    assert stage.locator(".cursor").count() == 1
    assert page.alarms == []


def test_an_excerpt_is_where_pipelines_are_wrong(tmp_path):
    times = np.arange(1, 29.0)
    X = [clicks(times, 30.0)] * 2
    missed = [20.5, 21.5, 22.5]
    y = [np.sort([*times, *missed])] * 2
    found = compare({"it": Detector()}, X, y, cv=2, verbose=False)
    block = data_of(written(found, tmp_path, excerpt=4.0), "clip-0")
    assert block["start"] == 19.5
    ((strip,),) = [
        [s for s in each["strips"] if s["name"] == "it"]
        for each in block["items"].values()
    ]
    assert all(19.5 <= time <= 23.5 for _, time in strip["events"])
    assert [time for kind, time in strip["events"] if kind == "missed"] == missed


def test_annotations_that_are_gone_are_told_of(tmp_path):
    paths = [tmp_path / f"{i}.txt" for i in range(4)]
    for path, times in zip(paths, TIMES, strict=False):
        path.write_text("\n".join(map(str, times)))
    found = compare({"it": Detector()}, CLIPS[:4], paths, cv=2, verbose=False)
    paths[1].unlink()
    with pytest.warns(UserWarning, match="no annotation any more"):
        page = found.to_html(tmp_path / "page.html", verbose=False)
    said = data_of(page)["said"][0]
    assert [each[2] for each in said].count("not scored") == 1


def test_frames_are_drawn_with_their_events(tmp_path):
    frames = [np.abs(y.reshape(-1, 80)) for y in CLIPS]
    found = compare({"it": OfFrames()}, frames, TIMES, cv=2, verbose=False)
    page = written(found, tmp_path)
    block = data_of(page, "clip-0")
    assert block["picture"] and not block["sound"]
    assert block["seconds"] == pytest.approx(TIMES[0][-1], abs=0.02)


class OfFrames(Detector):
    """Detects clicks in frames."""

    def __init__(self):
        super().__init__(sample_rate=None)

    def predict(self, X):
        return object_array([np.flatnonzero(x.max(axis=1) > 0.5) / 100 for x in X])
