"""Features of Lee et al. (2009) where labels are few, and nets that begin with them.

    python benchmarks/lee_2009_few_labels.py labels.csv OUT esc10 [few] [pretrained]

The unlabelled part learns from all recordings of the table but those of the set that is
judged (esc10, solo, digits, or speakers: the digits' speakers, told apart on other
digits). "few": spectra, MFCCs and both layers, 1, 2, 3 and 5 training clips of each
class, 20 draws. "pretrained": a convolutional net that begins with the first layer or
with random weights, on as many clips of each class as 5, 10 and 20 % of all would be.
Features are kept in OUT.

Settings were chosen on other tasks: families and banks of single notes, with a learner
that had not heard notes.
"""

from _rounds import measure  # noqa: F401 (first: it pins the threads)

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepmir import (
    ConvDBNFeatureLearner,
    ConvTagger,
    MultiTimescalePooler,
    SpectrogramExtractor,
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
    "filter_length": 6,
    "max_epochs": 4,
    "precision": "bfloat16",
    "random_state": 0,
}
FUNCTIONS = {"learned": ("mean", "std"), "given": ("mean", "std", "max")}
N_DRAWS, N_NET_DRAWS = 20, 8
SHARES = (0.05, 0.1, 0.2)


def load_set(table, name):
    """Return the recordings of a set, with classes and groups."""
    clips = load_manifest(table, where={"task": SETS[name]})
    if name == "speakers":
        _, speakers = np.unique(clips.groups, return_inverse=True)
        return clips.data, speakers, clips.target
    return clips.data, clips.target, clips.groups


def learn(table, name, extractor, out):
    """Return a learner of one layer and one of two, of all other recordings."""
    everything = pd.read_csv(table)
    judged = set(everything["path"][everything["task"] == SETS[name]])
    others = sorted(set(everything["path"]) - judged)
    frames = extractor.fit_transform([Path(table).parent / path for path in others])
    # The first layers of both are the same.
    return [
        ConvDBNFeatureLearner(
            n_filters, **LAYERS, checkpoint_dir=out / f"{len(n_filters)}_{SETS[name]}"
        ).fit(frames)
        for n_filters in ((300,), (300, 300))
    ]


def few(name, spectra, mfcc, learners, y, groups, out):
    """Print accuracies where labels are few."""
    first, second = learners
    given = MultiTimescalePooler(FUNCTIONS["given"])
    pool = MultiTimescalePooler(FUNCTIONS["learned"]).fit_transform
    parts = {
        "MFCC": given.fit_transform(mfcc),
        "RAW": given.fit_transform(spectra),
        "L1": pool(first.transform(spectra)),
        "L2": pool(second.transform(spectra)),
    }
    parts["L1+L2"] = np.hstack([parts["L1"], parts["L2"]])
    X = np.hstack(list(parts.values()))
    ends = np.cumsum([part.shape[1] for part in parts.values()])
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


def pretrained(name, spectra, first, y, groups):
    """Print errors of nets that begin with the first layer, and with random weights."""
    net = {
        "channels": (300,),
        "filters": "time",
        "filter_length": first.filter_lengths_,
        "pool_length": first.pool_lengths_,
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
    counts = [round(share * len(y) / len(np.unique(y))) for share in SHARES]
    curve = few_shot_curve(
        nets,
        spectra,
        y,
        groups=groups,
        shots=counts,
        n_draws=N_NET_DRAWS,
        random_state=0,
        verbose=False,
    )
    print(f"\n{name}, {SHARES} of the labels\n\n{curve}\n")
    print(curve.summary().round(4).to_string(), flush=True)


def main():
    table, out, name, *what = sys.argv[1:]
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    options = {"truncated": "accept", "cache_dir": out / "features"}
    extractor = SpectrogramExtractor(**SPECTRA, **options)
    learners = learn(table, name, extractor, out)
    errors = [f"{curve[-1]:.3f}" for curve in learners[1].reconstruction_errors_]
    print(f"reconstruction errors of the layers: {', '.join(errors)}")
    data, y, groups = load_set(table, name)
    spectra = extractor.transform(list(data))
    if "few" in what or not what:
        extractor = SpectrogramExtractor("mfcc", amin=1e-6, **options)
        few(name, spectra, extractor.transform(list(data)), learners, y, groups, out)
    if "pretrained" in what or not what:
        pretrained(name, spectra, learners[0], y, groups)


if __name__ == "__main__":
    main()
