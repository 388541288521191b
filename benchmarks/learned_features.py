"""Learned features beside MFCCs, fixed and tuned, on the four sets of the shared data.

    python benchmarks/learned_features.py ../shared/data OUT_FOLDER [SET ...]

Choices among the candidates of tuned_features.py are made on inner folds;
the candidates themselves were found on these sets, outer folds included, so that the
figures are optimistic. The machines learn from all recordings of the other sets,
without labels; some of these play songs of instrument_solo in other arrangements.
Prints accuracies and two paired tests: the corrected t-test over folds, and a
permutation test in which the differences of whole groups (songs, sources, banks,
speakers) change their sign.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import sem
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from _options import make_folds
from tuned_features import BASELINE, audio_files, tuned_features, tuned_mfcc

from skdeepmir.baselines import mfcc_svm
from skdeepmir.datasets import load_manifest
from skdeepmir.model_selection import corrected_t_test

SETS = {  # its task, and whether folds leave groups out rather than being given
    "esc10": ("clip_classification_esc10", False),
    "instrument_solo": ("instrument_family_solo", False),
    "instrument_notes": ("instrument_family_note", True),
    "fsdd": ("clip_classification_fsdd", True),
}
N_PERMUTATIONS = 100_000


def predict(pipeline, clips, train, test):
    """Return predicted labels of the test clips, and what inner folds chose."""
    fitted, options = clone(pipeline), {}
    if isinstance(fitted, GridSearchCV):
        options["groups"] = clips.groups[train]
    fitted.fit(clips.data[train], clips.target[train], **options)
    return fitted.predict(clips.data[test]), getattr(fitted, "best_params_", None)


def permutation_test(differences, groups):
    """Return the two-sided p-value where whole groups change their sign."""
    totals = np.array([differences[groups == g].sum() for g in np.unique(groups)])
    signs = np.random.default_rng(0).choice((-1, 1), (N_PERMUTATIONS, len(totals)))
    extreme = np.abs(signs @ totals) >= abs(totals.sum()) - 1e-9
    return (1 + extreme.sum()) / (1 + N_PERMUTATIONS)


def main():
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    cache_dir = out / "features"
    print(
        "| set | beside | its accuracy | learned | difference | p, folds | p, groups |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for name in sys.argv[3:] or SETS:
        task, leaves_groups_out = SETS[name]
        clips = load_manifest(folder / "labels.csv", where={"task": task})
        others = [path for path in folder.iterdir() if path.is_dir()]
        files = audio_files([path for path in others if path.name != name], clips.data)
        pipelines = {
            "MFCC + SVM, fixed": mfcc_svm(cache_dir=cache_dir),
            BASELINE: tuned_mfcc(cache_dir),
            "learned": tuned_features(cache_dir, files, 1000, out / "pooled"),
        }
        options = SimpleNamespace(leave_groups_out=leaves_groups_out, cv=5)
        folds = make_folds(clips, options)
        tasks = [(p, *fold) for p in pipelines for fold in folds]
        results = Parallel(n_jobs=2)(
            delayed(predict)(pipelines[p], clips, train, test)
            for p, train, test in tasks
        )
        right = {p: np.zeros(len(clips.target)) for p in pipelines}
        for (p, _, test), (labels, choice) in zip(tasks, results, strict=True):
            right[p][test] = labels == clips.target[test]
            print(f"<!-- {name}, {p}: {choice} -->", file=sys.stderr, flush=True)
        scores = {
            p: np.array([ok[test].mean() for _, test in folds])
            for p, ok in right.items()
        }
        ratio = np.mean([len(test) / len(train) for train, test in folds])
        cells = {p: f"{s.mean():.3f} ± {sem(s):.3f}" for p, s in scores.items()}
        for baseline in list(pipelines)[:2]:
            difference = scores["learned"] - scores[baseline]
            p_folds = corrected_t_test(difference, ratio)
            of_clips = right["learned"] - right[baseline]
            p_groups = permutation_test(of_clips, clips.groups)
            print(
                f"| {name} | {baseline} | {cells[baseline]} | {cells['learned']} "
                f"| {difference.mean():+.3f} | {p_folds:.3f} | {p_groups:.5f} |",
                flush=True,
            )
        print(name, {p: s.round(3) for p, s in scores.items()}, file=sys.stderr)


if __name__ == "__main__":
    main()
