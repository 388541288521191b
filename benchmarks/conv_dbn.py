"""Steps of a convolutional RBM beside bare convolutions and learnergy; memory of fits.

    pip install --no-deps learnergy
    python benchmarks/conv_dbn.py [step] [memory]

A step learns from 16 excerpts of 128 frames of 80 channels, with 300 filters and blocks
of three, on one thread. The bare convolutions are those of a step by torch: up from
data, down from detectors, up from the reconstruction, and the two of the gradient.
learnergy's machines have no blocks; "Gaussian" has rectifiers in place of samples.
"""

from _rounds import measure  # first: it pins the threads

import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from skdeepmir import ConvDBNFeatureLearner, load_clips, save_clips
from skdeepmir._training._data import Batch
from skdeepmir.feature_learning._conv_rbm import ConvRBM
from skdeepmir.feature_learning._conv_step import ConvContrastiveDivergence
from skdeepmir.feature_learning._steps import Stage

N_EXCERPTS, N_FRAMES, N_CHANNELS, N_FILTERS, POOL = 16, 128, 80, 300, 3


def our_step(frames, length, precision="float32"):
    given = SimpleNamespace(
        cd_steps=1,
        momentum=0.5,
        weight_decay=1e-4,
        sparsity_target=0.03,
        sparsity_cost=1.0,
        precision=precision,
    )
    rng = np.random.Generator(np.random.SFC64(0))
    shape = length, N_CHANNELS, N_FILTERS
    machine = ConvRBM(
        np.float32(0.01) * rng.standard_normal(shape, dtype=np.float32),
        np.zeros(N_CHANNELS, np.float32),
        np.zeros(N_FILTERS, np.float32),
        "gaussian",
        POOL,
    )
    generator = torch.Generator().manual_seed(0)
    step = ConvContrastiveDivergence(
        machine, Stage(0, given, [0.01], frames.numpy(), None, rng, generator)
    )
    step.begin_epoch(0, 0)
    batch = Batch((frames,), frames, None, len(frames))
    return lambda: step(batch)


def bare_convolutions(frames, length):
    v = frames.transpose(1, 2).contiguous()
    weights = torch.randn(N_FILTERS, N_CHANNELS, length)

    def convolve():
        with torch.inference_mode():
            up = torch.nn.functional.conv1d(v, weights)
            down = torch.nn.functional.conv_transpose1d(up, weights)
            again = torch.nn.functional.conv1d(down, weights)
            torch.nn.grad.conv1d_weight(v, weights.shape, up)
            torch.nn.grad.conv1d_weight(down, weights.shape, again)

    return convolve


def their_step(frames, length, kind):
    """Return an epoch of one batch, as their ``fit`` has it."""
    # It refuses filters as wide as what they move over; afterwards it does not look.
    machine = kind((N_FRAMES, 2), (length, 1), N_FILTERS, N_CHANNELS, momentum=0.5)
    machine.visible_shape = (N_FRAMES, 1)
    machine.normalize = False
    images = frames.transpose(1, 2).unsqueeze(3).contiguous()
    data = torch.utils.data.TensorDataset(images, torch.zeros(len(images)))
    return lambda: machine.fit(data, batch_size=len(images), epochs=1)


def print_steps():
    from learnergy.models.bernoulli import ConvRBM as Bernoulli
    from learnergy.models.gaussian import GaussianConvRBM as Gaussian

    torch.set_num_threads(1)
    rng = np.random.RandomState(0)
    frames = rng.randn(N_EXCERPTS, N_FRAMES, N_CHANNELS).astype(np.float32)
    frames = torch.from_numpy(frames)
    for length in (6, 10):
        print(f"Filters of {length} frames.\n")
        measure(
            {
                "skdeepmir float32": our_step(frames, length),
                "skdeepmir bfloat16": our_step(frames, length, "bfloat16"),
                "bare convolutions (torch)": bare_convolutions(frames, length),
                "learnergy ConvRBM": their_step(frames, length, Bernoulli),
                "learnergy GaussianConvRBM": their_step(frames, length, Gaussian),
            },
            n_rounds=15,
        )


def print_memory():
    print("| clips on disk (MB) | peak memory of a fit (MB), pages of files apart |")
    print("| --- | --- |")
    for n_clips in (50, 200, 800):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "clips")
            rng = np.random.default_rng(0)
            frames = rng.standard_normal((3000, 128), dtype=np.float32)
            save_clips(path, [frames] * n_clips)
            size = sum(f.stat().st_size for f in Path(folder).rglob("*"))
            command = [sys.executable, __file__, "fit", str(path)]
            peak = subprocess.run(command, capture_output=True, text=True, check=True)
        print(f"| {size / 1e6:.0f} | {int(peak.stdout) / 1e3:.0f} |", flush=True)


def fit_from_disk(path):
    clips = load_clips(path)
    learner = ConvDBNFeatureLearner(30, max_epochs=1, random_state=0, verbose=False)
    peaks, done = [0], threading.Event()

    def watch():
        while not done.wait(0.02):
            status = Path("/proc/self/status").read_text()
            peaks.append(int(status.split("RssAnon:")[1].split()[0]))

    watcher = threading.Thread(target=watch)
    watcher.start()
    learner.fit(clips)
    done.set()
    watcher.join()
    print(max(peaks))


def main():
    if sys.argv[1:2] == ["fit"]:
        return fit_from_disk(sys.argv[2])
    wanted = sys.argv[1:] or ["step", "memory"]
    if "step" in wanted:
        print_steps()
    if "memory" in wanted:
        print_memory()


if __name__ == "__main__":
    main()
