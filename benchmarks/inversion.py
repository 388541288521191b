"""Sound from mel bands: ours beside librosa's, on recordings of a folder.

    python benchmarks/inversion.py FOLDER [N]

Two seconds of N recordings (20) become 64 mel bands. Both ways end with 32 passes of
librosa's Griffin-Lim algorithm; what differs is how mel bands become spectra. The table
has medians: seconds of that step and of all; how far the bands of the spectrum are from
those that were asked for; and how far those of the sound are, as a share of their norm
and in decibels.
"""

from _rounds import measure  # noqa: F401 (first: it pins the threads)

import sys
import time
from pathlib import Path

import librosa
import numpy as np

from skdeepmir import SpectrogramExtractor
from skdeepmir.audio import mel_weights, read_audio
from skdeepmir.inspection import invert
from skdeepmir.inspection._inversion import _below_mel

RATE, SECONDS, N_MELS, FLOOR = 22050, 2, 64, 1e-6


def decibels(power):
    return 10 * np.log10(np.maximum(power, FLOOR))


def ours(mel, extractor, filters):
    start = time.perf_counter()
    spectrum = _below_mel(mel.astype(float), filters)
    step = time.perf_counter() - start
    start = time.perf_counter()
    samples = invert(mel, extractor).samples
    return samples, spectrum, step, time.perf_counter() - start


def theirs(mel, extractor, filters):
    start = time.perf_counter()
    spectrum = librosa.feature.inverse.mel_to_stft(mel.T, sr=RATE, power=2.0) ** 2
    step = time.perf_counter() - start
    samples = librosa.griffinlim(np.sqrt(spectrum), n_iter=32, random_state=0)
    return samples, spectrum.T, step, time.perf_counter() - start


def main():
    folder, *n = sys.argv[1:]
    files = sorted(p for p in Path(folder).rglob("*") if p.suffix in (".ogg", ".flac"))
    files = files[:: max(1, len(files) // int(n[0] if n else 20))]
    extractor = SpectrogramExtractor("mel", n_mels=N_MELS, verbose=False)
    filters = mel_weights(RATE, 2048, N_MELS, 0.0, RATE / 2)
    found = {"ours": [], "librosa": []}
    for path in files:
        wave = read_audio(path, sample_rate=RATE)[0][: RATE * SECONDS]
        mel = extractor.transform([wave.astype(np.float32)])[0]
        if not mel.any():
            continue  # silence
        for name, way in (("ours", ours), ("librosa", theirs)):
            samples, spectrum, step, whole = way(mel, extractor, filters)
            bands = spectrum @ filters.T
            again = extractor.transform([samples.astype(np.float32)])[0][: len(mel)]
            asked = mel[: len(again)]
            size = np.linalg.norm(np.sqrt(asked))
            found[name].append(
                (
                    step,
                    whole,
                    np.linalg.norm(bands - mel) / np.linalg.norm(mel),
                    np.linalg.norm(np.sqrt(again) - np.sqrt(asked)) / size,
                    np.abs(decibels(again) - decibels(asked)).mean(),
                )
            )
    print("| | step, s | all, s | bands of the spectrum | of the sound | dB |")
    print("| --- " * 6 + "|")
    for name, rows in found.items():
        step, whole, spectrum, sound, loud = np.median(rows, axis=0)
        print(
            f"| {name} | {step:.3f} | {whole:.2f} | {spectrum:.2g} | {sound:.3f} | "
            f"{loud:.2f} |"
        )


if __name__ == "__main__":
    main()
