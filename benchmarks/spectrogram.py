"""Every kind of frame beside librosa: time, agreement, two cores, files on disk."""

from _rounds import measure  # first: it pins the threads

import argparse
import tempfile
from pathlib import Path

import librosa
import numpy as np
import soundfile
import soxr

from skdeepmir import SpectrogramExtractor

RATE = 22050


def make_waveforms(n_clips, duration, rate=RATE):
    """Return decaying tones, with some noise."""
    rng = np.random.RandomState(0)
    t = np.arange(int(duration * rate)) / rate
    clips = []
    for _ in range(n_clips):
        tones = [
            np.sin(2 * np.pi * f * t) * np.exp(-(t % 1) * rng.uniform(1, 8))
            for f in rng.uniform(60, 3000, 5)
        ]
        clips.append((0.1 * sum(tones) + 0.005 * rng.randn(len(t))).astype("float32"))
    return clips


def librosa_log_mel(y):
    return librosa.power_to_db(
        librosa.feature.melspectrogram(y=y, sr=RATE), top_db=None
    )


PEERS = {
    "magnitude": lambda y: np.abs(librosa.stft(y)),
    "log_mel": librosa_log_mel,
    "mfcc": lambda y: librosa.feature.mfcc(S=librosa_log_mel(y), n_mfcc=20),
    "cqt": lambda y: np.abs(librosa.cqt(y, sr=RATE, tuning=0.0)),
}


def compare_kinds(n_rounds):
    clips = make_waveforms(50, 30)
    for kind, peer in PEERS.items():
        one, two = (
            SpectrogramExtractor(kind, n_jobs=n, verbose=False) for n in (None, 2)
        )
        difference = max(
            np.abs(ours - peer(y).T).max()
            for ours, y in zip(one.transform(clips), clips, strict=True)
        )
        unit = " dB" if kind in ("log_mel", "mfcc") else ""
        if not unit:
            difference /= max(peer(y).max() for y in clips)
        print(f"{kind}, 50 clips of 30 s: largest difference {difference:.1e}{unit}")
        measure(
            {
                f"librosa {kind}": lambda peer=peer: [peer(y) for y in clips],
                f"skdeepmir {kind}": lambda one=one: one.transform(clips),
                f"skdeepmir {kind}, n_jobs=2": lambda two=two: two.transform(clips),
            },
            n_rounds,
        )


def compare_files(n_rounds, rate):
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for i, y in enumerate(make_waveforms(200, 30, rate)):
            paths.append(Path(folder, f"{i}.flac"))
            soundfile.write(paths[-1], y, rate)
        decoded = [soundfile.read(path, dtype="float32")[0] for path in paths]
        ready = [
            soxr.resample(y, rate, RATE, quality="HQ") if rate != RATE else y
            for y in decoded
        ]
        one, two = (
            SpectrogramExtractor("log_mel", n_jobs=n, verbose=False) for n in (None, 2)
        )

        def parts():
            """Decode all, then resample all, then transform all."""
            for path in paths:
                soundfile.read(path, dtype="float32")
            for y in decoded:
                if rate != RATE:
                    soxr.resample(y, rate, RATE, quality="HQ")
            one.transform(ready)

        print(f"200 FLAC files of 30 s, {rate} Hz, to log-mel")
        measure(
            {
                "decode + resample + transform apart": parts,
                "skdeepmir": lambda: one.transform(paths),
                "skdeepmir, n_jobs=2": lambda: two.transform(paths),
                "librosa.load + log-mel": lambda: [
                    librosa_log_mel(librosa.load(path, sr=RATE)[0]) for path in paths
                ],
            },
            n_rounds,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    compare_kinds(arguments.rounds)
    for rate in (RATE, 44100):
        compare_files(max(3, arguments.rounds // 2), rate)


if __name__ == "__main__":
    main()
