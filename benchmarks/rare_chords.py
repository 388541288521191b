"""Sevenths that are rare in training and frequent afterwards.

``rare_chords.py labels.csv CACHE_DIR`` learns from annotated songs, ``--n-songs`` of
those with the fewest sevenths, chooses the strength of ``prior_correction`` by
synthesised songs a third of which are sevenths, and is tested on others of these.
Recall and precision are those of all sevenths together, as in
``chord_report(by="quality")``. Nets are small, so that it takes some minutes.
"""

from _rounds import measure  # noqa: F401 (first: it pins the threads)

import argparse
import time

import numpy as np
from sklearn.utils import Bunch

from skdeepmir.baselines import chroma_hmm
from skdeepmir.chords import read_chords, simplify
from skdeepmir.datasets import load_manifest, make_chord_clips
from skdeepmir.metrics import chord_report, wcsr

from boulanger_2013_chords import blstm, constant_q

SEVENTHS = ["maj7", "7", "min7"]
STRENGTHS = (0.0, 0.5, 1.0, 1.25, 1.5, 1.75, 2.0)
WEIGHTS = (None, dict.fromkeys(SEVENTHS, 5.0), "balanced")


def annotated(table, n_songs):
    """Return the songs with the fewest sevenths."""
    where = {"task": "chord_recognition"}
    songs = load_manifest(table, where=where, annotations="annotation")
    shares = [share_of_sevenths([read_chords(path)]) for path in songs.target]
    chosen = np.argsort(shares, kind="stable")[:n_songs]
    target = [read_chords(songs.target[i]) for i in chosen]
    return Bunch(data=[songs.data[i] for i in chosen], target=target)


def synthesised(n_songs, seed):
    """Return songs with sevenths and songs without, in the proportion 4:3."""
    parts = [
        make_chord_clips(n_clips=n, vocabulary=vocabulary, random_state=seed + n)
        for n, vocabulary in ((4 * n_songs, "sevenths"), (3 * n_songs, "majmin"))
    ]
    data, target = ([*parts[0][key], *parts[1][key]] for key in ("data", "target"))
    return Bunch(data=data, target=target)


def share_of_sevenths(annotations):
    """Return the share of the time in which seventh chords sound."""
    labels = np.concatenate([labels for _, labels in annotations])
    seconds = np.concatenate([np.diff(times, axis=1)[:, 0] for times, _ in annotations])
    kinds = [label.partition(":")[2] for label in simplify(labels, "sevenths")]
    return seconds @ np.isin(kinds, SEVENTHS) / seconds.sum()


def scores(truth, chords, rate):
    """Return WCSR in two vocabularies, and recall and precision of sevenths."""
    triads, sevenths = (
        wcsr(truth, chords, vocabulary=name, frame_rate=rate)
        for name in ("majmin", "sevenths")
    )
    report = chord_report(truth, chords, by="quality", frame_rate=rate)
    rare = report.reindex(SEVENTHS).fillna(0)
    right = (rare["share"] * rare["recall"]).sum()
    shares = rare[["share", "estimated"]].sum()
    return triads, sevenths, *(right / np.maximum(shares, 1e-9))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table")
    parser.add_argument("cache_dir")
    parser.add_argument("--n-songs", type=int)
    parser.add_argument("--n-units", type=int, default=64)
    parser.add_argument("--max-epochs", type=int, default=60)
    args = parser.parse_args()
    cache = {"cache_dir": args.cache_dir, "verbose": False}
    spectra = constant_q(**cache)
    learned, chosen, tested = (
        annotated(args.table, args.n_songs),
        synthesised(2, seed=0),
        synthesised(4, seed=100),
    )
    for what, songs in (("trained", learned), ("chosen", chosen), ("tested", tested)):
        share = share_of_sevenths(songs.target)
        print(f"{what} on {len(songs.data)} songs, {share:.1%} sevenths")
        songs.frames = spectra.transform(songs.data)

    def predicted(net, songs, strength):
        net.set_params(prior_correction=strength)
        return scores(songs.target, net.predict(songs.frames), spectra.frame_rate)

    def show(name, found, seconds):
        cells = " | ".join(f"{score:.3f}" for score in found)
        print(f"| {name} | {cells} | {seconds:.0f} |", flush=True)

    print("| system | majmin | sevenths | recall | precision | s |")
    print("| --- |" + " --- |" * 5)
    for weight in WEIGHTS:
        start = time.perf_counter()
        net = blstm(
            spectra,
            vocabulary="sevenths",
            n_units=args.n_units,
            max_epochs=args.max_epochs,
            average_transpositions=False,
            class_weight=weight,
        ).fit(learned.frames, learned.target)
        seconds = time.perf_counter() - start
        best = max(STRENGTHS, key=lambda strength: predicted(net, chosen, strength)[1])
        strengths = STRENGTHS if weight is None else sorted({0.0, best})
        for strength in strengths:
            mark = " (chosen)" if strength == best else ""
            name = f"net, class_weight={weight!r}, prior_correction={strength:g}{mark}"
            show(name, predicted(net, tested, strength), seconds)
    start = time.perf_counter()
    hmm = chroma_hmm("sevenths", **cache).fit(learned.data, learned.target)
    seconds = time.perf_counter() - start
    chords = hmm.predict(tested.data)
    show("Gaussian HMM", scores(tested.target, chords, spectra.frame_rate), seconds)


if __name__ == "__main__":
    main()
