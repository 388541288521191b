"""Activations with and without pre-training: the table of Glorot et al. (2011).

    python benchmarks/glorot_2011_activations.py               # scikit-learn's digits
    python benchmarks/glorot_2011_activations.py MNIST_FOLDER  # t10k-*.gz or train-*.gz

Test error (%) of nets of three hidden layers, whose layers begin at random or as
denoising auto-encoders. Each cell is the mean over draws of training and test images;
the learning rate is chosen on a fifth of the training images. The paper has 1.43 and
1.20 (rectifier), 1.57 and 1.16 (tanh), 1.77 and 1.17 (softplus) on all of MNIST.
"""

import argparse
import gzip
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, ShuffleSplit, train_test_split

from skdeepmir import DropoutMLPClassifier

ACTIVATIONS = {"rectifier": "relu", "tanh": "tanh", "softplus": "softplus"}
RATES = (3e-4, 1e-3, 3e-3)


def load_images(folder):
    """Return images (n, n_pixels) from 0 to 1 and their digits."""
    if folder is None:
        images, digits = load_digits(return_X_y=True)
        return images / 16, digits
    (images,) = sorted(Path(folder).glob("*-images-idx3-ubyte.gz"))[:1]
    labels = images.with_name(images.name.replace("images-idx3", "labels-idx1"))
    pixels = np.frombuffer(gzip.decompress(images.read_bytes()), np.uint8, offset=16)
    digits = np.frombuffer(gzip.decompress(labels.read_bytes()), np.uint8, offset=8)
    return pixels.reshape(len(digits), -1).astype(np.float32) / 255, digits


def error(activation, pretraining, X, y, draw, args):
    """Return the test error of a draw (%)."""
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.2, stratify=y, random_state=draw
    )
    net = DropoutMLPClassifier(
        (args.units,) * 3,
        activation=activation,
        dropout=0,
        input_dropout=0,
        standardize=False,  # pixels from 0 to 1, as in the paper
        pretraining=pretraining,
        pretraining_epochs=args.epochs,
        max_epochs=args.epochs,
        random_state=draw,
        verbose=False,
    )
    fold = ShuffleSplit(1, test_size=0.2, random_state=draw)
    search = GridSearchCV(net, {"learning_rate": RATES}, cv=fold, n_jobs=args.n_jobs)
    return 100 * (1 - search.fit(X, y).score(X_test, y_test))


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", help="folder of MNIST files")
    parser.add_argument("--units", type=int, default=200, help="units of each layer")
    parser.add_argument("--epochs", type=int, default=20, help="also of pre-training")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--n-jobs", type=int, default=2, help="fits at the same time")
    args = parser.parse_args()
    X, y = load_images(args.folder)
    print("| error (%) | with pre-training | without |\n| --- | --- | --- |")
    for name, activation in ACTIVATIONS.items():
        cells = []
        for pretraining in ("denoising_autoencoder", None):
            found = [
                error(activation, pretraining, X, y, draw, args)
                for draw in range(args.draws)
            ]
            spread = np.std(found, ddof=1) if len(found) > 1 else np.nan
            cells.append(f"{np.mean(found):.2f} ± {spread / len(found) ** 0.5:.2f}")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
