"""The system of Hamel and Eck (ISMIR 2010) beside MFCCs, on a folder of recordings.

    python examples/hamel_eck_2010_genre.py                   # synthesised music
    python examples/hamel_eck_2010_genre.py FOLDER            # FOLDER/CLASS/RECORDING
    python examples/hamel_eck_2010_genre.py labels.csv --where task=my_task

Magnitude spectra of 1024 samples, a deep belief network of 3 x 50 units that is
pre-trained and then fine-tuned to tell the classes from single frames, mean and
variance of its activations over windows of 5 s, an RBF SVM on windows, a vote for each
clip. The net is fitted inside each fold.
"""

import argparse

from compare_pipelines import add_data_options, load, report
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skdeepmir import (
    ClipVotingClassifier,
    DBNFeatureLearner,
    MultiTimescalePooler,
    SpectrogramExtractor,
)

LAYERS = {"layer 1": (0,), "layer 2": (1,), "layer 3": (2,), "all layers": "all"}


def vote(extractor, *steps):
    """Return a pipeline that ends in windows, an SVM and a vote."""
    windows = MultiTimescalePooler(
        ("mean", "var"), windows=5.0, frame_rate=extractor.frame_rate, output="windows"
    )
    svm = ClipVotingClassifier(make_pipeline(StandardScaler(), SVC(C=10)))
    return make_pipeline(extractor, *steps, windows, svm)


def main():
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_options(parser)
    parser.add_argument("--max-epochs", type=int, default=5, help="of pre-training")
    parser.add_argument("--finetune-epochs", type=int, default=50)
    args = parser.parse_args()
    frames = {"hop_length": 1024, "center": False, "cache_dir": args.cache_dir}
    spectra = SpectrogramExtractor("magnitude", n_fft=1024, **frames)
    mfcc = SpectrogramExtractor("mfcc", n_fft=1024, amin=1e-6, **frames)
    pipelines = {"MFCC": vote(mfcc)}
    for name, layers in LAYERS.items():
        learner = DBNFeatureLearner(
            (50, 50, 50),
            layers=layers,
            max_epochs=args.max_epochs,
            finetune_epochs=args.finetune_epochs,
            random_state=0,
        )
        pipelines[name] = vote(spectra, learner)
    report(load(args), pipelines, args, baseline="MFCC", name="hamel_eck_2010")


if __name__ == "__main__":
    main()
