"""Log-mel, MFCC and CQT beside librosa on one core: time and agreement."""

from _rounds import measure  # first: it pins the threads

import librosa
import numpy as np

from skdeepmir import SpectrogramExtractor

RATE = 22050


def main():
    rng = np.random.RandomState(0)
    t = np.arange(30 * RATE) / RATE
    y = (0.3 * np.sin(2 * np.pi * 440 * t) + 0.1 * rng.randn(len(t))).astype("float32")

    def log_mel():
        mel = librosa.feature.melspectrogram(y=y, sr=RATE)
        return librosa.power_to_db(mel, top_db=None)

    peers = {
        "magnitude": lambda: np.abs(librosa.stft(y)),
        "log_mel": log_mel,
        "mfcc": lambda: librosa.feature.mfcc(S=log_mel(), n_mfcc=20),
        "cqt": lambda: np.abs(librosa.cqt(y, sr=RATE, tuning=0.0)),
    }
    for kind, peer in peers.items():
        extractor = SpectrogramExtractor(kind, verbose=False).fit([y])

        def ours(extractor=extractor):
            return extractor.transform([y])[0]

        difference = np.abs(ours() - peer().T).max()
        unit = " dB" if kind in ("log_mel", "mfcc") else ""
        if not unit:
            difference /= peer().max()
        print(f"{kind}, 30 s: largest difference {difference:.1e}{unit}")
        measure({f"librosa {kind}": peer, f"skdeepmir {kind}": ours})


if __name__ == "__main__":
    main()
