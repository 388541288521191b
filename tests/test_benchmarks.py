"""Scripts that print tables: what they share; most run with ``make test-slow``."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from skdeepmir.datasets import make_instrument_clips

SCRIPTS = Path(__file__).parents[1] / "benchmarks"


def run_plain(script, *options):
    done = subprocess.run(
        [sys.executable, SCRIPTS / script, *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def run(script, *options, out):
    options = [*options, "--n-jobs", "1", "--out", out, "--cache-dir", out / "features"]
    return run_plain(script, *options)


def defined_in(path):
    """Return the names at the top of a module."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        for part in ast.walk(node):
            if isinstance(part, ast.FunctionDef | ast.ClassDef):
                names.add(part.name)
            elif isinstance(part, ast.Name | ast.alias):
                names.add(getattr(part, "id", None) or part.asname or part.name)
    return names


def test_scripts_import_what_there_is():
    scripts = {path.stem: path for path in SCRIPTS.glob("*.py")}
    assert len(scripts) > 30
    for path in scripts.values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom):
                continue
            names = {alias.name for alias in node.names}
            if node.module in scripts:
                assert names <= defined_in(scripts[node.module]), path
            elif node.module.startswith("skdeepmir"):
                module = importlib.import_module(node.module)
                for name in names:
                    assert hasattr(module, name), f"{path}: {name}"


def write_music(folder, n_clips, n_instruments, duration):
    """Write recordings to a sub-folder for each class, their groups in their names."""
    clips = make_instrument_clips(
        n_clips=n_clips,
        n_instruments=n_instruments,
        duration=duration,
        random_state=0,
    )
    for i, y in enumerate(clips.data):
        path = folder / clips.target_names[clips.target[i]]
        path.mkdir(parents=True, exist_ok=True)
        soundfile.write(path / f"{clips.groups[i]}_{i}.flac", y, clips.sample_rate)


def test_scripts_share_the_options_of_the_command(tmp_path, monkeypatch, capsys):
    write_music(tmp_path / "music", n_clips=24, n_instruments=12, duration=0.2)
    monkeypatch.syspath_prepend(SCRIPTS)
    monkeypatch.chdir(tmp_path)
    options = "--groups ([^/]+)_ --cv 2 --n-jobs 1 --max-epochs 1 --precision float32"
    monkeypatch.setattr("sys.argv", ["conv_tagger.py", "music", *options.split()])
    importlib.import_module("conv_tagger").main()
    out, err = capsys.readouterr()
    table = Path("results", "conv_tagger.md").read_text()
    assert table.count("\n") == 2 + 2 and out.startswith(table.splitlines()[0])
    assert "both sides" not in err
    assert Path("results", "conv_tagger.png").stat().st_size > 10_000
    assert Path("results", "features", "entries").exists()


@pytest.mark.slow
def test_the_system_of_2010_and_its_figures(tmp_path):
    write_music(tmp_path / "music", n_clips=24, n_instruments=12, duration=0.5)
    out, epochs = tmp_path / "out", ["--max-epochs", "1", "--finetune-epochs", "1"]
    folder = [tmp_path / "music", "--groups", r"([^/]+)_\d+", "--cv", "2"]
    done = run("hamel_eck_2010_genre.py", *folder, *epochs, out=out)
    assert (out / "hamel_eck_2010.md").read_text().count("\n") == 2 + 5
    assert (out / "hamel_eck_2010_filters.png").stat().st_size > 10_000
    assert "both sides" not in done.stderr


@pytest.mark.slow
def test_curves_are_drawn_over_training_clips(tmp_path):
    run("learning_curves.py", "--finetune-epochs", "1", "--cv", "2", out=tmp_path)
    table = (tmp_path / "learning_curves.md").read_text().splitlines()
    assert len(table) == 2 + 4
    assert (tmp_path / "learning_curves.png").stat().st_size > 10_000


@pytest.mark.slow
def test_learned_features_are_tuned_inside_each_fold(tmp_path):
    rest = make_instrument_clips(n_clips=24, duration=1.5, random_state=1)
    (tmp_path / "rest").mkdir()
    for i, y in enumerate(rest.data):
        soundfile.write(tmp_path / "rest" / f"{i}.wav", y, rest.sample_rate)
    options = ["--cv", "2", "--n-units", "20", "--unlabelled", tmp_path / "rest"]
    run("tuned_features.py", *options, out=tmp_path)
    table = (tmp_path / "tuned_features.md").read_text().splitlines()
    assert len(table) == 2 + 2


@pytest.mark.slow
def test_families_are_scored_one_by_one(tmp_path):
    run("hamel_2009_instruments.py", out=tmp_path)
    table = (tmp_path / "hamel_2009.md").read_text().splitlines()
    assert len(table) == 2 + 6 + 2 and table[-1].startswith("| all decisions")


@pytest.mark.slow
def test_nets_are_combined(tmp_path):
    run("model_combination.py", "--n-nets", "2", "--max-epochs", "5", out=tmp_path)
    table = (tmp_path / "model_combination.md").read_text().splitlines()
    assert len(table) == 2 + 7


@pytest.mark.slow
def test_activations_with_and_without_pretraining():
    options = ["--units", "30", "--epochs", "3", "--draws", "1", "--n-jobs", "1"]
    done = run_plain("glorot_2011_activations.py", *options)
    table = done.stdout.splitlines()
    assert len(table) == 2 + 3
    errors = [float(cell.split("±")[0]) for cell in table[2].split("|")[2:4]]
    assert all(0 < error < 60 for error in errors)


@pytest.mark.slow
def test_features_of_other_recordings_where_labels_are_few(tmp_path):
    clips = make_instrument_clips(n_clips=60, duration=0.5, random_state=0)
    rows = ["path,task,label,group"]
    for i, y in enumerate(clips.data):
        soundfile.write(tmp_path / f"{i}.wav", y, clips.sample_rate)
        task = "clip_classification_esc10" if i < 48 else "other"
        rows.append(f"{i}.wav,{task},{i % 2},{i // 2}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    arguments = [tmp_path / "labels.csv", tmp_path / "out", "esc10"]
    done = run_plain("lee_2009_few_labels.py", *arguments)
    names = "MFCC", "RAW", "L1", "L2", "L1+L2", "pre-trained"
    for name in names:
        assert name in done.stdout
    assert (tmp_path / "out" / "few_esc10.png").stat().st_size > 10_000


@pytest.mark.slow
def test_the_table_of_tags_has_systems_and_steps(tmp_path):
    options = ["--max-epochs", "1", "--cv", "2", "--n-units", "9", "--windows", "0.5"]
    run("hamel_2011_tagging.py", *options, out=tmp_path)
    table = (tmp_path / "hamel_2011.md").read_text().splitlines()
    assert len(table) == 2 + 5 + 4
    assert table[0].count("|") == 2 + 4 and "P@3" in table[0] and "P@6" not in table[0]
    assert table[-1].startswith("| PMSC + PFC → PMSC + MTSL")


@pytest.mark.slow
def test_systems_of_chords_are_compared(annotated_songs, tmp_path):
    options = ["--cv", "2", "--max-epochs", "1", "--n-jobs", "1"]
    options += ["--cache-dir", tmp_path / "features"]
    done = run_plain("boulanger_2013_chords.py", annotated_songs, *options)
    header, _, *rows = done.stdout.splitlines()
    assert header == "| system | root | majmin | sevenths | tetrads | seg |"
    scores = {}
    for row in rows:
        name, *cells = row.strip("| ").split(" | ")
        scores[name] = [float(cell) for cell in cells]
        assert len(cells) == 5 and all(0 <= score <= 1 for score in scores[name])
    assert list(scores) == ["templates + Viterbi", "Gaussian HMM", *list(scores)[2:]]
    assert len(scores) == 4 and min(scores["templates + Viterbi"]) > 0.7


@pytest.mark.slow
def test_an_lstm_remembers_a_bit():
    done = run_plain("long_memory.py", "--steps", "5", "--max-epochs", "10")
    lstm, uniform, orthogonal = (
        [float(cell) for cell in row.split("|")[2:-1]]
        for row in done.stdout.splitlines()[2:]
    )
    assert min(lstm) > 0.9
    assert len(uniform) == len(orthogonal) == 3
