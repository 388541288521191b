"""Sevenths that are rare in training and frequent afterwards.

``rare_chords.py CACHE_DIR`` learns from synthesised songs of triads and two short ones
with sevenths, chooses settings by some with sevenths and is tested on others.
``rare_chords.py CACHE_DIR labels.csv`` orders annotated songs by their share of
sevenths: it learns from those with the fewest, chooses by the next and is tested on
those with the most. Nets are small, so that each table takes some five minutes on one
core. Recall and precision are those of all sevenths together, as in
``chord_report(by="quality")``.
"""

from _rounds import measure  # noqa: F401 (first: it pins the threads)

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from skdeepmir.baselines import chroma_hmm
from skdeepmir.chords import read_chords, simplify
from skdeepmir.datasets import load_manifest, make_chord_clips
from skdeepmir.metrics import chord_report, wcsr

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from boulanger_2013_chords import blstm, constant_q

SEVENTHS = ["maj7", "7", "min7"]
WHAT_FOR = ("learned from", "chosen by", "tested on")
STRENGTHS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
WEIGHTS = (dict.fromkeys(SEVENTHS, 5.0), dict.fromkeys(SEVENTHS, 30.0), "balanced")


def synthesised():
    """Return songs to learn from, to choose settings by and to test on."""

    def songs(seed, **numbers):
        parts = [
            make_chord_clips(n_clips=n, duration=d, vocabulary=v, random_state=seed + i)
            for i, (v, (n, d)) in enumerate(numbers.items())
        ]
        data = [clip for part in parts for clip in part.data]
        return Bunch(data=data, target=[y for part in parts for y in part.target])

    usual = (20.0, 30.0)
    return [
        songs(0, majmin=(40, usual), sevenths=(2, 8.0)),
        songs(10, majmin=(3, usual), sevenths=(6, usual)),
        songs(20, majmin=(8, usual), sevenths=(16, usual)),
    ]


def annotated(table):
    """Return the same of annotated songs, in the order of their share of sevenths."""
    where = {"task": "chord_recognition"}
    songs = load_manifest(table, where=where, annotations="annotation")
    target = [read_chords(path) for path in songs.target]
    order = np.argsort([share_of_sevenths([y]) for y in target], kind="stable")
    return [
        Bunch(data=[songs.data[i] for i in part], target=[target[i] for i in part])
        for part in np.split(order, [len(order) // 2, 3 * len(order) // 4])
    ]


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
    parser.add_argument("cache_dir")
    parser.add_argument("table", nargs="?")
    parser.add_argument("--n-units", type=int, default=64)
    parser.add_argument("--max-epochs", type=int, default=60)
    args = parser.parse_args()
    parts = annotated(args.table) if args.table else synthesised()
    learned, chosen, tested = parts
    for what, part in zip(WHAT_FOR, parts, strict=True):
        share = share_of_sevenths(part.target)
        print(f"{what}: {len(part.data)} songs, {share:.1%} sevenths")
    cache = {"cache_dir": args.cache_dir, "verbose": False}
    spectra = constant_q(**cache)
    for part in parts:
        part.frames = spectra.transform(part.data)

    def predicted(net, songs, strength):
        net.set_params(prior_correction=strength)
        chords = list(net.predict(songs.frames))
        return scores(songs.target, chords, spectra.frame_rate)

    def show(name, found, seconds):
        cells = " | ".join(f"{score:.3f}" for score in found)
        print(f"| {name} | {cells} | {seconds:.0f} |", flush=True)

    print("| system | majmin | sevenths | recall | precision | s |")
    print("| --- |" + " --- |" * 5)
    for weight in (None, *WEIGHTS):
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
    chords = list(hmm.predict(tested.data))
    show("Gaussian HMM", scores(tested.target, chords, spectra.frame_rate), seconds)


if __name__ == "__main__":
    main()
