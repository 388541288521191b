"""Size of a report with sound, and the time to write it.

    python benchmarks/report.py labels.csv --where task=clip_classification_esc10

compares three pipelines on the folds of a manifest (by default on synthesised clips)
and prints a table of reports with excerpts of several lengths.
"""

import _rounds  # noqa: F401 - first: it pins the threads

import argparse
import tempfile
import time
from pathlib import Path

from skdeepmir import compare
from skdeepmir.baselines import mel_svm, mfcc_forest, mfcc_svm
from skdeepmir.datasets import load_manifest, make_instrument_clips


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", nargs="?", help="CSV with path, label, group, fold")
    parser.add_argument("--where", nargs="*", default=[], metavar="COLUMN=VALUE")
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--keep", help="folder that keeps the reports")
    args = parser.parse_args()
    if args.source is None:
        clips = make_instrument_clips(n_clips=100, duration=5.0, random_state=0)
    else:
        where = dict(pair.split("=", 1) for pair in args.where)
        clips = load_manifest(args.source, where=where)
    with tempfile.TemporaryDirectory() as folder:
        cache = {"cache_dir": Path(folder, "features")}
        pipelines = {
            "MFCC + SVM": mfcc_svm(**cache),
            "MFCC + forest": mfcc_forest(random_state=0, **cache),
            "log-mel + SVM": mel_svm(**cache),
        }
        result = compare(
            pipelines,
            clips.data,
            clips.target,
            groups=clips.groups,
            cv=clips.get("folds"),
        )
        print("| seconds of each clip | clips | MB | s to write | s of processor |")
        print("| --- | --- | --- | --- | --- |")
        for excerpt in (2.0, 10.0):
            path = Path(args.keep or folder, f"report_{excerpt:g}.html")

            start, busy = time.perf_counter(), time.process_time()
            result.to_html(
                path,
                target_names=clips.target_names,
                excerpt=excerpt,
                n_jobs=args.n_jobs,
                verbose=False,
            )
            seconds = time.perf_counter() - start
            busy = time.process_time() - busy
            size = path.stat().st_size / 1e6
            n_clips = len(clips.data)
            print(
                f"| {excerpt:g} | {n_clips} | {size:.1f} | {seconds:.1f} | {busy:.1f} |"
            )


if __name__ == "__main__":
    main()
