"""A regressor by a module of the user's: ``NetRegressor``."""

from __future__ import annotations

from skdeepmir._parameters import parameters
from skdeepmir.neural_network._clip_regressor import ClipRegressor
from skdeepmir.neural_network._conv_estimator import ExcerptEstimator
from skdeepmir.neural_network._own_net import OwnNetEstimator


@parameters
class NetRegressor(OwnNetEstimator, ExcerptEstimator, ClipRegressor):
    """Predict numbers for clips by a PyTorch module of your own.

    Trained and used as :class:`ConvRegressor`, with the squared error as loss.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Parameters and buffers of the module by their name in ``module_``.
    module_ : torch.nn.Module
        The module, made anew whenever it is asked for; it takes features as they are
        standardised.
    mean_, scale_ : ndarray of shape (`n_features_in_`,), float32
        What standardises the features: of all training frames; 0 and 1 without
        ``standardize``.
    frame_rate_ : float or None
        Frames per second of what it was fitted to.
    excerpt_length_ : int
        Frames of an excerpt.
    target_mean_, target_scale_ : ndarray of shape (n_targets,), float
        What targets are standardised by: the mean of each, one scale for all.
    loss_curve_, validation_scores_ : ndarray of shape (n_epochs,)
        Mean training loss, and minus the mean validation loss, of each epoch.
    n_iter_ : int
        Epochs.
    n_features_in_ : int
        Features per frame.

    See Also
    --------
    NetTagger : The same for classes and tags.
    ConvRegressor : A convolutional net that is ready to use.

    Notes
    -----
    The contract of ``module`` is that of :class:`NetTagger`; ``n_outputs`` is the
    number of targets. What it puts out is multiplied by ``target_scale_`` and moved by
    ``target_mean_``.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from skdeepmir import NetRegressor
    >>> class MeanNet(nn.Module):
    ...     def __init__(self, n_features, n_outputs):
    ...         super().__init__()
    ...         self.output = nn.Linear(n_features, n_outputs)
    ...
    ...     def forward(self, x):  # (batch, n_frames, n_features)
    ...         return self.output(x.mean(dim=1))
    >>> rng = np.random.RandomState(0)
    >>> y = rng.rand(12, 2)
    >>> clips = [rng.rand(40, 8) + values.sum() for values in y]
    >>> net = NetRegressor(MeanNet, learning_rate=0.01, max_epochs=20, random_state=0)
    >>> net.fit(clips, y).predict(clips).shape
    (12, 2)
    """
