"""
Tagging at several time scales, as in 2011
==========================================

A drum stroke is over in a tenth of a second, a bowed phrase takes one. Which window should
a tagger summarise? Hamel, Lemieux, Bengio and Eck (ISMIR 2011) let one net learn from
several at once. We build their steps one by one: features, then a net that learns from
every window by itself, then one that sees all scales.
"""

# %%
# Mixtures of one to three synthesised instruments, tagged with their timbres. The paper
# had 30 s of music for each clip; here it is 2 s, so our windows are shorter.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from skdeepmir import (
    DropoutMLPClassifier,
    FrameTransformer,
    MultilabelStratifiedGroupKFold,
    MultiTimescalePooler,
    MultiTimescaleTagger,
    SpectrogramExtractor,
    compare,
    make_pipeline,
)
from skdeepmir.datasets import make_tag_clips

clips = make_tag_clips(n_clips=120, duration=2.0, random_state=0)
y = clips.target
options = {"n_fft": 1024, "amin": 1e-6, "verbose": False}
mfcc = SpectrogramExtractor("mfcc", **options)
mel = SpectrogramExtractor("log_mel", n_mels=64, **options)

# %%
# **PMSC**, principal mel-spectrum components, are log-mel frames whitened by a PCA that is
# fitted on the training clips: all directions weigh the same, and none is correlated with
# another. **PFC**, the pooled features classifier, averages what a net says of each window.
# **MTSL**, multi-time-scale learning, has a branch for each length of window.
pmsc = [mel, FrameTransformer(PCA(40, whiten=True), random_state=0)]
functions = ("mean", "var", "max", "min")
net = {"activation": "logistic", "random_state": 0, "verbose": False}
pfc = [
    MultiTimescalePooler(functions, windows=0.5, output="windows"),  # seconds
    FrameTransformer(StandardScaler()),
    DropoutMLPClassifier((100,), max_epochs=30, standardize=False, **net),
]
scales = (0.1, 0.25, 0.5, 1.0)
mtsl = MultiTimescaleTagger(
    scales, functions=functions, overlap=0.0, n_units=60, batch_size=8, max_epochs=20, **net
)
pipelines = {
    "MFCC + PFC": make_pipeline(mfcc, *pfc),
    "mel + PFC": make_pipeline(mel, *pfc),
    "PMSC + PFC": make_pipeline(*pmsc, *pfc),
    "PMSC + MTSL": make_pipeline(*pmsc, mtsl),
}
result = compare(
    pipelines,
    clips.data,
    y,
    groups=clips.groups,
    cv=MultilabelStratifiedGroupKFold(3, random_state=0),
    scoring=["auc_tag", "average_precision_tag"],
    verbose=False,
)
result
