"""
One sound, five pictures
========================

Everything that is learned later is learned from frames, and what the frames leave out
is gone. The same six seconds of synthesised music are shown here as a magnitude
spectrogram, in mel bands, as MFCCs, as a constant-Q transform and as chroma: five
answers to the question what matters in a sound. See :ref:`guide-features`.
"""

# %%
# Music with chords, so that there is something to see: chords, a bass, a melody, soft
# drums.
import os

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Audio

from skdeepmir import SpectrogramExtractor
from skdeepmir.audio import read_audio
from skdeepmir.datasets import load_audio_folder, make_chord_clips

FOLDER = os.environ.get("SKDEEPMIR_FOLDER")  # or the path of your own recordings
if FOLDER:
    y, _ = read_audio(load_audio_folder(FOLDER).data[0], sample_rate=22050)
else:
    y = make_chord_clips(n_clips=2, duration=6.0, random_state=3).data[0]
y = y[: 6 * 22050]
Audio(y, rate=22050)

# %%
# :class:`~skdeepmir.SpectrogramExtractor` takes a set of clips and returns a matrix for
# each, with time as its first axis. Here the set has one clip.
floor = {"amin": 1e-6, "verbose": False}  # -60 dB
semitones = {"bins_per_octave": 36, "n_bins": 216, "verbose": False}
extractors = {
    "magnitude": SpectrogramExtractor("magnitude", log=True, **floor),
    "log-mel": SpectrogramExtractor("log_mel", **floor),
    "MFCC": SpectrogramExtractor("mfcc", **floor),
    "constant-Q": SpectrogramExtractor("cqt", log=True, **floor),
    "chroma": SpectrogramExtractor("chroma", **semitones),
}
frames = {name: e.fit_transform([y])[0] for name, e in extractors.items()}
for name, matrix in frames.items():
    n_frames, n_features = matrix.shape
    print(f"{name:10} {n_frames} frames of {n_features:4} numbers")

# %%
# Six seconds are 132,300 samples. The magnitudes are more numbers than that, most of
# them about the quiet upper half of the spectrum; chroma keeps twelve for each frame.
axes = {
    "magnitude": "frequency (kHz)",
    "log-mel": "mel band",
    "MFCC": "coefficient",
    "constant-Q": "octave above C1",
    "chroma": "pitch class",
}
heights = {"magnitude": 11.025, "constant-Q": 7}
units = {"MFCC": "deviations", "chroma": "share of the largest"}
figure, panels = plt.subplots(5, 1, figsize=(8, 11), sharex=True, layout="constrained")
for ax, (name, matrix) in zip(panels, frames.items(), strict=True):
    top = heights.get(name, matrix.shape[1])
    if name == "MFCC":  # each coefficient in its own deviations from its mean
        matrix = (matrix - matrix.mean(axis=0)) / matrix.std(axis=0)
    low, high = np.percentile(matrix, [5, 99.8])
    image = ax.imshow(
        matrix.T,
        origin="lower",
        aspect="auto",
        extent=(0, len(y) / 22050, 0, top),
        vmin=low,
        vmax=high,
        cmap="magma",
        interpolation="nearest",
    )
    ax.set(title=name, ylabel=axes[name])
    figure.colorbar(image, ax=ax, label=units.get(name, "dB"))
panels[-1].set_yticks(np.arange(12) + 0.5, "C C# D D# E F F# G G# A A# B".split())
panels[-1].tick_params("y", labelsize=7)
panels[-1].set_xlabel("time (s)")
plt.show()

# %%
# - **Magnitude**: partials are lines at even distances, crammed into the lowest tenth
#   of the picture, where most of the music is. Nothing is left out, and most of it is
#   noise.
# - **Log-mel**: the scale of the ear gives that tenth a third of the picture. Timbre is
#   in the balance of the bands. The input of most nets, and the default.
# - **MFCC**: how that balance bends, in twenty numbers a frame. Lines of single
#   partials are gone, on purpose. What remains is nearly constant while a note sounds
#   and jumps from one note to the next.
# - **Constant-Q**: a semitone has the same height everywhere, so a melody that is
#   transposed moves up without changing its shape. Here one can read the bass line.
# - **Chroma**: octaves are folded into one. Timbre is gone, on purpose; a chord is a
#   set of rows that light up together, and its changes can be told by eye.
#
# None of them is the best: :ref:`guide-features` says which task asks for which.
