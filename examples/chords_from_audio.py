"""
Chords of a song, and how to check them by ear
==============================================

From a recording to a chord chart: a bidirectional LSTM learns chords from annotated
songs, then labels one that it has never heard. We look at its chart beside the truth,
and listen to song and chords together, one in each ear. That tells more than any score.
"""

# %%
# Songs to learn from: twelve synthesised ones here, with the times of their chords.
# Your own come from ``load_manifest("labels.csv", annotations="annotation")``, a table
# with a recording and a ``.lab`` or ``.jams`` file in each line (:ref:`guide-chords`).
import tempfile
from pathlib import Path

import mir_eval
import numpy as np
from IPython.display import Audio

from skdeepmir import BLSTMChordRecognizer, SpectrogramExtractor, make_pipeline
from skdeepmir.datasets import make_chord_clips
from skdeepmir.metrics import chord_report
from skdeepmir.plotting import ChordDisplay

songs = make_chord_clips(n_clips=12, duration=15.0, random_state=0)
(intervals, labels), rate = songs.target[0], songs.sample_rate
for (start, end), label in zip(intervals, labels, strict=True):
    print(f"{start:5.1f} to {end:4.1f} s  {label}")

# %%
# The net sees a constant-Q transform of six octaves, two bands to the semitone. With
# ``transpose=True`` it hears each song in all twelve keys, by shifting bands: twelve
# songs become 144. That matters more than anything else on this page.
spectra = SpectrogramExtractor(
    "cqt",
    hop_length=4096,
    bins_per_octave=24,
    n_bins=144,
    log=True,
    amin=1e-4,
    verbose=False,
)
net = BLSTMChordRecognizer(
    n_units=48,
    n_layers=1,
    excerpt_length=64,
    transpose=True,
    bins_per_octave=24,
    average_transpositions=True,
    mask_bands=24,
    mask_frames=8,
    dropout=0.3,
    learning_rate=0.01,
    batch_size=4,
    max_epochs=60,
    random_state=0,
    verbose=False,
)
recognizer = make_pipeline(spectra, net).fit(songs.data, songs.target)

# %%
# A new song; put the path of a recording of yours in its place. Dark strips are minor
# chords, and red marks are where the chart is wrong.
new = make_chord_clips(n_clips=2, duration=12.0, random_state=3)
song, truth = new.data[0], new.target[0]
display = ChordDisplay.from_estimator(recognizer, song, truth)

# %%
# Both at once: the song on the left, the recognised chords on the right. Where they
# clash, one of them is wrong, and it need not be the chart.
intervals, labels = recognizer.predict_intervals([song])[0]
heard = mir_eval.sonify.chords(list(labels), intervals, rate, length=len(song))
Audio(np.stack([song, 0.5 * heard / np.abs(heard).max()]), rate=rate)

# %%
# The share of the time whose chord is right, in this clip and another of the same song,
# by several rules of comparison, and how well the boundaries fit ("seg"). One song is
# an anecdote: on 30 rendered pop songs a larger net has .925 (majmin), see
# :ref:`systems-boulanger-2013`.
found = recognizer.predict_intervals(new.data)
chord_report(new.target, found).loc[["root", "majmin", "seg"], ["score"]].round(3)

# %%
# As a file that other programs read, such as Sonic Visualiser or Audacity:
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "song.lab")
    recognizer.to_lab([song], [path])
    print(path.read_text())
