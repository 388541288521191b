"""A convolutional net on log-mel frames beside MFCC + SVM.

    python benchmarks/conv_tagger.py                     # synthesised music
    python benchmarks/conv_tagger.py FOLDER              # FOLDER/CLASS/RECORDING
    python benchmarks/conv_tagger.py labels.csv --where task=my_task

Its settings were found on folds inside two of the training sets of ESC-10.
"""

import argparse

from _options import add_data_options, load, report

from skdeepmir._command_line import _pipelines
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
    net = {"max_epochs": args.max_epochs, "precision": args.precision}
    pipelines = {
        "MFCC + SVM": mfcc_svm(**cache),
        "ConvTagger": _pipelines.conv_tagger(**net, **cache),
    }
    report(load(args), pipelines, args, baseline="MFCC + SVM", name="conv_tagger")


if __name__ == "__main__":
    main()
