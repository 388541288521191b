"""Pooling with four windows and six functions beside a NumPy loop, on one core."""

from _rounds import measure  # first: it pins the threads

import numpy as np

from skdeepmir import MultiTimescalePooler

WINDOWS = (10, 50, 100, 400)
FUNCTIONS = ("mean", "var", "max", "min", "skewness", "kurtosis")


def loop(clip):
    scales = []
    for width in WINDOWS:
        rows = []
        for start in range(0, len(clip) - width + 1, width // 2):
            window = clip[start : start + width]
            mean = window.mean(axis=0)
            deviations = window - mean
            squares = deviations * deviations
            variance = squares.mean(axis=0)
            skewness = (squares * deviations).mean(axis=0) / variance**1.5
            kurtosis = (squares * squares).mean(axis=0) / variance**2 - 3
            low, high = window.min(axis=0), window.max(axis=0)
            rows.append(np.concatenate([mean, variance, high, low, skewness, kurtosis]))
        scales.append(np.mean(rows, axis=0))
    return np.concatenate(scales)


def main():
    rng = np.random.RandomState(0)
    clips = [rng.rand(1292, 128).astype(np.float32) for _ in range(20)]
    pooler = MultiTimescalePooler(FUNCTIONS, windows=WINDOWS).fit(clips)
    exact = loop(clips[0].astype(np.float64))
    print(f"largest error: {np.abs(pooler.transform(clips)[0] - exact).max():.1e}")
    raised = [clip + np.float32(1000) for clip in clips]
    exact = loop(raised[0].astype(np.float64))
    error = np.abs(pooler.transform(raised)[0] - exact)
    of_skewness = error.reshape(len(WINDOWS), len(FUNCTIONS), -1)[:, 4].max()
    print(f"with an offset of 1000: skewness {of_skewness:.1e}")
    measure(
        {
            "NumPy loop, float32": lambda: [loop(clip) for clip in clips],
            "NumPy loop, float64": lambda: [
                loop(clip.astype(np.float64)) for clip in clips
            ],
            "MultiTimescalePooler, 20 clips": lambda: pooler.transform(clips),
            "MultiTimescalePooler, one by one": lambda: [
                pooler.transform([clip]) for clip in clips
            ],
        }
    )


if __name__ == "__main__":
    main()
