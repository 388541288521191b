import subprocess
import sys
from pathlib import Path

import soundfile

from skdeepmir.datasets import make_instrument_clips

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_a_folder_in_a_table_and_a_picture_out(tmp_path):
    clips = make_instrument_clips(
        n_clips=24, n_instruments=12, duration=0.5, random_state=0
    )
    for i, y in enumerate(clips.data):
        path = tmp_path / "music" / clips.target_names[clips.target[i]]
        path.mkdir(parents=True, exist_ok=True)
        soundfile.write(path / f"{clips.groups[i]}_{i}.flac", y, clips.sample_rate)
    command = [sys.executable, EXAMPLES / "compare_pipelines.py", tmp_path / "music"]
    options = ["--groups", r"([^/]+)_\d+", "--cv", "2", "--n-jobs", "1"]
    options += ["--out", tmp_path / "out"]
    done = subprocess.run(
        [*command, *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "comparison.md").read_text().count("\n") == 6
    assert (tmp_path / "out" / "comparison.png").stat().st_size > 10_000
    assert "both sides" not in done.stderr
