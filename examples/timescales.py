"""
What windows of several lengths see
===================================

A classifier wants one row for each clip, music is thousands of frames, and so frames
are pooled: replaced by their mean and deviation over windows. How long the windows are
decides what survives. Short ones keep the attack of a note, long ones the course of a
phrase; a mean over the whole clip keeps neither. Hamel, Lemieux, Bengio and Eck (2011)
took several lengths at once (:ref:`systems-hamel-2011`, :ref:`guide-pooling`).
"""

# %%
# Short melodies on plucked, struck, blown, bowed and other instruments, as 40 mel
# bands.
import os

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Audio
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from skdeepmir import MultiTimescalePooler, SpectrogramExtractor, compare, make_pipeline
from skdeepmir.datasets import load_audio_folder, make_instrument_clips

FOLDER = os.environ.get("SKDEEPMIR_FOLDER")  # or the path of your own recordings
if FOLDER:
    clips = load_audio_folder(FOLDER)  # groups=r"([^/]+)_\d+" for artist_1.wav
else:
    clips = make_instrument_clips(n_clips=120, random_state=0)
mel = SpectrogramExtractor("log_mel", n_mels=40, n_fft=1024, amin=1e-6, verbose=False)
frames = mel.fit_transform(clips.data)
some = np.flatnonzero(clips.target == len(clips.target_names) - 2)[0]  # plucked
Audio(clips.data[some], rate=22050)

# %%
# This clip, in means over longer and longer windows. A float is a length in seconds;
# ``frame_rate`` is asked for here because the pooler stands alone (in a pipeline it
# knows the rate of its extractor).
lengths = [0.05, 0.2, 0.8, "clip"]
figure, panels = plt.subplots(1, 4, figsize=(9, 3), sharey=True, layout="constrained")
for ax, length in zip(panels, lengths, strict=True):
    pooler = MultiTimescalePooler(
        "mean", windows=length, frame_rate=mel.frame_rate, output="windows", overlap=0
    )
    windows = pooler.fit_transform([frames[some]])[0]
    n_frames = pooler.window_frames_[0] or len(frames[some])
    seconds = len(windows) * n_frames / mel.frame_rate
    extent = (0, seconds, 0, windows.shape[1])
    ax.imshow(windows.T, origin="lower", aspect="auto", extent=extent, cmap="magma")
    ax.set(title=f"{length} s" if length != "clip" else "whole clip")
    ax.set_xlabel("time (s)")
panels[0].set_ylabel("mel band")
plt.show()

# %%
# At 0.05 s each note begins with a bright edge and dies away, its upper bands first. At
# 0.2 s notes can still be counted; at 0.8 s they are one average colour. The last panel
# is all that a mean over the clip knows: a spectrum, without time.
#
# Which deviation?
# ----------------
# Deviations ask how much changes *within* a window, so their length matters even more.
# Each point below is a clip: across, how much a band changes within a tenth of a
# second; upwards, within the whole clip.
tenth = MultiTimescalePooler("std", windows=0.1, frame_rate=mel.frame_rate)
within_note = tenth.fit_transform(frames).mean(axis=1)
within_clip = MultiTimescalePooler("std").fit_transform(frames).mean(axis=1)
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for label, name in enumerate(clips.target_names):
    own = clips.target == label
    ax.scatter(within_note[own], within_clip[own], s=18, label=name)
ax.set_xlabel("deviation within 0.1 s, mean of bands (dB)")
ax.set_ylabel("deviation within the clip (dB)")
ax.legend(ncols=2, fontsize="small")
plt.show()

# %%
# Bowed and blown notes change little from one moment to the next, plucked and struck
# ones and drums begin with a jolt and die away: the horizontal axis tells them apart
# better than the vertical one, where a lively melody on a violin looks like a drum.
#
# Does it help a classifier?
# --------------------------
# The same frames, the same linear classifier, other windows. (Frames are computed once
# beforehand, which is fair: the extractor learns nothing.)
pipelines = {}
for windows in ["clip", 0.5, 0.1, (0.1, "clip")]:
    pooler = MultiTimescalePooler(windows=windows, frame_rate=mel.frame_rate)
    classifier = LogisticRegression(C=0.1, max_iter=3000)
    pipelines[f"windows={windows}"] = make_pipeline(
        pooler, StandardScaler(), classifier
    )
result = compare(pipelines, frames, clips.target, groups=clips.groups, verbose=False)
result

# %%
result.plot()

# %%
# Short windows have the higher mean here, as one would expect where notes are all there
# is to know; look at the interval before you bet on it. What sets songs apart takes
# longer than a note, which is why the systems of the field pool at several lengths,
# side by side, and let the classifier choose.
