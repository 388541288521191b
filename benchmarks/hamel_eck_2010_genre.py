"""The system of Hamel and Eck (ISMIR 2010) beside MFCCs, on a folder of recordings.

    python benchmarks/hamel_eck_2010_genre.py                   # synthesised music
    python benchmarks/hamel_eck_2010_genre.py FOLDER            # FOLDER/CLASS/RECORDING
    python benchmarks/hamel_eck_2010_genre.py labels.csv --where task=my_task

Magnitude spectra of 1024 samples, a deep belief network of 3 x 50 units that is
pre-trained and then fine-tuned to tell the classes from single frames, mean and
variance of its activations over windows of 5 s, an RBF SVM on windows, a vote for each
clip. The net is fitted inside each fold.

Then the figures of the paper, from a net that is fitted on the training clips of the
first fold: its first layer's filters, and a projection of the inputs, MFCCs and
activations of the fold's other clips.
"""

import argparse
from pathlib import Path

import numpy as np
from _options import add_data_options, load, make_folds, report
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skdeepmir import (
    ClipVotingClassifier,
    DBNFeatureLearner,
    MultiTimescalePooler,
    SpectrogramExtractor,
    make_pipeline,
)
from skdeepmir.plotting import FilterDisplay, ProjectionDisplay, TrainingDisplay

LAYERS = {"layer 1": (0,), "layer 2": (1,), "layer 3": (2,), "all layers": "all"}


def vote(extractor, *steps):
    """Return a pipeline that ends in windows, an SVM and a vote."""
    windows = MultiTimescalePooler(("mean", "var"), windows=5.0, output="windows")
    svm = ClipVotingClassifier(make_pipeline(StandardScaler(), SVC(C=10)))
    return make_pipeline(extractor, *steps, windows, svm)


def systems(cache_dir, max_epochs=5, finetune_epochs=50):
    """Return the pipelines of the paper: MFCCs, each layer, and all layers."""
    frames = {"hop_length": 1024, "center": False, "cache_dir": cache_dir}
    spectra = SpectrogramExtractor("magnitude", n_fft=1024, **frames)
    mfcc = SpectrogramExtractor("mfcc", n_fft=1024, amin=1e-6, **frames)
    pipelines = {"MFCC": vote(mfcc)}
    for name, layers in LAYERS.items():
        learner = DBNFeatureLearner(
            (50, 50, 50),
            layers=layers,
            max_epochs=max_epochs,
            finetune_epochs=finetune_epochs,
            random_state=0,
        )
        pipelines[name] = vote(spectra, learner)
    return pipelines


def draw(clips, pipelines, train, test, out):
    """Draw filters and curves of a net, and projections of clips it has not seen."""
    names = np.asarray(clips.target_names)[clips.target[test]]
    spectra, learner = clone(pipelines["all layers"]).steps[:2]
    frames = spectra[1].fit_transform([clips.data[i] for i in (*train, *test)])
    learned = learner[1].fit(frames[: len(train)], clips.target[train])
    frequencies = np.fft.rfftfreq(1024, 1 / spectra[1].sample_rate)
    mfcc = clone(pipelines["MFCC"])[0].fit_transform([clips.data[i] for i in test])
    frames = frames[len(train) :]
    pooler = MultiTimescalePooler()
    features = {
        "inputs": pooler.fit_transform(frames),
        "MFCC": pooler.fit_transform(mfcc),
        "activations": pooler.fit_transform(learned.transform(frames)),
    }
    displays = {
        "filters": FilterDisplay.from_estimator(learned, frequencies=frequencies),
        "training": TrainingDisplay.from_estimator(learned),
        "projection": ProjectionDisplay.from_features(features, names, random_state=0),
    }
    for name, display in displays.items():
        display.figure_.savefig(Path(out) / f"hamel_eck_2010_{name}.png", dpi=150)


def main():
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_options(parser)
    parser.add_argument("--max-epochs", type=int, default=5, help="of pre-training")
    parser.add_argument("--finetune-epochs", type=int, default=50, help="with labels")
    args = parser.parse_args()
    clips = load(args)
    pipelines = systems(args.cache_dir, args.max_epochs, args.finetune_epochs)
    report(clips, pipelines, args, baseline="MFCC", name="hamel_eck_2010")
    draw(clips, pipelines, *make_folds(clips, args)[0], args.out)
    print(f"Filters, training, projection: {args.out}/hamel_eck_2010_*.png")


if __name__ == "__main__":
    main()
