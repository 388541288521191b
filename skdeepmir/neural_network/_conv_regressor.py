"""A convolutional net over frames as a regressor: ``ConvRegressor``."""

from __future__ import annotations

from skdeepmir._parameters import parameters
from skdeepmir.neural_network._clip_regressor import ClipRegressor
from skdeepmir.neural_network._conv_estimator import ConvEstimator


@parameters
class ConvRegressor(ConvEstimator, ClipRegressor):
    """Predict numbers for clips by a convolutional net over their frames.

    Such as the latent factors of songs in a recommender, from their audio [1]_. Trained
    and used as :class:`ConvTagger`, with the squared error as loss: its mean over clips
    and numbers, each clip counting by its ``sample_weight`` (in [1]_, how much is known
    of a song from listeners).

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Parameters of the net by their name in ``module_``.
    module_ : skdeepmir.nets.ConvNet
        The net, built anew whenever it is asked for; it takes features as they are
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
    ConvTagger : The same for classes and tags.

    References
    ----------
    .. [1] A. van den Oord, S. Dieleman and B. Schrauwen. Deep content-based music
       recommendation. NIPS 2013.
    .. [2] J. Pons, T. Lidy and X. Serra. Experimenting with musically motivated
       convolutional neural networks. CBMI 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import ConvRegressor
    >>> rng = np.random.RandomState(0)
    >>> y = rng.rand(12, 2)
    >>> clips = [rng.rand(40, 8) + values.sum() for values in y]
    >>> net = ConvRegressor((4,), excerpt_length=16, learning_rate=0.01, random_state=0)
    >>> net.fit(clips, y).predict(clips).shape
    (12, 2)
    """
