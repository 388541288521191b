"""Learning at several time scales at once: ``MultiTimescaleTagger``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from sklearn.utils.validation import check_is_fitted

from skdeepmir import nets
from skdeepmir._parameters import Positive, Share, Size, parameter, parameters
from skdeepmir._training._data import dtype_of
from skdeepmir._training._windows import WindowFeed
from skdeepmir.neural_network._classifier import NetClassifier
from skdeepmir.neural_network._scaling import ScalingParameters
from skdeepmir.preprocessing import MultiTimescalePooler

POOLER = MultiTimescalePooler._parameter_constraints
Windows = Annotated[Any, *POOLER["windows"]]
Functions = Annotated[Sequence[str], *POOLER["functions"]]
Overlap = Annotated[float, *POOLER["overlap"]]


@parameters
class MultiTimescaleTagger(ScalingParameters, NetClassifier):
    """Tag clips, or classify them, by a net over windows of several lengths.

    Multi-time-scale learning (MTSL) of [1]_: frames are summarised over windows of each
    length; a branch of the net for each length applies one hidden layer to all its
    windows and pools the activations over the clip; one output layer sees all branches.
    All is trained together on the loss of the clip, so that no window has to account
    for the clip's tags by itself.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Parameters of the net by their name in ``module_``.
    module_ : skdeepmir.nets.MultiTimescaleNet
        The net, built anew whenever it is asked for.
    pooler_ : MultiTimescalePooler
        Makes the windows.
    window_frames_ : tuple of int or None
        Lengths of the windows in frames, as rounded; None is the whole clip.
    frame_rate_ : float or None
        Frames per second of the input, if they are known.
    mean_, scale_ : ndarray of shape (n_windows, n_functions * `n_features_in_`)
        What standardises the statistics of each window length: of all training windows,
        which weigh what their clips do. ``partial_fit`` learns them in its first call.
        0 and 1 without ``standardize``.
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
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X or its clips are DataFrames.

    See Also
    --------
    MultiTimescalePooler : The same windows as features for any classifier.
    DropoutMLPClassifier : A net that learns from each window by itself.
    skdeepmir.nets.MultiTimescaleNet : The net alone.

    Notes
    -----
    The frames of [1]_ are whitened principal components of log-mel bands:
    ``FrameTransformer(PCA(120, whiten=True))``. A clip that is shorter than a window
    gives one window with all its frames.

    With a single length and the pooling "mean", predictions are those that
    :class:`DropoutMLPClassifier` would make of the same weights; there each window is
    trained to give the tags, here their mean. Of few clips the former learns more: 520
    clips were too few for this net to be better.

    References
    ----------
    .. [1] P. Hamel, S. Lemieux, Y. Bengio and D. Eck. Temporal pooling and multiscale
       learning for automatic annotation and ranking of music audio. ISMIR 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import MultiTimescaleTagger
    >>> rng = np.random.RandomState(0)
    >>> y = np.arange(12) % 2
    >>> clips = [rng.rand(40 + i, 8) + label for i, label in enumerate(y)]
    >>> tagger = MultiTimescaleTagger((10, "clip"), n_units=20, random_state=0)
    >>> tagger.fit(clips, y).score(clips, y)
    1.0
    """

    windows: Windows = parameter(
        """
        Lengths of the windows, a branch for each. A float such as 1.0 is in seconds, an
        int such as 40 in frames (with ``frame_rate`` both are in seconds); "clip" is
        one window over the whole clip. Frames of 512 samples at 22,050 Hz make the
        default 0.6, 1.2 and 2.3 s: the last is what [1]_ found best for a single
        length, and each is twice the one before.
        """,
        default=(25, 50, 100),
        kw_only=False,
        kind='array-like of float, int or "clip", or one of these',
    )
    functions: Functions = parameter(
        """
        Statistics of each feature over each window, see :class:`MultiTimescalePooler`.
        """,
        default=("mean", "var", "max", "min"),
        kind="array-like of str",
    )
    overlap: Overlap = parameter(
        """
        Share of a window that the next one covers again, see
        :class:`MultiTimescalePooler`.
        """,
        default=0.5,
    )
    frame_rate: Positive | None = parameter(
        """
        Frames per second (Hz) of the input. None takes that of the extractor in a
        :class:`skdeepmir.pipeline.Pipeline`, whatever its parameters are; outside of
        one pass ``extractor.frame_rate`` for windows in seconds.
        """,
        default=None,
    )
    n_units: Size = parameter(
        """
        Hidden units of each branch. [1]_ had 2000 in its net for a single length; 300
        to 500 do as well on some hundred clips, and cost less.
        """,
        default=500,
    )
    activation: Literal["relu", "logistic", "tanh", "softplus"] = parameter(
        "Activation of the hidden units; [1]_ has logistic ones.", default="logistic"
    )
    pooling: Literal["mean", "max", "both"] = parameter(
        """
        What is kept of a unit's activations in the windows of a clip; "both" is the
        mean and the largest, which was no better on 400 clips of 3 s.
        """,
        default="mean",
    )
    dropout: Share = parameter(
        "Probability of dropping a pooled activation.", default=0.5
    )
    input_dropout: Share = parameter(
        """
        Probability of dropping a value of a window. This and ``dropout`` are those of
        :class:`DropoutMLPClassifier`.
        """,
        default=0.2,
    )
    initialization: Literal["glorot", "he", "sparse"] = parameter(
        "How weights begin; see :func:`skdeepmir.nets.initialize`.", default="glorot"
    )

    @property
    def window_frames_(self) -> tuple[int | None, ...]:
        """Lengths of the windows in frames."""
        check_is_fitted(self)
        return self.pooler_.window_frames_

    @property
    def frame_rate_(self) -> float | None:
        """Frames per second of the input, if they are known."""
        check_is_fitted(self)
        return self.pooler_.frame_rate_

    def _make_feed(self, given):
        pooler = MultiTimescalePooler(
            given.functions,
            windows=given.windows,
            overlap=given.overlap,
            frame_rate=given.frame_rate,
        )
        dtype = dtype_of(given.precision)
        return WindowFeed(pooler, dtype, standardize=given.standardize)

    def _keep_feed(self, feed):
        self.pooler_ = feed.pooler
        self.mean_ = feed.mean
        self.scale_ = feed.scale

    def _feed(self, given):
        dtype = dtype_of(given.precision)
        return WindowFeed(self.pooler_, dtype, self.mean_, self.scale_)

    def _make_net(self, given, feed, n_outputs, generator, is_new):
        n_scales, n_statistics = feed.mean.shape
        return nets.MultiTimescaleNet(
            n_statistics,
            n_outputs,
            n_scales,
            given.n_units,
            activation=given.activation,
            pooling=given.pooling,
            dropout=given.dropout,
            input_dropout=given.input_dropout,
            initialization=given.initialization if is_new else None,
            generator=generator,
        )
