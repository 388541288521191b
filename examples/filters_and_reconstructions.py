"""
What units look like, and what they can put back
================================================

A net that learns without labels is judged by looking at it. Its filters say what it
listens for; its reconstructions say what it kept and what it threw away. Digits come
first, because everyone can see what is wrong with a bad seven; then spectra, read in
the same way. See :ref:`guide-learned-features` and :ref:`systems-pretraining`.
"""

# %%
# Three ways to learn 64 units
# ----------------------------
# A restricted Boltzmann machine, one whose units are told to be active in a tenth of
# the pictures, and an auto-encoder that learns to undo damage. None of them sees a
# label.
import os

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Audio
from sklearn.base import clone
from sklearn.datasets import load_digits

from skdeepmir import DBNFeatureLearner, SpectrogramExtractor
from skdeepmir.datasets import load_audio_folder, make_instrument_clips
from skdeepmir.plotting import FilterDisplay

digits = load_digits().data / 16
machine = DBNFeatureLearner(
    (64,),
    visible="binary",
    learning_rate=0.1,
    max_epochs=30,
    random_state=0,
    verbose=False,
)
sparse = {"sparsity_target": 0.1, "sparsity_cost": 0.5}
learners = {
    "Boltzmann machine": machine,
    "sparse": clone(machine).set_params(**sparse),
    "denoising": clone(machine).set_params(pretraining="denoising_autoencoder"),
}
figure, panels = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
for ax, (name, learner) in zip(panels, learners.items(), strict=True):
    learner.fit(digits)
    FilterDisplay.from_estimator(learner, image_shape=(8, 8), ax=ax)
    ax.set_title(name)
plt.show()

# %%
# Each little picture is a unit: red where ink excites it, blue where ink silences it.
# Most are strokes and gaps of a pen at some place.
#
# Put back
# --------
# ``transform`` goes up to the units, ``inverse_transform`` comes back down.
figure, panels = plt.subplots(4, 10, figsize=(8, 3.6), layout="constrained")
pictures = {"original": digits[:10]}
for name, learner in learners.items():
    pictures[name] = learner.inverse_transform(learner.transform(digits[:10]))
for row, (name, images) in zip(panels, pictures.items(), strict=True):
    for ax, image in zip(row, images, strict=True):
        ax.imshow(image.reshape(8, 8), cmap="Greys", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
    row[0].set_ylabel(name, rotation=0, ha="right", va="center")
plt.show()

# %%
for name, learner in learners.items():
    units = learner.transform(digits)
    error = np.mean((learner.inverse_transform(units) - digits) ** 2)
    print(f"{name:18} mean activation {units.mean():.2f}, squared error {error:.4f}")

# %%
# A sparse code says with a seventh of its units what the others say with a third, and
# pays for it with blur. That is often a bargain: what comes next has less to look at.
#
# Spectra
# -------
# Frames of sound are read the same way. The clip is a drum that the machines did not
# hear; they learned from the others, with two, ten and fifty units.
FOLDER = os.environ.get("SKDEEPMIR_FOLDER")  # or the path of your own recordings
if FOLDER:
    clips = load_audio_folder(FOLDER).data[:60]
else:
    clips = make_instrument_clips(n_clips=60, random_state=0).data
Audio(clips[0], rate=22050)

# %%
extractor = SpectrogramExtractor("log_mel", amin=1e-6, verbose=False)
frames = extractor.fit_transform(clips)
clip = frames[0]
figure, panels = plt.subplots(1, 4, figsize=(10, 3), sharey=True, layout="constrained")
panels[0].imshow(clip.T, origin="lower", aspect="auto", vmin=-60, vmax=20)
panels[0].set(title="original", ylabel="mel band", xlabel="frame")
for ax, n_units in zip(panels[1:], (2, 10, 50), strict=True):
    learner = DBNFeatureLearner((n_units,), random_state=0, verbose=False)
    learner.fit(frames[1:])
    again = learner.inverse_transform(learner.transform([clip]))[0]
    ax.imshow(again.T, origin="lower", aspect="auto", vmin=-60, vmax=20)
    error = np.sqrt(np.mean((again - clip) ** 2))
    ax.set(title=f"{n_units} units, off by {error:.1f} dB", xlabel="frame")
plt.show()

# %%
# Two units say little more than loud and soft. Ten have the decay of each stroke, fifty
# begin to tell where in the spectrum it is. What no unit answers for, such as the fine
# grain of the noise, does not come back; that is what compression means, and a
# classifier above will never hear of it.
