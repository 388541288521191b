"""Published tag scores from their predictions, and the time for 6500 clips, 160 tags.

``python benchmarks/tag_metrics.py FOLDER`` reads the predictions that the MTG-Jamendo
data set publishes for MediaEval 2019 (``results/mediaeval`` of its repository; CC
BY-NC-SA 4.0, so they are not part of this one): ``groundtruth.npy`` and
``baseline_vggish_{predictions,decisions}.npy``, ``_results.tsv``.
"""

from _rounds import measure  # first: it pins the threads

import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from skdeepmir.metrics import (
    auc_clip,
    auc_tag,
    average_precision_tag,
    mirex2009_tag_scores,
    precision_at_k,
    tag_report,
)


def scores_of(folder):
    y_true = np.load(folder / "groundtruth.npy")
    y_score = np.load(folder / "baseline_vggish_predictions.npy")
    y_pred = np.load(folder / "baseline_vggish_decisions.npy")
    # Published F-scores and precisions count what has a zero denominator as 0.
    macro = tag_report(y_true, y_pred, zero_division=0).mean()
    micro = tag_report(
        y_true.reshape(-1, 1), y_pred.reshape(-1, 1), zero_division=0
    ).mean()
    return (
        y_true,
        y_score,
        {
            "ROC-AUC-macro": auc_tag(y_true, y_score),
            "PR-AUC-macro": average_precision_tag(y_true, y_score),
            "precision-macro": macro["precision"],
            "recall-macro": macro["recall"],
            "F-score-macro": macro["f_score"],
            "ROC-AUC-micro": auc_tag(y_true, y_score, average="micro"),
            "PR-AUC-micro": average_precision_tag(y_true, y_score, average="micro"),
            "precision-micro": micro["precision"],
            "recall-micro": micro["recall"],
            "F-score-micro": micro["f_score"],
        },
    )


def compare_with_published(folder):
    y_true, y_score, ours = scores_of(folder)
    lines = (folder / "baseline_vggish_results.tsv").read_text().split("\n")
    published = dict(line.split("\t") for line in lines if line)
    print("| score | ours | published | difference |\n| --- | --- | --- | --- |")
    for name, value in published.items():
        difference = ours[name] - float(value)
        print(f"| {name} | {ours[name]:.6f} | {value} | {difference:+.1e} |")
        if abs(difference) > 1e-4:
            sys.exit(f"{name} differs by more than 1e-4.")
    if set(published) != set(ours):
        sys.exit(f"published and computed: {set(published) ^ set(ours)} differ.")
    print(f"\nMIREX 2009, strict: {mirex2009_tag_scores(y_true, y_score)}\n")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    compare_with_published(Path(sys.argv[1]))
    rng = np.random.RandomState(0)
    y = (rng.uniform(size=(6500, 160)) < 0.03).astype(int)
    s = rng.uniform(size=y.shape)
    warnings.simplefilter("ignore")  # clips without a tag
    measure(
        {
            "roc_auc_score": lambda: roc_auc_score(y, s),
            "auc_tag": lambda: auc_tag(y, s),
            "auc_tag, strict": lambda: auc_tag(y, s, strict_mirex=True),
            "auc_clip": lambda: auc_clip(y, s),
            "auc_clip, strict": lambda: auc_clip(y, s, strict_mirex=True),
            "average_precision_score": lambda: average_precision_score(y, s),
            "average_precision_tag": lambda: average_precision_tag(y, s),
            "precision_at_k": lambda: precision_at_k(y, s),
            "mirex2009_tag_scores": lambda: mirex2009_tag_scores(y, s),
            "tag_report": lambda: tag_report(y, s > 0.5),
        },
        n_rounds=5,
    )


if __name__ == "__main__":
    main()
