"""Transcribers in comparisons: targets, scores, kept parts and reports."""

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV

from skdeepmir import compare
from skdeepmir.frames import object_array
from skdeepmir.metrics import (
    NOTE_SCORERS,
    note_scorer,
    note_scores,
    transcription_report,
)
from skdeepmir.model_selection._annotations import default_scoring
from skdeepmir.notes import check_notes, note_roll, roll_notes, write_midi, write_notes

pytest_plugins = ["browser"]

RATE = 20
NOTES = [
    check_notes(
        [[0.5, 1.0 + 0.1 * i, 60], [0.5, 1.5, 64], [2.0, 2.5, 67 - i]][: 2 + i % 2]
    )
    for i in range(6)
]
ROLLS = [note_roll(notes, 80, RATE).astype(np.float32) for notes in NOTES]


class Reader(BaseEstimator):
    """Reads notes off a roll, too late, with some that are not there."""

    _annotates = "notes"

    def __init__(self, late=0.0, extra=0):
        self.late = late
        self.extra = extra

    def fit(self, X, y):
        self.n_clips_ = len(X)
        return self

    def predict(self, X):
        found = []
        for roll in X:
            notes = roll_notes(np.asarray(roll) > 0, RATE)
            notes["onset"] += self.late
            notes["offset"] += self.late
            more = [[3.0, 3.5, 40 + k] for k in range(self.extra)]
            found.append(check_notes(np.append(notes, check_notes(more))))
        return object_array(found)

    def predict_activations(self, X):
        return [np.stack([roll] * 3, axis=2) for roll in X]

    @property
    def frame_rate(self):
        return RATE

    frame_offset_ = 0.0


PIPELINES = {"good": Reader(), "eager": Reader(extra=2), "late": Reader(0.1)}
QUIET = {"cv": 2, "verbose": False}


@pytest.fixture(scope="module")
def result():
    scoring = list(NOTE_SCORERS)
    return compare(PIPELINES, ROLLS, NOTES, scoring=scoring, activations=True, **QUIET)


def test_the_default_score_is_that_of_the_field():
    assert default_scoring([Reader(), Reader()]) == "note_f1"
    found = compare({"it": Reader()}, ROLLS, NOTES, **QUIET)
    assert found.metrics == ["note_f1"]
    assert found.folds["note_f1"].tolist() == [1, 1]


def test_all_scores_are_those_of_the_test_sets_and_have_scores_of_clips(result):
    for row in result.folds.itertuples():
        test = result.records.tests[row.fold]
        truth, found = [NOTES[i] for i in test], PIPELINES[row.pipeline]
        for name, scorer in NOTE_SCORERS.items():
            expected = scorer(found, [ROLLS[i] for i in test], truth)
            assert getattr(row, name) == expected
            shares = result.records.shares(row.pipeline, row.fold, name)
            assert shares.values.sum() == pytest.approx(expected)
    means = result.folds.groupby("pipeline")[list(NOTE_SCORERS)].mean()
    assert (means.loc["good"] == 1).all()
    assert means.loc["late", "note_f1"] == 0 < means.loc["late", "frame_f1"]
    assert set(NOTE_SCORERS) < set(result.clip_scores)


@pytest.mark.parametrize("kind", ["tsv", "mid", "lists", "table", "array"])
def test_targets_may_be_files_or_tables(kind, tmp_path):
    X, notes = ROLLS[:4], NOTES[:4]
    y = [[list(note) for note in clip.tolist()] for clip in notes]
    if kind in ("tsv", "mid"):
        y = [tmp_path / f"{i}.{kind}" for i in range(4)]
        for path, clip in zip(y, notes, strict=True):
            (write_notes if kind == "tsv" else write_midi)(path, clip)
    elif kind == "table":  # of clips with equal numbers of notes
        y = np.array([rows[:2] for rows in y])
        X = [note_roll(rows, 80, RATE) for rows in y]
    elif kind == "array":
        y = np.stack([clip[:2] for clip in notes])
        X = [note_roll(rows, 80, RATE) for rows in y]
    found = compare({"it": Reader()}, X, y, **QUIET)
    assert found.folds["note_f1"].tolist() == [1, 1]


def test_what_cannot_be_scored_is_refused_before_anything_is_fitted(tmp_path):
    wrong = [[0.0, 1.0, 261.63]]
    for pipeline, y, scoring, match in (
        (Reader(), NOTES, "accuracy", "'accuracy'.*'it'.*'note_f1'"),
        (Reader(), NOTES, "onset_f1", "'onset_f1'.*'it'.*onsets"),
        (DummyClassifier(), list("aabbab"), "note_f1", "'note_f1'.*'it'.*labels"),
        (Reader(), [*NOTES[:-1], wrong], "auto", r"y\[5\].*note 0.*261\.63"),
        (Reader(), np.arange(6.0), "auto", "y has numbers"),
        (Reader(), [*NOTES[:-1], str(tmp_path / "gone.tsv")], "auto", r"y\[5\].*gone"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=match):
            compare({"it": pipeline}, ROLLS, y, scoring=scoring, **QUIET)


def test_searches_are_compared():
    grid = GridSearchCV(Reader(), {"late": [0.2, 0.0]}, scoring=note_scorer(), cv=2)
    found = compare({"it": grid}, object_array(ROLLS), object_array(NOTES), **QUIET)
    assert found.metrics == ["note_f1"] and (found.folds["note_f1"] == 1).all()


def test_notes_are_counted_and_predictions_are_what_reports_take(result):
    rows = result.predictions.query("pipeline == 'eager'")
    report = transcription_report(rows["true"], rows["predicted"]).loc["all"]
    scores = note_scores(NOTES, PIPELINES["eager"].predict(ROLLS))
    assert report["f"] == scores.f
    assert result.confusion("eager").loc["note"].to_dict() == {
        "true_positive": scores.n_hits,
        "false_positive": scores.n_detected - scores.n_hits,
        "false_negative": scores.n_reference - scores.n_hits,
    }
    with pytest.raises(ValueError, match="events"):
        result.plot_confusion("eager")


def test_finished_parts_are_kept_and_scored_again(tmp_path, monkeypatch):
    pipelines = {"it": PIPELINES["eager"]}
    first = compare(pipelines, ROLLS, NOTES, cache_dir=tmp_path, **QUIET)

    def fail(*args):
        raise AssertionError("fitted again")

    monkeypatch.setattr("skdeepmir.model_selection._parts.Work._compute", fail)
    scoring = {"f": "note_f1", "offsets": note_scorer(offsets=True)}
    again = compare(
        pipelines, ROLLS, NOTES, scoring=scoring, cache_dir=tmp_path, **QUIET
    )
    assert again.folds["f"].equals(first.folds["note_f1"].rename("f"))
    found = [each.predictions["predicted"] for each in (first, again)]
    for mine, kept in zip(*found, strict=True):
        np.testing.assert_array_equal(mine, kept)


# The report


def data_of(path, name="facts"):
    text = Path(path).read_text(encoding="utf-8")
    found = re.search(
        rf'<script type="application/json" id="{name}">(.*?)</script>', text
    )
    return json.loads(found[1])


@pytest.fixture(scope="module")
def page_path(result, tmp_path_factory):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = tmp_path_factory.mktemp("page") / "page.html"
        return result.to_html(path, verbose=False)


def test_the_report_tells_hits_false_alarms_and_misses(result, page_path):
    facts = data_of(page_path)
    assert facts["kind"] == "notes"
    said = dict(zip(result.pipelines, facts["said"], strict=True))
    item = facts["items"].index([0, 1])
    assert said["eager"][item][2] == "3 hits, 2 false alarms, 0 missed"
    assert said["late"][item][2] == "0 hits, 3 false alarms, 3 missed"
    block = data_of(page_path, f"clip-{item}")
    rows = {s["name"]: s for s in next(iter(block["items"].values()))["strips"]}
    assert list(rows) == ["reference", *PIPELINES]
    assert rows["reference"]["events"] == [
        ["hit", note["onset"], round(float(note["offset"]), 3), note["pitch"]]
        for note in NOTES[1]
    ]
    assert {(row["low"], row["high"]) for row in rows.values()} == {(40, 66)}
    kinds = {kind for kind, *_ in rows["late"]["events"]}
    assert kinds == {"false alarm", "missed"}


def test_bars_of_notes_are_drawn_at_their_pitch(visit, page_path):
    page = visit(page_path)
    page.click(".choice button >> nth=1")
    page.click("[aria-label^='notes false alarms']")
    rows = page.locator("#picked .stage").first.locator(".events.roll")
    assert rows.count() == 4
    alarm = rows.nth(2).locator("i.false-alarm").first
    assert alarm.get_attribute("title") == "false alarm, E2, 3.000 s"
    assert rows.nth(2).get_attribute("aria-label").startswith("notes, eager: ")
    (low, high), row = (
        [rows.nth(2).locator(f"i >> nth={i}").bounding_box() for i in (0, 1)],
        rows.nth(2).bounding_box(),
    )
    assert low["y"] > high["y"]  # 60 and 64
    assert low["x"] == pytest.approx(row["x"] + row["width"] / 8, abs=2)
    assert page.alarms == []
