"""A convolutional net on log-mel frames beside MFCC + SVM.

    python benchmarks/conv_tagger.py                     # synthesised music
    python benchmarks/conv_tagger.py FOLDER              # FOLDER/CLASS/RECORDING
    python benchmarks/conv_tagger.py labels.csv --where task=my_task

Its settings were found on folds inside two of the training sets of ESC-10.
"""

import argparse

from compare_pipelines import add_data_options, load, report

from skdeepmir import ConvTagger, SpectrogramExtractor, make_pipeline
from skdeepmir.baselines import mfcc_svm


def main():
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_options(parser)
    parser.add_argument("--max-epochs", type=int, default=100)
    parser.add_argument(
        "--precision",
        default="bfloat16",
        help="float32 is faster on processors without bfloat16",
    )
    args = parser.parse_args()
    cache = {"cache_dir": args.cache_dir}
    net = ConvTagger(
        excerpt_length=192,
        mixup=0.3,
        mask_bands=8,
        mask_frames=16,
        learning_rate=2e-3,
        max_epochs=args.max_epochs,
        precision=args.precision,
        random_state=0,
        verbose=False,
    )
    spectra = SpectrogramExtractor("log_mel", n_mels=64, n_fft=1024, amin=1e-6, **cache)
    pipelines = {
        "MFCC + SVM": mfcc_svm(**cache),
        "ConvTagger": make_pipeline(spectra, net),
    }
    report(load(args), pipelines, args, baseline="MFCC + SVM", name="conv_tagger")


if __name__ == "__main__":
    main()
