"""Every public estimator on every bad and odd input of ``make_bad_audio``."""

import os
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import pytest
import soundfile as sf
from bad_input_checks import answer, check_error, check_row, outcome, raised, set_all
from reliability.audio_input import FORMATS
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags
from test_common import (
    CLASSIFIERS,
    EVENT_DETECTORS,
    NOTE_TRANSCRIBERS,
    REGRESSORS,
    SEQUENCE_LABELLERS,
    TRANSFORMERS,
)

from skdeepmir import (
    BandShifter,
    BeatSynchronousExtractor,
    ClipLookup,
    ClipNormalizer,
    FrameStacker,
    MultiTimescalePooler,
    Pipeline,
    SpectrogramExtractor,
    check_audio,
    drop_bad_audio,
)
from skdeepmir.audio import AudioError, AudioWarning
from skdeepmir.frames import object_array
from skdeepmir.testing import make_bad_audio
from skdeepmir.testing._clips import assert_same
from skdeepmir.testing._material import patience

pytestmark = pytest.mark.faults

LIMIT = 60.0  # s; the long file has 180
# Items that can be used, but that check_audio has something to say about.
DOUBTS = {"antiphase_stereo": "cancelled", "huge_gain": "unscaled"}
EXTRACTORS = [
    SpectrogramExtractor("log_mel", n_mels=16, max_duration=LIMIT, verbose=False),
    SpectrogramExtractor("mfcc", n_mfcc=8, deltas=1, max_duration=LIMIT, verbose=False),
    SpectrogramExtractor("cqt", n_bins=24, max_duration=LIMIT, verbose=False),
]
ON_FRAMES = [*TRANSFORMERS, *SEQUENCE_LABELLERS, *REGRESSORS, *CLASSIFIERS]
ON_FRAMES += EVENT_DETECTORS[::2] + NOTE_TRANSCRIBERS[::2]
ON_FRAMES = [e for e in ON_FRAMES if not get_tags(e).input_tags.string]  # no audio
ROWS_ONLY = CLASSIFIERS[-1]
# What multiplies no matrices, which BLAS rounds by how many rows there are.
EXACT = (BandShifter, ClipLookup, ClipNormalizer, FrameStacker, MultiTimescalePooler)
PASSES_AUDIO_ON = ClipLookup  # and leaves it to the next step


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_bad_audio(tmp_path_factory.mktemp("bad"), hours=LIMIT / 3600 * 3)


@pytest.fixture(scope="module")
def items(corpus):
    """Items by name; ``denied`` has a test of its own, because root may read it."""
    return {c.name: c for c in corpus if c.scope == "item" and c.name != "denied"}


@pytest.fixture(scope="module")
def refused(items):
    return [case for case in items.values() if case.expect == "error"]


@pytest.fixture(scope="module")
def odd(items):
    return [case for case in items.values() if case.expect == "ok"]


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Eight files of half a second."""
    folder = tmp_path_factory.mktemp("good")
    rng = np.random.default_rng(0)
    paths = [str(folder / f"clip {i}.wav") for i in range(8)]
    for i, path in enumerate(paths):
        y = 0.3 * np.sin(np.arange(11025) * (0.03 * (i + 1)))
        sf.write(path, y + 0.01 * rng.standard_normal(11025), 22050)
    return paths


# What reads audio itself.


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("extractor", EXTRACTORS, ids=lambda e: e.kind)
def test_each_item_between_good_clips(extractor, n_jobs, items, good):
    extractor = set_all(extractor, n_jobs=n_jobs).fit(good)
    before, after = outcome(extractor, good[:2])
    for case in items.values():
        X = [good[0], case.value, good[1]]
        rows = answer(lambda X=X: extractor.transform(X))
        if case.expect == "error":
            check_error(rows, case, 1)
            again = raised(lambda X=X: clone(extractor).fit_transform(X))
            check_error(again, case, 1)
            continue
        assert isinstance(rows, list), f"{case.name}: {rows}"
        check_row(rows[1], case.name)
        assert np.array_equal(rows[0], before), case.name
        assert np.array_equal(rows[2], after), case.name


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("extractor", EXTRACTORS, ids=lambda e: e.kind)
def test_each_bad_item_as_nan(extractor, n_jobs, items, good):
    extractor = set_all(extractor, n_jobs=n_jobs, on_error="nan").fit(good)
    expected = outcome(extractor, good[:2])
    for case in items.values():
        X = [good[0], case.value, good[1]]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            rows = answer(lambda X=X: extractor.transform(X))
        assert isinstance(rows, list), f"{case.name}: {rows}"
        assert np.array_equal(rows[0], expected[0]), case.name
        assert np.array_equal(rows[2], expected[1]), case.name
        found = [w.message for w in caught if w.category is AudioWarning]
        if case.expect == "ok":
            assert not found, case.name
            check_row(rows[1], case.name)
            continue
        (warning,) = found
        (problem,) = warning.problems
        check_error(problem, case, 1)
        assert rows[1].shape == (1, rows[0].shape[1]), case.name
        assert np.isnan(rows[1]).all(), case.name


@pytest.mark.parametrize("on_error", ["raise", "nan"])
def test_all_bad_rows_of_a_large_set_are_found(on_error, refused, good):
    extractor = set_all(EXTRACTORS[0], on_error=on_error)
    X, bad = [], {}
    for i, case in enumerate(refused):
        bad[len(X)] = case
        X += [case.value, good[i % 8]]
    if on_error == "raise":
        error = raised(lambda: extractor.fit_transform(X))
        check_error_lists_rows(error, bad)
        return
    with pytest.warns(AudioWarning, match=f"{len(bad)} rows are bad: 0, 2") as caught:
        rows = extractor.fit_transform(X)
    problems = {e.row: e.code for e in caught[0].message.problems}
    assert problems == {row: case.code for row, case in bad.items()}
    alone = extractor.transform(good)
    for i in range(len(refused)):
        assert np.isnan(rows[2 * i]).all()
        assert np.array_equal(rows[2 * i + 1], alone[i % 8])


def check_error_lists_rows(error, bad):
    assert isinstance(error, AudioError)
    assert error.row == 0 and set(error.bad_rows) <= set(bad)
    in_header = {r for r, c in bad.items() if c.code not in ("truncated", "not_finite")}
    assert in_header - {r for r, c in bad.items() if c.name == "long_silence"} <= set(
        error.bad_rows
    )
    assert f"{len(error.bad_rows)} rows are bad: 0, 2, " in str(error)


@pytest.mark.parametrize("extractor", EXTRACTORS, ids=lambda e: e.kind)
def test_each_collection(extractor, corpus, good):
    fitted = clone(extractor).fit(good)
    for case in (c for c in corpus if c.scope == "collection"):
        if case.expect == "error":
            for call in (fitted.transform, fitted.fit, fitted.fit_transform):
                error = raised(lambda call=call, case=case: call(case.value))
                assert isinstance(error, AudioError), case.name
                assert error.code == "bad_x", f"{case.name}: {error}"
                assert str(error).startswith("X ") and error.fix, error
            continue
        rows = fitted.transform(case.value)
        assert len(rows) == len(case.value), case.name
        for i, clip in enumerate(np.ravel(case.value) if "column" in case.name else []):
            assert np.array_equal(rows[i], fitted.transform([clip])[0]), case.name
        for row in rows:
            check_row(row, case.name)


def test_unreadable_file_is_denied_to_an_ordinary_user():
    code = (
        "import os, sys; from skdeepmir import SpectrogramExtractor\n"
        "from skdeepmir.audio import AudioError\n"
        "extractor = SpectrogramExtractor(verbose=False)\n"
        "extractor.transform(sys.argv[1:2])  # what it imports may be root's alone\n"
        "if os.geteuid() == 0:\n"
        "    os.setuid(65534)\n"
        "for method in (extractor.fit, extractor.transform):\n"
        "    try:\n"
        "        method(sys.argv[1:])\n"
        "    except AudioError as error:\n"
        "        assert (error.row, error.code) == (1, 'denied'), error\n"
        "        assert str(error).startswith('row 1: ' + ascii(sys.argv[2])), error\n"
        "    else:\n"
        "        raise AssertionError('it was read')\n"
    )
    # pytest's own folder may be closed to others.
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        make_bad_audio(folder, hours=0)
        files = [os.path.join(folder, name) for name in ("good_0.wav", "denied.wav")]
        done = subprocess.run(
            [sys.executable, "-c", code, *files],
            capture_output=True,
            text=True,
            timeout=patience(300),
            cwd=folder,
        )
    assert done.returncode == 0, done.stderr


# What works on the frames of an extractor.


@pytest.fixture(scope="module")
def pipelines(good):
    """Every estimator behind an extractor, fitted to good clips, with its labels."""
    extractor = SpectrogramExtractor(
        "mel", n_mels=8, hop_length=2048, max_duration=LIMIT, verbose=False
    )
    frames = extractor.fit_transform(good)
    made = []
    for estimator in ON_FRAMES:
        cheap = set_all(
            estimator, max_epochs=2, joint_epochs=1, finetune_epochs=1, verbose=False
        )
        steps = [MultiTimescalePooler()] if estimator is ROWS_ONLY else []
        y = labels_for(estimator, frames)
        made.append((make_pipeline(extractor, *steps, cheap).fit(good, y), y))
    return made


def labels_for(estimator, frames):
    classes = np.arange(len(frames)) % 2
    if estimator in SEQUENCE_LABELLERS:
        return object_array(
            np.full(len(f), k) for f, k in zip(frames, classes, strict=True)
        )
    if estimator in EVENT_DETECTORS:  # in seconds
        return object_array(
            [k * len(f) / 40] for f, k in zip(frames, classes, strict=True)
        )
    if estimator in NOTE_TRANSCRIBERS:
        return object_array([(k / 10, 0.3, 60)] for k in classes)
    return classes * 1.5 if estimator in REGRESSORS else classes


def test_every_public_estimator_is_here():
    import skdeepmir

    public = {getattr(skdeepmir, name) for name in skdeepmir.__all__}
    estimators = {kind for kind in public if hasattr(kind, "fit")}
    others = {SpectrogramExtractor, BeatSynchronousExtractor, Pipeline}
    assert estimators == {type(e) for e in ON_FRAMES} | others


def test_each_bad_item_in_a_pipeline(pipelines, refused, good):
    # The last step never sees it: one of each class will do.
    for pipeline, y in {type(p[-1]): (p, y) for p, y in pipelines}.values():
        fresh = clone(pipeline)
        for case in refused:
            X = [good[0], case.value, good[1]]
            check_error(raised(lambda p=pipeline, X=X: outcome(p, X)), case, 1)
            X = [*good[:3], case.value, *good[4:]]
            check_error(raised(lambda p=fresh, X=X, y=y: p.fit(X, y)), case, 3)


def test_each_odd_item_in_a_pipeline(pipelines, odd, good):
    for pipeline, _ in pipelines:
        last = pipeline[-1]
        alone = outcome(pipeline, good[:1]), outcome(pipeline, good[1:2])
        for cases in np.array_split(object_array(odd), 8):
            X = [good[0]]
            for i, case in enumerate(cases):
                X += [case.value, good[(i + 1) % 2]]
            rows = outcome(pipeline, X)
            assert len(rows) == len(X), last
            for i, case in enumerate(cases):
                check_row(rows[2 * i + 1], f"{last} {case.name}")
            for i, row in enumerate(rows[::2]):
                expected = alone[i % 2]
                if isinstance(last, EXACT):
                    assert np.array_equal(row, expected[0]), (last, X)
                else:
                    assert_same([row], expected)


def test_fit_to_odd_items(pipelines, odd, good):
    X = good + [case.value for case in odd]
    frames = pipelines[0][0][0].transform(X)  # as of all
    for pipeline, _ in pipelines:
        fresh = clone(pipeline)
        kind = next(e for e in ON_FRAMES if type(e) is type(pipeline[-1]))
        is_rows = len(pipeline) == 3
        y = labels_for(ROWS_ONLY if is_rows else kind, frames)
        rows = outcome(fresh.fit(X, y), good)
        for row in rows:
            check_row(row, pipeline[-1])


def test_nan_is_refused_by_what_follows(pipelines, refused, good):
    for pipeline, y in pipelines:
        lenient = set_all(pipeline, on_error="nan").fit(good, y)
        for case in (refused[0], refused[-1]):
            X = [good[0], case.value, good[1]]
            with (
                pytest.warns(AudioWarning, match=r"row is bad: 1 \("),
                pytest.raises(ValueError, match=r"clip 1 contains NaN"),
            ):
                outcome(lenient, X)


def test_each_collection_in_a_pipeline(pipelines, corpus, good):
    sets = [case for case in corpus if case.scope == "collection"]
    for pipeline, y in pipelines:
        fresh = clone(pipeline)
        for case in sets:
            result = raised(lambda p=pipeline, c=case: outcome(p, c.value))
            if case.expect == "ok":
                assert len(result) == len(case.value), (pipeline[-1], case.name)
                continue
            again = raised(lambda p=fresh, c=case, y=y: p.fit(c.value, y))
            for error in (result, again):
                assert isinstance(error, AudioError), (pipeline[-1], case.name)
                assert error.code == "bad_x", (pipeline[-1], case.name)


# Audio given to what works on frames.

NAMES_A_CLIP = r"(clip|row) 1\b"


@pytest.mark.parametrize(
    "estimator", [e for e in ON_FRAMES if not isinstance(e, PASSES_AUDIO_ON)], ids=str
)
def test_audio_in_place_of_frames(estimator, corpus):
    rng = np.random.default_rng(0)
    frames = [rng.random((12 + i, 8), dtype=np.float32) for i in range(6)]
    y = labels_for(estimator, frames)
    if estimator is ROWS_ONLY:
        frames = [clip.mean(axis=0) for clip in frames]
    cheap = set_all(
        estimator, max_epochs=1, joint_epochs=1, finetune_epochs=1, verbose=False
    )
    fitted = clone(cheap).fit(frames, y)
    for case in corpus:
        if case.scope == "labels":
            continue
        if case.scope == "collection":
            check_refused(lambda c=case: outcome(fitted, c.value), case)
            if case.name not in ("x_matrix", "x_column_of_floats"):  # rows of numbers
                check_refused(lambda c=case: clone(cheap).fit(c.value, y), case)
            continue
        X = [frames[0], case.value, frames[1]]
        match = "" if estimator is ROWS_ONLY else "clip 1"
        check_refused(lambda X=X: outcome(fitted, X), case, match)
        check_refused(lambda c=case: outcome(fitted, [c.value] * 3), case)
        X = [frames[0], case.value, *frames[2:]]
        check_refused(lambda X=X: clone(cheap).fit(X, y), case, match)


def check_refused(call, case, match=""):
    """Assert that an error says what was found; none of NumPy's own."""
    try:
        call()
    except ValueError as error:
        message = str(error)
    else:
        raise AssertionError(f"{case.name}: no error")
    assert match in message, f"{case.name}: {message}"
    wanted = (
        "expected",
        "Extract",
        "pass ",
        "fitted",
        "expecting",
        "Expected",
        "accept",
    )
    wanted += ("required", "not supported", "convert string to float: 'a'")
    assert any(word in message for word in wanted), f"{case.name}: {message}"
    assert "inhomogeneous" not in message, f"{case.name}: {message}"


# What removes bad clips beforehand.


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_screening_finds_exactly_the_bad_items(n_jobs, items, good):
    X = [good[0], *(case.value for case in items.values()), good[1]]
    y = np.arange(len(X))
    expected = [
        (row, case.code)
        for row, case in enumerate(items.values(), start=1)
        if case.expect == "error"
    ]
    doubtful = [
        (row, DOUBTS[name]) for row, name in enumerate(items, start=1) if name in DOUBTS
    ]
    options = {"max_duration": LIMIT, "n_jobs": n_jobs, "verbose": False}
    table = check_audio(X, **options)
    assert list(table.columns) == ["row", "path", "code", "problem", "fix"]
    found = list(zip(table["row"], table["code"], strict=True))
    assert found == sorted(expected + doubtful)
    with pytest.warns(AudioWarning, match=f"{len(expected)} rows are bad") as caught:
        kept, kept_y, groups = drop_bad_audio(X, y, list(map(str, y)), **options)
    assert len(caught) == 1
    problems = caught[0].message.problems
    assert [(e.row, e.code) for e in problems] == expected
    for error in problems:
        check_error(error, list(items.values())[error.row - 1], error.row)
    bad = {row for row, _ in expected}
    rows = [row for row in range(len(X)) if row not in bad]
    assert kept_y.tolist() == rows and groups == [str(row) for row in rows]
    assert all(clip is X[row] for clip, row in zip(kept, rows, strict=True))


def test_screening_of_collections(corpus):
    for case in (c for c in corpus if c.scope == "collection"):
        for screen in (check_audio, drop_bad_audio):
            result = raised(lambda s=screen, c=case: s(c.value, verbose=False))
            if case.expect == "error":
                assert isinstance(result, AudioError), case.name
                assert result.code == "bad_x", case.name
            else:
                n_kept = 0 if screen is check_audio else len(case.value)
                assert len(result) == n_kept, case.name


def test_screening_leaves_nothing_to_raise(items, good):
    by_name = ("truncated", "undecodable", "empty")
    bad = [case.value for case in items.values() if case.code in by_name]
    with pytest.warns(AudioWarning):
        X, y = drop_bad_audio(good + bad, [0] * 8 + [1] * len(bad), verbose=False)
    assert X == good and y == [0] * 8
    assert len(EXTRACTORS[0].fit_transform(X, y)) == 8


# Files that were cut off.


@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "opus", "mp3"])
def test_cut_files_are_noticed_and_whole_ones_are_not(extension, tmp_path):
    rate = 48000 if extension == "opus" else 22050
    rng = np.random.default_rng(0)
    y = 0.3 * np.sin(np.arange(2 * rate) / 9) + 0.05 * rng.standard_normal(2 * rate)
    whole = tmp_path / f"whole.{extension}"
    sf.write(whole, y, rate, **FORMATS[extension])
    data = whole.read_bytes()
    X = [str(whole)]
    for percent in range(1, 100):
        cut = tmp_path / f"{percent}.{extension}"
        cut.write_bytes(data[: len(data) * percent // 100])
        X.append(str(cut))
    table = check_audio(X, verbose=False)
    assert table["row"].tolist() == list(range(1, 100))
    assert set(table["code"]) <= {"truncated", "undecodable", "empty"}
    assert (table["code"] == "truncated").sum() > 40  # the others in their headers
