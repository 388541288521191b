"""ConvTagger beside hand-written torch: steps, predictions, memory.

    python benchmarks/conv.py

One core. Nets of five blocks (32, 64, 128, 256, 256 maps) on excerpts of 128 frames by
128 bands. The plain loop draws excerpts and scales them as ours does, with the fused
Adam; ours also measures batch statistics again at the end of the fit.
"""

from _rounds import measure  # first: it pins the threads

import copy
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import torch
from sklearn.pipeline import make_pipeline
from torch import nn
from torch.nn import functional

import skdeepmir
from skdeepmir import ConvTagger, SpectrogramExtractor

CHANNELS, LENGTH, BATCH, N_BANDS, N_CLASSES = (32, 64, 128, 256, 256), 128, 16, 128, 10
RATE = 22050
torch.set_num_threads(1)


class PlainNet(nn.Sequential):
    """The same net, written by hand."""

    def __init__(self):
        layers = []
        for below, above in zip((1, *CHANNELS), CHANNELS, strict=False):
            layers += [nn.Conv2d(below, above, 3, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(above), nn.ReLU(), nn.MaxPool2d(2)]
        super().__init__(*layers)
        self.output = nn.Linear(CHANNELS[-1], N_CLASSES)

    def forward(self, x):
        """Return logits."""
        maps = x[:, None]
        for layer in list(self)[:-1]:
            maps = layer(maps)
        by_time = maps.mean(3)
        return self.output(functional.dropout(by_time.mean(2) + by_time.amax(2)))


def plain_fit(clips, y, n_epochs, *, channels_last, bfloat16=False):
    net = PlainNet()
    if channels_last:
        net = net.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters(), fused=True)
    rows = np.concatenate(clips)
    mean, scale, y = rows.mean(axis=0), rows.std(axis=0), torch.from_numpy(y)
    for _ in range(n_epochs):
        for chosen in torch.randperm(len(clips)).split(BATCH):
            x = np.empty((len(chosen), LENGTH, N_BANDS), dtype=np.float32)
            for k, i in enumerate(chosen.tolist()):
                first = np.random.randint(len(clips[i]) - LENGTH + 1)
                x[k] = clips[i][first : first + LENGTH]
            x = torch.from_numpy((x - mean) / scale)
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                logits = net(x)
            loss = functional.cross_entropy(logits.float(), y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def ours(n_epochs, **parameters):
    return ConvTagger(
        CHANNELS,
        excerpt_length=LENGTH,
        batch_size=BATCH,
        max_epochs=n_epochs,
        random_state=0,
        verbose=False,
        **parameters,
    )


def print_training(n_epochs=12, n_clips=32):
    rng = np.random.RandomState(0)
    clips = list(rng.randn(n_clips, 200, N_BANDS).astype(np.float32))
    y = np.arange(n_clips) % N_CLASSES
    print(f"{n_epochs * n_clips // BATCH} training steps of {BATCH} excerpts\n")

    def plain(**parameters):
        return lambda: plain_fit(clips, y, n_epochs, **parameters)

    def net(**parameters):
        return lambda: ours(n_epochs, **parameters).fit(clips, y)

    measure(
        {
            "plain loop, default layout": plain(channels_last=False),
            "plain loop, channels-last": plain(channels_last=True),
            "skdeepmir": net(),
            "plain loop, channels-last, bfloat16": plain(
                channels_last=True, bfloat16=True
            ),
            "skdeepmir, bfloat16": net(precision="bfloat16"),
        },
        n_rounds=5,
    )


def print_inference(n_clips=5, seconds=30):
    """Time predictions of clips beside the plain module, and their extraction."""
    rng = np.random.RandomState(0)
    audio = [0.1 * rng.randn(seconds * RATE).astype(np.float32) for _ in range(n_clips)]
    extractor = SpectrogramExtractor("log_mel", n_mels=N_BANDS)
    clips = extractor.fit_transform(audio)
    y = np.arange(n_clips) % 2
    fast = ours(1).fit(clips, y)
    half = ours(1, precision="bfloat16").fit(clips, y)
    module = copy.deepcopy(fast.module_).float()
    layout = {"memory_format": torch.contiguous_format}
    module = module.to(**layout).eval()

    def as_it_comes():
        with torch.inference_mode():
            for clip in clips:
                starts = [*range(0, len(clip) - LENGTH, LENGTH // 2)]
                x = np.stack([clip[s : s + LENGTH] for s in starts])
                x = torch.from_numpy((x - fast.mean_) / fast.scale_)
                for part in x.split(16):
                    module(part.contiguous())

    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder, f"{i}.flac")) for i in range(n_clips)]
        for path, samples in zip(paths, audio, strict=True):
            soundfile.write(path, samples, RATE)
        print(f"predictions of {n_clips} clips of {seconds} s\n")
        measure(
            {
                "module as it comes, default layout": as_it_comes,
                "skdeepmir": lambda: fast.predict_proba(clips),
                "skdeepmir, bfloat16": lambda: half.predict_proba(clips),
                "log-mel spectra of waveforms": lambda: extractor.transform(audio),
                "log-mel spectra of FLAC files": lambda: extractor.transform(paths),
            },
            n_rounds=5,
        )


def print_memory(hours=2):
    """Measure the peak memory of a process that tags a long file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "long.flac")
        rng = np.random.RandomState(0)
        with soundfile.SoundFile(path, "w", RATE, 1) as file:
            for _ in range(hours * 60):
                file.write(0.1 * rng.randn(60 * RATE).astype(np.float32))
        audio = [0.1 * rng.randn(5 * RATE) for _ in range(4)]
        extractor = SpectrogramExtractor("log_mel", n_mels=N_BANDS, verbose=False)
        tagger = make_pipeline(extractor, ours(1)).fit(audio, [0, 1, 0, 1])
        skdeepmir.save(tagger, Path(folder, "tagger"))
        command = [sys.executable, __file__, "tag", str(path), Path(folder, "tagger")]
        subprocess.run(command, check=True)


def peak_memory():
    """Return the largest resident set of this process so far, in MB (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+)", status).group(1)) / 1024


def tag(path, model):
    tagger = skdeepmir.load(model)
    before = peak_memory()
    start = time.perf_counter()
    tagger.predict_proba([path])
    peak = peak_memory()
    seconds = time.perf_counter() - start
    print(
        f"tagging {soundfile.info(path).duration / 3600:.0f} h: {seconds:.0f} s, peak "
        f"{peak:.0f} MB, {peak - before:.0f} MB above that of loading the model"
    )


def main():
    print_training()
    print_inference()
    print_memory()


if __name__ == "__main__":
    if sys.argv[1:2] == ["tag"]:
        tag(*sys.argv[2:])
    else:
        main()
