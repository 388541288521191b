"""Where few clips have labels: spectra, MFCCs and features learned without labels.

    python benchmarks/few_labels_audio.py labels.csv --where task=my_task
    python benchmarks/few_labels_audio.py FOLDER --groups '([^/_]+)_'

The protocol of Lee, Pham, Largman and Ng (NIPS 2009): a linear classifier learns from
1, 2, 3 or 5 clips of each class, drawn from the training side of a fold, and is scored
on its whole test side. Features are learned once for each fold, from all clips of the
training side without labels, on levelled log-mel frames; "spectra" are these frames as
they are. The scale of all features comes from the training side too. Prints and writes
a table with a picture: means and standard errors over the draws, which are somewhat too
small, as the same folds recur.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from _options import add_data_options, load, make_folds
from joblib import Parallel, delayed
from tuned_features import sparse_machine
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from skdeepmir import ClipNormalizer, MultiTimescalePooler, SpectrogramExtractor


def pooled(frames, train):
    """Return mean and variance of each clip, standardised on the training clips."""
    X = MultiTimescalePooler(("mean", "var")).fit_transform(frames)
    # Many columns must not weigh more than few, joined to them or beside them.
    return StandardScaler().fit(X[train]).transform(X) / np.sqrt(X.shape[1])


def features_of_fold(spectra, mfcc, train, n_units):
    """Return each kind of features of all clips, learned from training clips."""
    levelled = ClipNormalizer().fit_transform(spectra)
    machine = sparse_machine(8, 120, n_units).fit([levelled[i] for i in train])
    features = {
        "spectra": pooled(spectra, train),
        "MFCC": pooled(mfcc, train),
        "learned": pooled(FrozenEstimator(machine).transform(levelled), train),
    }
    joined = np.hstack([features["MFCC"], features["learned"]]) / np.sqrt(2)
    return {**features, "MFCC + learned": joined}


def draw_scores(features, y, train, test, shots, seed):
    """Yield accuracies after learning from nested sets of few clips of each class."""
    order = np.random.RandomState(seed).permutation(train)
    for n in shots:
        few = np.concatenate([order[y[order] == label][:n] for label in np.unique(y)])
        for name, X in features.items():
            classifier = LogisticRegression(C=100, max_iter=1000).fit(X[few], y[few])
            yield name, n, seed, classifier.score(X[test], y[test])


def main():
    """Score all draws, print the table and draw it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_options(parser)
    parser.add_argument("--shots", type=int, nargs="+", default=[1, 2, 3, 5])
    parser.add_argument("--draws", type=int, default=20, help="of labelled clips")
    parser.add_argument("--n-units", type=int, default=300, help="features to learn")
    args = parser.parse_args()
    clips = load(args)
    folds, y = make_folds(clips, args), clips.target
    for train, test in folds:
        if set(clips.groups[train]) & set(clips.groups[test]):
            parser.error("these folds split groups; add --leave-groups-out")
        if np.bincount(y[train], minlength=y.max() + 1).min() < max(args.shots):
            parser.error(f"a class has fewer than {max(args.shots)} training clips")

    extraction = {"amin": 1e-6, "cache_dir": args.cache_dir}
    log_mel = SpectrogramExtractor("log_mel", n_mels=64, n_fft=1024, **extraction)
    spectra = log_mel.fit_transform(clips.data)
    mfcc = SpectrogramExtractor("mfcc", **extraction).fit_transform(clips.data)
    features = Parallel(n_jobs=args.n_jobs)(
        delayed(features_of_fold)(spectra, mfcc, train, args.n_units)
        for train, _ in folds
    )
    rows = []
    for seed in range(args.draws):
        i = seed % len(folds)
        rows.extend(draw_scores(features[i], y, *folds[i], args.shots, seed))
    scores = pd.DataFrame(rows, columns=["pipeline", "clips", "draw", "accuracy"])
    groups = scores.groupby(["pipeline", "clips"], sort=False)["accuracy"]
    mean, error = groups.mean().unstack(), groups.sem().unstack()
    table = mean.map("{:.3f}".format) + " ± " + error.map("{:.3f}".format)
    print(table.to_markdown())

    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "few_labels_audio.md").write_text(table.to_markdown() + "\n", "utf-8")
    scores.to_csv(out / "few_labels_audio.csv", index=False)
    matplotlib.use("agg")
    ax = mean.T.plot(yerr=error.T, marker="o", xticks=args.shots, figsize=(5, 3.5))
    ax.set(xlabel="training clips of each class", ylabel="accuracy")
    ax.figure.savefig(out / "few_labels_audio.png", dpi=150, bbox_inches="tight")


if __name__ == "__main__":
    main()
