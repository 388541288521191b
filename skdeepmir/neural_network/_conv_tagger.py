"""A convolutional net over frames as a tagger: ``ConvTagger``."""

from __future__ import annotations

from skdeepmir._parameters import parameters
from skdeepmir.neural_network._classifier import NetClassifier
from skdeepmir.neural_network._conv_estimator import ConvEstimator


@parameters
class ConvTagger(ConvEstimator, NetClassifier):
    """Tag clips, or classify them, by a convolutional net over their frames.

    It is trained on random excerpts of the clips, and predicts from the mean over all
    excerpts of a clip, whatever its length.

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
    classes_ : ndarray of shape (n_classes,)
        Labels, or the numbers of the tags.
    tag_names_ : ndarray of shape (n_tags,), dtype=object
        Names of the tags, where y or ``tag_names`` had some.
    thresholds_ : ndarray of shape (n_tags,)
        Of tags: the probabilities above which they are predicted.
    loss_curve_, validation_scores_ : ndarray of shape (n_epochs,)
        Mean training loss, and minus the mean validation loss, of each epoch.
    n_iter_ : int
        Epochs.
    n_features_in_ : int
        Features per frame.

    See Also
    --------
    skdeepmir.nets.ConvNet : The net alone.
    ConvRegressor : The same for numbers.
    DropoutMLPClassifier : A net on pooled features.

    Notes
    -----
    Batch normalisation goes by running means while training, also for
    ``validation_scores_``; ``fit`` measures its statistics anew at its end, over one
    excerpt of each clip, so that the fitted net is somewhat better than its last
    validation score says. ``partial_fit`` keeps the running means.

    References
    ----------
    .. [1] A. van den Oord, S. Dieleman and B. Schrauwen. Deep content-based music
       recommendation. NIPS 2013.
    .. [2] J. Pons, T. Lidy and X. Serra. Experimenting with musically motivated
       convolutional neural networks. CBMI 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import ConvTagger
    >>> rng = np.random.RandomState(0)
    >>> y = np.arange(12) % 2
    >>> clips = [rng.rand(40 + i, 8) + label for i, label in enumerate(y)]
    >>> tagger = ConvTagger((4,), excerpt_length=16, learning_rate=0.01, random_state=0)
    >>> tagger.fit(clips, y).score(clips, y)
    1.0

    Tags have the names of their columns:

    >>> import pandas as pd
    >>> tags = pd.DataFrame({"low": 1 - y, "high": y})
    >>> tagger.set_params(frame_rate=10.0).fit(clips, tags).predict_tags(clips[:2])
    [['low'], ['high']]
    >>> activations, times = tagger.predict_activations(clips[:1], return_times=True)
    >>> activations[0].shape, times[0].tolist()
    ((4, 2), [[0.0, 1.55], [0.75, 2.35], [1.55, 3.15], [2.35, 3.95]])
    """
