import os
import shutil

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from skdeepmir import (
    MultiTimescalePooler,
    SpectrogramExtractor,
    TemplateChordRecognizer,
)
from skdeepmir.audio import AudioError
from skdeepmir.testing import (
    BadAudio,
    _material,
    check_audio_estimator,
    make_bad_audio,
)

pytestmark = pytest.mark.faults

SMALL = {"n_mels": 8, "hop_length": 2048, "verbose": False}
EXTRACTORS = [
    SpectrogramExtractor("mel", **SMALL),
    SpectrogramExtractor("mfcc", n_mfcc=5, deltas=1, **SMALL),
    SpectrogramExtractor("cqt", n_bins=12, log=True, verbose=False),
]
POOLED = make_pipeline(SpectrogramExtractor("mel", **SMALL), MultiTimescalePooler())
CLASSIFIER = make_pipeline(*POOLED, KNeighborsClassifier(3))


def contents(folder):
    """Return the bytes of all files that one can read, and where links point."""
    found = {}
    for entry in os.scandir(folder):
        if entry.is_symlink():
            found[entry.name] = os.readlink(entry.path)
        elif entry.is_file() and entry.name != "denied.wav":
            with open(entry.path, "rb") as file:
                found[entry.name] = file.read()
    return found


def test_corpus_has_a_case_for_every_code_and_scope(tmp_path):
    cases = make_bad_audio(tmp_path, hours=0.01)
    assert len({case.name for case in cases}) == len(cases) == 158
    scopes = [case.scope for case in cases]
    counts = {scope: scopes.count(scope) for scope in ("item", "collection", "labels")}
    assert counts == {"item": 126, "collection": 16, "labels": 16}
    items = [case for case in cases if case.scope == "item"]
    assert sum(case.expect == "error" for case in items) == 57
    codes = {case.code for case in cases} - {""}
    assert len(codes) == 14
    assert make_bad_audio(tmp_path, hours=0)[0] == cases[0]  # on top of the first
    assert len(make_bad_audio(tmp_path, hours=0)) == 157


def test_same_seed_writes_same_bytes(tmp_path):
    found = []
    for seed in (0, 0, 1):
        make_bad_audio(tmp_path / "bad", seed=seed, hours=0.01)
        found.append(contents(tmp_path / "bad"))
        shutil.rmtree(tmp_path / "bad")
    first, again, other = found
    assert first.keys() == again.keys() == other.keys() and len(first) > 70
    # The encoder draws a serial number for each stream.
    differ = {name for name in first if first[name] != again[name]}
    assert {os.path.splitext(name)[1] for name in differ} <= {".ogg", ".opus"}
    assert first["whole.wav"] != other["whole.wav"]
    assert first["random.wav"] != other["random.wav"]


@pytest.mark.parametrize(
    "values, match",
    [
        (("a", "clip", 1, "ok"), "a: .*scope 'clip'"),
        (("a", "item", 1, "fine"), "a: .*'fine'"),
        (("a", "item", 1, "error"), "a: code '' .*'error'"),
        (("a", "item", 1, "error", "strange"), "a: code 'strange' .*'error'"),
        (("a", "item", 1, "ok", "missing"), "a: code 'missing' .*'ok'"),
    ],
)
def test_case_that_makes_no_sense_is_refused(values, match):
    with pytest.raises(ValueError, match=match):
        BadAudio(*values)


@pytest.mark.parametrize("extractor", EXTRACTORS, ids=lambda e: e.kind)
def test_extractor_passes(extractor):
    names = check_audio_estimator(extractor)
    assert len(set(names)) == len(names) >= 289


@pytest.mark.parametrize("pipeline", [POOLED, CLASSIFIER], ids=len)
def test_pipeline_passes(pipeline):
    assert len(check_audio_estimator(pipeline)) >= 220


def test_files_are_written_to_the_folder_that_is_given(tmp_path):
    check_audio_estimator(EXTRACTORS[0], folder=tmp_path)
    assert (tmp_path / "bad" / "cut_half.wav").exists()


class Silent(SpectrogramExtractor):
    """Gives numbers for what is bad."""

    def transform(self, X):
        try:
            return super().transform(X)
        except AudioError:
            return [np.zeros((1, 8), np.float32) for _ in X]


class Vague(SpectrogramExtractor):
    """Does not say which row is bad."""

    def transform(self, X):
        try:
            return super().transform(X)
        except AudioError as error:
            raise AudioError(error.code, error.found, error.fix, error.path) from error


class Forgetful(SpectrogramExtractor):
    """Gives the same for a file as the first time."""

    def fit(self, X, y=None):
        self.seen_ = {}
        return super().fit(X, y)

    def transform(self, X):
        rows = super().transform(X)
        if not isinstance(X, list):
            return rows
        return [
            self.seen_.setdefault(x, row) if isinstance(x, str) else row
            for x, row in zip(X, rows, strict=True)
        ]


class Sorter(SpectrogramExtractor):
    """Puts clips into another order."""

    def transform(self, X):
        return sorted(super().transform(X), key=np.sum)


class Waiter(SpectrogramExtractor):
    """Opens whatever it is given."""

    def transform(self, X):
        for x in X:
            if isinstance(x, str) and x.endswith("pipe.wav"):
                open(x, "rb").close()
        return super().transform(X)


class Neighbourly(SpectrogramExtractor):
    """Lets a bad row spoil the next."""

    def transform(self, X):
        rows = super().transform(X)
        for i in range(1, len(rows)):
            if isinstance(rows, list) and np.isnan(rows[i - 1]).all():
                rows[i] = rows[i] * 2
        return rows


class Modest(SpectrogramExtractor):
    """Does not read what is in front of the damage."""

    def transform(self, X):
        accepts, self.truncated = self.truncated, "raise"
        try:
            return super().transform(X)
        finally:
            self.truncated = accepts


@pytest.mark.parametrize(
    "kind, match",
    [
        (Silent, "no AudioError.*Rule: "),
        (Vague, "row .*None"),
        (Forgetful, "check_file_changed_after_fit"),
        (Sorter, "check_unequal_lengths"),
        (Waiter, r"check_item\[fifo\]: .*hangs"),
        (Neighbourly, r"check_item_as_nan\[zero_byte\]"),
        (
            Modest,
            r"check_truncated_accepted\[wav_cut_half\]: AudioError: row 1.*Rule: ",
        ),
    ],
)
def test_what_breaks_a_rule_is_noticed(kind, match, monkeypatch):
    if kind is Waiter:  # for ever: there is no need to wait long
        monkeypatch.setattr(_material, "SECONDS", 2.0)
    with pytest.raises(AssertionError, match=match):
        check_audio_estimator(kind("mel", **SMALL))


def test_estimator_of_frames_is_not_one_of_audio():
    with pytest.raises(AssertionError, match="Extract them first"):
        check_audio_estimator(TemplateChordRecognizer())
