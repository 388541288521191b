"""``skdeepmir onsets``, and ``skdeepmir compare`` of detectors."""

import numpy as np
import pytest
import soundfile
from commands import refused, run
from sklearn.preprocessing import StandardScaler

from skdeepmir.datasets import make_onset_clips
from skdeepmir.metrics import onset_f1
from skdeepmir.onsets import read_onsets, write_onsets
from skdeepmir.persistence import save


@pytest.fixture(scope="module")
def clips():
    return make_onset_clips(
        n_clips=4, duration=3.0, kinds=["drums"], snr=40, random_state=0
    )


@pytest.fixture
def songs(tmp_path, clips, monkeypatch):
    """Return a table of recordings and their onsets; models go to a new cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rows = ["path,annotation,group"]
    for i, (clip, times) in enumerate(zip(clips.data, clips.target, strict=True)):
        soundfile.write(tmp_path / f"{i}.flac", clip, clips.sample_rate)
        write_onsets(tmp_path / f"{i}.onsets", times)
        rows.append(f"{i}.flac,{i}.onsets,{i % 2}")
    path = tmp_path / "songs.csv"
    path.write_text("\n".join(rows))
    return path


def learned(songs, detector="superflux"):
    return "--train", songs, "--detector", detector, "-q"


@pytest.mark.parametrize("kind", ["onsets", "txt", "csv", "jams"])
def test_onsets_are_printed_and_written(capsys, songs, kind):
    folder = songs.parent
    names = [folder / "0.flac", folder / "1.flac"]
    out = "--out", folder / "out", "--format", kind
    status, printed, _ = run(capsys, "onsets", *names, *learned(songs), *out)
    assert status == 0
    first, second = printed.removeprefix(f"# {names[0]}\n").split(f"# {names[1]}\n")
    for i, lines in enumerate([first, second]):
        times = np.array(lines.split(), dtype=float)
        written = read_onsets(folder / "out" / f"{i}.{kind}")
        np.testing.assert_allclose(times, written, atol=6e-4)
        assert onset_f1([folder / f"{i}.onsets"], [written]) > 0.6


def test_pictures_and_clicks_are_written(capsys, songs, clips):
    folder = songs.parent
    out = folder / "out"
    written = "--pictures", out, "--clicks", out
    song = folder / "0.flac"
    status, printed, _ = run(capsys, "onsets", song, *learned(songs), *written)
    assert status == 0 and not printed.startswith("#")
    assert {path.name for path in out.iterdir()} == {"0.png", "0.clicks.flac"}
    assert (out / "0.png").stat().st_size > 10_000
    samples, rate = soundfile.read(out / "0.clicks.flac")
    assert (len(samples), rate) == (len(clips.data[0]), clips.sample_rate)
    first = round(float(printed.split()[0]) * rate)
    # Nothing but the song, which may be softer, is heard before the first click.
    before = samples[: first - rate // 100], clips.data[0][: first - rate // 100]
    assert np.corrcoef(*before)[0, 1] > 0.999


def test_a_detector_is_learned_once(capsys, songs):
    learn = "--train", songs, "--detector", "causal_rnn", "--max-epochs", 1
    song = songs.parent / "2.flac"
    status, first, err = run(capsys, "onsets", song, *learn)
    assert status == 0 and "the model is kept in" in err
    for path in songs.parent.glob("*.onsets"):  # nothing is left to learn from
        path.unlink()
    status, again, err = run(capsys, "onsets", song, *learn)
    assert status == 0 and again == first and "using the model" in err
    status, _, err = run(capsys, "onsets", song, *learned(songs, "flux"))
    assert status == 1 and "0.onsets" in err  # that one was not learned


def test_annotations_by_hand_are_not_lost(capsys, songs):
    folder = songs.parent
    before = (folder / "0.onsets").read_bytes()
    arguments = ["onsets", folder / "0.flac", *learned(songs), "--out", folder]
    assert "--overwrite" in refused(capsys, *arguments)
    assert (folder / "0.onsets").read_bytes() == before
    assert run(capsys, *arguments, "--overwrite")[0] == 0
    assert (folder / "0.onsets").read_bytes() != before


def test_what_detects_no_onsets_is_refused(capsys, songs, tmp_path):
    save(StandardScaler().fit([[0.0], [1.0]]), tmp_path / "m.skdeepmir")
    song = tmp_path / "0.flac"
    model = "--model", tmp_path / "m.skdeepmir"
    status, out, err = run(capsys, "onsets", song, *model)
    assert (status, out) == (1, "") and "detects no onsets" in err
    status, out, err = run(capsys, "onsets", tmp_path / "none.flac")
    assert (status, out) == (1, "") and "none.flac" in err and "missing" in err
    assert "--where" in refused(capsys, "onsets", song, "--where", "group=0")
    kept = "--train", songs, "--model", tmp_path / "flux.skdeepmir", "-q"
    assert run(capsys, "onsets", song, "--detector", "flux", *kept)[0] == 0
    assert run(capsys, "onsets", song, *kept)[0] == 0
    message = refused(capsys, "onsets", song, "--detector", "conv", *kept)
    assert "conv" in message and "flux.skdeepmir is flux" in message
    assert "nowhere.csv" in refused(capsys, "onsets", song, "--train", "nowhere.csv")


def test_detectors_of_onsets_are_compared(capsys, songs):
    options = "--annotations", "annotation", "--cv", 2, "--n-jobs", 1, "-q"
    status, out, _ = run(capsys, "compare", songs, *options)
    assert status == 0 and "onset_f1" in out and "4 clips tested" in out
    assert "spectral flux" in out and "SuperFlux" in out
    other = refused(capsys, "compare", songs, *options, "--pipelines", "blstm")
    assert "onset_conv" in other


@pytest.mark.parametrize(
    "command",
    [("onsets", "--detector", "flux", "--out"), ("chords", "--templates", "--lab")],
)
def test_a_recording_that_breaks_off_costs_the_others_nothing(capsys, songs, command):
    files = [songs.parent / f"{i}.flac" for i in range(3)]
    files[1].write_bytes(files[1].read_bytes()[:9000])
    name, *options = command
    out = songs.parent / "out"
    status, told, errors = run(capsys, name, *files, *options, out)
    assert status == 1
    assert {path.stem for path in out.iterdir()} == {"0", "2"}
    assert "1.flac" in errors and "1 of 3 recordings" in errors
    assert "0.flac" in told and "2.flac" in told and "1.flac" not in told
