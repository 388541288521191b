"""Chord scores of mir_eval's own test set, and the time for pairs of 400 segments.

``python benchmarks/chord_metrics.py FOLDER`` reads the references, estimates and scores
that mir_eval tests itself with (``tests/data/chord`` of its repository; MIT):
``ref00.lab``, ``est00.lab``, ``output00.json`` and so on.
"""

from _rounds import measure  # first: it pins the threads

import json
import sys
from pathlib import Path

import mir_eval
import numpy as np

from skdeepmir.chords import VOCABULARIES, read_chords
from skdeepmir.metrics import CHORD_SCORERS, chord_report, segmentation_score, wcsr

KINDS = ("seg", "overseg", "underseg")
COMPARISONS = [name for name in CHORD_SCORERS if name not in KINDS]


def score(name, reference, estimate):
    if name in KINDS:
        return segmentation_score([reference], [estimate], kind=name)
    return wcsr([reference], [estimate], vocabulary=name)


def compare_with_published(folder):
    references = sorted(folder.glob("ref*.lab"))
    if not references:
        sys.exit(f"{folder} has no ref*.lab.")
    print("| pair | largest difference | of |\n| --- | --- | --- |")
    largest = 0.0
    for path in references:
        number = path.stem.removeprefix("ref")
        reference = read_chords(path)
        estimate = read_chords(folder / f"est{number}.lab")
        published = json.loads((folder / f"output{number}.json").read_text())
        differences = {
            name: abs(score(name, reference, estimate) - value)
            for name, value in published.items()
        }
        worst = max(differences, key=differences.get)
        print(f"| {number} | {differences[worst]:.1e} | {worst} |")
        largest = max(largest, differences[worst])
    print(
        f"\n{len(references)} pairs, {len(published)} scores: at most {largest:.1e}\n"
    )
    if not largest < 1e-6:
        sys.exit("A score differs by more than 1e-6.")


def random_annotation(rng, vocabulary, n_segments=400, duration=240.0):
    edges = np.sort(rng.uniform(0, duration, n_segments - 1))
    edges = np.concatenate([[0.0], edges, [duration]])
    labels = rng.choice(VOCABULARIES[vocabulary], n_segments)
    return np.column_stack([edges[:-1], edges[1:]]), labels.tolist()


def compare_times(n_songs, vocabulary):
    rng = np.random.RandomState(0)
    references = [random_annotation(rng, vocabulary) for _ in range(n_songs)]
    estimates = [random_annotation(rng, vocabulary) for _ in range(n_songs)]

    def of_mir_eval():
        for reference, (times, labels) in zip(references, estimates, strict=True):
            mir_eval.chord.evaluate(*reference, times, list(labels))

    def one_by_one():
        for name in COMPARISONS:
            wcsr(references, estimates, vocabulary=name)

    print(f"{n_songs} songs of 400 segments with labels of {vocabulary!r}:\n")
    measure(
        {
            "mir_eval.chord.evaluate": of_mir_eval,
            "chord_report": lambda: chord_report(references, estimates),
            "wcsr, each of 12 vocabularies": one_by_one,
            "wcsr": lambda: wcsr(references, estimates),
            "segmentation_score": lambda: segmentation_score(references, estimates),
        },
        n_rounds=5,
    )


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    compare_with_published(Path(sys.argv[1]))
    for n_songs, vocabulary in [(1, "full"), (1, "majmin"), (20, "majmin")]:
        compare_times(n_songs, vocabulary)


if __name__ == "__main__":
    main()
