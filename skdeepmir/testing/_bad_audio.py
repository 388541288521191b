"""Bad and odd audio of the kinds found in collections, and what to expect of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from skdeepmir._disk import user_path
from skdeepmir.testing._bad_files import (
    RATE,
    add_broken_containers,
    add_odd_signals,
    tone,
)

N_LABELLED = 8  # good clips that the label cases are for
CODES = (
    "missing",  # nothing at that path, or a dangling or circular link
    "not_a_file",  # a directory, a pipe, a device
    "denied",  # no permission to read
    "empty",  # no samples
    "undecodable",  # not audio, or audio no decoder here knows
    "truncated",  # fewer samples than the header promises, or broken frames
    "bad_header",  # an impossible rate, channel count or length
    "not_finite",  # NaN or infinity among the samples
    "too_long",  # over the limit on decoded length
    "bad_path",  # empty, NUL byte, a URL, ...
    "bad_type",  # not a path and not a waveform
    "bad_shape",  # a waveform with the wrong number of dimensions
    "bad_x",  # X as a whole is not a sequence of clips
    "bad_y",  # labels that cannot be learned from
)


@dataclass(frozen=True)
class BadAudio:
    """One bad or odd input, from :func:`make_bad_audio`.

    Parameters
    ----------
    name : str
        Name of the case, for the name of a test.
    scope : {"item", "collection", "labels"}
        Whether ``value`` is one element of X, a whole X, or y for eight good clips.
    value : object
        What a user would pass.
    expect : {"ok", "error"}
        Whether it must be accepted or refused.
    code : str, default=""
        The code of the error, such as ``"truncated"``; see
        :class:`skdeepmir.audio.AudioError`. Empty where there is none.
    why : str, default=""
        Why the case is special.
    """

    name: str
    scope: str
    value: Any
    expect: str
    code: str = ""
    why: str = ""

    def __post_init__(self) -> None:
        if self.scope not in ("item", "collection", "labels"):
            raise ValueError(f"{self.name}: unknown scope {self.scope!r}.")
        if self.expect not in ("ok", "error"):
            raise ValueError(f"{self.name}: unknown expectation {self.expect!r}.")
        if (self.expect == "error") != (self.code in CODES):
            raise ValueError(
                f"{self.name}: code {self.code!r} does not fit {self.expect!r}."
            )


def make_bad_audio(
    folder: str | os.PathLike[str], *, seed: int = 0, hours: float = 3.0
) -> list[BadAudio]:
    """Write bad and odd audio files, and return test cases.

    An ``item`` belongs between two good clips. If "ok" is expected, its row must be
    finite; if "error" is, the error must name the row, the file and the code. Either
    way the output for its neighbours must be what it is without it.

    Parameters
    ----------
    folder : str or PathLike
        Where to write the files (4 MB); made if it does not exist. A second call with
        the same folder replaces them.
    seed : int, default=0
        Seed of the noise. The same seed gives the same bytes, except for OGG files,
        whose serial number the encoder draws.
    hours : float, default=3.0
        Length of the case "long_silence"; 0 leaves it out. It is expected to be
        refused, so it must be longer than the tested estimator allows.

    Returns
    -------
    cases : list of BadAudio
        158 cases: 126 items, 16 collections, 16 sets of labels.

    Notes
    -----
    Root can read "denied". The folder also holds a named pipe, on which a careless
    reader blocks for ever.

    Examples
    --------
    >>> import tempfile
    >>> from skdeepmir.testing import make_bad_audio
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cases = make_bad_audio(folder, hours=0.01)
    >>> len(cases), cases[0].name, cases[0].code
    (158, 'zero_byte', 'empty')
    """
    corpus = _Corpus(folder, seed)
    add_broken_containers(corpus)
    _add_unreadable_paths(corpus)
    add_odd_signals(corpus, hours)
    _add_odd_paths(corpus)
    _add_odd_waveforms(corpus)
    _add_collections(corpus)
    _add_labels(corpus)
    return corpus.cases


class _Corpus:
    """Collects cases while writing their files under ``root``."""

    def __init__(self, root: str | os.PathLike[str], seed: int) -> None:
        self.root = Path(user_path(root))
        self.root.mkdir(parents=True, exist_ok=True)
        self.rng = np.random.default_rng(seed)
        self.cases: list[BadAudio] = []

    def add(
        self,
        name: str,
        scope: str,
        value: Any,
        expect: str,
        code: str = "",
        why: str = "",
    ) -> None:
        """Add a case."""
        if any(case.name == name for case in self.cases):
            raise ValueError(f"two cases are called {name!r}")
        self.cases.append(BadAudio(name, scope, value, expect, code, why))

    def item(
        self, name: str, value: Any, expect: str = "ok", code: str = "", why: str = ""
    ) -> None:
        """Add one element of X."""
        self.add(name, "item", value, expect, code, why)

    def bad_item(self, name: str, value: Any, code: str, why: str = "") -> None:
        """Add one element of X that is to be refused."""
        self.item(name, value, "error", code, why)

    def good_file(self, name: str, filename: str, data: bytes, why: str = "") -> None:
        """Add a file of these bytes that is to be read."""
        path = self.root / filename
        path.write_bytes(data)
        self.item(name, str(path), why=why)

    def bad_file(
        self, name: str, filename: str, data: bytes, code: str, why: str = ""
    ) -> None:
        """Add a file of these bytes that is to be refused."""
        path = self.root / filename
        path.write_bytes(data)
        self.bad_item(name, str(path), code, why)

    def audio(
        self,
        name: str,
        filename: str,
        y: np.ndarray,
        rate: int = RATE,
        why: str = "",
        **kwargs: Any,
    ) -> None:
        """Add a file that soundfile writes and that is to be read."""
        path = self.root / filename
        sf.write(path, y, rate, **kwargs)
        self.item(name, str(path), why=why)

    def encoded(self, filename: str, y: np.ndarray, **kwargs: Any) -> bytes:
        """Return the bytes of a file that soundfile writes."""
        path = self.root / filename
        sf.write(path, y, RATE, **kwargs)
        return path.read_bytes()

    def link(self, filename: str, target: str) -> Path:
        """Make a link and return its path."""
        path = self.root / filename
        if not path.is_symlink():
            path.symlink_to(target)
        return path

    def good(self, i: int) -> str:
        """Return the path of good file number i."""
        path = self.root / f"good_{i}.wav"
        if not path.exists():
            sf.write(path, tone(freq=220.0 * (i + 1)), RATE, subtype="PCM_16")
        return str(path)


def _add_unreadable_paths(c: _Corpus) -> None:
    """Add paths that no decoder can open."""
    folder = c.root / "folder.wav"
    folder.mkdir(exist_ok=True)
    c.bad_item("directory", str(folder), "not_a_file")
    c.bad_item("missing", str(c.root / "missing.wav"), "missing")

    denied = c.root / "denied.wav"
    denied.unlink(missing_ok=True)  # from an earlier call: it could not be written
    sf.write(denied, tone(), RATE)
    denied.chmod(0)
    c.bad_item("denied", str(denied), "denied", "root may still read it")

    loop = c.link("loop_a.wav", "loop_b.wav")
    c.link("loop_b.wav", "loop_a.wav")
    c.bad_item("symlink_loop", str(loop), "missing")
    c.bad_item("symlink_dangling", str(c.link("dangling.wav", "gone.wav")), "missing")

    fifo = c.root / "pipe.wav"
    if not fifo.exists():
        os.mkfifo(fifo)
    c.bad_item("fifo", str(fifo), "not_a_file", "open() blocks for ever")
    c.bad_item("device", "/dev/zero", "not_a_file")


def _add_odd_paths(c: _Corpus) -> None:
    """Add a good file under names and types that path handling gets wrong."""
    names = {
        "unicode_nfc": "caf\u00e9 \u97f3\u697d.wav",
        "unicode_nfd": "cafe\u0301.wav",
        "space": "two  spaces .wav",
        "newline": "new\nline.wav",
        "ansi_escape": "red\x1b[31m.wav",
        "leading_dash": "-rf.wav",
        "html": "<script>alert(1)<\u2215script>.wav",
        "formula": "=1+1,'\"&.wav",
        "glob": "[a-z]*?.wav",
        "percent": "100%s{0}.wav",
        "long_name": "n" * 251 + ".wav",
    }
    for name, filename in names.items():
        c.audio(f"name_{name}", filename, tone())
    good = c.good(0)
    raw_name = os.fsencode(c.root) + b"/latin1_\xe9.wav"
    with open(raw_name, "wb") as out:
        out.write(Path(good).read_bytes())
    why = "a str with a lone surrogate"
    c.item("name_not_utf8", os.fsdecode(raw_name), why=why)

    c.item("as_pathlib", Path(good))
    c.item("as_bytes", os.fsencode(good), why="os.fspath accepts bytes")
    c.item("as_numpy_str", np.str_(good))
    why = "breaks when a worker changes folder"
    c.item("as_relative", os.path.relpath(good), why=why)
    c.item("as_symlink", str(c.link("link.wav", Path(good).name)))
    c.bad_item("as_url", "file://" + good, "bad_path")
    why = "the home folder has none"
    c.bad_item("as_tilde", "~/no_such_clip.wav", "missing", why)
    c.bad_item("as_empty_string", "", "bad_path")
    c.bad_item("as_dash", "-", "missing", "libsndfile takes it for standard input")
    c.bad_item("as_nul", good + "\0.txt", "bad_path")
    c.bad_item("as_trailing_slash", good + "/", "missing")


def _add_odd_waveforms(c: _Corpus) -> None:
    """Add arrays and other objects given where a clip is expected."""
    y = tone()
    f32 = y.astype(np.float32)
    frozen = f32.copy()
    frozen.setflags(write=False)
    c.item("array_float32", f32)
    c.item("array_float64", y)
    c.item("array_float16", y.astype(np.float16))
    int16 = (y * 32767).astype(np.int16)
    c.item("array_int16", int16, why="full scale is 32768, not 1")
    c.item("array_int32", (y * 2**31).astype(np.int32))
    c.item("array_uint8", (y * 127 + 128).astype(np.uint8), why="zero is at 128")
    c.item("array_big_endian", f32.astype(">f4"))
    c.item("array_read_only", frozen)
    c.item("array_strided", np.repeat(f32, 2)[::2])
    c.item("array_list", f32[:5000].tolist())
    c.bad_item("array_bool", y > 0, "bad_type")
    c.bad_item("array_complex", y.astype(complex), "bad_type")
    objects = np.array([0.1, "a", None] * 1000, dtype=object)
    c.bad_item("array_object", objects, "bad_type")
    c.bad_item("array_datetime", np.arange(5000).astype("M8[s]"), "bad_type")
    with_nan = np.where(np.arange(RATE) == 5, np.nan, f32)
    c.bad_item("array_nan", with_nan, "not_finite")
    masked = np.ma.masked_less(y, 0)
    c.bad_item("array_masked", masked, "bad_type", "the mask would be lost")
    c.bad_item("array_empty", np.zeros(0, np.float32), "empty")
    c.bad_item("array_0d", np.float32(0.5), "bad_type")
    c.item("array_1_by_n", f32[None, :], why="one channel")
    c.item("array_2_by_n", np.stack([f32, f32]), why="channels first, as librosa")
    columns = np.stack([f32, f32], axis=1)
    why = "channels last: 22050 channels of 2 samples"
    c.bad_item("array_n_by_2", columns, "bad_shape", why)
    c.bad_item("array_3d", np.zeros((2, 2, 100), np.float32), "bad_shape")
    c.bad_item("none", None, "bad_type", "a missing path in a table")
    why = "what pandas puts for a missing path"
    c.bad_item("float_nan", float("nan"), "bad_type", why)
    why = "soundfile takes an int for an open descriptor"
    c.bad_item("int", 987654, "bad_type", why)
    c.bad_item("dict", {"path": c.good(0)}, "bad_type")


def _add_collections(c: _Corpus) -> None:
    """Add cases for a whole X."""
    good = [c.good(i) for i in range(3)]
    y = tone().astype(np.float32)

    def bad(name: str, X: Any, why: str = "") -> None:
        c.add(name, "collection", X, "error", "bad_x", why)

    def fine(name: str, X: Any, why: str = "") -> None:
        c.add(name, "collection", X, "ok", why=why)

    bad("x_empty_list", [])
    bad("x_single_path", good[0], "a str is a sequence of str")
    bad("x_single_pathlib", Path(good[0]))
    bad("x_none", None)
    bad("x_generator", (p for p in good), "can be read only once")
    bad("x_set", set(good), "no order, so no rows")
    bad("x_scalar_object_array", np.array(good[0], dtype=object))
    bad("x_three_columns", np.array([good, good], dtype=object))
    column = np.array(good, dtype=object)[:, None]
    fine("x_one_column", column, "what ColumnTransformer passes")
    fine("x_str_array", np.array(good))
    fine("x_tuple", tuple(good))
    twice = [good[0], good[1], good[0]]
    fine("x_duplicates", twice, "rows 0 and 2 are equal; may cost one decode")
    fine("x_mixed", [good[0], y, Path(good[1])])
    fine("x_ragged", [y, y[:100], y[:5000]])
    fine("x_matrix", np.stack([y, y]), "rows are clips")
    why = "five one-sample clips: a feature matrix given for audio"
    bad("x_column_of_floats", np.zeros((5, 1), np.float32), why)


def _add_labels(c: _Corpus) -> None:
    """Add labels of N_LABELLED good clips."""
    n = N_LABELLED
    two = ["rock", "jazz"] * (n // 2)
    tags = np.tile(np.eye(3, dtype=int), (n, 1))[:n]

    def bad(name: str, y: Any, why: str = "") -> None:
        c.add(name, "labels", y, "error", "bad_y", why)

    def fine(name: str, y: Any, why: str = "") -> None:
        c.add(name, "labels", y, "ok", why=why)

    bad("y_missing", None)
    bad("y_short", two[:-1])
    bad("y_nan", np.array([0.0, 1.0, np.nan, 1.0] * (n // 4)))
    bad("y_none", [None, *two[1:]])
    bad("y_empty_string", ["", *two[1:]], "a label is missing")
    bad("y_mixed_types", [1, *two[1:]])
    bad("y_one_class", ["rock"] * n)
    fine("y_singleton_class", [*two[:-1], "folk"], "cannot be stratified")
    bad("y_continuous", np.linspace(0, 1, n), "for a classifier")
    fine("y_tags_empty_rows", np.where(np.arange(n)[:, None] < 2, 0, tags))
    never = np.hstack([tags, np.zeros((n, 1), int)])
    fine("y_tag_never", never, "its metric is undefined: NaN, never 0 or 1")
    fine("y_tag_always", np.hstack([tags, np.ones((n, 1), int)]))
    bad("y_tags_not_binary", tags * 3)
    lists = [["rock"], [], ["jazz", "live"]] + [["rock"]] * (n - 3)
    fine("y_tag_lists", lists, "or an error that names MultiLabelBinarizer")
    why = "not in Harte's grammar: name the row and the symbol"
    bad("y_chord_unknown", ["C:maj", "H:dur"] * (n // 2), why)
    fine("y_chord_n_and_x", ["N", "X", "C:maj", "A:min"] * (n // 4))
