"""``~`` is the home folder wherever a path comes in, and a name nowhere else."""

import hashlib
import os
import pwd
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
from small_nets import net, problem

from skdeepmir import (
    FeatureStore,
    SpectrogramExtractor,
    check_audio,
    drop_bad_audio,
    load,
    load_clips,
    save,
    save_clips,
)
from skdeepmir._disk import literal_path, shown, user_path
from skdeepmir.audio import AudioError, AudioWarning, read_audio, read_header
from skdeepmir.chords import read_chords, write_jams, write_lab
from skdeepmir.datasets import (
    extract_archive,
    fetch_archive,
    load_audio_folder,
    load_gtzan,
    load_isophonics,
    load_maestro,
    load_magnatagatune,
    load_manifest,
    load_maps,
    load_mdb_drums,
    load_mtg_jamendo,
    load_onset_db,
    load_poliner_ellis,
)
from skdeepmir.metrics import wcsr
from skdeepmir.model_selection._protocol import content_ids

SONG = ([[0, 1], [1, 2]], ["C:maj", "G:7"])


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return a home folder with one song; the current folder is another."""
    folder = tmp_path / "home"
    (folder / "jazz").mkdir(parents=True)
    y = 0.1 * np.random.RandomState(0).randn(9000)
    soundfile.write(folder / "jazz" / "a.wav", y, 22050)
    os.utime(folder / "jazz" / "a.wav", (1e9, 1e9))
    monkeypatch.setenv("HOME", str(folder))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return folder


def test_only_a_leading_tilde_of_somebody_is_a_home_folder(home):
    me = pwd.getpwuid(os.getuid())
    assert user_path("~") == str(home)
    assert user_path(b"~/a.wav") == user_path(Path("~/a.wav")) == str(home / "a.wav")
    assert user_path(f"~{me.pw_name}/a.wav") == os.path.join(me.pw_dir, "a.wav")
    for name in ("a~", "a/~/b", "./~/a", "~no-such-user/a", "~a\0/b", "~\ud800"):
        assert user_path(name) == name
    for name in ("~", "~/a", "a~"):
        assert user_path(literal_path(name)).endswith(name)
    assert shown("a.wav") == "'a.wav'"
    assert shown("~/\n") == f"'~/\\n' (that is, {str(home / chr(10))!a})"


@pytest.mark.parametrize("as_type", [str, os.fsencode, Path])
def test_audio_is_read_from_home(home, as_type):
    given, full = as_type("~/jazz/a.wav"), str(home / "jazz" / "a.wav")
    assert read_header(given) == read_header(full)
    np.testing.assert_array_equal(read_audio(given)[0], read_audio(full)[0])
    a, b = SpectrogramExtractor("mfcc").transform([given, full])
    np.testing.assert_array_equal(a, b)
    assert check_audio([given]).empty
    assert drop_bad_audio([given]) == [given]


def test_a_missing_file_is_named_as_it_was_given_and_as_what_it_stands_for(home):
    (problem,) = check_audio(["~/jazz/b.wav"]).to_dict("records")
    assert (problem["code"], problem["path"]) == ("missing", "'~/jazz/b.wav'")
    assert ascii(str(home / "jazz" / "b.wav")) in problem["fix"]
    with pytest.raises(AudioError, match="'~no-such-user/a.wav' does not exist"):
        read_header("~no-such-user/a.wav")
    with pytest.raises(AudioError, match="not_a_file"):
        read_header("~")
    with pytest.warns(AudioWarning, match="'~/jazz/b.wav'"):
        assert drop_bad_audio(["~/jazz/a.wav", "~/jazz/b.wav"]) == ["~/jazz/a.wav"]


def test_the_store_knows_a_file_by_either_name(home):
    extractor = SpectrogramExtractor("mfcc", cache_dir="~/store")
    (frames,) = extractor.transform(["~/jazz/a.wav"])
    store = FeatureStore("~/store")
    assert store.folder == home / "store" and len(store.entries()) == 1
    key = extractor._recipe().key()
    full = home / "jazz" / "a.wav"
    assert store.holds("~/jazz/a.wav", key) and store.holds(full, key)
    np.testing.assert_array_equal(extractor.transform([full])[0], frames)
    assert len(list((home / "store" / "digests").rglob("*"))) == 2  # a folder, a file
    with pytest.raises(AudioError, match="missing"):
        store.fetch("~/jazz/b.wav", key, lambda: [])
    assert FeatureStore("~no-such-user").folder == Path("~no-such-user")


def test_equal_files_are_found_in_home(home):
    assert len(set(content_ids(["~/jazz/a.wav", str(home / "jazz/a.wav")]))) == 1


def test_folders_of_recordings_are_listed_from_home(home):
    bunch = load_audio_folder("~")
    assert bunch.data.tolist() == [str(home / "jazz" / "a.wav")]
    found = r"'~/none' \(that is, .*none'\)"
    with pytest.raises(ValueError, match=found):
        load_audio_folder("~/none")


def test_a_folder_that_is_really_called_tilde_is_listed_as_such(home):
    Path("~").mkdir()
    soundfile.write("./~/b.wav", np.ones(900) / 2, 22050)
    bunch = load_audio_folder(".")
    assert bunch.data.tolist() == ["./~/b.wav"] and check_audio(bunch.data).empty


def test_a_table_of_ones_own_may_name_files_at_home(home):
    write_lab("~/a.lab", *SONG)
    table = home / "table.csv"
    table.write_text("path,label,chords\n~/jazz/a.wav,jazz,~/a.lab\n")
    bunch = load_manifest("~/table.csv")
    assert bunch.data.tolist() == [str(home / "jazz" / "a.wav")]
    bunch = load_manifest("~/table.csv", annotations="chords")
    assert bunch.target.tolist() == [str(home / "a.lab")]
    table.write_text("path,label\na.wav,jazz\n~no-such-user/b.wav,jazz\n")
    bunch = load_manifest("~/table.csv", root="~/jazz")
    folder = home / "jazz"
    expected = [str(folder / "a.wav"), str(folder / "~no-such-user/b.wav")]
    assert bunch.data.tolist() == expected
    bunch = load_manifest("~/table.csv", root=".")
    assert bunch.data.tolist() == ["a.wav", "./~no-such-user/b.wav"]


@pytest.mark.parametrize("name", ["~/jazz/a.wav", "~", "~root/a.wav"])
def test_a_table_from_elsewhere_may_not(home, name):
    (home / "table.csv").write_text(f"path,label\n{name},jazz\n")
    with pytest.raises(ValueError, match=f"table.csv' lists '{name}'"):
        load_manifest("~/table.csv", root="~")


@pytest.mark.parametrize(
    "loader",
    [
        load_gtzan,
        load_isophonics,
        load_maestro,
        load_magnatagatune,
        load_maps,
        load_mdb_drums,
        load_mtg_jamendo,
        load_onset_db,
        load_poliner_ellis,
    ],
)
def test_collections_are_looked_for_at_home(home, loader):
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        loader("~/collection")
    assert str(home / "collection") in str(caught.value)


def test_archives_are_taken_from_and_to_home(home):
    with zipfile.ZipFile(home / "labels.zip", "w") as archive:
        archive.writestr("~/a.lab", "0 1 C:maj")
    digest = hashlib.sha256((home / "labels.zip").read_bytes()).hexdigest()
    folder = extract_archive("~/labels.zip", "~/labels")
    assert folder == home / "labels" and (folder / "~" / "a.lab").is_file()
    url = "https://example.org/labels.zip"  # is there already
    assert fetch_archive(url, "~/again", sha256=digest) == home / "again"
    with pytest.raises(FileNotFoundError, match=r"'~/no.zip' \(that is"):
        extract_archive("~/no.zip", "~/more")
    with pytest.raises(FileNotFoundError, match=r"folder '~/no' \(that is.*'more'"):
        extract_archive("~/labels.zip", "~/no/more")


@pytest.mark.parametrize("as_type", [str, os.fsencode, Path])
def test_chords_are_read_and_written_at_home(home, as_type):
    lab, jams = as_type("~/a.lab"), as_type("~/a.jams")
    write_lab(lab, *SONG)
    write_jams(jams, *SONG)
    for path in (lab, jams):
        assert read_chords(path)[1].tolist() == SONG[1]
    assert wcsr([lab], [jams]) == 1.0
    assert sorted(p.name for p in home.iterdir()) == ["a.jams", "a.lab", "jazz"]
    with pytest.raises(FileNotFoundError, match=r"'~/b.lab' \(that is, .*b.lab'\)"):
        read_chords(as_type("~/b.lab"))
    with pytest.raises(FileNotFoundError, match=r"folder '~/no' \(that is, .*'b.lab'"):
        write_lab(as_type("~/no/b.lab"), *SONG)
    with pytest.raises(ValueError, match=r"'~/a.txt' has the extension"):
        read_chords(as_type("~/a.txt"))


def test_clips_and_estimators_are_kept_at_home(home):
    clips = [np.ones((3, 2)), np.zeros((2, 2))]
    for path in ("~/clips.npy", b"~/clips.npy", Path("~/clips.npy")):
        save_clips(path, clips)
        np.testing.assert_array_equal(load_clips(path)[0], clips[0])
    save(SpectrogramExtractor("cqt"), "~/model")
    assert load("~/model").kind == "cqt"
    assert sorted(p.name for p in home.iterdir()) == ["clips.npy", "jazz", "model"]
    for read in (load, load_clips):
        with pytest.raises(FileNotFoundError, match=r"'~/none' \(that is"):
            read("~/none")
    for write in (save, lambda value, path: save_clips(path, clips)):
        with pytest.raises(FileNotFoundError, match=r"'~/none' \(that is"):
            write(SpectrogramExtractor(), "~/none/at all")


def test_checkpoints_are_kept_at_home(home):
    net(max_epochs=1, checkpoint_dir="~/runs").fit(*problem(30))
    assert list((home / "runs").iterdir()) and not list(Path().iterdir())


def test_paths_of_a_frame_may_begin_at_home(home):
    frame = pl.DataFrame({"path": ["~/jazz/a.wav"]})
    assert len(SpectrogramExtractor().fit_transform(frame)) == 1
