"""ConvTagger beside pipelines of pooled features, on tags of mixtures, folds by song.

    python benchmarks/tagging.py ../shared/data/labels.csv CACHE_DIR

The systems of benchmarks/hamel_2011_tagging.py, a logistic regression and ConvTagger on
the same folds; differences to ConvTagger with the corrected t-test. The settings of
ConvTagger were chosen by training on three folds and scoring a fourth.
"""

from _rounds import measure  # noqa: F401 (first: it pins the threads)

import argparse
import sys

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepmir import ConvTagger, MultiTimescalePooler, SpectrogramExtractor
from skdeepmir.datasets import load_manifest
from skdeepmir.model_selection import corrected_t_test
from skdeepmir.metrics import TAG_SCORERS, mean_and_se

from hamel_2011_tagging import add_system_options, systems

SCORES = ("average_precision_tag", "auc_tag")


def pipelines(cache_dir):
    parser = argparse.ArgumentParser()
    add_system_options(parser)
    options = parser.parse_args([])
    options.cache_dir = cache_dir
    extraction = {"n_mels": 64, "n_fft": 1024, "amin": 1e-6, "cache_dir": cache_dir}
    mel = SpectrogramExtractor("log_mel", **extraction)
    net = ConvTagger(
        excerpt_length=96,
        mixup=0.3,
        mask_bands=8,
        mask_frames=16,
        learning_rate=2e-3,
        precision="bfloat16",
        random_state=0,
        verbose=False,
    )
    logistic = OneVsRestClassifier(LogisticRegression(C=0.1, max_iter=2000))
    pooled = MultiTimescalePooler(("mean", "std", "max", "min"))
    return {
        "mel + logistic regression": make_pipeline(
            mel, pooled, StandardScaler(), logistic
        ),
        **systems(options),
        "ConvTagger": make_pipeline(mel, net),
    }


def main():
    clips = load_manifest(sys.argv[1], where={"task": "tagging"})
    cv = PredefinedSplit(clips.folds.astype(int))
    scores = {}
    for name, pipeline in pipelines(sys.argv[2]).items():
        found = cross_validate(
            pipeline,
            clips.data,
            clips.target,
            cv=cv,
            scoring={score: TAG_SCORERS[score] for score in SCORES},
            error_score="raise",
        )
        scores[name] = {score: found[f"test_{score}"] for score in SCORES}
        seconds = found["fit_time"].mean()
        print(f"{name}: {seconds:.0f} s to fit a fold", file=sys.stderr)
    ratio = np.mean([len(test) / len(train) for train, test in cv.split()])
    print(f"| pipeline | {' | '.join(f'{s} | p' for s in SCORES)} |")
    print("| --- " * (1 + 2 * len(SCORES)) + "|")
    for name, found in scores.items():
        cells = []
        for score in SCORES:
            mean, error = mean_and_se(found[score])
            p = corrected_t_test(scores["ConvTagger"][score] - found[score], ratio)
            cells.append(f"{mean:.3f} ± {error:.3f} | {p:.4f}")
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
