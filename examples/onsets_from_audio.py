"""
Onsets of a recording, to look at and to listen to
==================================================

When does each note begin? A recurrent net learns it from annotated clips, then marks
the onsets of a recording that it has never heard. We look at its hits and misses, and
listen to a click on each. ``python onsets_from_audio.py song.wav`` does so for a
recording of yours, and leaves three files in the working folder: times, picture and
clicks.
"""

# %%
# Clips to learn from: forty synthesised ones here, of drums, plucked, bowed and blown
# notes and mixtures. Your own come from ``load_manifest("labels.csv",
# annotations="onsets")``, a table with a recording and a file of times in each line
# (:ref:`guide-onsets`).
import sys
import tempfile
from pathlib import Path

from IPython.display import Audio

from skdeepmir import OnsetDetector, make_onset_pipeline
from skdeepmir.datasets import make_onset_clips
from skdeepmir.metrics import onset_report
from skdeepmir.onsets import write_onsets
from skdeepmir.plotting import OnsetDisplay
from skdeepmir.sonification import sonify_onsets

clips = make_onset_clips(n_clips=40, duration=6.0, random_state=0)
print(clips.target[0].round(3))

# %%
# Three log-mel spectrograms with windows of 23, 46 and 93 ms go in: the short window
# knows when, the long one what. The net reads them in both directions. (A convolutional
# net, ``OnsetDetector("conv")``, takes longer to learn.) A fifth of the clips is held
# out, whole songs of them, to see whether another threshold than 0.5 is better.
net = OnsetDetector("rnn", max_epochs=15, random_state=0, verbose=False)
detector = make_onset_pipeline(net, sample_rate=clips.sample_rate, verbose=False)
held_out = clips.groups >= 16
detector.fit(
    [clip for clip, out in zip(clips.data, held_out, strict=True) if not out],
    clips.target[~held_out],
    X_val=[clip for clip, out in zip(clips.data, held_out, strict=True) if out],
    y_val=clips.target[held_out],
)
print(f"threshold: {detector[-1].threshold_:.2f}")

# %%
# New clips, of other songs. Triangles are onsets that were missed, crosses are
# detections of nothing.
new = make_onset_clips(n_clips=8, duration=6.0, random_state=1)
given = sys.argv[1:]  # a recording of yours
song, truth = (given[0], None) if given else (new.data[0], new.target[0])
display = OnsetDisplay.from_estimator(detector, song, truth)

# %%
# A click on each detection. What is right melts into the attack; what is 30 ms late
# stands beside it. The recording is on both channels, clicks on detections on the left,
# and those on annotations, an octave lower, on the right.
(found,) = detector.predict([song])
rate = None if given else new.sample_rate
sound = sonify_onsets(song, found, reference=truth, sample_rate=rate, separate=True)
Audio(sound.samples, rate=sound.sample_rate)

# %%
# By kind of material, at ±25 ms. Drums are easy and bowed notes are not, for people
# either. The mean error is signed: a detector that is late everywhere has a mistake.
report = onset_report(new.target, detector.predict(new.data), groups=new.kinds)
report[["n_reference", "precision", "recall", "f", "mean_error"]].round(3)

# %%
# As files: times that other programs read, the picture, and the clicks.
with tempfile.TemporaryDirectory() as temporary:
    folder, name = (Path(), Path(song).stem) if given else (Path(temporary), "song")
    write_onsets(folder / f"{name}.onsets", found)
    display.figure_.savefig(folder / f"{name}.png", dpi=150)
    clicks = folder / f"{name}.clicks.flac"
    sonify_onsets(song, found, sample_rate=rate, path=clicks)
    print(*sorted(path.name for path in folder.glob(f"{name}.*")), sep="\n")
