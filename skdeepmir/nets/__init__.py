"""Neural nets as plain torch modules: sizes are explicit, logits come out.

They know nothing of scikit-learn, labels or training, and can be used with skorch or
torch alone. Every random number comes from ``generator`` (None: torch's global one).
"""

from skdeepmir._public import suggest_names
from skdeepmir.nets._conv import ConvNet
from skdeepmir.nets._layers import (
    BatchNorm,
    Dropout,
    LocalContrastNorm,
    Pool,
    initialize,
)
from skdeepmir.nets._local import LocallyConnected, LocalNet
from skdeepmir.nets._local_products import Grid
from skdeepmir.nets._mlp import MLP, DenoisingAutoencoder
from skdeepmir.nets._multi_timescale import MultiTimescaleNet, WindowBatch
from skdeepmir.nets._onset import OnsetConvNet, OnsetRecurrentNet
from skdeepmir.nets._piano import PianoNet
from skdeepmir.nets._recurrent import RecurrentNet, SequenceBatch

__all__ = [
    "MLP",
    "BatchNorm",
    "ConvNet",
    "DenoisingAutoencoder",
    "Dropout",
    "Grid",
    "LocalContrastNorm",
    "LocalNet",
    "LocallyConnected",
    "MultiTimescaleNet",
    "OnsetConvNet",
    "OnsetRecurrentNet",
    "PianoNet",
    "Pool",
    "RecurrentNet",
    "SequenceBatch",
    "WindowBatch",
    "initialize",
]

suggest_names(__name__)
