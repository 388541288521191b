"""What a comparison prints while it runs: ``compare_progress.py labels.csv CACHE_DIR``.

MFCC + SVM, a forest, an MLP and two nets on the folds of the table, as into a log file:
each line with the seconds since the start, and in the end how the time that was
foretold compares with what it took. ``--max-epochs`` sets the length. Stop it and call
it again, with the same folder, to see it go on.
"""

from _rounds import measure  # noqa: F401 (first: it pins the threads)

import argparse
import contextlib
import re
import statistics
import sys
import time
from pathlib import Path

from sklearn.pipeline import make_pipeline

from skdeepmir import ConvTagger, SpectrogramExtractor, compare
from skdeepmir.baselines import mfcc_forest, mfcc_svm, pmsc_mlp
from skdeepmir.datasets import load_manifest

UNITS = {"s": 1, "min": 60, "h": 3600}


class Log:
    """Standard error as a log file has it, with the seconds before each line."""

    def __init__(self, target):
        self.target = target
        self.start = time.perf_counter()
        self.foretold = []
        self.is_new = True

    def write(self, text):
        """Write text, with the seconds before each line."""
        seconds = time.perf_counter() - self.start
        for line in text.splitlines(keepends=True):
            stamp = f"{seconds:7.1f} s  " if self.is_new else ""
            self.target.write(stamp + line)
            self.is_new = line.endswith("\n")
            if found := re.search(r"about (.*) left$", line.strip()):
                parts = re.findall(r"(\d+) (s|min|h)", found[1])
                left = sum(int(number) * UNITS[unit] for number, unit in parts)
                self.foretold.append((seconds, left))
        self.target.flush()

    def flush(self):
        """Do so."""
        self.target.flush()

    def isatty(self):
        """Return False."""
        return False


def systems(cache_dir, max_epochs):
    """Return the pipelines, from fast to slow."""
    cache = {"cache_dir": cache_dir / "features", "verbose": False}
    spectra = SpectrogramExtractor("log_mel", n_mels=64, n_fft=1024, amin=1e-6, **cache)

    def net(n_epochs):
        options = {"max_epochs": n_epochs, "random_state": 0, "verbose": False}
        return make_pipeline(spectra, ConvTagger(excerpt_length=96, **options))

    return {
        "MFCC + SVM": mfcc_svm(**cache),
        "MFCC + forest": mfcc_forest(random_state=0, **cache),
        "PMSC + MLP": pmsc_mlp(random_state=0, **cache),
        "ConvTagger, half": net(max(1, max_epochs // 2)),
        "ConvTagger": net(max_epochs),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table")
    parser.add_argument("cache_dir", type=Path)
    parser.add_argument(
        "--where", nargs="*", default=["task=clip_classification_esc10"]
    )
    parser.add_argument("--max-epochs", type=int, default=40)
    parser.add_argument("--n-jobs", type=int, default=2)
    args = parser.parse_args()
    clips = load_manifest(args.table, where=dict(w.split("=", 1) for w in args.where))
    log = Log(sys.stderr)
    with contextlib.redirect_stderr(log):
        result = compare(
            systems(args.cache_dir, args.max_epochs),
            *(clips.data, clips.target),
            groups=clips.groups,
            cv=clips.folds,
            scoring=["accuracy", "f1_macro"],
            cache_dir=args.cache_dir / "parts",
            n_jobs=args.n_jobs,
        )
    end = time.perf_counter() - log.start
    print(result, result.to_markdown(), sep="\n\n")
    ratios = [left / (end - at) for at, left in log.foretold if end - at > 5]
    if ratios:
        print(
            f"\n{end:.0f} s in all; foretold over true rest: median "
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
