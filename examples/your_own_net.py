"""
A PyTorch net of your own
=========================

You have a :class:`torch.nn.Module` and an idea about music. What you don't have is the
patience to write, once more, the loop that trains it: excerpts, standardisation,
validation, checkpoints, scores per clip. :class:`~skdeepmir.NetTagger` is that loop.
Your module becomes a scikit-learn estimator, to be searched, compared and saved like
any other.
"""

# %%
# The module takes frames ``(batch, n_frames, n_features)`` and returns logits ``(batch,
# n_outputs)``; the sizes come first in its constructor, what you want to set or search
# comes after. This one puts a recurrent net over the frames and lets it attend to some
# of them: the logits of all frames are averaged with weights that it learns.
import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import Audio
from sklearn.base import clone
from torch import nn

from skdeepmir import (
    NetTagger,
    SpectrogramExtractor,
    compare,
    load,
    make_pipeline,
    save,
)
from skdeepmir.audio import read_audio
from skdeepmir.baselines import mfcc_svm
from skdeepmir.datasets import load_audio_folder, make_instrument_clips


class AttentionNet(nn.Module):
    def __init__(self, n_features, n_outputs, *, n_units=32):
        super().__init__()
        self.context = nn.GRU(n_features, n_units, batch_first=True, bidirectional=True)
        self.logits = nn.Linear(2 * n_units, n_outputs)
        self.attention = nn.Linear(2 * n_units, 1)

    def look(self, x):
        frames, _ = self.context(x)  # (batch, n_frames, 2 * n_units)
        return frames, self.attention(frames).softmax(dim=1)  # (batch, n_frames, 1)

    def forward(self, x):
        frames, weights = self.look(x)
        return (weights * self.logits(frames)).sum(dim=1)


# %%
# Behind the spectrograms it is a pipeline like any other. ``module__n_units`` is a
# parameter like any other, too: ``GridSearchCV(net, {"nettagger__module__n_units": [16,
# 32]})`` would choose; here we look at both sizes.
FOLDER = os.environ.get("SKDEEPMIR_FOLDER")  # or the path of your own recordings
clips = load_audio_folder(FOLDER) if FOLDER else make_instrument_clips(random_state=0)
tagger = NetTagger(
    AttentionNet,
    excerpt_length=24,
    mask_bands=4,
    learning_rate=0.01,
    gradient_clipping=1.0,
    max_epochs=30,
    random_state=0,
    verbose=False,
)
spectra = SpectrogramExtractor("log_mel", n_mels=40, hop_length=1024, verbose=False)
net = make_pipeline(spectra, tagger)
pipelines = {
    "MFCC + SVM": mfcc_svm(verbose=False),
    "16 units": clone(net).set_params(nettagger__module__n_units=16),
    "32 units": net,
}
X, y, groups = clips.data, clips.target, clips.groups
result = compare(pipelines, X, y, groups=groups, cv=3, verbose=False)
result

# %%
# A file keeps the net by its name and its weights as arrays. Whoever loads it names the
# class in ``trusted=``; nothing in the file is run (:ref:`guide-saving`).
net.fit(X, y)
with tempfile.TemporaryDirectory() as folder:
    save(net, Path(folder, "attention.skdeepmir"))
    loaded = load(Path(folder, "attention.skdeepmir"), trusted=[AttentionNet])
print("Same predictions:", (loaded.predict(X) == net.predict(X)).all())

# %%
# The fitted module is there to be asked. Where does it look in a clip of plucked notes?
# Weights above the dotted line, which would be no preference, are frames that count. It
# sees standardised frames, so we standardise them as the fit did.
sound = X[np.flatnonzero(y == 4 % len(clips.target_names))[0]]
frames = loaded[0].transform([sound])[0]
seen = torch.from_numpy((frames - loaded[-1].mean_) / loaded[-1].scale_)[None]
with torch.no_grad():
    weights = loaded[-1].module_.float().eval().look(seen)[1][0, :, 0]
seconds = np.arange(len(frames)) / loaded[-1].frame_rate_
_, (top, bottom) = plt.subplots(2, sharex=True, figsize=(8, 4.5), layout="constrained")
top.pcolormesh(seconds, np.arange(40), frames.T, cmap="magma", rasterized=True)
top.set(ylabel="mel band", title="what it hears")
bottom.fill_between(seconds, weights, step="mid")
bottom.axhline(1 / len(frames), color="0.4", linestyle=":")
bottom.set(xlabel="time (s)", ylabel="attention", title="where it looks", ylim=0)

# %%
# Most of the weight lies on the first quarter of a second of the notes, and next to
# none on the gaps between them. Are these the moments by which *you* would tell the
# timbre?
Audio(read_audio(sound, sample_rate=22050)[0] if FOLDER else sound, rate=22050)
