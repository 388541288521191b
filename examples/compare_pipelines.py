"""
Four pipelines under one protocol
=================================

Before you believe in a new system, it has to beat MFCCs and a support vector machine,
on the same clips, under the same rules, and by more than luck.
:func:`~skdeepmir.compare` does that in one call: a folder goes in; a table, a picture
and the clips that were mistaken come out, to be looked at and listened to.

:ref:`start-first-comparison` explains each step; :ref:`guide-protocols` the rules.
"""

# %%
# Clips, labels, and what must stay together
# ------------------------------------------
# A hundred and twenty short melodies, played by 24 synthetic instruments of six
# timbres. ``groups`` has the instrument of each clip: no instrument is ever in training
# and in test at once. In a collection of songs it would be the artist.
#
# For a folder of your own with a sub-folder for each class, set ``FOLDER``. The regular
# expression that finds the artist in names of files goes into ``groups=``; without one
# every clip counts for itself, and scores may be too good.
import os
import tempfile

from IPython.display import Audio

from skdeepmir import compare
from skdeepmir.baselines import mel_svm, mfcc_forest, mfcc_svm, pmsc_mlp
from skdeepmir.datasets import load_audio_folder, make_instrument_clips

FOLDER = os.environ.get("SKDEEPMIR_FOLDER")  # or the path of your own recordings
if FOLDER:
    clips = load_audio_folder(FOLDER)  # groups=r"([^/]+)_\d+" for artist_1.wav
else:
    clips = make_instrument_clips(n_clips=120, random_state=0)

# %%
# The table
# ---------
# Four pipelines of the field, from audio to label. Everything in them, scaling
# included, is fitted anew in each of five folds, to the training clips alone. Frames
# need no fit: with ``cache_dir`` a file is decoded once for all folds.
store = tempfile.TemporaryDirectory()  # name a folder of yours to keep the features
quiet = {"cache_dir": store.name, "verbose": False}
pipelines = {
    "MFCC + SVM": mfcc_svm(**quiet),
    "MFCC + forest": mfcc_forest(random_state=0, **quiet),
    "log-mel + SVM": mel_svm(**quiet),
    "PMSC + MLP": pmsc_mlp(random_state=0, **quiet),
}
X, y = clips.data, clips.target
result = compare(pipelines, X, y, groups=clips.groups, verbose=False)
result

# %%
# Read the column in the middle first: the difference to the baseline, with an interval
# in which it lies with 95 % confidence. Where the interval reaches over zero, these
# clips cannot tell which of the two is better, whatever the means say. That is the
# usual case with a few hundred clips, and a table without the interval hides it.
#
# The picture has a grey point for each fold. How far they lie apart, for one and the
# same pipeline, is how much the choice of test clips matters.
result.plot()

# %%
# What is taken for what
# ----------------------
# An accuracy says how often, not what. Rows are the truth, columns what was said.
result.plot_confusion("MFCC + SVM", target_names=clips.target_names)

# %%
# What nearly all of them get wrong
# ---------------------------------
# ``predictions`` has a row for each pipeline and test clip. A clip on which all
# pipelines fail is worth listening to: it may be hard, it may be odd, it may have the
# wrong label.
found = result.predictions.pivot(index="clip", columns="pipeline", values="predicted")
n_wrong = found.ne(y[found.index], axis=0).sum(axis=1)
hardest = n_wrong.sort_values(ascending=False, kind="stable").index[:6]
said = found.loc[hardest].map(lambda label: clips.target_names[label])
said.insert(0, "truth", clips.target_names[y[hardest]])
said

# %%
# Listen to the first of them and decide for yourself.
Audio(clips.data[hardest[0]], rate=22050)

# %%
# To hear all the others, write a report: one file for a browser, in which a click on a
# number of the confusion matrix lists its clips, with spectrograms and players. (Give
# it another path to keep it: the last line here removes the folder.)
path = f"{store.name}/report.html"
result.to_html(path, target_names=clips.target_names, verbose=False)
print(f"{os.path.getsize(path) / 1e6:.1f} MB")
store.cleanup()

# %%
# The synthetic instruments are made by a formula, and the scores say nothing of real
# ones. On the ten classes of ESC-10, with its official folds, the same four pipelines
# reach .833, .800, .760 and .728, in the order in which they stand above: a different
# winner.
