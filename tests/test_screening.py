import errno
import os
import warnings

import numpy as np
import pandas as pd
import pytest
import soundfile
from scipy.sparse import coo_matrix, csr_array, lil_matrix

from skdeepmir import SpectrogramExtractor, check_audio, drop_bad_audio
from skdeepmir.audio import AudioError, AudioWarning


@pytest.fixture
def paths(tmp_path):
    """Return seven files, of which numbers 1, 2 and 5 are bad."""
    rng = np.random.RandomState(0)
    paths = [tmp_path / f"{i}.flac" for i in range(7)]
    for path in paths:
        soundfile.write(path, 0.1 * rng.randn(30_000), 22050)
    paths[1].write_bytes(b"")
    data = bytearray(paths[2].read_bytes())
    data[len(data) // 2] ^= 0xFF  # only decoding tells
    paths[2].write_bytes(data)
    paths[5].unlink()
    return [str(path) for path in paths]


def test_bad_rows_go_with_their_labels_and_are_told(paths):
    groups = pd.Series(list("aabbccd"), index=range(10, 17))
    weights = np.arange(7.0)
    with pytest.warns(
        AudioWarning, match=r"3 rows are bad: 1, 2, 5 \(removed"
    ) as caught:
        X, y, kept_groups, kept_weights, nothing = drop_bad_audio(
            paths, list("ABCDEFG"), groups, weights, None, n_jobs=2, verbose=False
        )
    assert X == [paths[i] for i in (0, 3, 4, 6)] and y == list("ADEG")
    assert kept_groups.tolist() == list("abcd")
    assert kept_groups.index.tolist() == [10, 13, 14, 16]
    assert kept_weights.tolist() == [0, 3, 4, 6] and nothing is None
    problems = [(e.row, e.code, e.path) for e in caught[0].message.problems]
    codes = {1: "empty", 2: "truncated", 5: "missing"}
    assert problems == [(row, code, paths[row]) for row, code in codes.items()]
    assert caught[0].filename == __file__


@pytest.mark.parametrize("form", [csr_array, coo_matrix, lil_matrix])
def test_sparse_tags_go_with_their_clips(paths, form):
    tags = np.arange(21).reshape(7, 3) % 2
    with pytest.warns(AudioWarning):
        X, y = drop_bad_audio(paths, form(tags), verbose=False)
    assert len(X) == 4
    np.testing.assert_array_equal(y.toarray(), tags[[0, 3, 4, 6]])


def test_what_is_left_can_be_extracted(paths):
    with pytest.warns(AudioWarning):
        X = drop_bad_audio(paths)
    assert isinstance(X, list) and len(SpectrogramExtractor().transform(X)) == 4


def test_good_clips_pass_in_silence(paths, capfd):
    good = [paths[0], paths[3]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        X, y = drop_bad_audio(good, ["a", "b"])
    assert X is good and y == ["a", "b"]
    assert capfd.readouterr() == ("", "")


def test_containers_stay_what_they_are(paths):
    column = np.array(paths, dtype=object)[:, np.newaxis]
    with pytest.warns(AudioWarning):
        assert drop_bad_audio(column).shape == (4, 1)
    table = np.full((3, 1000), 0.1, np.float32)
    table[1, 5] = np.nan
    with pytest.warns(AudioWarning):
        np.testing.assert_array_equal(drop_bad_audio(table), table[[0, 2]])


def test_nothing_left_is_an_error(paths):
    with pytest.raises(AudioError, match="row 0: .*2 rows are bad"):
        drop_bad_audio([paths[1], paths[5]], [0, 1])


@pytest.mark.parametrize("X", ["song.wav", None, {"song.wav"}, [], iter(["song.wav"])])
def test_what_is_no_set_of_clips_is_refused(X):
    with pytest.raises(AudioError, match=r"X .*\(bad_x\)"):
        drop_bad_audio(X, [0])
    with pytest.raises(AudioError, match=r"X .*\(bad_x\)"):
        check_audio(X)


def test_labels_of_another_length_are_refused(paths):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        drop_bad_audio(paths, [0, 1])


@pytest.mark.parametrize(
    "array", [dict.fromkeys(range(3)), {1, 2, 3}, {1: 1, 2: 2, 3: 3}.values(), "abc"]
)
def test_arrays_without_an_order_are_refused_before_anything_is_decoded(
    array, monkeypatch
):
    monkeypatch.setattr("skdeepmir.spectrogram._screening.find_bad_audio", None)
    with pytest.raises(ValueError, match=f"array 2 .*{type(array).__name__}|path"):
        drop_bad_audio([np.zeros(9)] * 3, [1, 2, 3], array)


def test_names_from_a_numpy_array_are_plain_text(tmp_path):
    names = np.array([str(tmp_path / "gone.wav"), str(tmp_path / "pipe")])
    (tmp_path / "pipe").mkdir()
    for X in (names, names[:, np.newaxis], list(names)):
        problems = check_audio(X)
        assert problems["path"].tolist() == [ascii(str(name)) for name in names]
        with pytest.raises(AudioError) as raised:
            SpectrogramExtractor().fit(X)
        assert "np." not in str(raised.value) and type(raised.value.path) is str


def test_the_table_says_what_to_do_and_can_be_written_anywhere(paths, tmp_path):
    hostile = tmp_path / "=1+1\n\x1b[31m<b>\udce9.wav"
    table = check_audio([*paths, str(hostile)])
    assert table["row"].tolist() == [1, 2, 5, 7]
    assert table["code"].tolist() == ["empty", "truncated", "missing", "missing"]
    assert table.loc[3, "path"] == ascii(str(hostile))
    assert table.to_csv().isascii() and "<b>" not in table.to_html()
    assert (table["fix"].str.len() > 10).all()


def test_limits_are_those_of_the_extractor(paths):
    codes = check_audio(paths, truncated="accept")["code"]
    assert codes.tolist() == ["empty", "missing"]
    extractor = SpectrogramExtractor(truncated="accept")
    broken, whole = extractor.transform([paths[2], paths[0]])
    assert len(whole) / 4 < len(broken) <= len(whole)
    assert len(check_audio(paths, max_duration=1.0)) == 7


def test_errors_and_warnings_survive_pickling(paths):
    import pickle

    with pytest.warns(AudioWarning) as caught:
        drop_bad_audio(paths)
    copied = pickle.loads(pickle.dumps(caught[0].message))
    assert str(copied) == str(caught[0].message)
    assert [e.row for e in copied.problems] == [1, 2, 5]


def test_tuples_stay_tuples(paths):
    with pytest.warns(AudioWarning):
        X, y = drop_bad_audio(tuple(paths), tuple("ABCDEFG"))
    assert isinstance(X, tuple) and y == tuple("ADEG")


def test_a_fault_of_the_system_is_no_fault_of_the_clip(paths, monkeypatch):
    def no_more(*args):
        raise OSError(errno.EMFILE, "Too many open files", paths[0])

    monkeypatch.setattr(os, "open", no_more)
    with pytest.raises(OSError, match="Too many open files"):
        check_audio(paths[:1])


@pytest.mark.parametrize(
    "bad", [{"truncated": "acept"}, {"max_duration": np.nan}, {"max_duration": "10"}]
)
def test_parameters_are_checked(paths, bad):
    (name,) = bad
    with pytest.raises(ValueError, match=f"{name}="):
        check_audio(paths, **bad)


def test_a_short_ogg_file_that_was_cut_is_not_called_empty(tmp_path):
    whole = tmp_path / "whole.ogg"
    soundfile.write(whole, np.sin(np.arange(22050)), 22050)
    cut = tmp_path / "cut.ogg"
    data = whole.read_bytes()  # three pages: two of headers, one of samples
    cut.write_bytes(data[: len(data) * 9 // 10])
    assert check_audio([cut])["code"].tolist() == ["truncated"]
