"""
What a unit listens to
======================

In 2012 a net that had seen frames of videos, and no label, had a unit that answered to
cats. Le et al. showed what it had found by the frames that drove it most, and by the
one that drives it most of all. With audio both can be heard. A net of local filters
learns here from clips without labels (:ref:`systems-le-2012`); then we look for the
unit that tells one class best from all others, and listen to it.
"""

# %%
# Clips that nobody labelled, and others whose labels are used to *look* only.
import os

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Audio
from sklearn.metrics import roc_auc_score

from skdeepmir import LocalFeatureLearner, SpectrogramExtractor, make_pipeline
from skdeepmir.datasets import load_audio_folder, make_instrument_clips
from skdeepmir.inspection import invert, optimal_stimulus, top_stimuli
from skdeepmir.plotting import StimuliDisplay

FOLDER = os.environ.get("SKDEEPMIR_FOLDER")  # or the path of your own recordings
if FOLDER:
    clips = load_audio_folder(FOLDER)
    learned_from, others = clips.data[::2], clips.data[1::2]
    classes = np.asarray(clips.target_names)[clips.target[1::2]]
else:
    learned_from = make_instrument_clips(n_clips=80, random_state=7).data
    clips = make_instrument_clips(n_clips=60, random_state=0)
    others, classes = clips.data, np.asarray(clips.target_names)[clips.target]

# %%
# Three times filter, pool, normalise
# -----------------------------------
# Patches of 64 frames and 64 mel bands. Filters see eight frames and eight bands, and
# are others in each place over the bands.
net = make_pipeline(
    SpectrogramExtractor("log_mel", n_mels=64, amin=1e-6, verbose=False),
    LocalFeatureLearner(
        (8, 16, 32), layers="all", max_epochs=8, random_state=0, verbose=False
    ),
)
answers = np.stack(
    [patches.max(axis=0) for patches in net.fit(learned_from).transform(others)]
)
learner = net[-1]
learner.unit_shapes_  # places in time, places over the bands, maps

# %%
# The unit for a class that nobody named
# --------------------------------------
# Of all units of the last layer, the one with the largest area under the ROC curve, for
# each class. Among so many some win by chance; a fair table is in
# :ref:`systems-le-2012`.
n_top = int(np.prod(learner.unit_shapes_[-1]))
top_layer = answers[:, -n_top:]
best = {}
for name in np.unique(classes):
    areas = [roc_auc_score(classes == name, column) for column in top_layer.T]
    best[str(name)] = int(np.argmax(areas)), float(max(areas))
name = max(best, key=lambda name: best[name][1])
unit = best[name][0]
{name: round(area, 2) for name, (_, area) in best.items()}

# %%
# What drives it most, of all clips, and of all that could be (on the left):
stimuli = top_stimuli(net, others, unit, n=11, verbose=False)
optimal = optimal_stimulus(net, unit, random_state=0)
StimuliDisplay(stimuli, optimal).plot()
plt.show()

# %%
# Its first six clips, and how much larger the answer to the optimal stimulus is:
classes[stimuli.clips[:6]], optimal.answer / stimuli.answers[0]

# %%
# How that sounds
# ---------------
# Griffin and Lim's algorithm finds the phases that the spectrum lacks.
sound = invert(optimal.frames, net)
Audio(sound.samples, rate=int(sound.sample_rate))

# %%
# :func:`~skdeepmir.inspection.inspection_report` writes a page with players for many
# units: ``inspection_report(net, others, "units.html", classes)``.
