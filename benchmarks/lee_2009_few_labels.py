"""Features of Lee et al. (2009) where labels are few, and nets that begin with them.

    python benchmarks/lee_2009_few_labels.py labels.csv OUT esc10 [few] [pretrained]

The unlabelled part learns from all recordings of the table but those of the set that is
judged (esc10, solo, digits, or speakers: the digits' speakers, told apart on other
digits). "few": spectra, MFCCs and both layers, 1, 2, 3 and 5 training clips of each
class, 20 draws. "pretrained": a convolutional net that begins with the first layer or
with random weights, on 5, 10 and 20 % of the labels. Features are kept in OUT.

Settings were chosen on other tasks: families and banks of single notes, with a learner
that had not heard notes.
"""

from _rounds import measure  # noqa: F401 (first: it pins the threads)

import copy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepmir import (
    ConvDBNFeatureLearner,
    ConvTagger,
    MultiTimescalePooler,
    SpectrogramExtractor,
    compare,
    few_shot_curve,
)
from skdeepmir.datasets import load_manifest

SETS = {
    "esc10": "clip_classification_esc10",
    "solo": "instrument_family_solo",
    "digits": "clip_classification_fsdd",
    "speakers": "clip_classification_fsdd",
}
SPECTRA = {"n_mels": 80, "n_fft": 512, "hop_length": 220, "amin": 1e-6}
LAYERS = {
    "n_filters": (300, 300),
    "filter_length": 6,
    "n_components": None,
    "max_epochs": 4,
    "precision": "bfloat16",
    "random_state": 0,
}
FUNCTIONS = {"learned": ("mean", "std"), "given": ("mean", "std", "max")}
N_DRAWS = 20


def load_set(table, name):
    """Return the recordings of a set, with classes and groups."""
    clips = load_manifest(table, where={"task": SETS[name]})
    if name == "speakers":
        _, speakers = np.unique(clips.groups, return_inverse=True)
        return clips.data, speakers, clips.target
    return clips.data, clips.target, clips.groups


def learn(table, name, extractor, out):
    """Return a learner of all other recordings."""
    everything = pd.read_csv(table)
    judged = set(everything["path"][everything["task"] == SETS[name]])
    others = sorted(set(everything["path"]) - judged)
    paths = [Path(table).parent / path for path in others]
    learner = ConvDBNFeatureLearner(
        **LAYERS, layers="all", checkpoint_dir=out / f"learner_{SETS[name]}"
    )
    return learner.fit(extractor.fit_transform(paths))


def few(name, spectra, mfcc, learner, y, groups, out):
    """Print accuracies where labels are few."""
    layers = learner.transform(spectra)
    width = len(learner.hidden_biases_[0])
    fast = ConvDBNFeatureLearner.transform(_first_layer(learner), spectra)
    given = MultiTimescalePooler(FUNCTIONS["given"])
    pool = MultiTimescalePooler(FUNCTIONS["learned"]).fit_transform
    parts = {
        "MFCC": given.fit_transform(mfcc),
        "RAW": given.fit_transform(spectra),
        "L1": pool(fast),
        "L2": pool([frames[:, width:] for frames in layers]),
    }
    parts["L1+L2"] = np.hstack([parts["L1"], parts["L2"]])
    X, ends = (
        np.hstack(list(parts.values())),
        np.cumsum([p.shape[1] for p in parts.values()]),
    )
    pipelines = {
        part: make_pipeline(
            make_column_transformer(("passthrough", slice(end - p.shape[1], end))),
            StandardScaler(),
            LogisticRegression(max_iter=1000),
        )
        for (part, p), end in zip(parts.items(), ends, strict=True)
    }
    curve = few_shot_curve(
        pipelines, X, y, groups=groups, n_draws=N_DRAWS, random_state=0, verbose=False
    )
    print(f"\n{name}\n\n{curve}\n\n{curve.summary().round(4).to_string()}", flush=True)
    curve.plot().figure_.savefig(out / f"few_{name}.png")


def _first_layer(learner):
    """Return a learner whose features are the first layer's, at its own rate."""
    first = copy.copy(learner)
    first.layers_, first.hop_ = (0,), learner.pool_lengths_[0]
    first.feature_names_ = learner.feature_names_[: len(learner.hidden_biases_[0])]
    return first


def pretrained(name, spectra, learner, y, groups):
    """Print errors of nets that begin with the first layer, and with random weights."""
    first = _first_layer(learner)
    for attribute in ("weights_", "hidden_biases_", "visible_biases_"):
        setattr(first, attribute, getattr(learner, attribute)[:1])
    first.filter_lengths_ = learner.filter_lengths_[:1]
    first.pool_lengths_ = learner.pool_lengths_[:1]
    net = {
        "channels": (len(learner.hidden_biases_[0]),),
        "filters": "time",
        "filter_length": learner.filter_lengths_[0],
        "pool_length": learner.pool_lengths_[0],
        "activation": "logistic",
        "pooling": "probabilistic",
        "batch_norm": False,
        "max_epochs": 30,
        "batch_size": 8,
        "random_state": 0,
        "verbose": False,
    }
    nets = {
        "random": ConvTagger(**net),
        "pre-trained": ConvTagger(**net, pretrained=FrozenEstimator(first)),
    }
    for share in (0.05, 0.1, 0.2):
        splits = []
        for draw in range(5):
            pool, test = next(
                StratifiedGroupKFold(2, shuffle=True, random_state=draw).split(
                    y, y, groups
                )
            )
            rng = np.random.RandomState(draw)
            n = max(1, round(share * len(y) / len(np.unique(y))))
            order = rng.permutation(pool)
            train = np.concatenate([order[y[order] == c][:n] for c in np.unique(y)])
            splits.append((train, test))
        result = compare(
            nets, spectra, y, groups=groups, cv=splits, baseline="random", verbose=False
        )
        print(
            f"\n{name}, {share:.0%} of the labels\n\n{result.to_markdown()}", flush=True
        )


def main():
    table, out, name, *what = sys.argv[1:]
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    options = {"truncated": "accept", "cache_dir": out / "features"}
    extractor = SpectrogramExtractor(**SPECTRA, **options)
    learner = learn(table, name, extractor, out)
    errors = [
        curve[[0, -1]].round(3).tolist() for curve in learner.reconstruction_errors_
    ]
    print(f"reconstruction errors, first and last epoch: {errors}")
    data, y, groups = load_set(table, name)
    spectra = extractor.transform(list(data))
    if "few" in what or not what:
        extractor = SpectrogramExtractor("mfcc", amin=1e-6, **options)
        few(name, spectra, extractor.transform(list(data)), learner, y, groups, out)
    if "pretrained" in what or not what:
        pretrained(name, spectra, learner, y, groups)


if __name__ == "__main__":
    main()
