"""``skdeepmir`` and ``python -m skdeepmir``: output, exit codes and one-line errors."""

import inspect
import io
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from commands import refused, run

import skdeepmir
from skdeepmir import SpectrogramExtractor, load_clips
from skdeepmir._command_line import _features, _main, _output, main
from skdeepmir.chords import read_chords
from skdeepmir.datasets import load_manifest, make_instrument_clips
from skdeepmir.metrics import wcsr

ROOT = Path(__file__).parents[1]
FAST = ["--n-jobs", "1", "--pipelines", "mfcc_svm", "mel_svm"]
COMMAND = [sys.executable, "-m", "skdeepmir"]


def sounds(n_clips=24):
    """Return short clips of two classes and four groups of each."""
    clips = make_instrument_clips(
        n_clips=n_clips, n_instruments=12, duration=0.2, random_state=0
    )
    return zip(clips.data, np.arange(n_clips) % 2, clips.groups, strict=True)


@pytest.fixture
def music(tmp_path):
    """Return a folder of recordings of two classes, and groups in their names."""
    for i, (y, label, group) in enumerate(sounds()):
        path = tmp_path / "music" / "ab"[label] / f"{group}_{i}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, y, 22050)
    return tmp_path / "music"


@pytest.fixture
def table(tmp_path):
    """Return a CSV file of recordings with tags, groups, folds and sources."""
    rows = ["path,label,group,fold,source"]
    for i, (y, _, group) in enumerate(sounds()):
        soundfile.write(tmp_path / f"{i}.wav", y, 22050)
        tags = ("a", "b", "a|b")[i % 3]
        source = f'"{"xyz"[int(group) % 3]}, 1"'
        rows.append(f"{i}.wav,{tags},{group},{int(group) % 2},{source}")
    path = tmp_path / "labels.csv"
    path.write_text("\n".join(rows))
    return path


# Help


def test_help_and_version_import_nothing_heavy():
    for option in ("--help", "--version", "compare --help"):
        code = (
            "import sys; from skdeepmir._command_line import main\n"
            f"try: main({option.split()})\nexcept SystemExit as left:\n"
            "    heavy = {'torch', 'sklearn', 'scipy', 'numpy', 'pandas'}\n"
            "    assert not left.code and not heavy & set(sys.modules)"
        )
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"skdeepmir {skdeepmir.__version__}\n"


def test_examples_in_the_help_of_each_command_can_be_parsed(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for command in _main.COMMANDS:
        name = command.__name__.rpartition("._")[2]
        with pytest.raises(SystemExit):
            main([name, "--help"])
        text = capsys.readouterr().out
        lines = text.partition("examples:\n")[2].splitlines()
        assert len(lines) >= 2 and max(map(len, text.splitlines())) <= 80
        for line in lines:
            program, *arguments = shlex.split(line.partition(">")[0], comments=True)
            assert program == "skdeepmir" and arguments[0] == name
            _main.make_parser().parse_args(arguments)


def test_commands_in_the_documentation_can_be_parsed():
    if not (ROOT / "docs").exists():
        pytest.skip("needs the project's documentation beside the tests")
    texts = [ROOT / "README.md", *ROOT.glob("docs/[!_]*/**/*.rst")]
    lines = [
        line
        for path in texts
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.match(r"\s*\$ (\.venv/bin/)?(python -m )?skdeepmir [a-z]", line)
    ]
    assert len(lines) > 5
    for line in lines:
        command = re.split(r" [|>] ", line.partition("skdeepmir ")[2])[0]
        _main.make_parser().parse_args(shlex.split(command, comments=True))


def test_defaults_of_features_are_those_of_the_extractor():
    parameters = inspect.signature(SpectrogramExtractor).parameters
    shown = {name: default for name, (default, *_) in _features.PARAMETERS.items()}
    assert shown == {name: parameters[name].default for name in shown}
    assert all(parameters[name].default is False for name in _features.FLAGS)


# How commands end


def test_wrong_options_are_one_line_and_2(capsys, music, table):
    assert "COMMAND" in refused(capsys)
    assert "'nothing'" in refused(capsys, "nothing")
    compare = "compare", music
    assert "'x'" in refused(capsys, *compare, "--cv", "x")
    assert "'svm'" in refused(capsys, *compare, "--pipelines", "svm")
    assert "'acuracy'" in refused(capsys, *compare, "--scoring", "acuracy")
    assert "'('" in refused(capsys, *compare, "--groups", "(")
    assert "COLUMN=VALUE" in refused(capsys, *compare, "--where", "task")
    assert "--where" in refused(capsys, *compare, "--where", "task=a")
    assert "--groups" in refused(capsys, "compare", table, "--groups", "(a)")
    assert "blstm" in refused(capsys, *compare, "--pipelines", "blstm")
    assert "--annotations" in refused(capsys, "compare", "--annotations", "chords")
    assert "--test" in refused(capsys, "compare", "--test", music)


def test_wrong_data_are_one_line_and_1(capsys, tmp_path):
    status, out, err = run(capsys, "compare", tmp_path / "no\nwhere.csv")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("skdeepmir: error: ") and "no\\nwhere.csv" in err
    (tmp_path / "empty").mkdir()
    assert run(capsys, "compare", tmp_path / "empty")[0] == 1


@pytest.mark.parametrize("how", ["--debug", "SKDEEPMIR_DEBUG"])
def test_debugging_shows_where_an_error_comes_from(capsys, monkeypatch, tmp_path, how):
    monkeypatch.setenv("SKDEEPMIR_DEBUG", "0")
    arguments = ["check", tmp_path]
    assert "Traceback" not in run(capsys, *arguments)[2]
    if how == "--debug":
        arguments.append(how)
    else:
        monkeypatch.setenv(how, "1")
    status, _, err = run(capsys, *arguments)
    if how == "--debug":
        assert "Traceback" in run(capsys, how, *arguments[:-1])[2]
    *lines, last = err.splitlines()
    assert status == 1 and last.startswith("skdeepmir: error: ")
    assert lines[0].startswith("Traceback")


def test_a_bug_keeps_its_traceback_and_asks_for_a_report(monkeypatch):
    def fail(args):
        raise TypeError("oh")

    monkeypatch.setattr("skdeepmir._command_line._info.run", fail)
    with pytest.raises(TypeError, match="oh") as caught:
        main(["info"])
    assert "skdeepmir info" in caught.value.__notes__[0]


def test_an_interrupted_command_says_so(capsys, monkeypatch):
    def interrupt(args):
        raise KeyboardInterrupt

    monkeypatch.setattr("skdeepmir._command_line._info.run", interrupt)
    assert run(capsys, "info") == (130, "", "skdeepmir: interrupted\n")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs signals of POSIX")
def test_ctrl_c_ends_a_comparison_in_one_line():
    process = subprocess.Popen(
        [*COMMAND, "compare", "--n-jobs", "2"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    first = process.stderr.readline()  # a fit has ended, others are running
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert first.startswith("[1/") and out == ""
    assert process.returncode == 130
    assert err.splitlines()[-1] == "skdeepmir: interrupted"
    assert "Traceback" not in err


@pytest.mark.skipif(os.name == "nt", reason="pipes differ")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_is_silent(unbuffered):
    code = (
        "from skdeepmir._command_line import _info, main\n"
        "_info.run = lambda args: print('line') or 0\n"
        "raise SystemExit(main(['info']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
    )
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait() == 141


@pytest.mark.skipif(os.name == "nt", reason="files are closed otherwise")
def test_errors_do_not_go_to_the_results_where_their_stream_is_closed():
    command = [*COMMAND, "check", "nowhere.wav"]
    closed = subprocess.run(
        ["sh", "-c", 'exec "$@" 2>&-', "sh", *command], stdout=subprocess.PIPE
    )
    assert closed.returncode == 1 and b"error" not in closed.stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device of Linux")
def test_a_full_disk_is_an_error_of_one_line():
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, "info"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("skdeepmir: error: ") and "space" in done.stderr


def test_a_broken_pipe_elsewhere_is_an_error(capsys, monkeypatch):
    def fail(args):
        raise BrokenPipeError("of a worker")

    monkeypatch.setattr("skdeepmir._command_line._info.run", fail)
    assert run(capsys, "info") == (1, "", "skdeepmir: error: of a worker\n")


def test_characters_that_the_terminal_lacks_are_escaped(monkeypatch, tmp_path):
    (tmp_path / "Björk.wav").write_text("no audio")
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["check", "-q", str(tmp_path)]) == 1
    assert b"Bj\\xf6rk.wav" in written.getvalue()
    assert stream.errors == "strict"  # as before


def test_warnings_are_one_line(capsys, monkeypatch):
    import warnings

    monkeypatch.setattr(
        "skdeepmir._command_line._info.run",
        lambda args: warnings.warn("two\nlines\x1b[1m", stacklevel=1) or 0,
    )
    status, out, err = run(capsys, "info")
    assert (status, out) == (0, "")
    assert err == "skdeepmir: warning: two lines\\x1b[1m\n"


def test_a_table_has_columns():
    assert _output.table([["a", 1, "x"], ["bb", 22, "y\n"]]) == (
        "a   1   x\nbb  22  y\\n"
    )


# compare


def test_a_folder_is_compared_by_groups(capsys, music, tmp_path):
    (music / "a" / "bad.wav").write_text("no audio")
    out = tmp_path / "out"
    arguments = [music, "--groups", r"([^/_.]+)[_.]", "--cv", 2, "--out", out, *FAST]
    status, table, err = run(capsys, "compare", *arguments)
    assert status == 0
    assert "2 pipelines, 2 folds, 24 clips tested" in table
    assert "skdeepmir: warning: 1 row is bad" in err and "bad.wav" in err
    assert "both sides" not in err
    assert "[4/4] log-mel + SVM, fold 1: accuracy " in err
    assert (out / "comparison.md").read_text().count("\n") == 2 + 2
    assert len(pd.read_csv(out / "comparison.csv")) == 2 * 2
    assert (out / "comparison.png").stat().st_size > 10_000
    assert (out / "features" / "entries").exists()


def test_a_comparison_goes_on_where_it_was_stopped(capsys, table, tmp_path):
    arguments = [table, "--finished", tmp_path / "finished", *FAST]
    first = run(capsys, "compare", *arguments)
    assert first[0] == 0 and "auc_tag" in first[1] and "2 folds" in first[1]
    again = run(capsys, "compare", *arguments, "--scoring", "auc_clip", "--confusion")
    assert again[0] == 0 and "4 of 4 fits kept" in again[2]
    assert "auc_clip" in again[1] and "auc_tag" not in again[1]
    assert "true_positive" in again[1]


def test_some_sources_are_trained_on_and_others_tested(capsys, table):
    where = ["--where", 'source="x, 1","y, 1"', "--test-where", 'source="z, 1"']
    arguments = [table, *where, "--scoring", "auc_tag", "--quiet", *FAST]
    status, out, err = run(capsys, "compare", *arguments)
    n_tested = pd.read_csv(table)["source"].eq("z, 1").sum()
    assert status == 0 and f"one test set, {n_tested} clips tested" in out
    assert "[1/2]" not in err


def test_another_folder_is_tested_on_with_the_classes_of_the_first(capsys, music):
    for path in [*music.glob("a/*")]:
        path.unlink()  # of one class, which is number 1 all the same
    other = music.parent / "other"
    for i, (y, label, _) in enumerate(sounds(8)):
        path = other / "ab"[label] / f"{i}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, y, 22050)
    arguments = [other, "--test", music, "--confusion", "-q", *FAST[:-1]]
    status, out, _ = run(capsys, "compare", *arguments)
    assert status == 0 and "12 clips tested" in out
    assert out.splitlines()[-1].split()[:1] == ["b"]


def test_recognisers_of_chords_are_compared(capsys, annotated_songs):
    arguments = [
        annotated_songs,
        "--annotations",
        "annotation",
        "--cv",
        2,
        "--n-jobs",
        1,
    ]
    only = ["--pipelines", "chroma_templates", "-q"]
    status, out, _ = run(capsys, "compare", *arguments, *only)
    assert status == 0 and "wcsr_majmin" in out and "4 clips tested" in out


def test_pipelines_of_a_file_are_compared(capsys, music, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", [*sys.path])  # which gets the folder of the file
    file = tmp_path / "my_guesses.py"
    file.write_text(
        "from sklearn.dummy import DummyClassifier\n"
        "class Guess(DummyClassifier):\n    pass\n"
        "pipelines = {'guess\\x07': Guess()}\n"
    )
    arguments = [music, "--cv", 2, "-q", *FAST[:-1], file]
    status, out, _ = run(capsys, "compare", *arguments)
    assert status == 0 and "guess\\x07 " in out and "MFCC + SVM" in out
    file.write_text("pipelines = []")
    sys.modules.pop("my_guesses")
    assert "pipelines" in refused(capsys, "compare", *arguments)
    for i, (line, reason) in enumerate(
        {
            "pipelines = {'it': 5}": "type int",
            "import sys; sys.exit()": "SystemExit",
            "\n1 / 0": "line 2",
            "x = (": "SyntaxError",
            "import nothing_": "nothing_",
        }.items()
    ):
        broken = tmp_path / f"my_broken_{i}.py"
        broken.write_text(line)
        found = refused(capsys, "compare", *arguments[:-1], broken)
        assert reason in found and broken.name in found
    missing = [*arguments[:-1], "nowhere.py"]
    assert "nowhere.py" in refused(capsys, "compare", *missing)


@pytest.mark.parametrize("name", ["json.py", "antigravity.py"])
def test_a_file_of_pipelines_hides_no_other_module(capsys, music, tmp_path, name):
    (tmp_path / name).write_text("pipelines = 1 / 0")
    before = [*sys.path]
    options = ["--cv", 2, "-q", "--pipelines", tmp_path / name]
    assert "another module" in refused(capsys, "compare", music, *options)
    assert sys.path == before  # of worker processes, too


def test_a_fit_that_failed_is_1_and_the_others_are_shown(
    capsys, music, tmp_path, monkeypatch
):
    monkeypatch.setattr("sys.path", [*sys.path])
    file = tmp_path / "my_failures.py"
    file.write_text(
        "from sklearn.dummy import DummyClassifier\n"
        "class Fail(DummyClassifier):\n"
        "    def fit(self, X, y):\n        raise ValueError('no')\n"
        "pipelines = {'fail': Fail()}\n"
    )
    arguments = [music, "--cv", 2, "-q", *FAST[:-1], file]
    status, out, err = run(capsys, "compare", *arguments)
    assert status == 1 and "MFCC + SVM" in out
    assert "skdeepmir: warning: pipeline 'fail' failed in fold 0" in err


def test_what_cannot_be_written_is_refused_before_fits(capsys, music, tmp_path):
    (tmp_path / "file").touch()
    page = tmp_path / "nowhere" / "page.html"
    assert run(capsys, "compare", music, "--html", page, *FAST)[0] == 1
    assert run(capsys, "compare", music, "--out", tmp_path / "file", *FAST)[0] == 1
    (tmp_path / "folder.html").mkdir()
    arguments = ["compare", music, *FAST, "--html"]
    status, _, err = run(capsys, *arguments, tmp_path / "folder.html")
    assert status == 1 and "folder.html" in err
    assert "song.wav" in refused(capsys, *arguments, "song.wav")
    for size in ("0", "nan", "x"):
        assert size in refused(capsys, *arguments, "a.html", "--html-size", size)
    taken = refused(capsys, *arguments[:-1], "--cache-dir", tmp_path / "file")
    assert "--cache-dir" in taken


@pytest.mark.skipif(not os.path.exists("/proc/self"), reason="needs a folder of Linux")
def test_a_folder_that_takes_no_files_is_refused_before_fits(capsys, music):
    for option, path in {"--html": "/proc/x.html", "--out": "/proc/x"}.items():
        status, out, err = run(capsys, "compare", music, option, path, *FAST)
        assert (status, out) == (1, "") and err.count("\n") == 1 and "/proc" in err


def test_a_table_that_is_read_is_not_replaced(capsys, table):
    source = table.rename(table.parent / "comparison.csv")
    before = source.read_text()
    arguments = ["compare", source, "--out", source.parent, *FAST]
    assert "comparison.csv" in refused(capsys, *arguments)
    assert source.read_text() == before


def test_what_cannot_be_split_is_told_in_one_line(capsys, music):
    status, out, err = run(capsys, "compare", music, "--cv", 13, *FAST)
    assert (status, out) == (1, "") and "12 clips" in err and "13 folds" in err
    assert "groups" in refused(capsys, "compare", music, "--leave-groups-out", *FAST)
    for path in (music / "a").iterdir():
        path.unlink()
    status, out, err = run(capsys, "compare", music, *FAST)
    assert (status, out) == (1, "") and err.count("\n") == 1
    assert "12 usable clips" in err and "'b'" in err


def test_a_report_is_written(capsys, music, tmp_path):
    page = tmp_path / "page <1>.html"
    arguments = [music, "--cv", 2, "--html", page, "--html-size", "3", *FAST]
    status, _, err = run(capsys, "compare", *arguments)
    text = page.read_text(encoding="utf-8")
    assert status == 0 and str(page) in err
    assert "log-mel + SVM" in text and '"sound":' in text.replace(" ", "")
    assert len(text) < 3e6


# check


def test_bad_files_are_listed_with_1(capsys, music):
    assert run(capsys, "check", music)[:2] == (0, "")
    (music / "a b\n\x1b[1m.wav").write_text("no audio")
    (music / "c.m4a").touch()
    status, out, err = run(capsys, "check", music, "--n-jobs", "1")
    assert status == 1 and out.count("\n") == 2
    assert "undecodable  " in out and "a b\\n\\x1b[1m.wav  " in out and "c.m4a" in out
    assert err.endswith("skdeepmir: 26 files checked: 2 bad\n")  # after a bar


def test_bad_files_of_a_table_as_csv(capsys, table):
    (table.parent / "3.wav").unlink()
    status, out, err = run(capsys, "check", table, "--csv", "-q")
    found = pd.read_csv(io.StringIO(out))
    assert status == 1 and err == ""
    assert found["path"].tolist() == [str(table.parent / "3.wav")]
    assert found["code"].tolist() == ["missing"]


def test_doubtful_files_are_listed_with_0(capsys, tmp_path):
    left = np.sin(np.arange(22050) / 9) / 2
    soundfile.write(tmp_path / "a.wav", np.stack([left, -left], axis=1), 22050)
    status, out, err = run(capsys, "check", tmp_path / "a.wav")
    assert status == 0 and out.startswith("cancelled  ")
    assert "none bad, 1 doubtful" in err


# features


def test_features_and_their_rows_line_up(capsys, table, tmp_path):
    out = tmp_path / "mfcc.npy"
    listed = load_manifest(table, where={"source": ["x, 1", "y, 1"]})
    bad = listed.data[3]
    Path(bad).write_text("no audio")
    options = ["--kind", "mfcc", "--n-mfcc", 13, "--deltas", 1, "--where"]
    chosen = ["source=" + '"x, 1","y, 1"']
    status, printed, err = run(
        capsys, "features", table, "--out", out, *options, *chosen
    )
    rows = load_manifest(tmp_path / "mfcc.csv")
    good = [path for path in listed.data if path != bad]
    assert rows.data.tolist() == good and rows.target.shape == (len(good), 2)
    expected = SpectrogramExtractor("mfcc", n_mfcc=13, deltas=1).transform(good)
    for clip, other in zip(load_clips(out), expected, strict=True):
        np.testing.assert_array_equal(clip, other)
    frames = pd.read_csv(tmp_path / "mfcc.csv")["n_frames"]
    assert frames.tolist() == [len(clip) for clip in expected]
    assert status == 0 and f"{len(good)} clips" in printed
    assert err.count("\n") == 1 and "left out" in err and bad in err


def test_a_bad_file_stops_features_if_asked(capsys, music, tmp_path):
    (music / "a" / "bad.wav").write_text("no audio")
    arguments = [music, "--out", tmp_path / "x.npy", "--on-error", "raise"]
    status, out, err = run(capsys, "features", *arguments)
    assert (status, out) == (1, "") and "bad.wav" in err
    assert not (tmp_path / "x.npy").exists()


def test_features_replace_their_own_files_alone(capsys, music, tmp_path):
    other, song = tmp_path / "labels.csv", next(music.glob("a/*"))
    other.write_text("path,label\n")
    before = song.read_bytes()
    features = ["features", music, "-q", "--out"]
    assert "labels.csv" in refused(capsys, *features, tmp_path / "labels.npy")
    assert song.name in refused(capsys, *features, song)
    assert song.name in refused(capsys, *features, tmp_path / "x.npy", "--table", song)
    assert song.read_bytes() == before and other.read_text() == "path,label\n"
    for _ in range(2):
        assert run(capsys, *features, tmp_path / "x.npy")[0] == 0


def test_a_path_that_is_empty_is_not_the_working_folder(capsys):
    for command in ("check", "compare", "features", "chords"):
        assert "''" in refused(capsys, command, "")


def test_features_replace_no_table_that_is_read(capsys, table, tmp_path):
    before = table.read_text()
    out = tmp_path / "labels.npy"
    assert "labels.csv" in refused(capsys, "features", table, "--out", out)
    assert table.read_text() == before and not out.exists()


# chords


def test_chords_are_printed_and_written(capsys, annotated_songs, tmp_path):
    names = [tmp_path / "0.flac", tmp_path / "1.flac"]
    lab = tmp_path / "lab"
    arguments = ["chords", *names, "--templates", "-q", "--lab", lab]
    status, out, _ = run(capsys, *arguments)
    first, second = out.split(f"# {names[1]}\n")
    listed = [line.split("\t") for line in first.splitlines()[1:]]
    intervals, labels = read_chords(lab / "0.lab")
    assert status == 0 and first.startswith(f"# {names[0]}\n") and second
    assert [label for *_, label in listed] == labels.tolist()
    times = [[float(start), float(end)] for start, end, _ in listed]
    np.testing.assert_allclose(times, intervals, atol=1e-3)
    score = wcsr([str(tmp_path / "0.lab")], [(intervals, labels)])
    assert score > 0.7


def test_annotations_are_not_lost(capsys, annotated_songs, tmp_path):
    before = (tmp_path / "0.lab").read_bytes()
    arguments = ["chords", tmp_path / "0.flac", "--templates", "--lab", tmp_path]
    assert "--overwrite" in refused(capsys, *arguments)
    assert (tmp_path / "0.lab").read_bytes() == before
    (tmp_path / "b").mkdir()
    (tmp_path / "0.flac").rename(tmp_path / "b" / "1.flac")
    both = tmp_path / "1.flac", tmp_path / "b" / "1.flac"
    out = tmp_path / "out"
    status, printed, _ = run(
        *(capsys, "chords", both[0], both[0], "--templates", "--lab", tmp_path / "one")
    )
    assert status == 0 and printed.count("# ") == 2
    twice = refused(capsys, "chords", *both, "--templates", "--lab", out)
    assert str(both[0]) in twice and str(both[1]) in twice


def test_songs_that_cannot_be_read_are_named_before_anything_is_learned(
    capsys, tmp_path
):
    status, out, err = run(capsys, "chords", tmp_path / "none.mp3")
    assert (status, out) == (1, "")
    assert "none.mp3" in err and "missing" in err and err.count("\n") == 1


def test_a_model_of_something_else_is_refused(capsys, annotated_songs, saved):
    song = annotated_songs.parent / "0.flac"
    status, out, err = run(capsys, "chords", song, "--model", saved)
    assert (status, out) == (1, "") and "recognises no chords" in err
    folder = run(capsys, "chords", song, "--model", song.parent)
    assert folder[0] == 1 and "is a folder" in folder[2]
    assert "nowhere.csv" in refused(capsys, "chords", song, "--train", "nowhere.csv")


@pytest.mark.slow
def test_a_recogniser_is_learned_once(capsys, annotated_songs, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    song, pictures = tmp_path / "0.flac", tmp_path / "pictures"
    learn = ["chords", song, "--train", annotated_songs, "--max-epochs", "1"]
    status, first, err = run(capsys, *learn, "--pictures", pictures)
    assert status == 0 and "the model is kept in" in err
    assert (pictures / "0.png").stat().st_size > 10_000
    for path in tmp_path.glob("*.lab"):  # nothing is left to learn from
        path.unlink()
    status, again, err = run(capsys, *learn)
    assert status == 0 and again == first and "using the model" in err


# info


def test_info_says_what_a_report_needs(capsys, music, tmp_path):
    store = tmp_path / "features"
    SpectrogramExtractor("mfcc", cache_dir=store).transform([*music.glob("a/*")])
    status, out, _ = run(capsys, "info", "--cache-dir", store)
    assert status == 0
    for fact in ["skdeepmir: ", "CUDA: ", "numba: '", "entries: 12, "]:
        assert f" {fact}" in out
