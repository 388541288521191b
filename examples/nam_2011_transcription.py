"""
A piano by 88 classifiers, by one net, and today
================================================

Do learned features transcribe better than a spectrogram? Nam, Ngiam, Lee and Slaney
(ISMIR 2011) compared 88 support vector machines on both, one net for all notes in their
place, and each with and without a hidden Markov model. Here is their table, on few and
short pieces, with today's net below. ``python nam_2011_transcription.py FOLDER`` takes
your recordings: each with its notes in a .mid or .tsv file of the same name.
"""

# %%
# Synthesised pieces, written to files, since the systems listen at different sample
# rates. The first third is for testing: other pieces on other pianos. (Of yours, name
# files so that no piece is on both sides.)
import sys
import tempfile
import warnings
from pathlib import Path

import pandas as pd
import soundfile
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator

from skdeepmir import DBNFeatureLearner, PianoTranscriber, make_piano_pipeline
from skdeepmir.datasets import make_piano_clips
from skdeepmir.metrics import frame_accuracy, note_f1
from skdeepmir.plotting import RollDisplay

if len(sys.argv) > 1:
    files = sorted(Path(sys.argv[1]).iterdir())
    kinds = (".wav", ".flac", ".ogg", ".mp3")
    songs = {file.stem: file for file in files if file.suffix in kinds}
    y = [f for f in files if f.suffix in (".mid", ".tsv") and f.stem in songs]
    X = [songs[file.stem] for file in y]
else:
    temporary = tempfile.TemporaryDirectory()
    clips = make_piano_clips(n_clips=24, duration=(5.0, 6.0), random_state=0)
    X = [Path(temporary.name, f"{i}.flac") for i in range(len(clips.data))]
    for path, clip in zip(X, clips.data, strict=True):
        soundfile.write(path, clip, clips.sample_rate)
    y = list(clips.target)
n_test = len(X) // 3
X_test, y_test, X, y = X[:n_test], y[:n_test], X[n_test:], y[n_test:]

# %%
# The spectrogram of the paper: audio at 8 kHz, windows of 128 ms every 10 ms, up to
# 2 kHz, each bin normalised by its neighbours. A deep belief net learns features from
# it without looking at notes. Few of its units are active in a frame.
spectrogram = make_piano_pipeline("svm", verbose=False)[:2]
quick = {"random_state": 0, "verbose": False}
learner = DBNFeatureLearner(
    (256,), sparsity_target=0.05, max_epochs=10, finetune_epochs=0, **quick
)
learner.fit(spectrogram.fit_transform(X))

# %%
# 88 support vector machines on the spectrogram; the same on learned features; one net
# that begins with these and is trained on all 88 notes at once; and today's, on a
# constant-Q transform.
quick |= {"batch_size": 2}
svm = PianoTranscriber("svm", max_epochs=20, **quick)
multi_note = PianoTranscriber(
    "multi_note", hidden_layer_sizes=256, pretrained=learner, max_epochs=20, **quick
)
today = PianoTranscriber("conv_rnn", channels=16, max_epochs=12, **quick)
systems = {
    "spectrogram, 88 SVMs": make_piano_pipeline(svm, verbose=False),
    "features, 88 SVMs": make_piano_pipeline(
        clone(svm), features=FrozenEstimator(learner), verbose=False
    ),
    "features, multi-note": make_piano_pipeline(multi_note, verbose=False),
    "today": make_piano_pipeline(today, verbose=False),
}

# %%
# Each with and without a hidden Markov model of two states for each key, which today's
# net does not need: it knows where notes begin. Accuracy counts frames, as the paper
# does, TP / (TP + FP + FN); note F counts notes, by onset and pitch.
warnings.simplefilter("ignore", ConvergenceWarning)  # they would learn on
rows = {}
for name, system in systems.items():
    system.fit(X, y)
    for smoothing in (None, "hmm") if name != "today" else (None,):
        system.set_params(pianotranscriber__smoothing=smoothing)
        found = system.predict(X_test)
        scores = frame_accuracy(y_test, found), note_f1(y_test, found)
        rows[name, smoothing or "none"] = scores
table = pd.DataFrame(rows, index=["frame accuracy", "note F"]).T
table.rename_axis(["system", "smoothing"]).round(3)

# %%
# Two minutes of music are little for any of them. Smoothing helps everywhere. What they
# do with more, and on a real grand, is in :ref:`systems-nam-2011`. The same piece by
# the net of 2011 and by that of today:
RollDisplay.from_estimator(systems["features, multi-note"], X_test[0], y_test[0])

# %%
display = RollDisplay.from_estimator(systems["today"], X_test[0], y_test[0])
