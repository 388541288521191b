"""
Bad files, before they cost a night
===================================

In any real collection one file in a few hundred is broken: a download that was cut off,
a page of HTML called song.mp3, a channel recorded upside down. Some of them crash a
program at three in the morning; worse are those that do not.
:func:`~skdeepmir.check_audio` lists them first, :func:`~skdeepmir.drop_bad_audio`
removes them with their labels, and the extractor can go around them
(:ref:`guide-reliability`).
"""

# %%
# A small collection with typical damage. Every file here is called .wav, as they are.
import os
import tempfile
import textwrap
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import soundfile as sf

from skdeepmir import SpectrogramExtractor, check_audio, drop_bad_audio
from skdeepmir.datasets import load_audio_folder, make_instrument_clips

clips = make_instrument_clips(n_clips=6, n_instruments=6, duration=1.5, random_state=0)
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
files = [str(folder / f"song_{row}.wav") for row in range(6)]
for path, y in zip(files, clips.data, strict=True):
    sf.write(path, y, clips.sample_rate)
whole = Path(files[1]).read_bytes()
Path(files[1]).write_bytes(whole[: len(whole) // 2])  # the download was cut off
Path(files[2]).write_text("<html>404 Not Found</html>")  # and this one never began
upside_down = np.stack([clips.data[3], -clips.data[3]], axis=1)
sf.write(files[3], upside_down, clips.sample_rate)  # a cable was soldered wrongly
holes = clips.data[4].copy()
holes[1000:1010] = np.nan  # a plug-in divided by zero
sf.write(files[4], holes, clips.sample_rate, subtype="FLOAT")

FOLDER = os.environ.get("SKDEEPMIR_FOLDER")  # or the path of your own recordings
if FOLDER:
    files = [*files, *load_audio_folder(FOLDER).data]

# %%
# Look first
# ----------
# Every file is decoded once, because headers do not tell all. Each problem has a code,
# for programs, and says what was found and what to do.
problems = check_audio(files, verbose=False)
for problem in problems.itertuples():
    print(f"row {problem.row}, {problem.code}:")
    text = f"{problem.problem}. {problem.fix}"
    print(textwrap.indent(textwrap.fill(text, 72), "    "))

# %%
# The file whose channels cancel can be decoded, and each channel is sound. But features
# are computed from their mean, which is silence: a program that does not look learns
# silence, and nobody is told. So it is reported as doubtful.
#
# Then remove them, with their labels
# -----------------------------------
# Labels, groups and weights go along, so that no label moves to another song. Doubtful
# files stay: what to do about them is for you to decide.
labels = [f"label of song {row}" for row in range(len(files))]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    X, y = drop_bad_audio(files, labels, verbose=False)
print(y[:6])
for error in caught[0].message.problems:
    print(f"removed: row {error.row}, {error.code}")

# %%
# Or go around them
# -----------------
# By default the extractor raises an error that names row, file and fix, before it
# decodes anything that takes long. With ``on_error="nan"`` a bad file becomes frames of
# NaN, its neighbours are what they would be without it, and a warning lists them.
extractor = SpectrogramExtractor("log_mel", on_error="nan", verbose=False)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    frames = extractor.fit_transform(files[:6])
print([type(warning.message).__name__ for warning in caught])

figure, panels = plt.subplots(
    1, 6, figsize=(10, 2.6), sharey=True, layout="constrained"
)
for row, (ax, clip) in enumerate(zip(panels, frames, strict=True)):
    extent = (0, len(clip) / extractor.frame_rate, 0, 128)
    ax.imshow(clip.T, origin="lower", aspect="auto", extent=extent, vmin=-80, vmax=20)
    found = problems.loc[problems["row"] == row, "code"].tolist()
    ax.set(title=f"song {row}\n{found[0] if found else 'good'}", xlabel="time (s)")
panels[0].set_ylabel("mel band")
plt.show()
temporary.cleanup()

# %%
# White is NaN; song 3 is there and dark all over. A classifier that refuses NaN will
# refuse these clips, which is the point: nothing is dropped behind your back.
