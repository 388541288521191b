"""
Searching the settings of a net
===============================

MFCCs or log-mel bands, which statistics of them, how much dropout? Everything from the
audio file to the last layer is one estimator, so a grid search tries all of it
together. And because each recording is decoded once for each kind of spectrogram, not
once for each fit, that is a matter of seconds.
"""

# %%
# Recordings on disk, a sub-folder for each class: yours, or synthesised instruments of
# six timbres that we write there. One instrument in four is kept for the end.
import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import soundfile
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold

from skdeepmir import (
    DropoutMLPClassifier,
    FeatureStore,
    MultiTimescalePooler,
    SpectrogramExtractor,
    make_pipeline,
)
from skdeepmir.baselines import mfcc_svm
from skdeepmir.datasets import load_audio_folder, make_instrument_clips

FOLDER = os.environ.get("SKDEEPMIR_FOLDER")  # or the path of your own recordings
place = tempfile.TemporaryDirectory()
if FOLDER:
    clips = load_audio_folder(FOLDER)
else:
    made = make_instrument_clips(random_state=0)
    for i, (sound, timbre) in enumerate(zip(made.data, made.target, strict=True)):
        path = Path(place.name, made.target_names[timbre], f"{made.groups[i]}_{i}.wav")
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, sound, made.sample_rate)
    clips = load_audio_folder(place.name, groups=r"/(\d+)_")
X, y = clips.data, clips.target
groups = np.arange(len(y)) if clips.groups is None else clips.groups
train, test = next(StratifiedGroupKFold(4).split(X, y, groups))

# %%
# Names of parameters lead from step to step by two underscores, as everywhere in
# scikit-learn. ``cache_dir`` is where spectrograms are kept; give it a folder that
# lasts, and the next search finds them as well (:ref:`guide-features`).
store = Path(place.name, "features")
pipeline = make_pipeline(
    SpectrogramExtractor(amin=1e-6, cache_dir=store, verbose=False),
    MultiTimescalePooler(),
    DropoutMLPClassifier(
        (64,), learning_rate=3e-3, max_epochs=60, random_state=0, verbose=False
    ),
)
grid = {
    "spectrogramextractor__kind": ["mfcc", "log_mel"],
    "multitimescalepooler__functions": [("mean", "std"), ("mean", "std", "min", "max")],
    "dropoutmlpclassifier__dropout": [0.0, 0.3, 0.6],
}
cv = StratifiedGroupKFold(3)
search = GridSearchCV(pipeline, grid, cv=cv)
# To watch it from scikit-learn 1.9 on, each fit and epoch with a bar of its own:
# search.set_callbacks(sklearn.callback.ProgressBar(max_propagation_depth=None))
search.fit(X[train], y[train], groups=groups[train])
n_fits = len(search.cv_results_["params"]) * cv.n_splits + 1
n_spectra = len(FeatureStore(store).entries())
print(f"{n_fits} fits on {len(train)} clips, {n_spectra} spectrograms computed")

# %%
# All twelve candidates, the mean over the folds with its standard error. Before you
# believe in the best one, look how far apart the others are, and how wide the bars.
table = pd.DataFrame(search.cv_results_).sort_values("mean_test_score")
labels = [
    f"{p['spectrogramextractor__kind']}, {len(p['multitimescalepooler__functions'])} "
    f"statistics, dropout {p['dropoutmlpclassifier__dropout']:g}"
    for p in table["params"]
]
errors = table["std_test_score"] / np.sqrt(cv.n_splits - 1)
is_mfcc = table["param_spectrogramextractor__kind"] == "mfcc"
_, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
for kind, rows in {"mfcc": is_mfcc, "log_mel": ~is_mfcc}.items():
    places = np.flatnonzero(rows)
    scores = table["mean_test_score"][rows]
    ax.errorbar(scores, places, xerr=errors[rows], fmt="o", capsize=3, label=kind)
ax.set_yticks(range(len(labels)), labels, fontsize="small")
ax.set_xlabel("accuracy on instruments not trained on")
ax.legend()

# %%
# The best score of a search is flattered: it is the luckiest of twelve. So what it
# chose is judged on the kept instruments, which no candidate has seen. These happen to
# be easier than the others, so the two numbers cannot be compared with each other; with
# a baseline on the same clips they can. Here it ends level: the search found a net as
# good as MFCC + SVM, not a better one. (:func:`~skdeepmir.compare` takes a search too,
# and searches in each fold.)
baseline = mfcc_svm(cache_dir=store, verbose=False).fit(X[train], y[train])
for name, value in search.best_params_.items():
    print(f"{name}: {value}")
print(f"In the search: {search.best_score_:.2f}")
print(f"Kept instruments: {search.score(X[test], y[test]):.2f}")
print(f"MFCC + SVM, nothing searched: {baseline.score(X[test], y[test]):.2f}")
place.cleanup()
