"""The report of a comparison, in a real browser and as a file."""

import copy
import json
import os
import pickle
import re
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from skdeepmir import (
    ClipVotingClassifier,
    ConvTagger,
    SpectrogramExtractor,
    compare,
    make_pipeline,
)
from skdeepmir._page import as_json, media_of_sound
from skdeepmir.chords import write_lab
from skdeepmir.frames import object_array
from skdeepmir.model_selection import Comparison
from skdeepmir.model_selection._report._songs import _before

pytest_plugins = ["browser"]

RATE = 8000
EVIL = "</script><script>window.pwned = 1; alert(1)</script>"
CLASSES = [EVIL, "<b onmouseover='window.pwned = 1'>", "שלום\u202e"]
PIPELINES = ['"><svg onload="window.pwned = 1">', "javascript:alert(1)"]
# The names of files; the second is that of a file in folders.
NAMES = [
    "<img src=x onerror=window.pwned=1>.wav",
    "</script><script>window.pwned=1</script>.wav",
    "\"onload='window.pwned=1'&amp;\\u003c.wav",
    "turned\u202egnp\u0007\n.wav",
    "bytes\udcff.wav",
    *(f"plain {i}.wav" for i in range(7)),
]


class Says(ClassifierMixin, BaseEstimator):
    """Tells classes by the numbers of files, and takes some for the next class."""

    def __init__(self, wrong=()):
        self.wrong = wrong

    def fit(self, X, y):
        self.classes_ = np.array(sorted(CLASSES))
        return self

    def predict(self, X):
        numbers = [
            int(re.search(r"(\d+)[^/]*$", Path(path).parent.name)[1]) for path in X
        ]
        return np.array([CLASSES[(i + (i in self.wrong)) % 3] for i in numbers])

    def predict_proba(self, X):
        hits = self.predict(X)[:, np.newaxis] == self.classes_
        return np.where(hits, 0.8, 0.1)


def write_tone(path, seconds=1.0, pitch=440.0, rate=RATE):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    y = 0.3 * np.sin(2 * np.pi * pitch * np.arange(int(seconds * rate)) / rate)
    with open(path, "wb") as file:
        soundfile.write(file, y, rate, format="WAV")
    return str(path)


def files_in(folder):
    """Write a file of each name, whose folder tells its number."""
    return [
        write_tone(
            f"{folder}/{i}/{name}".replace("/</script", "/<_/script"),
            pitch=300 + 50 * i,
        )
        if "/" not in name
        else write_tone(f"{folder}/a/{name[:-4]}{i}/tone.wav", pitch=300 + 50 * i)
        for i, name in enumerate(NAMES)
    ]


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """Return a comparison of pipelines on files with hostile names."""
    paths = files_in(tmp_path_factory.mktemp("clips"))
    y = np.array(CLASSES)[np.arange(12) % 3]
    pipelines = dict(zip(PIPELINES, [Says((0, 1, 5)), Says((1, 7))], strict=True))
    return compare(pipelines, paths, y, cv=3, groups=np.arange(12), verbose=False)


@pytest.fixture(scope="module")
def report(result, tmp_path_factory):
    """Return the path of its report."""
    return result.to_html(
        tmp_path_factory.mktemp("page") / "report.html", verbose=False
    )


def data_of(path, name="facts"):
    """Return what a page tells its script."""
    text = Path(path).read_text(encoding="utf-8")
    found = re.search(
        rf'<script type="application/json" id="{name}">(.*?)</script>', text
    )
    return json.loads(found[1])


def embedded(path):
    """Return the clips with sound or pictures, in their order."""
    text = Path(path).read_text(encoding="utf-8")
    return [int(number) for number in re.findall(r'json" id="clip-(\d+)"', text)]


def written(result, folder, **options):
    """Write a report; the test fails if it warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return result.to_html(folder / "page.html", verbose=False, **options)


def test_a_click_on_a_cell_lists_its_clips_and_their_sound_plays(visit, report):
    page = visit(report)
    cell = page.locator(".matrix tbody tr:nth-child(1) td:not(.right) button").first
    label = cell.get_attribute("aria-label")
    n_clips = int(re.search(r": (\d+) clip", label)[1])
    cell.click()
    assert label in page.inner_text("#picked h3")
    assert page.locator("#picked li .stage").count() == n_clips
    assert cell.get_attribute("aria-expanded") == "true"
    audio = page.locator("#picked audio").first
    audio.evaluate("it => it.play()")
    page.until("document.querySelector('#picked audio').currentTime > 0.2")
    page.until("parseFloat(document.querySelector('#picked .cursor').style.left) > 10")
    audio.evaluate("it => it.pause()")
    box = page.locator("#picked .stage").first.bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 20)
    assert abs(audio.evaluate("it => it.currentTime") - 0.75) < 0.02
    assert abs(audio.evaluate("it => it.duration") - 1) < 0.1
    page.until("document.querySelector('#picked img').naturalWidth > 40")
    cell.click()
    assert page.inner_text("#picked") == ""


def test_players_that_are_not_in_view_are_let_go(visit, report):
    page = visit(report, height=300)  # browsers refuse more than some
    page.locator(".matrix td.right button").first.click()
    n_clips = page.locator("#picked audio").count()
    assert n_clips > 2
    page.until(f"document.querySelectorAll('#picked audio[src]').length < {n_clips}")
    page.locator("#picked audio").last.scroll_into_view_if_needed()
    page.until("[...document.querySelectorAll('#picked audio')].at(-1).duration > 0.5")
    last = page.evaluate_handle(
        "[...document.querySelectorAll('#picked audio')].at(-1)"
    )
    page.keyboard.press("Escape")
    assert last.evaluate("it => it.hasAttribute('src')") is False and page.alarms == []


def test_cells_are_reached_and_opened_by_keys(visit, report):
    page = visit(report)
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.matrix') !== null"):
            break
    label = page.focused()
    assert ": " in label
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) != "none"
    page.keyboard.press("ArrowDown")
    below = page.focused()
    assert below != label
    page.keyboard.press("Enter")
    assert below in page.focused() and page.locator("#picked .cards > li").count() > 0
    page.keyboard.press("Escape")
    assert page.focused() == below and page.locator("#picked .cards > li").count() == 0
    page.keyboard.press("Space")
    assert page.locator("#picked .cards > li").count() > 0


def test_nothing_is_requested_and_names_stay_text(visit, report):
    page = visit(report)
    shown = ""
    for pipeline in page.locator(".choice button").all():
        pipeline.click()
        for cell in page.locator(".matrix button").all():
            cell.click()
            shown += page.inner_text("#picked")
    page.evaluate(
        "document.querySelectorAll('details').forEach(it => { it.open = true; })"
    )
    page.mouse.move(200, 400)
    assert page.evaluate("window.pwned") is None
    assert page.alarms == [] and page.outside == []
    own = {url for url in page.requests if not url.startswith(("data:", "blob:"))}
    assert own == {report.as_uri()}
    assert page.locator("img[src=x], svg[onload], [onmouseover], b").count() == 0
    shown += page.inner_text("body")
    assert EVIL in shown and "\\u202e" in shown and "\\udcff" in shown
    assert "\u202e" not in page.content() and PIPELINES[0] in shown


def test_a_page_can_load_nothing_even_if_it_tries(visit, report):
    page = visit(report)
    for attempt in (
        "fetch('https://example.com/').then(() => 'done', () => 'refused')",
        "new Promise(done => { const it = new Image(); it.onerror = () => "
        "done('refused'); it.onload = it.onerror; it.src = 'https://example.com/'; })",
        "(() => { const it = document.createElement('script'); it.textContent = "
        "'window.pwned = 1'; document.body.append(it); "
        "return window.pwned || 'refused'; })()",
    ):
        assert page.evaluate(attempt) == "refused"
        assert "Content Security Policy" in page.alarms.pop()


def test_a_long_name_of_a_tag_scrolls_within_its_table(visit, tmp_path):
    Y = pd.DataFrame({"x" * 300: [0, 1] * 6, "y": [1, 0] * 6})
    tagger = OneVsRestClassifier(LogisticRegression())
    X = np.random.RandomState(0).rand(12, 3)
    result = compare({"it": tagger}, X, Y, cv=2, scoring="auc_clip", verbose=False)
    page = visit(written(result, tmp_path), width=390)
    page.locator(".matrix button").first.click()
    assert page.locator(".chances").count() > 0 and page.overflow() == 0


@pytest.mark.parametrize("width", [390, 1400])
def test_a_page_fits_its_window_in_light_and_dark(visit, report, width):
    colours = {}
    for dark in (False, True):
        page = visit(report, width=width, dark=dark)
        page.locator(".matrix td:not(.right) button").first.click()
        page.evaluate(
            "document.querySelectorAll('details').forEach(it => { it.open = true; })"
        )
        assert page.overflow() == 0
        paper = "getComputedStyle(document.documentElement).backgroundColor"
        colours[dark] = page.evaluate(paper)
        page.click("#theme")
        assert page.evaluate(paper) != colours[dark]
    assert colours[False] != colours[True]


class Chords(BaseEstimator):
    """Hears C major, and then what it is told."""

    frame_rate = 10.0

    def __init__(self, then="A:min"):
        self.then = then

    def fit(self, X, y):
        return self

    def predict(self, X):
        labels = [
            ["C:maj"] * 10 + [self.then] * (len(y) // (RATE // 10) - 9) for y in X
        ]
        return object_array([np.array(each, dtype=object) for each in labels])


def songs(n=4, seconds=3.0):
    t = np.arange(int(seconds * RATE)) / RATE
    X = [np.sin(2 * np.pi * (262 + i) * t).astype(np.float32) / 3 for i in range(n)]
    return X, [([[0, 1], [1, seconds]], ["C:maj", "A:min"]) for _ in X]


def test_chords_are_drawn_under_a_cursor_that_moves(visit, tmp_path):
    X, y = songs()
    pipelines = {"right": Chords(), "wrong": Chords("F:maj")}
    result = compare(pipelines, X, y, cv=2, scoring="wcsr_majmin", verbose=False)
    path = written(result, tmp_path, sample_rate=RATE)
    facts = data_of(path)
    assert facts["kind"] == "chords"
    shares = result.clip_scores.query("clip == 0")["wcsr_majmin"]
    expected = [f"{100 * share:.0f} % right" for share in shares]
    assert [said[0][2] for said in facts["said"]] == expected
    block = data_of(path, "clip-0")
    strips = next(iter(block["items"].values()))["strips"]
    assert [strip["name"] for strip in strips] == ["reference", "right", "wrong"]
    wrong = strips[2]["wrong"]  # from the middle between two frames
    assert (wrong[0][0], wrong[-1][1]) == (0.95, 3.0)
    root = result.confusion("wrong")
    (roots, qualities) = facts["matrices"][1]
    row, column = roots["rows"].index("A"), roots["columns"].index("F")
    assert float(roots["cells"][row][column][0]) == round(root.loc["A", "F"], 1)
    assert set(qualities["rows"]) == {"maj", "min"}

    page = visit(path)
    page.click(".choice button >> nth=1")
    page.click("[aria-label^='A taken for F']")
    assert page.locator("#picked .cards > li").count() == 4
    stage = page.locator("#picked .stage").first
    assert stage.locator(".strip").count() == 3
    texts = stage.locator(".strip").nth(1).locator("span").all_inner_texts()
    assert texts == ["C", "Am"]
    cursor = stage.locator(".cursor")
    assert cursor.bounding_box()["height"] == pytest.approx(
        stage.bounding_box()["height"], abs=2
    )
    page.locator("#picked audio").first.evaluate("it => it.play()")
    page.until("document.querySelector('#picked audio').currentTime > 0.3")
    page.until("parseFloat(document.querySelector('#picked .cursor').style.left) > 5")
    assert page.alarms == []


@pytest.fixture(scope="module")
def tagged():
    """Return waveforms with tags that have names, and taggers."""
    X, _ = songs(8, 2.0)
    Y = pd.DataFrame(
        {"<i>low</i>": [1, 0] * 4, "high": [0, 1, 1, 1] * 2, "rare": [1, 0, 0, 0] * 2}
    )
    extractor = SpectrogramExtractor("log_mel", n_mels=16, sample_rate=RATE)
    net = ConvTagger(
        (4,), excerpt_length=20, max_epochs=1, random_state=0, verbose=False
    )
    return X, Y, {"net": make_pipeline(extractor, net)}


def test_tags_have_probabilities_and_activations_over_time(visit, tagged, tmp_path):
    X, Y, pipelines = tagged
    result = compare(
        pipelines, X, Y, cv=2, scoring="auc_clip", activations=True, verbose=False
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = result.to_html(tmp_path / "tags.html", verbose=False)
    table = result.predictions
    assert table["activations"][0].shape == (len(table["times"][0]), 3)
    page = visit(path, width=390)
    page.locator(".matrix button").last.click()
    shown = page.locator("#picked .cards > li").first
    assert shown.locator(".chances tbody tr").count() == 3
    assert shown.locator(".curve").count() == 3 and "<i>low</i>" in shown.inner_text()
    assert page.overflow() == 0 and page.alarms == []
    confusion = result.confusion("net")
    (cells,) = data_of(path)["matrices"][0]
    for row, (tag, counts) in enumerate(confusion.iterrows()):
        found = [0 if cell is None else int(cell[0]) for cell in cells["cells"][row]]
        assert cells["rows"][row] == tag and found == counts.tolist()


def test_activations_are_computed_again_only_if_they_are_asked_for(
    tagged, tmp_path, capfd
):
    X, Y, pipelines = tagged
    options = {"cv": 2, "scoring": "auc_clip", "cache_dir": tmp_path}
    for activations, n_kept in [
        (False, 0),
        (False, 2),
        (True, 0),
        (True, 2),
        (False, 2),
    ]:
        result = compare(pipelines, X, Y, activations=activations, **options)
        kept = re.search(r"(\d) of 2 fits kept", capfd.readouterr().err)
        assert (int(kept[1]) if kept else 0) == n_kept
    assert "activations" in result.predictions.columns  # as they are there
    none = compare(
        {"no": OneVsRestClassifier(LogisticRegression())},
        np.eye(8),
        Y,
        activations=True,
        **options,
    )
    capfd.readouterr()
    compare(
        {"no": OneVsRestClassifier(LogisticRegression())},
        np.eye(8),
        Y,
        activations=True,
        **options,
    )
    assert "2 of 2 fits kept" in capfd.readouterr().err
    assert "activations" not in none.predictions.columns


def test_cells_are_those_of_the_confusion_and_hold_the_clips(result, report):
    facts = data_of(report)
    for name, (table,) in zip(PIPELINES, facts["matrices"], strict=True):
        confusion = result.confusion(name)
        assert table["rows"] == list(confusion.index)
        counts = [
            [0 if c is None else int(c[0]) for c in row] for row in table["cells"]
        ]
        assert np.array_equal(counts, confusion)
        predictions = result.predictions.query("pipeline == @name").set_index("clip")
        for r, row in enumerate(table["cells"]):
            for c, cell in enumerate(row):
                for item in [] if cell is None else cell[2]:
                    told = predictions.loc[facts["items"][item][1]]
                    names = [str(told["true"]), str(told["predicted"])]
                    escaped = [name.replace("\u202e", "\\u202e") for name in names]
                    assert escaped == [table["rows"][r], table["columns"][c]]
    wrong = facts["lists"][0]["items"]
    assert [facts["items"][item][1] for item in wrong] == [1]


@pytest.mark.parametrize(
    "y, kind",
    [
        (pd.Series(["a", "b"] * 6), "classes"),
        (pd.Series(["a", "b"] * 6, dtype="category"), "classes"),
        (np.array([1.0, 2.0] * 6), "classes"),
        (np.array([True, False] * 6), "classes"),
        (np.array([[1.0, 0.0], [0.0, 1.0]] * 6), "tags"),
    ],
)
def test_labels_of_any_type_have_matrices(y, kind, tmp_path):
    model = LogisticRegression() if kind == "classes" else DummyClassifier()
    scoring = "accuracy" if kind == "classes" else "auc_clip"
    X = np.random.RandomState(0).rand(12, 3)
    result = compare({"a": model}, X, y, cv=2, scoring=scoring, verbose=False)
    path = written(result, tmp_path)
    facts = data_of(path)
    (cells,) = facts["matrices"][0]
    assert facts["kind"] == kind
    assert cells["rows"] == list(map(str, result.confusion("a").index))


def test_the_size_is_bounded_and_wrong_clips_come_first(result, tmp_path):
    whole = result.to_html(tmp_path / "whole.html", verbose=False)
    again = result.to_html(tmp_path / "again.html", n_jobs=2, verbose=False)
    assert again.read_bytes() == whole.read_bytes()
    bound = (whole.stat().st_size - 20_000) / 1e6
    with pytest.warns(UserWarning, match=r"of (\d+) of 12 clips, because of max_size"):
        path = result.to_html(tmp_path / "some.html", max_size=bound, verbose=False)
    assert path.stat().st_size <= bound * 1e6
    kept = embedded(path)
    assert 4 <= len(kept) < 12 and kept[0] == 1 and set(kept[1:4]) == {0, 5, 7}
    assert f"{12 - len(kept)}, of which" in path.read_text(encoding="utf-8")
    assert "MB" in data_of(path)["without"]
    with pytest.warns(UserWarning, match="12 of 12"):
        path = result.to_html(tmp_path / "none.html", max_size=0.001, verbose=False)
    assert embedded(path) == []


def test_files_that_are_gone_or_cut_are_named(tmp_path, visit):
    folder = tmp_path / "clips"
    paths = [write_tone(f"{folder}/{i}/{i}.wav", pitch=300 + i) for i in range(6)]
    y = np.array(CLASSES)[np.arange(6) % 3]
    result = compare({"it": Says((1,))}, paths, y, cv=2, verbose=False)
    os.remove(paths[1])
    os.truncate(paths[2], 6000)
    Path(paths[3]).write_text("no sound")
    with pytest.warns(UserWarning, match="3 clips could not be read") as caught:
        path = result.to_html(tmp_path / "page.html", verbose=False)
    assert all(f"{i}.wav" in str(caught[0].message) for i in (1, 2, 3))
    assert "missing" in str(caught[0].message) or "exist" in str(caught[0].message)
    assert data_of(path, "clip-1")["sound"] == "" and data_of(path, "clip-2")["sound"]
    page = visit(path)
    page.locator(".matrix td:not(.right) button").first.click()
    assert "does not exist" in page.inner_text("#picked")
    assert page.locator("#picked audio").count() == 0 and page.alarms == []


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3"])
def test_of_a_long_file_only_the_excerpt_is_decoded(tmp_path, monkeypatch, kind):
    t = np.arange(60 * RATE) / RATE
    y = np.where(t < 40, np.sin(2 * np.pi * 500 * t), np.sin(2 * np.pi * 1000 * t)) / 3
    soundfile.write(tmp_path / f"long.{kind}", y, RATE)
    read, n_read = soundfile.SoundFile.read, []
    monkeypatch.setattr(
        soundfile.SoundFile,
        "read",
        lambda self, *args, **options: (
            n_read.append(read(self, *args, **options)) or n_read[-1]
        ),
    )
    media = media_of_sound(str(tmp_path / f"long.{kind}"), None, 4.0, 38.0, "classes")
    assert media.problem == "" and sum(map(len, n_read)) == 4 * RATE
    assert (media.start, media.seconds) == (38.0, 4.0)
    assert media.duration == pytest.approx(60, abs=0.1)
    monkeypatch.undo()
    (tmp_path / "part.mp3").write_bytes(media.sound)
    heard, rate = soundfile.read(tmp_path / "part.mp3")
    assert len(heard) == pytest.approx(4 * rate, abs=0.1 * rate)
    for part, pitch in ((heard[: 3 * rate // 2], 500), (heard[5 * rate // 2 :], 1000)):
        peak = np.abs(np.fft.rfft(part)).argmax() * rate / len(part)
        assert peak == pytest.approx(pitch, abs=3)
    middle = media_of_sound(str(tmp_path / f"long.{kind}"), None, 10.0, None, "classes")
    assert middle.start == pytest.approx(25, abs=0.1)


def test_annotations_that_are_gone_are_named(tmp_path):
    X, y = songs()
    files = [str(tmp_path / f"{i}.lab") for i in range(len(y))]
    for file, (intervals, labels) in zip(files, y, strict=True):
        write_lab(file, intervals, labels)
    pipelines = {"wrong": Chords("F:maj")}
    result = compare(pipelines, X, files, cv=2, scoring="wcsr_majmin", verbose=False)
    os.remove(files[2])
    with pytest.warns(UserWarning, match="1 clip could not.*clip 2 .*2.lab"):
        path = result.to_html(tmp_path / "page.html", sample_rate=RATE, verbose=False)
    facts, block = data_of(path), data_of(path, "clip-2")
    said = {clip: facts["said"][0][i] for i, (_, clip) in enumerate(facts["items"])}
    assert said[1][2].endswith("% right") and said[2][2] == "not scored"
    assert "2.lab" in block["problem"] and block["sound"]
    (item,) = data_of(path, "clip-1")["items"].values()
    assert len(item["strips"]) == 2


def test_only_what_lasts_within_an_excerpt_is_embedded(tmp_path):
    X, y = songs(4, 30.0)
    y = [(np.arange(60)[:, np.newaxis] / 2 + [0, 0.5], ["C:maj", "G:maj"] * 30)] * 4
    result = compare({"it": Chords()}, X, y, cv=2, scoring="wcsr_root", verbose=False)
    path = written(result, tmp_path, sample_rate=RATE, excerpt=4)
    block = data_of(path, "clip-0")
    reference, estimate = next(iter(block["items"].values()))["strips"]
    start, end = block["start"], block["start"] + block["seconds"]
    assert reference["chords"][0][0] <= start < reference["chords"][0][1]
    assert reference["chords"][-1][0] < end <= reference["chords"][-1][1]
    assert len(reference["chords"]) <= 9
    assert all(a < end and b > start for a, b in estimate["wrong"])


def test_how_much_is_wrong_before_a_time_is_the_sum_of_all_pieces():
    rng = np.random.RandomState(0)
    starts, times = rng.randint(0, 20, 30) / 2.0, np.arange(0, 15, 0.5)
    pieces = np.column_stack([starts, starts + rng.randint(1, 6, 30) / 2])
    expected = np.minimum(times[:, np.newaxis], pieces[:, 1]) - pieces[:, 0]
    expected = np.maximum(expected, 0).sum(axis=1)
    np.testing.assert_allclose(_before(times, pieces), expected, atol=1e-9)


@pytest.mark.parametrize(
    "y",
    [
        pd.Series(["a", "b"] * 6, dtype=object),
        pd.Series(["a", "b"] * 6).astype("category"),
        np.array([0.0, 1.0] * 6),  # numbers only to regressors
        np.array([False, True] * 6),
    ],
    ids=["object", "category", "float", "bool"],
)
def test_labels_of_any_type_are_classes(y, tmp_path):
    X = np.random.RandomState(0).rand(12, 5, 4)
    guess = DummyClassifier(strategy="constant", constant=np.asarray(y)[1:2])
    result = compare({"guess": guess}, X, y, cv=2, verbose=False)
    facts = data_of(written(result, tmp_path))
    (table,) = facts["matrices"][0]
    names = sorted(map(str, np.unique(y)))
    assert facts["kind"] == "classes" and table["rows"] == names
    assert np.array_equal(result.confusion("guess"), [[0, 6], [0, 6]])
    assert facts["lists"][0]["items"] == [
        i for i, truth in enumerate(facts["truth"]) if truth == names[0]
    ]


class Answers(BaseEstimator):
    """Predicts what it is given."""

    def __init__(self, answers=()):
        self.answers = answers

    def fit(self, X, y):
        return self

    def predict(self, X):
        return object_array(self.answers)


def test_predictions_of_other_types_than_the_labels_are_shown(tmp_path):
    X, y = np.eye(4), ["a", "b"] * 2

    def report(answers):
        pipelines = {"it": Answers(answers)}
        score = {"cv": 2, "scoring": lambda fitted, X, y: 1.0}
        result = compare(pipelines, X, y, **score, verbose=False)
        return result, data_of(written(result, tmp_path))

    result, facts = report([1, "a"])
    assert facts["matrices"][0][0]["rows"] == ["1", "a", "b"]
    assert result.confusion("it").to_numpy().sum() == 4
    assert report([{}, {}])[1]["lists"][0]["title"] == "Tested clips"


def test_waveforms_beside_files_are_heard(tmp_path):
    waves, _ = songs(4, 0.5)
    X = [write_tone(f"{tmp_path}/{i}.wav") for i in range(4)] + waves
    extractor = SpectrogramExtractor("log_mel", n_mels=8, sample_rate=RATE)
    pipeline = make_pipeline(extractor, ClipVotingClassifier(DummyClassifier()))
    result = compare({"it": pipeline}, X, [0, 1] * 4, cv=2, verbose=False)
    path = written(result, tmp_path)
    assert all(data_of(path, f"clip-{i}")["sound"] for i in range(8))


def test_a_waveform_that_is_too_short_to_be_heard_is_told():
    media = media_of_sound(np.ones(1), 192_000, 10.0, None, "classes")
    assert media.sound == b"" and "too short" in media.problem


def test_a_report_replaces_files_alone(result, tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder"):
        result.to_html(tmp_path, verbose=False)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(FileExistsError, match="pipe"):
            result.to_html(tmp_path / "pipe", verbose=False)
        assert (tmp_path / "pipe").is_fifo()


def test_long_names_of_pipelines_leave_room_for_their_scores(tmp_path):
    X, y = np.eye(6), [0, 1] * 3
    pipelines = {"x" * 150 + end: DummyClassifier() for end in "ab"}
    result = compare(pipelines, X, y, cv=2, verbose=False)
    display = result.plot()
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert max(map(len, labels)) < 60 and [label[-1] for label in labels] == ["a", "b"]
    assert display.ax_.get_position().width > 0.2
    plt.close(display.figure_)
    text = written(result, tmp_path).read_text(encoding="utf-8")  # without a warning
    assert all(name in text for name in pipelines)
    pipelines = {f"{'x' * 80}{i}{'y' * 80}": DummyClassifier() for i in range(2)}
    display = compare(pipelines, X, y, cv=2, verbose=False).plot()
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == list(pipelines)  # they would be equal
    plt.close(display.figure_)


def test_frames_are_drawn_and_audio_may_be_given(tmp_path, visit):
    rng = np.random.RandomState(0)
    X, y = rng.rand(12, 30, 8), np.arange(12) % 2
    pipelines = {"guess": DummyClassifier(strategy="constant", constant=0)}
    result = compare(pipelines, X, y, cv=2, verbose=False)
    path = written(result, tmp_path, target_names=["<even>", "odd"])
    assert sorted(embedded(path)) == list(range(12))
    block = data_of(path, "clip-3")
    assert block["sound"] == "" and block["picture"].startswith("data:image/")
    assert data_of(path)["truth"][1] in ("<even>", "odd")
    page = visit(path)
    page.locator(".matrix button").first.click()
    assert page.locator("#picked img").count() == 6
    assert page.locator("audio").count() == 0
    waves, _ = songs(12, 0.5)
    path = written(result, tmp_path, audio=waves, sample_rate=RATE)
    assert data_of(path, "clip-3")["sound"]
    with pytest.raises(ValueError, match="audio has 11 clips; expected 12"):
        result.to_html(tmp_path / "no.html", audio=waves[1:], sample_rate=RATE)
    with pytest.raises(ValueError, match="sample_rate is None"):
        result.to_html(tmp_path / "no.html", audio=waves)
    with pytest.raises(ValueError, match="target_names has 1"):
        result.to_html(path, target_names=["a"])
    for name, value in {
        "max_size": None,
        "excerpt": -1.0,
        "sample_rate": float("nan"),
    }.items():
        with pytest.raises(ValueError, match=f"{name}="):
            result.to_html(tmp_path / "no.html", **{name: value})
    with pytest.raises(FileNotFoundError, match="nowhere"):
        result.to_html(tmp_path / "nowhere" / "no.html")
    assert [each.name for each in tmp_path.iterdir()] == ["page.html"]
    assert data_of(path, "clip-3")["sound"]  # what failed has not touched it


def test_a_pickled_comparison_keeps_files_but_no_samples(result, tmp_path):
    again = pickle.loads(pickle.dumps(result))
    path = written(again, tmp_path)
    assert len(embedded(path)) == 12 and data_of(path, "clip-0")["sound"]
    X = np.random.RandomState(0).rand(12, 500, 8)
    of_frames = compare({"a": DummyClassifier()}, X, [0, 1] * 6, cv=2, verbose=False)
    assert of_frames.records.setting.clips is X  # by reference
    assert len(pickle.dumps(of_frames)) < X.nbytes / 10
    assert len(embedded(written(copy.deepcopy(of_frames), tmp_path))) == 12
    path = written(pickle.loads(pickle.dumps(of_frames)), tmp_path)
    assert embedded(path) == [] and "audio=" in path.read_text(encoding="utf-8")


class Breaks(RegressorMixin, BaseEstimator):
    """Fails on an odd number of clips, and warns."""

    def fit(self, X, y):
        warnings.warn("looks <i>odd</i>", RuntimeWarning, stacklevel=1)
        if len(X) % 2:
            raise RuntimeError("broken <u>pipe</u>")
        return self

    def predict(self, X):
        return np.zeros(len(X))


@pytest.mark.filterwarnings("ignore:pipeline 'breaks' failed")
@pytest.mark.filterwarnings("ignore:clips of one group")
def test_leaks_failures_warnings_and_parameters_are_told(tmp_path):
    X = np.arange(22.0).reshape(11, 2)
    y = X[:, 0] ** 2
    pipelines = {"line": LinearRegression(fit_intercept=False), "breaks": Breaks()}
    folds = [(range(6), range(6, 11)), (range(5), range(5, 11))]
    with pytest.warns(RuntimeWarning, match="looks"):
        result = compare(
            *(pipelines, X, y),
            cv=folds,
            groups=[0] * 11,
            scoring=["neg_mean_absolute_error", "r2"],
            verbose=False,
        )
    setting = result.records.setting
    assert len(setting.leaks) == 1 and "clips of one group" in setting.leaks[0]
    assert [(each.pipeline, each.fold) for each in setting.failures] == [("breaks", 1)]
    assert any("RuntimeWarning: looks" in text for text in setting.warnings)
    path = written(result, tmp_path)
    text = path.read_text(encoding="utf-8")
    for told in (
        "Training and test clips overlap",
        "broken &lt;u&gt;pipe&lt;/u&gt;",
        "looks &lt;i&gt;odd",
        "fit_intercept",
        "scikit-learn",
        "neg_mean_absolute_error",
    ):
        assert told in text
    assert text.index("fit_intercept") < text.index("copy_X")
    facts = data_of(path)
    assert facts["kind"] == "numbers" and facts["lists"][0]["items"][0] is not None
    errors = result.clip_scores.query("pipeline == 'line'")["neg_mean_absolute_error"]
    worst = facts["items"][facts["lists"][1]["items"][0]]
    found = result.clip_scores.loc[errors.idxmin()]
    assert worst == [found["fold"], found["clip"]]
    assert facts["said"][1][-1] is None  # it failed there


def test_what_has_no_predictions_has_a_report_as_well(tmp_path, result):
    bare = Comparison(result.folds, result.metrics, result.baseline)
    assert "Scores" in written(bare, tmp_path).read_text(encoding="utf-8")
    X, y = np.eye(6), np.array([0, 1] * 3)
    alone = compare(
        {"a": LogisticRegression(random_state=3)},
        X,
        y,
        X_test=X[::-1],
        y_test=y,
        verbose=False,
    )
    text = written(alone, tmp_path).read_text(encoding="utf-8")
    assert "Clips that the pipeline gets wrong" in text and "random_state=3" in text


def test_embedded_data_ends_no_script():
    value = {"</script><!--": ["]]>", "&lt;", "\u2028", "\udcff", float("nan"), 1.5]}
    text = as_json(value)
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {
        "</script><!--": ["]]>", "&lt;", "\u2028", "\udcff", None, 1.5]
    }
