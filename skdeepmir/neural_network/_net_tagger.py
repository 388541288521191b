"""A tagger by a module of the user's: ``NetTagger``."""

from __future__ import annotations

from skdeepmir._parameters import parameters
from skdeepmir.neural_network._classifier import NetClassifier
from skdeepmir.neural_network._conv_estimator import ExcerptEstimator
from skdeepmir.neural_network._own_net import OwnNetEstimator


@parameters
class NetTagger(OwnNetEstimator, ExcerptEstimator, NetClassifier):
    """Tag clips, or classify them, by a PyTorch module of your own.

    It is trained on random excerpts of the clips and predicts from the mean over all
    excerpts of a clip, as :class:`ConvTagger` does; all that is left to you is the
    module.

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
    NetRegressor : The same for numbers.
    NetFrameClassifier : The same for a label of each frame.
    ConvTagger : A convolutional net that is ready to use.

    Notes
    -----
    The contract of ``module``:

    - It is called as ``module(n_features, n_outputs, **module_params)``; the function
      or class names its arguments as it likes. ``n_outputs`` is the number of classes
      or tags, and 1 for two classes.
    - Its ``forward`` takes excerpts, standardised unless ``standardize=False``, as a
      floating-point tensor of shape (batch, n_frames, n_features), and returns logits
      of shape (batch, n_outputs): no sigmoid or softmax at the end. Every excerpt has
      ``excerpt_length_`` frames. An excerpt must not see others of its batch, except
      for batch normalisation.
    - Each call makes new layers; a fit calls it twice to see that it does.
    - It is made on the processor and moved with ``.to(device, dtype)``; what it needs
      there are parameters and buffers, of which each fit keeps all (integers as well,
      but no complex numbers).
      Lazy layers get their shapes from a first call with zeros.
    - It is in training mode for training, and in evaluation mode for validation and
      prediction.
    - Random numbers of torch, such as first weights and ``nn.Dropout``, follow
      ``random_state`` and leave torch's global generators as they are. While it is
      made or called, no other module of a user's is in this process: fits in threads
      wait for each other there, while those in processes do not. Draw neither with
      NumPy nor with ``random``.

    The same class may be given to :func:`~skdeepmir.save`; pass it to
    ``load(path, trusted=[...])``. Checkpoints are of the source of ``module`` and its
    bases: functions that it calls may not change between a fit and its continuation.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from skdeepmir import NetTagger
    >>> class MeanNet(nn.Module):
    ...     def __init__(self, n_features, n_outputs, n_units=16):
    ...         super().__init__()
    ...         self.hidden = nn.Linear(n_features, n_units)
    ...         self.output = nn.Linear(n_units, n_outputs)
    ...
    ...     def forward(self, x):  # (batch, n_frames, n_features)
    ...         return self.output(self.hidden(x).relu().mean(dim=1))
    >>> rng = np.random.RandomState(0)
    >>> y = np.arange(12) % 2
    >>> clips = [rng.rand(40 + i, 8) + label for i, label in enumerate(y)]
    >>> tagger = NetTagger(MeanNet, learning_rate=0.01, max_epochs=20, random_state=0)
    >>> tagger.set_params(module__n_units=32).fit(clips, y).score(clips, y)
    1.0
    """
