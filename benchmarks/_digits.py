"""MNIST digits from a folder of ``t10k-*.gz`` files."""

import gzip
from pathlib import Path

import numpy as np


def load_digits(folder):
    """Return 10,000 images (n, 784) from 0 to 1 and their digits."""
    images = gzip.decompress(Path(folder, "t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress(Path(folder, "t10k-labels-idx1-ubyte.gz").read_bytes())
    X = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 784)
    return X.astype(np.float32) / 255, np.frombuffer(labels, np.uint8, offset=8)
