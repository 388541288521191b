"""Learning at several time scales at once: ``MultiTimescaleTagger``."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from skdeepmir._sklearn import Interval, StrOptions, parameters_of, validate_frames
from skdeepmir._training._device import torch_dtype
from skdeepmir._training._parameters import TRAINING_CONSTRAINTS
from skdeepmir.neural_network._net_classifier import TAG_CONSTRAINTS, NetClassifier
from skdeepmir.preprocessing._pooling import MultiTimescalePooler, narrowed

CLIPS_AT_ONCE = 256  # in predictions, to bound memory
SHARE = [Interval(Real, 0, 1, closed="left")]
POOLER = MultiTimescalePooler._parameter_constraints


class MultiTimescaleTagger(NetClassifier):
    """Tag clips, or classify them, by a net over windows of several lengths.

    Multi-time-scale learning (MTSL) of [1]_: frames are summarised over windows of each
    length; a branch of the net for each length applies one hidden layer to all its
    windows and pools the activations over the clip; one output layer sees all branches.
    All is trained together on the loss of the clip, so that no window has to account
    for the clip's tags by itself.

    Parameters
    ----------
    windows : array-like of float, int or "clip", or one of these, default=(25, 50, 100)
        Lengths of the windows, a branch for each: in seconds if ``frame_rate`` is
        given, else in frames. "clip" is one window over the whole clip. Frames of 512
        samples at 22,050 Hz make the default 0.6, 1.2 and 2.3 s: the last is what [1]_
        found best for a single length, and each is twice the one before.
    functions : array-like of str, default=("mean", "var", "max", "min")
        Statistics of each feature over each window, see :class:`MultiTimescalePooler`.
    overlap : float, default=0.5
        Share of a window that the next one covers again; likewise.
    frame_rate : float, default=None
        Frames per second (Hz) of the input, such as ``extractor.frame_rate``. None
        means that ``windows`` counts frames.
    n_units : int, default=500
        Hidden units of each branch. [1]_ had 2000 in its net for a single length; 300
        to 500 do as well on some hundred clips, and cost less.
    activation : {"relu", "logistic", "tanh", "softplus"}, default="logistic"
        Of the hidden units; [1]_ has logistic ones.
    pooling : {"mean", "max", "both"}, default="mean"
        What is kept of a unit's activations in the windows of a clip; "both" is the
        mean and the largest, which was no better on 400 clips of 3 s.
    dropout : float, default=0.5
        Probability of dropping a pooled activation.
    input_dropout : float, default=0.2
        Probability of dropping a value of a window. This and ``dropout`` are those of
        :class:`DropoutMLPClassifier`.
    initialization : {"glorot", "he", "sparse"}, default="glorot"
        How weights begin; see :class:`DropoutMLPClassifier`.
    class_weight, pos_weight, tune_thresholds : optional
        See :class:`DropoutMLPClassifier`.
    optimizer, learning_rate, learning_rate_schedule, learning_rate_decay, momentum, \
            weight_decay, gradient_clipping, batch_size, max_epochs, early_stopping, \
            validation_fraction, n_iter_no_change, tol, warm_start, precision, device, \
            n_threads, callbacks, checkpoint_dir, random_state, verbose : optional
        See :class:`DropoutMLPClassifier`. A batch has all windows of each of its clips.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Parameters of the net by their name in ``module_``.
    module_ : skdeepmir.nets.MultiTimescaleNet
        The net, built anew whenever it is asked for.
    window_frames_ : tuple of int or None
        Lengths of the windows in frames, as rounded; None is the whole clip.
    mean_, scale_ : ndarray of shape (n_windows, n_functions * n_features_in_)
        What standardises the statistics of each window length: of all training windows,
        which weigh what their clips do. ``partial_fit`` learns them in its first call.
    classes_ : ndarray of shape (n_classes,)
        Labels, or the numbers of the tags.
    thresholds_ : ndarray of shape (n_tags,)
        Of tags: the probabilities above which they are predicted.
    loss_curve_, validation_scores_ : ndarray of shape (n_epochs,)
        Mean training loss, and minus the mean validation loss, of each epoch.
    n_iter_ : int
        Epochs.
    n_features_in_ : int
        Features per frame.
    feature_names_in_ : ndarray of shape (n_features_in_,)
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

    _parameter_constraints = {
        **TRAINING_CONSTRAINTS,
        **{name: POOLER[name] for name in ("windows", "functions", "overlap")},
        "frame_rate": POOLER["frame_rate"],
        "n_units": [Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions({"relu", "logistic", "tanh", "softplus"})],
        "pooling": [StrOptions({"mean", "max", "both"})],
        "dropout": SHARE,
        "input_dropout": SHARE,
        "initialization": [StrOptions({"glorot", "he", "sparse"})],
        **TAG_CONSTRAINTS,
        "warm_start": ["boolean"],
    }

    def __init__(
        self,
        windows=(25, 50, 100),
        *,
        functions=("mean", "var", "max", "min"),
        overlap=0.5,
        frame_rate=None,
        n_units=500,
        activation="logistic",
        pooling="mean",
        dropout=0.5,
        input_dropout=0.2,
        initialization="glorot",
        class_weight=None,
        pos_weight=None,
        tune_thresholds=False,
        optimizer="adam",
        learning_rate="auto",
        learning_rate_schedule="linear",
        learning_rate_decay=0.998,
        momentum=0.99,
        weight_decay=0.0,
        gradient_clipping=None,
        batch_size=32,
        max_epochs=100,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        precision="float32",
        device="cpu",
        n_threads=1,
        callbacks=None,
        checkpoint_dir=None,
        random_state=None,
        verbose=True,
    ):
        self.windows = windows
        self.functions = functions
        self.overlap = overlap
        self.frame_rate = frame_rate
        self.n_units = n_units
        self.activation = activation
        self.pooling = pooling
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.initialization = initialization
        self.class_weight = class_weight
        self.pos_weight = pos_weight
        self.tune_thresholds = tune_thresholds
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.learning_rate_decay = learning_rate_decay
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.gradient_clipping = gradient_clipping
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.precision = precision
        self.device = device
        self.n_threads = n_threads
        self.callbacks = callbacks
        self.checkpoint_dir = checkpoint_dir
        self.random_state = random_state
        self.verbose = verbose

    @property
    def window_frames_(self):
        """Lengths of the windows in frames."""
        check_is_fitted(self)
        return self.pooler_.window_frames_

    def _read_clips(self, X, *, reset, dtype):
        """Return the windows of each clip, for each scale, and the clips' layout."""
        clips, layout = validate_frames(self, X, reset=reset, dtype=dtype)
        if reset:
            self.pooler_ = self._make_pooler()
        pooler = self.pooler_
        pooled = [
            tuple(
                narrowed(pooler._pool_scale(clip, length), clip.dtype, i)
                for length in pooler.window_frames_
            )
            for i, clip in enumerate(map(np.ascontiguousarray, clips))
        ]
        return pooled, layout

    def _make_pooler(self):
        """Return what pools windows; its ``fit`` checks the parameters."""
        return MultiTimescalePooler(
            self.functions,
            windows=self.windows,
            overlap=self.overlap,
            frame_rate=self.frame_rate,
        ).fit(np.zeros((1, self.n_features_in_)))

    def _begin_learned(self, coding, data, seed):
        scalers = []
        for windows in zip(*data.rows, strict=True):
            of_rows = np.repeat(data.clip_weight, list(map(len, windows)))
            rows = np.concatenate(windows)
            scalers.append(StandardScaler().fit(rows, sample_weight=of_rows))
        return {
            "pooler_": self.pooler_,
            "mean_": np.stack([scaler.mean_ for scaler in scalers]),
            "scale_": np.stack([scaler.scale_ for scaler in scalers]),
        }

    def _make_module(self, n_outputs, fitted, generator, initialization):
        from skdeepmir import nets

        given = parameters_of(self)
        n_scales, n_statistics = fitted["mean_"].shape
        return nets.MultiTimescaleNet(
            n_statistics,
            n_outputs,
            n_scales,
            given.n_units,
            activation=given.activation,
            pooling=given.pooling,
            dropout=given.dropout,
            input_dropout=given.input_dropout,
            initialization=initialization,
            generator=generator,
        )

    def _dataset(self, data, fitted, generator, *, training):

        from skdeepmir._training._windows import WindowedClips, stack_windows

        targets, weight = self._loss_tensors(data, generator.device)
        windows = stack_windows(
            data.rows,
            fitted["mean_"],
            fitted["scale_"],
            torch_dtype(self._dtype()),
            generator.device,
        )
        return WindowedClips(windows, targets, weight)

    def _logits_of_read(self, data):
        return self._logits_of(data.rows, data.layout)  # cast where they are stacked

    def _logits_of_clips(self, module, clips, layout, generator):
        from skdeepmir._training._windows import stack_windows

        like = next(module.parameters())
        parts = []
        for k in range(0, len(clips), CLIPS_AT_ONCE):
            part = clips[k : k + CLIPS_AT_ONCE]
            windows = stack_windows(
                part, self.mean_, self.scale_, like.dtype, like.device
            )
            parts.append(module(windows).cpu().numpy())
        return np.concatenate(parts).astype(np.float64, copy=False)
