"""The table of Hamel, Lemieux, Bengio and Eck (ISMIR 2011), on a folder of recordings.

    python benchmarks/hamel_2011_tagging.py                     # synthesised music
    python benchmarks/hamel_2011_tagging.py labels.csv --where task=my_task

Rows: MFCCs, log-mel bands and principal mel-spectrum components (PMSC) with a pooled
features classifier (PFC), a net that learns from every window by itself and averages
its outputs over the clip; PMSC with multi-time-scale learning (MTSL), a net that sees
all windows of several lengths at once; and the field's baseline. Columns: areas under
ROC curves and precisions of the paper, where undefined ones are left out (the evaluator
of MIREX 2009 counted them as 0), and the area under precision-recall curves (AP-Tag).

Defaults were chosen by cross-validation inside a training set of some 400 clips of 3 s.
There short windows are best; the paper had 2.3 s, 2000 units and clips of 30 s.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
from _options import add_data_options, load, make_folds
from sklearn.decomposition import PCA
from sklearn.metrics import make_scorer
from sklearn.model_selection import cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler

from skdeepmir import (
    DropoutMLPClassifier,
    FrameTransformer,
    MultiTimescalePooler,
    MultiTimescaleTagger,
    SpectrogramExtractor,
    make_pipeline,
)
from skdeepmir.baselines import mfcc_svm
from skdeepmir.datasets import make_tag_clips
from skdeepmir.metrics import TAG_SCORERS, mean_and_se, precision_at_k
from skdeepmir.model_selection import corrected_t_test

FUNCTIONS = ("mean", "var", "max", "min")


def add_system_options(parser):
    """Add options of the systems."""
    add = parser.add_argument
    add("--window", type=float, default=0.5, help="seconds, of PFC")
    add("--windows", type=float, nargs="+", default=[0.1, 0.25, 0.5, 1.0], help="MTSL")
    add("--n-units", type=int, default=500, help="hidden units of PFC")
    add("--branch-units", type=int, default=300, help="hidden units a window of MTSL")
    add("--max-epochs", type=int, default=100, help="of PFC; MTSL makes 0.4 times that")


def systems(args):
    """Return the pipelines of the paper, and the baseline."""
    frames = {"n_fft": 1024, "hop_length": 512, "cache_dir": args.cache_dir}
    mfcc = SpectrogramExtractor("mfcc", amin=1e-6, **frames)
    mel = SpectrogramExtractor("log_mel", n_mels=128, **frames)
    # Whitening blows up what is below -60 dB: no floor there costs 0.01 of AUC-Tag.
    loud = SpectrogramExtractor("log_mel", n_mels=128, amin=1e-6, **frames)
    pmsc = (loud, FrameTransformer(PCA(120, whiten=True), random_state=0))
    common = {"activation": "logistic", "random_state": 0, "verbose": False}
    pooler = MultiTimescalePooler(FUNCTIONS, windows=args.window, output="windows")
    net = DropoutMLPClassifier(
        (args.n_units,), max_epochs=args.max_epochs, standardize=False, **common
    )
    pfc = (pooler, FrameTransformer(StandardScaler()), net)
    mtsl = MultiTimescaleTagger(
        tuple(args.windows),
        functions=FUNCTIONS,
        overlap=0.0,
        n_units=args.branch_units,
        batch_size=16,
        max_epochs=max(1, args.max_epochs * 2 // 5),
        **common,
    )
    *features, svm = (step for _, step in mfcc_svm(cache_dir=args.cache_dir).steps)
    return {
        "MFCC + SVM": make_pipeline(*features, OneVsRestClassifier(svm)),
        "MFCC + PFC": make_pipeline(mfcc, *pfc),
        "mel + PFC": make_pipeline(mel, *pfc),
        "PMSC + PFC": make_pipeline(*pmsc, *pfc),
        "PMSC + MTSL": make_pipeline(*pmsc, mtsl),
    }


def scorers(n_tags):
    """Return the columns of the table; precisions at fewer tags than there are."""
    columns = {
        "AUC-Tag": TAG_SCORERS["auc_tag"],
        "AUC-Clip": TAG_SCORERS["auc_clip"],
        "AP-Tag": TAG_SCORERS["average_precision_tag"],
    }
    response = {"response_method": ("decision_function", "predict_proba")}
    for k in (3, 6, 9, 12, 15):
        if k < n_tags:
            columns[f"P@{k}"] = make_scorer(precision_at_k, k=k, **response)
    return columns


def table(scores, columns, ratio):
    """Return means ± standard errors over the folds, and tests of each step."""
    rows = [["pipeline", *columns], ["---"] * (1 + len(columns))]
    for name, found in scores.items():
        cells = [mean_and_se(found[f"test_{column}"]) for column in columns]
        rows.append([name, *(f"{mean:.3f} ± {se:.3f}" for mean, se in cells)])
    for before, after in itertools.pairwise(scores):
        row = [f"{before} → {after}"]
        for column in columns:
            change, start = (scores[n][f"test_{column}"] for n in (after, before))
            change = change - start
            p_value = corrected_t_test(change, ratio)
            row.append(f"{change.mean():+.3f} (p = {p_value:.3f})")
        rows.append(row)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main():
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_options(parser)
    add_system_options(parser)
    args = parser.parse_args()
    is_made = args.source is None
    clips = make_tag_clips(n_clips=120, random_state=0) if is_made else load(args)
    if clips.target.ndim == 1:
        parser.error("needs tags: a CSV with labels such as piano|drums")
    folds = make_folds(clips, args)
    columns = scorers(clips.target.shape[1])
    options = {"cv": folds, "scoring": columns, "n_jobs": args.n_jobs}
    options["error_score"] = "raise"
    scores = {
        name: cross_validate(pipeline, clips.data, clips.target, **options)
        for name, pipeline in systems(args).items()
    }
    ratio = np.mean([len(test) / len(train) for train, test in folds])
    text = table(scores, columns, ratio)
    print(text)
    print(f"\n{len(clips.target_names)} tags: precisions at so many or more left out.")
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "hamel_2011.md").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
