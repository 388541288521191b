import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import soundfile

from skdeepmir.chords import read_chords, write_lab
from skdeepmir.datasets import make_chord_clips, make_instrument_clips

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


@pytest.fixture
def annotated_songs(tmp_path):
    """Return a table of four recordings of two songs with ``.lab`` files."""
    songs = make_chord_clips(n_clips=4, duration=6.0, random_state=0)
    rows = ["path,annotation,group"]
    for i, (y, chords) in enumerate(zip(songs.data, songs.target, strict=True)):
        soundfile.write(tmp_path / f"{i}.flac", y, songs.sample_rate)
        write_lab(tmp_path / f"{i}.lab", *chords)
        rows.append(f"{i}.flac,{i}.lab,{songs.groups[i]}")
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(rows))
    return table


@pytest.mark.parametrize(
    "script, name, n_pipelines, options",
    [
        ("compare_pipelines.py", "comparison", 4, []),
        (
            "hamel_eck_2010_genre.py",
            "hamel_eck_2010",
            5,
            ["--max-epochs", "1", "--finetune-epochs", "1"],
        ),
    ],
)
def test_a_folder_in_a_table_and_a_picture_out(
    script, name, n_pipelines, options, tmp_path
):
    clips = make_instrument_clips(
        n_clips=24, n_instruments=12, duration=0.5, random_state=0
    )
    for i, y in enumerate(clips.data):
        path = tmp_path / "music" / clips.target_names[clips.target[i]]
        path.mkdir(parents=True, exist_ok=True)
        soundfile.write(path / f"{clips.groups[i]}_{i}.flac", y, clips.sample_rate)
    out = tmp_path / "out"
    folder = [tmp_path / "music", "--groups", r"([^/]+)_\d+", "--cv", "2"]
    done = run(script, *folder, *options, out=out)
    assert (out / f"{name}.md").read_text().count("\n") == 2 + n_pipelines
    assert (out / f"{name}.png").stat().st_size > 10_000
    assert "both sides" not in done.stderr


def test_some_sources_are_trained_on_and_others_tested(tmp_path):
    clips = make_instrument_clips(
        n_clips=24, n_instruments=12, duration=0.5, random_state=0
    )
    rows, first = ["path,label,group,source"], {}
    for i, y in enumerate(clips.data):
        soundfile.write(tmp_path / f"{i}.wav", y, clips.sample_rate)
        label = clips.target_names[clips.target[i]]
        source = (
            "abc"[i % 2]
            if clips.groups[i] == first.setdefault(label, clips.groups[i])
            else "c"
        )
        rows.append(f"{i}.wav,{label},{clips.groups[i]},{source}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    options = ["--train", "source=a,b", "--test", "source=c", "--n-jobs", "1"]
    script, out = "train_here_test_there.py", tmp_path / "out"
    done = run_plain(script, tmp_path / "labels.csv", *options, "--out", out)
    assert "both X and X_test" not in done.stderr
    assert "[4/4] log-mel + SVM: accuracy " in done.stderr
    assert "4 pipelines, one test set, 12 clips tested" in done.stdout
    assert (out / "train_here_test_there.tex").read_text().count("\\\\") == 5


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


def test_nets_are_combined(tmp_path):
    run("model_combination.py", "--n-nets", "2", "--max-epochs", "5", out=tmp_path)
    table = (tmp_path / "model_combination.md").read_text().splitlines()
    assert len(table) == 2 + 7


def test_activations_with_and_without_pretraining():
    options = ["--units", "30", "--epochs", "3", "--draws", "1", "--n-jobs", "1"]
    done = run_plain("glorot_2011_activations.py", *options)
    table = done.stdout.splitlines()
    assert len(table) == 2 + 3
    errors = [float(cell.split("±")[0]) for cell in table[2].split("|")[2:4]]
    assert all(0 < error < 60 for error in errors)


@pytest.mark.slow
def test_a_convolutional_net_is_compared(tmp_path):
    run("conv_tagger.py", "--max-epochs", "1", "--cv", "2", out=tmp_path)
    table = (tmp_path / "conv_tagger.md").read_text().splitlines()
    assert len(table) == 2 + 2


def test_few_labelled_clips_are_drawn_from_the_training_side(tmp_path):
    options = ["--cv", "2", "--n-units", "20", "--shots", "1", "4", "--draws", "4"]
    run("few_labels_audio.py", *options, out=tmp_path)
    table = (tmp_path / "few_labels_audio.md").read_text().splitlines()
    assert len(table) == 2 + 4
    assert all(row.count("±") == 2 for row in table[2:])
    assert (tmp_path / "few_labels_audio.png").stat().st_size > 10_000
    scores = pd.read_csv(tmp_path / "few_labels_audio.csv")
    one, four = scores.groupby("clips")["accuracy"].mean()
    assert 1 / 6 < one < four  # six classes


def test_folds_that_split_groups_are_refused(tmp_path):
    clips = make_instrument_clips(n_clips=12, duration=0.5, random_state=0)
    rows = ["path,label,group,fold"]
    for i, y in enumerate(clips.data):
        soundfile.write(tmp_path / f"{i}.wav", y, clips.sample_rate)
        rows.append(f"{i}.wav,{clips.target[i]},{i % 6},{i // 6}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    done = subprocess.run(
        [sys.executable, SCRIPTS / "few_labels_audio.py", tmp_path / "labels.csv"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "--leave-groups-out" in done.stderr


@pytest.mark.slow
def test_the_table_of_tags_has_systems_and_steps(tmp_path):
    options = ["--max-epochs", "1", "--cv", "2", "--n-units", "9", "--windows", "0.5"]
    run("hamel_2011_tagging.py", *options, out=tmp_path)
    table = (tmp_path / "hamel_2011.md").read_text().splitlines()
    assert len(table) == 2 + 5 + 4
    assert table[0].count("|") == 2 + 4 and "P@3" in table[0] and "P@6" not in table[0]
    assert table[-1].startswith("| PMSC + PFC → PMSC + MTSL")


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


def test_chords_of_a_recording_in_a_file_and_a_picture(annotated_songs, tmp_path):
    song, out = tmp_path / "0.flac", tmp_path / "out"
    options = [song, "--train", annotated_songs, "--max-epochs", "1", "--out", out]
    first = run_plain("chords_from_audio.py", *options)
    intervals, labels = read_chords(out / "0.lab")
    assert intervals[0, 0] == 0 and intervals[-1, 1] == pytest.approx(6, abs=0.1)
    listed = [line.split() for line in first.stdout.splitlines()[: len(labels)]]
    assert [label for _, _, label in listed] == labels.tolist()
    assert (out / "0.png").stat().st_size > 10_000
    for path in tmp_path.glob("*.lab"):  # nothing is left to learn from
        path.unlink()
    again = run_plain("chords_from_audio.py", *options)
    assert again.stdout == first.stdout


def test_an_lstm_remembers_a_bit():
    done = run_plain("long_memory.py", "--steps", "5", "--max-epochs", "10")
    lstm, uniform, orthogonal = (
        [float(cell) for cell in row.split("|")[2:-1]]
        for row in done.stdout.splitlines()[2:]
    )
    assert min(lstm) > 0.9
    assert len(uniform) == len(orthogonal) == 3
