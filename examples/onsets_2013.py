"""
Five detectors of onsets
========================

Do nets beat rules at finding where notes begin? Spectral flux and SuperFlux know a rule
and tune a threshold. Böck et al. (2012) gave recurrent nets a few spectra, and Schlüter
and Böck (2013, 2014) turned the question into one of pictures. Here all five learn from
the same clips. ``python onsets_2013.py songs.csv`` takes your songs instead: a table
with the columns ``path`` and ``onsets`` (the file of times of each) and, if songs share
artists, ``group``.
"""

# %%
# Synthesised clips of four materials: 32 to learn from, and 24 of other songs to test
# on. Your own songs are tested on folds.
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skdeepmir import OnsetDetector, compare, make_onset_pipeline
from skdeepmir.datasets import load_manifest, make_onset_clips
from skdeepmir.metrics import onset_report

if len(sys.argv) > 1:
    songs = load_manifest(sys.argv[1], annotations="onsets")
    cv, kinds = 4, None
else:
    songs = make_onset_clips(n_clips=56, duration=5.0, random_state=0)
    is_test = songs.groups < 12  # two clips of each song
    cv, kinds = [(np.flatnonzero(~is_test), np.flatnonzero(is_test))], songs.kinds

# %%
# Each with the front end that it was published with, all at 100 frames per second. The
# causal net knows only the past, and so can be used while music is played.
options = {"random_state": 0, "verbose": False}
detectors = {
    "spectral flux": "flux",
    "SuperFlux": "superflux",
    "causal RNN, 2012": OnsetDetector("causal_rnn", max_epochs=20, **options),
    "RNN, both directions": OnsetDetector("rnn", max_epochs=20, **options),
    "convolutional, 2014": OnsetDetector("conv", max_epochs=10, **options),
}
systems = {
    name: make_onset_pipeline(detector, verbose=False)
    for name, detector in detectors.items()
}
result = compare(
    systems,
    songs.data,
    songs.target,
    groups=songs.groups,
    cv=cv,
    baseline="SuperFlux",
    verbose=len(sys.argv) > 1,  # of your songs it tells how long it will take
)
print(result)

# %%
# F at ±25 ms over all onsets, by kind of material. Drums are easy, bowed and blown
# notes are not. These nets heard less than three minutes of music, and a rule that
# knows what to look for is hard to beat with so little: read p before you read the
# order. What they do with more is in :ref:`systems-onsets-2013`.
reports = {}
for name, found in result.predictions.groupby("pipeline", sort=False):
    materials = None if kinds is None else kinds[found["clip"]]
    reports[name] = onset_report(found["true"], found["predicted"], groups=materials)
table = pd.DataFrame({name: report["f"] for name, report in reports.items()}).T
table.round(3)

# %%
# Precision against recall. A threshold trades one for the other; a better detector has
# more of both.
_, ax = plt.subplots(layout="constrained")
for (name, report), marker in zip(reports.items(), "os^Dv", strict=True):
    ax.plot(*report.loc["all", ["recall", "precision"]], marker, label=name)
ax.set(xlabel="recall", ylabel="precision")
ax.margins(0.2)
ax.legend(loc="lower left")
