"""Time to count the frames, pages or chunks of files instead of trusting headers."""

from _rounds import measure  # first: it pins the threads

import argparse
import tempfile
from pathlib import Path
from unittest import mock

import librosa
import numpy as np
import soundfile

from skdeepmir.audio import _opening, read_audio
from skdeepmir.audio._streams import Stream
from skdeepmir.audio._streams._mpeg import parse_frame

RATE = 44100
# libsndfile encodes a constant rate only if there is a level, too.
CONSTANT = {"bitrate_mode": "CONSTANT", "compression_level": 0.5}
FORMATS = {
    "WAV, 16 bits": ("wav", {}),
    "WAV, 24 bits": ("wav", {"subtype": "PCM_24"}),
    "AIFF": ("aiff", {}),
    "FLAC": ("flac", {}),
    "Ogg Vorbis": ("ogg", {}),
    "Opus": ("opus", {"format": "OGG", "subtype": "OPUS"}),
    "MP3, constant rate": ("mp3", CONSTANT),
    "MP3, variable rate": (
        "mp3",
        {"bitrate_mode": "VARIABLE", "compression_level": 0.5},
    ),
    "MP3, constant rate, no count": ("mp3", CONSTANT),
}


def make_music(seconds, rate):
    """Return two channels of decaying tones, with noise."""
    rng = np.random.RandomState(0)
    t = np.arange(int(seconds * rate)) / rate
    pitch = 220 * 2 ** (rng.randint(0, 24, len(t) // rate + 1) / 12)
    tone = np.sin(2 * np.pi * pitch[(t // 1).astype(int)] * t) * np.exp(-3 * (t % 1))
    noise = 0.02 * rng.randn(len(t), 2)
    return (0.4 * tone[:, np.newaxis] + noise).clip(-1, 1)


def write_files(folder, names, seconds):
    for name in names:
        extension, options = FORMATS[name]
        rate = 48000 if extension == "opus" else RATE
        path = Path(folder, f"{name}.{extension}")
        y = make_music(seconds, rate)
        with soundfile.SoundFile(path, "w", rate, 2, **options) as sound:
            for start in range(0, len(y), rate):  # libvorbis crashes on minutes at once
                sound.write(y[start : start + rate])
        if "no count" in name:
            data = path.read_bytes()
            path.write_bytes(data[parse_frame(data).length :])
        yield name, path


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("formats", nargs="*", default=list(FORMATS))
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()

    def believed(path, rate):
        """Decode as much as the header says."""
        with mock.patch.object(
            _opening, "find_streams", lambda file, **_: [Stream(is_guessed=True)]
        ):
            return read_audio(path, sample_rate=rate)

    with tempfile.TemporaryDirectory() as folder:
        for name, path in write_files(folder, arguments.formats, arguments.seconds):
            rate = soundfile.info(path).samplerate
            print(f"{name}, {arguments.seconds:g} s, stereo")
            measure(
                {
                    "believed": lambda path=path, rate=rate: believed(path, rate),
                    "counted": lambda path=path, rate=rate: read_audio(
                        path, sample_rate=rate
                    ),
                    "librosa.load": lambda path=path: librosa.load(path, sr=None),
                },
                arguments.rounds,
            )


if __name__ == "__main__":
    main()
