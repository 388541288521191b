"""Chords by recurrent nets, beside templates and a hidden Markov model.

    python benchmarks/boulanger_2013_chords.py                  # synthesised music
    python benchmarks/boulanger_2013_chords.py labels.csv    # path, annotation, group

Rows: chroma with templates, and with Gaussians in a hidden Markov model; the system of
Boulanger-Lewandowski, Bengio and Vincent (ISMIR 2013), a recurrent net that sees the
chord before, over pre-trained features pooled at several scales, decoded by beam
search; and a bidirectional LSTM that learns from all keys. Songs of a group (an artist,
an album) are never split. Columns: weighted chord symbol recall and segmentation.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import GroupKFold, PredefinedSplit, cross_val_predict

from skdeepmir import (
    BLSTMChordRecognizer,
    DBNFeatureLearner,
    FrameTransformer,
    MultiTimescalePooler,
    SpectrogramExtractor,
    make_pipeline,
)
from skdeepmir.baselines import chroma_hmm, chroma_templates
from skdeepmir.datasets import load_manifest, make_chord_clips
from skdeepmir.metrics import chord_report

SHOWN = ["root", "majmin", "sevenths", "tetrads", "seg"]


def constant_q(**options):
    """Return the extractor of a constant-Q transform for the nets."""
    shape = {"hop_length": 2048, "bins_per_octave": 24, "n_bins": 168}
    return SpectrogramExtractor("cqt", log=True, amin=1e-4, **shape, **options)


def blstm(spectra, **parameters):
    """Return a bidirectional LSTM that learns from all keys."""
    defaults = {
        "transpose": True,
        "bins_per_octave": spectra.bins_per_octave,
        "average_transpositions": True,
        "mask_bands": 24,
        "mask_frames": 16,
        "random_state": 0,
        "verbose": False,
    }
    return BLSTMChordRecognizer(**{**defaults, **parameters})


def system_of_2013(spectra, **parameters):
    """Return the pipeline of 2013, pre-trained on the training songs alone."""
    net = {
        "cell": "rnn",
        "n_layers": 1,
        "bidirectional": False,
        "sees_previous": True,
        "decoder": "beam",
        "transpose": False,  # these features have no frequency axis
        "average_transpositions": False,
        "mask_bands": 0,
    }
    return make_pipeline(
        spectra,
        FrameTransformer(PCA(100, whiten=True), random_state=0),
        DBNFeatureLearner(
            (200, 200, 200),
            max_epochs=10,
            finetune_epochs=0,
            random_state=0,
            verbose=False,
        ),
        MultiTimescalePooler(
            "mean", windows=(1, 9, 27), overlap=0.97, output="windows"
        ),
        blstm(spectra, **{**net, **parameters}),
    )


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", nargs="?", help="CSV with path, annotation, group")
    parser.add_argument("--annotations", default="annotation", help="column of labels")
    parser.add_argument("--where", nargs="*", default=[], metavar="COLUMN=VALUE")
    parser.add_argument("--cv", type=int, default=5, help="number of folds")
    parser.add_argument("--max-epochs", type=int, default=100)
    parser.add_argument("--n-jobs", type=int, default=2, help="fits at the same time")
    parser.add_argument("--cache-dir", default="results/features")
    args = parser.parse_args()
    if args.table is None:
        songs = make_chord_clips(n_clips=30, random_state=0)
    else:
        where = dict(pair.split("=", 1) for pair in args.where)
        columns = {"where": where, "annotations": args.annotations}
        songs = load_manifest(Path(args.table), **columns)
    n = len(songs.data)
    groups = np.arange(n) if songs.groups is None else songs.groups
    cv = GroupKFold(args.cv)
    if songs.get("folds") is not None:
        cv = PredefinedSplit(songs.folds.astype(int))
    cache = {"cache_dir": args.cache_dir}
    spectra = constant_q(**cache)
    epochs = {"max_epochs": args.max_epochs}
    systems = {
        "templates + Viterbi": chroma_templates(**cache),
        "Gaussian HMM": chroma_hmm(**cache),
        "RNN of 2013": system_of_2013(spectra, **epochs),
        "BLSTM": make_pipeline(spectra, blstm(spectra, **epochs)),
    }
    print("| system | " + " | ".join(SHOWN) + " |\n| --- |" + " --- |" * len(SHOWN))
    options = {"groups": groups, "cv": cv, "n_jobs": args.n_jobs}
    for name, system in systems.items():
        chords = cross_val_predict(system, songs.data, songs.target, **options)
        report = chord_report(songs.target, chords, frame_rate=spectra.frame_rate)
        scores = report.loc[SHOWN, "score"]
        print(
            f"| {name} | " + " | ".join(f"{s:.3f}" for s in scores) + " |", flush=True
        )


if __name__ == "__main__":
    main()
