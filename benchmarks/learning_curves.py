"""How accuracy grows with the number of training clips: the 2010 system and MFCCs.

    python benchmarks/learning_curves.py labels.csv --where task=my_task
    python benchmarks/learning_curves.py FOLDER --groups '([^/_]+)_'

In each fold, pipelines are fitted on a tenth, a quarter, a half and all of the training
clips, drawn at random. Prints a table and draws the curves.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from _options import add_data_options, load, make_folds
from hamel_eck_2010_genre import systems
from scipy.stats import sem
from sklearn.model_selection import LearningCurveDisplay, learning_curve

from skdeepmir.baselines import mfcc_svm

SHARES = (0.1, 0.25, 0.5, 1.0)


def main():
    """Measure and draw the curves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_options(parser)
    parser.add_argument("--finetune-epochs", type=int, default=50, help="with labels")
    args = parser.parse_args()
    clips = load(args)
    paper = systems(args.cache_dir, finetune_epochs=args.finetune_epochs)
    pipelines = {
        "MFCC, five statistics": mfcc_svm(cache_dir=args.cache_dir),
        "MFCC, windows": paper["MFCC"],
        "all layers": paper["all layers"],
    }
    folds = make_folds(clips, args)
    matplotlib.use("agg")
    table, ax = pd.DataFrame(), None
    for name, pipeline in pipelines.items():
        sizes, train_scores, scores = learning_curve(
            pipeline.set_params(**quiet(pipeline)),
            clips.data,
            clips.target,
            cv=folds,
            train_sizes=np.array(SHARES),
            shuffle=True,
            random_state=0,
            n_jobs=args.n_jobs,
            error_score="raise",
        )
        means, errors = scores.mean(axis=1), sem(scores, axis=1)
        pairs = zip(means, errors, strict=True)
        table[name] = [f"{mean:.3f} ± {error:.3f}" for mean, error in pairs]
        curve = LearningCurveDisplay(
            train_sizes=sizes, train_scores=train_scores, test_scores=scores
        )
        options = {"score_type": "test", "std_display_style": None}
        ax = curve.plot(
            ax=ax, score_name="accuracy", line_kw={"marker": "o"}, **options
        ).ax_
        ax.get_lines()[-1].set_label(name)
    table.index = pd.Index(sizes, name="training clips")
    print(table.to_markdown())
    Path(args.out).mkdir(parents=True, exist_ok=True)
    ax.legend()
    ax.set_xscale("log")
    ax.set_xticks(sizes, [str(size) for size in sizes], minor=False)
    ax.set_xticks([], minor=True)
    ax.set_xlabel("training clips")
    ax.figure.savefig(Path(args.out) / "learning_curves.png", dpi=150)
    (Path(args.out) / "learning_curves.md").write_text(
        table.to_markdown() + "\n", encoding="utf-8"
    )


def quiet(pipeline):
    """Return parameters that keep progress bars of many fits apart."""
    return {name: False for name in pipeline.get_params() if name.endswith("verbose")}


if __name__ == "__main__":
    main()
