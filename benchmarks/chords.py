"""Recognisers on annotated songs, folds by song: ``chords.py labels.csv CACHE_DIR``.

Each system predicts each song once, by a fit to the other folds. WCSR is that of all
songs together; p is that of the difference to the first row in WCSR (majmin) of songs,
by the signed-rank test of Wilcoxon. ``--systems`` chooses rows.

All columns are of fits with 25 chords ("majmin"), whose sevenths are never right.
``--own-vocabularies`` takes the columns "sevenths" and "tetrads" from fits with 61 and
169 chords, in three times the time and more.
"""

from _rounds import measure  # noqa: F401 (first: it pins the threads)

import argparse
import time

from scipy.stats import wilcoxon
from sklearn.base import clone
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from skdeepmir import make_pipeline
from skdeepmir.baselines import chroma_hmm, chroma_templates
from skdeepmir.datasets import load_manifest
from skdeepmir.metrics import chord_report, wcsr

from boulanger_2013_chords import SHOWN, blstm, constant_q, system_of_2013


def systems(cache_dir, **precision):
    """Return the rows of the table."""
    cache = {"cache_dir": cache_dir, "verbose": False}
    spectra = constant_q(**cache)

    def net(**parameters):
        return make_pipeline(spectra, blstm(spectra, **precision, **parameters))

    plain = {"average_transpositions": False}
    return {
        "BLSTM": net(),
        "BLSTM, each song in its own key only": net(**plain),
        "BLSTM, no transpositions at all": net(transpose=False, **plain),
        "LSTM, one direction": net(bidirectional=False),
        "RNN, both directions": net(cell="rnn"),
        "RNN, one direction": net(cell="rnn", bidirectional=False),
        "frame-wise net": net(cell="dense"),
        "RNN of 2013": system_of_2013(spectra, **precision),
        "Gaussian HMM": chroma_hmm(**cache),
        "templates + Viterbi": chroma_templates(**cache),
        "templates + Viterbi, seven octaves": chroma_templates(n_bins=252, **cache),
    }


def predicted(system, vocabulary, songs, n_jobs):
    """Return the chords of each song by a fit to the other folds."""
    system = clone(system)
    system[-1].set_params(vocabulary=vocabulary)
    cv = PredefinedSplit(songs.folds.astype(int))
    return cross_val_predict(system, songs.data, songs.target, cv=cv, n_jobs=n_jobs)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table")
    parser.add_argument("cache_dir")
    parser.add_argument("--systems", nargs="*", help="names of rows")
    parser.add_argument(
        "--precision",
        default="bfloat16",
        help="float32 is faster on processors without bfloat16",
    )
    parser.add_argument("--own-vocabularies", action="store_true")
    parser.add_argument("--n-jobs", type=int, default=2)
    args = parser.parse_args()
    where = {"task": "chord_recognition"}
    songs = load_manifest(args.table, where=where, annotations="annotation")
    rate = constant_q().frame_rate
    columns = [*SHOWN, "p", "songs better", "s"]
    print("| system | " + " | ".join(columns) + " |\n| --- |" + " --- |" * len(columns))
    of_reference = None
    rows = systems(args.cache_dir, precision=args.precision)
    for name, system in rows.items():
        if args.systems and name not in args.systems:
            continue
        start = time.perf_counter()
        chords = predicted(system, "majmin", songs, args.n_jobs)
        report = chord_report(songs.target, chords, frame_rate=rate)["score"]
        for own in ("sevenths", "tetrads") if args.own_vocabularies else ():
            others = predicted(system, own, songs, args.n_jobs)
            report[own] = wcsr(songs.target, others, vocabulary=own, frame_rate=rate)
        seconds = time.perf_counter() - start
        cells = [f"{score:.3f}" for score in report[SHOWN]]
        of_songs = wcsr(songs.target, chords, frame_rate=rate, average=None)
        if of_reference is None:
            of_reference = of_songs
            cells += ["", ""]
        else:
            p = wilcoxon(of_reference, of_songs).pvalue
            cells += [f"{p:.2g}", f"{sum(of_songs > of_reference)}/{len(of_songs)}"]
        print(f"| {name} | {' | '.join(cells)} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
