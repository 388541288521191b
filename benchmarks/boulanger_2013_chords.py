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

from _options import add_data_options, load, make_folds
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_predict

from skdeepmir import (
    DBNFeatureLearner,
    FrameTransformer,
    MultiTimescalePooler,
    make_pipeline,
)
from skdeepmir._command_line import _pipelines
from skdeepmir.baselines import chroma_hmm, chroma_templates
from skdeepmir.datasets import make_chord_clips
from skdeepmir.metrics import chord_report

SHOWN = ["root", "majmin", "sevenths", "tetrads", "seg"]


def constant_q(**options):
    """Return the extractor of a constant-Q transform for the nets."""
    return _pipelines.chord_net(**options)[0]


def blstm(spectra, **parameters):
    """Return a bidirectional LSTM that learns from all keys."""
    net = _pipelines.chord_net()[-1]
    return net.set_params(bins_per_octave=spectra.bins_per_octave, **parameters)


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
    add_data_options(parser)
    parser.set_defaults(annotations="annotation")
    parser.add_argument("--max-epochs", type=int, default=100)
    args = parser.parse_args()
    is_made = args.source is None
    songs = make_chord_clips(n_clips=30, random_state=0) if is_made else load(args)
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
    options = {"cv": make_folds(songs, args), "n_jobs": args.n_jobs}
    for name, system in systems.items():
        chords = cross_val_predict(system, songs.data, songs.target, **options)
        report = chord_report(songs.target, chords, frame_rate=spectra.frame_rate)
        scores = report.loc[SHOWN, "score"]
        print(
            f"| {name} | " + " | ".join(f"{s:.3f}" for s in scores) + " |", flush=True
        )


if __name__ == "__main__":
    main()
