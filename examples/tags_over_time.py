"""
Which tag, when: a tagger along a piece
=======================================

Tags of whole clips are enough to train a tagger that says *when* each tag applies,
because it learns from excerpts of about a second. With the sound player below the
curves you can check every claim of the net by ear.
"""

# %%
# Two hundred mixtures of one to three synthesised instruments, each tagged with the
# timbres that play somewhere in it. The tags do not say where.
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Audio

from skdeepmir import ConvTagger, SpectrogramExtractor, make_pipeline
from skdeepmir.datasets import make_tag_clips
from skdeepmir.metrics import tag_report

clips = make_tag_clips(n_clips=200, duration=(1.0, 2.0), random_state=0)
names = clips.target_names

# %%
# Excerpts of 24 frames are about half a second long.
spectra = SpectrogramExtractor(
    "log_mel", n_mels=40, n_fft=1024, amin=1e-6, verbose=False
)
net = ConvTagger(
    (16, 32, 64),
    excerpt_length=24,
    output_dropout=0.1,
    learning_rate=0.01,
    batch_size=16,
    max_epochs=80,
    tag_names=names,
    random_state=0,
    verbose=False,
)
tagger = make_pipeline(spectra, net).fit(clips.data, clips.target)

# %%
# How far to trust it, on clips of other songs: "auc" is the probability that a clip
# with the tag gets a higher score than one without.
others = make_tag_clips(n_clips=40, duration=2.0, random_state=1)
scores = tagger.predict_proba(others.data)
report = tag_report(others.target, scores >= 0.5, y_score=scores, tag_names=names)
report[["support", "f_score", "auc"]].round(2)

# %%
# Now a piece: three of these clips, one after the other. The excerpts of a prediction
# overlap by half, so there is a value every quarter of a second. Grey bars are the
# truth.
chosen = [0, 3, 5]
piece = np.concatenate([others.data[i] for i in chosen])
activations, times = tagger.predict_activations([piece], return_times=True)
middle = times[0].mean(axis=1)
_, axes = plt.subplots(
    6, sharex=True, sharey=True, figsize=(8, 6), layout="constrained"
)
for tag, ax in enumerate(axes):
    for place, clip in enumerate(chosen):
        if others.target[clip, tag]:
            ax.axvspan(2 * place, 2 * place + 2, color="0.88")
    ax.plot(middle, activations[0][:, tag], marker=".")
    ax.set_ylabel(names[tag], rotation=0, ha="right", va="center")
axes[-1].set(xlabel="time (s)", xlim=(0, 2 * len(chosen)), ylim=(-0.05, 1.05))
axes[0].set_title("Probability of each timbre (grey: where it is tagged)")

# %%
# The curves switch where the clips do, at 2 and 4 s. Listen for where they leave the
# grey: an instrument that is tagged need not play all the time, and one that is soft is
# easily missed by a net, and by us.
Audio(piece, rate=clips.sample_rate)
