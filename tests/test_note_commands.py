"""``skdeepmir transcribe``: notes printed, written, drawn and played."""

import numpy as np
import pytest
import soundfile
from commands import refused, run
from sklearn.preprocessing import StandardScaler

from skdeepmir._command_line import main
from skdeepmir.datasets import make_piano_clips
from skdeepmir.notes import read_notes, write_notes
from skdeepmir.persistence import load, save


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """Return a folder of recordings and their notes, with what was learned of them."""
    folder = tmp_path_factory.mktemp("songs")
    clips = make_piano_clips(n_clips=3, duration=2.0, random_state=0)
    rows = ["path,notes,group"]
    for i, (clip, notes) in enumerate(zip(clips.data, clips.target, strict=True)):
        soundfile.write(folder / f"{i}.flac", clip, clips.sample_rate)
        write_notes(folder / f"{i}.tsv", notes)
        rows.append(f"{i}.flac,{i}.tsv,{i}")
    (folder / "songs.csv").write_text("\n".join(rows))
    learn = "--train", folder / "songs.csv", "--annotations", "notes", "-q"
    learn += "--max-epochs", 1, "--model", folder / "net.skdeepmir"
    arguments = "transcribe", folder / "0.flac", *learn
    assert main([str(argument) for argument in arguments]) == 0
    transcriber = load(folder / "net.skdeepmir")
    transcriber[-1].onset_threshold_ = 0.0  # notes, whatever was learned
    save(transcriber, folder / "net.skdeepmir")
    return folder


def model(songs):
    return "--model", songs / "net.skdeepmir", "-q"


@pytest.mark.parametrize("kind", ["mid", "tsv", "csv", "jams"])
def test_notes_are_printed_and_written(capsys, songs, tmp_path, kind):
    names = [songs / "0.flac", songs / "1.flac"]
    out = "--out", tmp_path, "--format", kind
    status, printed, _ = run(capsys, "transcribe", *names, *model(songs), *out)
    assert status == 0
    first, second = printed.removeprefix(f"# {names[0]}\n").split(f"# {names[1]}\n")
    for i, lines in enumerate([first, second]):
        rows = np.array([line.split("\t") for line in lines.splitlines()], float)
        written = read_notes(tmp_path / f"{i}.{kind}")
        assert len(rows) == len(written) > 0
        rows = rows[np.lexsort(rows.T[[0, 2]])]  # by pitch, then onset
        written = np.sort(written, order=["pitch", "onset"])
        for column, name in zip(rows.T, written.dtype.names, strict=True):
            # Of the last frame a part is after the end of the song, which .jams know.
            np.testing.assert_allclose(column, written[name], atol=0.03)


def test_a_picture_and_a_sound_are_written(capsys, songs, tmp_path):
    written = "--pictures", tmp_path, "--sounds", tmp_path
    song = songs / "0.flac"
    assert run(capsys, "transcribe", song, *model(songs), *written)[0] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"0.png", "0.notes.flac"}
    assert (tmp_path / "0.png").stat().st_size > 10_000
    both, rate = soundfile.read(tmp_path / "0.notes.flac")
    recording, same = soundfile.read(song)
    assert rate == same and both.shape == (len(recording), 2)
    assert np.corrcoef(both[:, 0], recording)[0, 1] > 0.999


def test_a_net_is_learned_from_synthesised_clips_once(
    capsys, songs, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("skdeepmir._command_line._transcribe.N_CLIPS", 2)
    arguments = "transcribe", songs / "2.flac", "--max-epochs", 1
    status, first, told = run(capsys, *arguments)
    assert status == 0 and "synthesised" in told and "the model is kept in" in told
    status, again, told = run(capsys, *arguments)
    assert status == 0 and again == first and "using the model" in told


def test_notes_by_hand_are_not_lost(capsys, songs):
    before = (songs / "1.tsv").read_bytes()
    out = "--out", songs, "--format", "tsv"
    message = refused(capsys, "transcribe", songs / "1.flac", *model(songs), *out)
    assert "--overwrite" in message and (songs / "1.tsv").read_bytes() == before


def test_what_transcribes_nothing_is_refused(capsys, songs, tmp_path):
    save(StandardScaler().fit([[0.0], [1.0]]), tmp_path / "m.skdeepmir")
    other = "--model", tmp_path / "m.skdeepmir"
    status, out, err = run(capsys, "transcribe", songs / "0.flac", *other)
    assert (status, out) == (1, "") and "transcribes no notes" in err
    status, out, err = run(capsys, "transcribe", tmp_path / "none.flac")
    assert (status, out) == (1, "") and "none.flac" in err and "missing" in err
