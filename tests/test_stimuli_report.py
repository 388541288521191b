"""The page of units, in a real browser and as a file."""

import os
import re
import warnings
from html import unescape

import numpy as np
import pytest
import soundfile
from known_units import Detectors, noise_with_spots
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from skdeepmir import (
    BLSTMChordRecognizer,
    ConvTagger,
    DBNFeatureLearner,
    SpectrogramExtractor,
    make_pipeline,
)
from skdeepmir.frames import object_array
from skdeepmir.inspection import inspection_report
from skdeepmir.inspection._report import _source, _write
from skdeepmir.inspection._report._classes import Classes
from skdeepmir.inspection._report._excerpts import Part
from skdeepmir.preprocessing import ClipLookup, FrameTransformer

pytest_plugins = ["browser"]

RATE = 8000
SECONDS = 3.0
CLASSES = ["</script><script>window.pwned = 1</script>", "<b>low</b>", "שלום\u202e"]
NAMES = [
    "<img src=x onerror=window.pwned=1>.wav",
    "\"onload='window.pwned=1'&amp;\\u003c.wav",
    "turned\u202egnp\u0007\n.wav",
    "bytes\udcff.wav",
    f"{'long' * 50}.wav",
    "plain.wav",
]
HEARD = '<div class="stage" data-sound='
LAST = "[...document.querySelectorAll('audio')].at(-1)"


def write_beeps(folder, names=NAMES, start=1.0, rate=RATE):
    """Write a file for each name: half a second of tone, the louder the later."""
    os.makedirs(folder, exist_ok=True)
    paths = [os.path.join(folder, name) for name in names]
    generator = np.random.default_rng(0)
    for i, path in enumerate(paths):
        t = np.arange(int(SECONDS * rate)) / rate
        y = 1e-3 * generator.normal(size=len(t))
        inside = (t >= start + i / 10) & (t < start + 0.5 + i / 10)
        y[inside] += 0.05 * (i + 1) * np.sin(2 * np.pi * 300 * t[inside])
        with open(path, "wb") as file:
            soundfile.write(file, y, rate, format="WAV")
    return paths


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return write_beeps(str(tmp_path_factory.mktemp("clips")))


@pytest.fixture(scope="module")
def extractor():
    return SpectrogramExtractor(
        "log_mel", n_mels=16, sample_rate=RATE, n_fft=512, hop_length=256
    )


@pytest.fixture(scope="module")
def pipeline(paths, extractor):
    return make_pipeline(extractor, Detectors(length=8)).fit(paths)


@pytest.fixture(scope="module")
def report(pipeline, paths, tmp_path_factory):
    y = np.array(CLASSES)[[0, 0, 1, 1, 2, 2]]
    folder = tmp_path_factory.mktemp("page")
    return inspection_report(
        pipeline, paths, folder / "page.html", y, n=4, verbose=False
    )


@pytest.fixture(scope="module")
def clips():
    return noise_with_spots()


@pytest.fixture(scope="module")
def detectors(clips):
    return Detectors().fit(clips)


def written(folder, *arguments, **options):
    """Write a report and return its text; the test fails if it warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = inspection_report(
            *arguments[:2],
            folder / "page.html",
            *arguments[2:],
            verbose=False,
            **options,
        )
    return path.read_text("utf-8")


def section(text, unit):
    """Return the words of a unit's section."""
    found = re.search(
        rf'<section class="unit" id="unit-{unit}".*?</section>', text, re.S
    )
    return unescape(re.sub(r"<[^>]*>", " ", found[0]))


# ---- In the browser ------------------------------------------------------------------


def test_players_play_an_excerpt_under_a_cursor_that_moves(visit, report):
    page = visit(report)
    stage = page.locator(".cards .stage").first
    page.until("document.querySelector('.cards audio').duration > 0")
    audio = page.locator(".cards audio").first
    assert abs(audio.evaluate("it => it.duration") - 1) < 0.1
    audio.evaluate("it => it.play()")
    page.until("document.querySelector('.cards audio').currentTime > 0.2")
    page.until("parseFloat(document.querySelector('.cards .cursor').style.left) > 10")
    other = page.locator(".cards audio").nth(1)
    page.until("document.querySelectorAll('.cards audio')[1].duration > 0")
    other.evaluate("it => it.play()")
    assert audio.evaluate("it => it.paused")
    box = stage.bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 20)
    assert abs(audio.evaluate("it => it.currentTime") - 0.75) < 0.02
    page.until("document.querySelector('.cards img').naturalWidth > 20")
    assert page.alarms == []


def test_the_optimal_stimulus_is_heard(visit, report):
    page = visit(report)
    page.until("document.querySelector('.card audio').duration >= 0.95")
    page.locator(".card audio").first.evaluate("it => it.play()")
    page.until("document.querySelector('.card audio').currentTime > 0.2")
    assert page.alarms == []


def test_nothing_is_requested_and_names_stay_text(visit, report):
    page = visit(report)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.until(f"{LAST}.duration > 0.5")
    assert page.evaluate("window.pwned") is None
    assert page.alarms == [] and page.outside == []
    own = {url for url in page.requests if not url.startswith(("data:", "blob:"))}
    assert own == {report.as_uri()}
    assert page.locator("img[src=x], b, [onload], [onerror]").count() == 0
    shown = page.inner_text("body")
    assert NAMES[0] in shown and NAMES[1] in shown and CLASSES[0] in shown
    assert "\\u202e" in shown and "\\udcff" in shown and "\\x07\\n" in shown
    assert "\u202e" not in page.content()


def test_a_page_can_load_nothing_even_if_it_tries(visit, report):
    page = visit(report)
    attempt = "fetch('https://example.com/').then(() => 'done', () => 'refused')"
    assert page.evaluate(attempt) == "refused"
    assert "Content Security Policy" in page.alarms.pop()


def test_keys_lead_from_the_list_to_a_unit_and_its_players(visit, report):
    page = visit(report)
    last = page.locator(".index a").last
    last.focus()
    page.keyboard.press("Enter")
    unit = last.get_attribute("href")
    page.until(f"document.querySelector('{unit}').getBoundingClientRect().top < 500")
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "AUDIO":
            break
    assert page.evaluate(f"document.activeElement.closest('{unit}') !== null")
    assert page.focused() == f"Sound of the optimal stimulus of unit {unit[-1]}"
    page.until("document.activeElement.duration > 0")
    page.keyboard.press("Space")
    page.until("document.activeElement.currentTime > 0.1")


def test_everything_has_a_name_for_who_does_not_see_it(visit, report):
    page = visit(report)
    n_units = page.locator(".unit").count()
    assert n_units == 4 == page.locator(".index a").count()
    assert page.locator("h1").count() == 1
    labels = page.eval_on_selector_all("audio", "all => all.map(it => it.ariaLabel)")
    assert len(labels) == len(set(labels)) == n_units * 5
    assert re.search(r"\.wav, \d.\d\d to \d.\d\d s, for unit \d$", labels[1])
    alts = page.eval_on_selector_all("img", "all => all.map(it => it.alt)")
    assert len(alts) == n_units * 7 and all(alts)
    assert page.locator("section:not([aria-labelledby])").count() == 0
    assert page.locator("th:not([scope])").count() == 0


@pytest.mark.parametrize("width", [390, 1400])
def test_a_page_fits_its_window_in_light_and_dark(visit, report, width):
    colours = {}
    for dark in (False, True):
        page = visit(report, width=width, dark=dark)
        assert page.overflow() == 0
        paper = "getComputedStyle(document.documentElement).backgroundColor"
        colours[dark] = page.evaluate(paper)
        page.click("#theme")
        assert page.evaluate(paper) != colours[dark]
    assert colours[False] != colours[True]


def test_only_players_that_are_near_hold_sound(visit, report):
    page = visit(report, height=300)  # browsers refuse more than some
    assert page.locator("audio").count() == 20
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.until(f"{LAST}.duration > 0.5")
    assert page.locator("audio[src]").count() < 10
    page.evaluate("scrollTo(0, 0)")
    page.until(f"!{LAST}.hasAttribute('src')")
    assert page.alarms == []


def test_a_print_has_pictures_and_no_players(visit, report):
    page = visit(report)
    page.emulate_media(media="print")
    assert not page.locator("audio").first.is_visible()
    missing = "[...document.images].filter(it => !it.naturalWidth).length"
    page.until(f"{missing} === 0")


def test_without_scripts_pictures_and_tables_are_there(visit, report):
    page = visit(report, java_script_enabled=False)
    assert "Players need JavaScript" in page.inner_text("main")
    assert page.locator(".stage img[src]").count() > 0
    assert page.locator("table").count() == 4


# ---- What is told --------------------------------------------------------------------


def test_a_card_tells_clip_seconds_and_answer_the_best_first(pipeline, paths, tmp_path):
    names = [f"beep {i}" for i in range(6)]
    text = written(tmp_path, pipeline, paths, clip_names=names, units=[0], n=2)
    words = section(text, 0)
    (frames, *_) = pipeline[:-1].transform(paths[5:])
    answers = pipeline[-1].transform([frames])[0][:, 0]
    assert f"answer {answers.max():.3g}" in words
    found = re.findall(r"beep (\d)\s+([\d.]+) to ([\d.]+) s", words)
    assert [clip for clip, _, _ in found] == ["5", "4"]
    for clip, start, end in found:
        first = 1 + int(clip) / 10
        assert first - 0.04 < float(start) < float(end) < first + 0.54
        assert float(end) - float(start) == pytest.approx(8 * 256 / RATE, abs=0.011)


def test_the_excerpt_itself_is_marked_within_what_is_heard():
    part = Part.around(2.0, 2.4, 10.0, 1.0, 10.0)
    assert (part.start, part.length) == pytest.approx((1.7, 1.0))
    assert part.own(part.start, part.length) == pytest.approx((0.3, 0.7))
    assert Part.around(-0.2, 0.2, 10.0, 1.0, 10.0) == Part(0.0, 1.0, 0.0, 0.2)
    assert Part.around(9.9, 10.4, 10.0, 1.0, 10.0) == Part(9.0, 1.0, 9.9, 10.0)
    assert Part.around(0, 3, 0.5, 1.0, 10.0) == Part(0.0, 0.5, 0, 0.5)
    long = Part.around(10.0, 40.0, 60.0, 1.0, 10.0)
    assert (long.start, long.length) == (20.0, 10.0)
    assert long.own(long.start, long.length) == (0.0, 1.0)


def test_an_excerpt_that_units_share_is_stored_once(paths, extractor, tmp_path):
    twins = Detectors(n_units=2).fit(extractor.transform(paths))
    twins.filters_[1] = twins.filters_[0]
    text = written(tmp_path, make_pipeline(extractor, twins), paths, n=3)
    assert len(re.findall(r'id="sound-', text)) == 3 + 2  # and the optimal stimuli
    assert text.count('data-like="picture-') == 3
    assert text.count(HEARD) == 8


def test_areas_equal_those_of_scikit_learn():
    generator = np.random.default_rng(0)
    answers = generator.normal(size=(30, 4)).round(1)  # with ties
    y = generator.integers(3, size=30)
    classes = Classes.of(y, 30)
    assert classes.names == ("0", "1", "2")
    for unit, row in enumerate(classes.auc(answers)):
        for label, area in enumerate(row):
            assert area == pytest.approx(roc_auc_score(y == label, answers[:, unit]))
    tags = generator.integers(2, size=(30, 2))
    areas = Classes.of(tags, 30).auc(answers)
    assert areas[2, 1] == pytest.approx(roc_auc_score(tags[:, 1], answers[:, 2]))


def test_clips_without_a_label_are_left_out_of_areas():
    answers = np.array([[1.0], [2.0], [3.0], [9.0]])
    classes = Classes.of(["a", "a", "b", None], 4)
    assert classes.auc(answers).tolist() == [[0.0, 1.0]]
    assert Classes.of([None] * 4, 4) is None


def test_a_tag_that_all_clips_have_is_said_not_scored(detectors, clips, tmp_path):
    Y = np.array([[1, 1, 0], [1, 0, 0]] * 3)
    text = written(tmp_path, detectors, clips, Y, units=[0])
    assert "Not scored, as all clips has it" not in text
    words = unescape(re.sub(r"<[^>]*>", "", text))
    assert "Not scored, as all clips have it: tag 0." in words
    assert "Not scored, as no clip has it: tag 2." in words
    assert re.findall(r"tag \d", section(text, 0)) == ["tag 1", "tag 1"]


def test_classes_are_in_the_order_of_their_areas(detectors, clips, tmp_path):
    y = ["low", "low", "mid", "mid", "high", "high"]  # as high as the spots are
    words = section(written(tmp_path, detectors, clips, y, units=[0]), 0)
    rows = re.findall(r"(low|mid|high)\s+([\d.]+)\s", words.split("class")[1])
    assert rows == [("high", "1.000"), ("mid", "0.500"), ("low", "0.000")]
    assert "AUC 1.000 for" in words


def test_units_are_in_the_order_that_is_given_or_of_their_worth(
    detectors, clips, tmp_path
):
    def order(*y, **options):
        text = written(tmp_path, detectors, clips, *y, **options)
        return re.findall(r'href="#unit-(\d)"', text)

    assert order(units=[2, "unit 0", np.int64(3), 2]) == ["2", "0", "3"]
    assert order()[0] == "0"  # whose answers vary
    assert len(order()) == 4
    assert order(["a", "a", "a", "b", "b", "b"])[0] == "0"


def test_frames_are_seen_and_with_their_extractor_heard(
    paths, extractor, pipeline, tmp_path
):
    frames = extractor.transform(paths)
    text = written(tmp_path, pipeline[-1], frames, n=2)
    assert HEARD not in text and "extractor=..." in section(text, 0)
    assert re.search(r"frames \d+ to \d+", section(text, 0))
    text = written(tmp_path, pipeline[-1], frames, n=2, frame_rate=extractor.frame_rate)
    assert HEARD not in text and re.search(r"[\d.]+ to [\d.]+ s", text)
    text = written(tmp_path, pipeline[-1], frames, n=2, extractor=extractor)
    assert text.count(HEARD) == 4 * 3


def test_what_cannot_be_heard_says_why(paths, tmp_path):
    chroma = SpectrogramExtractor("chroma", sample_rate=22050, hop_length=512)
    pipeline = make_pipeline(chroma, Detectors()).fit(paths)
    text = written(tmp_path, pipeline, paths, n=1, units=[1])
    assert "Not heard" in section(text, 1) and "chroma" in section(text, 1)
    assert text.count(HEARD) == 1  # of the clip


class Squares(TransformerMixin, BaseEstimator):
    """A step that cannot be undone."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return [np.square(clip) for clip in X]


def test_a_step_that_cannot_be_undone_is_named(paths, extractor, tmp_path):
    pipeline = make_pipeline(extractor, Squares(), Detectors()).fit(paths)
    text = written(tmp_path, pipeline, paths, n=1, units=[1])
    assert "Squares has no inverse_transform" in section(text, 1)
    assert text.count(HEARD) == 1  # of the clip


def test_steps_between_are_undone(paths, extractor, tmp_path):
    scaler = FrameTransformer(StandardScaler())
    pipeline = make_pipeline(extractor, scaler, Detectors()).fit(paths)
    text = written(tmp_path, pipeline, paths, n=1, units=[1])
    assert text.count(HEARD) == 2


def test_clips_by_number_are_heard_as_frames(paths, extractor, tmp_path):
    pipeline = make_pipeline(ClipLookup(paths), extractor, Detectors())
    numbers = np.arange(6)[:, np.newaxis]
    text = written(tmp_path, pipeline.fit(numbers), numbers, n=1, units=[0])
    assert text.count(HEARD) == 2 and "clip 5" in section(text, 0)


def test_first_layers_of_learners_have_filters(clips, tmp_path):
    learner = DBNFeatureLearner((4, 3), max_epochs=1, verbose=False, random_state=0)
    learner.fit(clips)
    first = written(tmp_path, learner, clips, n=1, layer=0)
    assert first.count("<figcaption><bdi>Filter</bdi>") == 4
    second = written(tmp_path, learner, clips, n=1, layer="layer 1")
    assert "Filter" not in second
    assert second.count("<figcaption><bdi>Optimal stimulus") == 3


def test_outputs_are_named_and_a_short_search_is_said(clips, tmp_path):
    y = ["low", "low", "mid", "mid", "high", "high"]
    tagger = ConvTagger((4,), max_epochs=1, verbose=False, random_state=0)
    tagger.set_params(excerpt_length=20).fit(clips, y)
    text = written(tmp_path, tagger, clips, y, n=1, units=["low"], frame_rate=10.0)
    assert section(text, 1).split()[0] == "low" and "1 random start" in text
    assert "random start" not in written(tmp_path, tagger, clips, layer=0, n=1)


def test_nets_that_see_whole_clips_are_said_to(clips, tmp_path):
    labels = object_array([np.array(["C"] * 30 + ["N"] * 30, object) for _ in clips])
    net = BLSTMChordRecognizer(max_epochs=1, verbose=False, random_state=0)
    text = written(tmp_path, net.fit(clips, labels), clips, n=1, units=["N"])
    assert "20 frames to either side" in text


def test_rows_are_seen(tmp_path):
    X = np.random.default_rng(0).random((5, 8))
    rows = Detectors(length=1).fit(X)
    text = written(tmp_path, rows, X, n=2, units=[0])
    assert len(re.findall(r"clip \d", section(text, 0))) == 2


def test_waveforms_are_heard(paths, extractor, pipeline, tmp_path):
    waves = [soundfile.read(open(path, "rb"))[0].astype("f4") for path in paths]
    text = written(tmp_path, pipeline, waves, n=2, units=[0])
    assert text.count(HEARD) == 3 and "clip 5" in section(text, 0)


class OneAtATime(TransformerMixin, BaseEstimator):
    """Refuses several clips."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        assert len(X) == 1
        return X


def test_clips_are_read_one_at_a_time(clips, detectors, tmp_path):
    pipeline = make_pipeline(OneAtATime().fit(clips), detectors)
    assert "clip 5" in section(written(tmp_path, pipeline, clips, n=3), 0)


# ---- Files ---------------------------------------------------------------------------


def test_a_file_that_is_gone_meanwhile_is_said(pipeline, tmp_path, monkeypatch, visit):
    names = [f"{i}.wav" for i in range(6)]
    paths = write_beeps(str(tmp_path / "clips"), names)
    answers_of = _source.unit_answers

    def answer_and_remove(*arguments):
        found = answers_of(*arguments)
        os.remove(paths[5])
        return found

    monkeypatch.setattr(_source, "unit_answers", answer_and_remove)
    with pytest.warns(UserWarning, match=r"1 clip could not be read.*5\.wav"):
        path = inspection_report(
            pipeline, paths, tmp_path / "it.html", n=2, units=[0], verbose=False
        )
    assert "1 clip could not be read" in visit(path).inner_text("footer")
    assert "This clip" in section(path.read_text("utf-8"), 0)


def test_a_file_is_replaced_but_nothing_else(detectors, clips, tmp_path):
    with pytest.raises(IsADirectoryError):
        inspection_report(detectors, clips, tmp_path)
    with pytest.raises(FileNotFoundError, match="no folder"):
        inspection_report(detectors, clips, tmp_path / "none" / "page.html")
    (tmp_path / "page.html").write_text("old")
    assert written(tmp_path, detectors, clips).startswith("<!DOCTYPE html>")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_report_that_fails_leaves_the_old_one(
    detectors, clips, tmp_path, monkeypatch
):
    path = tmp_path / "page.html"
    path.write_text("old")
    monkeypatch.setattr(_write.Page, "render", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        inspection_report(detectors, clips, path, verbose=False)
    assert path.read_text() == "old" and len([*tmp_path.iterdir()]) == 1


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n": 0}, "n=0"),
        ({"n": 1.5}, "n=1.5"),
        ({"frame_rate": 0}, "frame_rate=0"),
        ({"sample_rate": "a"}, "sample_rate='a'"),
        ({"clip_names": ["a"]}, "clip_names has 1 names.*6 clips"),
        ({"units": "unit 0"}, "units='unit 0'"),
        ({"units": []}, "units"),
        ({"units": [4]}, "4"),
        ({"units": ["unit 9"]}, "unit 9"),
        ({"y": [1, 2]}, "y has 2 labels.*6"),
    ],
)
def test_what_does_not_fit_is_refused(detectors, clips, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        inspection_report(detectors, clips, tmp_path / "it.html", **options)
    assert not [*tmp_path.iterdir()]


def test_an_extractor_of_another_kind_is_refused(detectors, clips, tmp_path):
    with pytest.raises(
        TypeError, match=r"extractor is Detectors.*SpectrogramExtractor"
    ):
        inspection_report(detectors, clips, tmp_path / "it.html", extractor=detectors)


def test_no_clips_are_refused(detectors, tmp_path):
    with pytest.raises(ValueError, match="at least one clip"):
        inspection_report(detectors, [], tmp_path / "it.html")


def test_a_report_is_quiet_and_the_same_each_time(pipeline, paths, tmp_path, capfd):
    first = written(tmp_path, pipeline, paths, n=np.int64(2))
    assert capfd.readouterr() == ("", "")
    before = np.random.get_state()[1].tolist()
    assert written(tmp_path, pipeline, paths, n=2) == first
    assert np.random.get_state()[1].tolist() == before
