"""A convolutional net over frames as a tagger: ``ConvTagger``."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np

from skdeepmir._sklearn import Interval, StrOptions, validate_clips
from skdeepmir._training._parameters import TRAINING_CONSTRAINTS
from skdeepmir.tagging._net_classifier import NetClassifier

EXCERPTS_AT_ONCE = 32  # in predictions, to bound memory
SHARE = [Interval(Real, 0, 1, closed="left")]
COUNT = [Interval(Integral, 0, None, closed="left")]


class ConvTagger(NetClassifier):
    """Tag clips, or classify them, by a convolutional net over their frames.

    It is trained on random excerpts of the clips, and predicts from the mean over all
    excerpts of a clip, whatever its length.

    Parameters
    ----------
    channels : tuple of int, default=(32, 64, 128, 256)
        Maps of the blocks: convolution, batch normalisation, activation, pooling.
    filters : {"square", "time", "musical"}, default="square"
        - "square": 3 frames by 3 bands, the same at any pitch.
        - "time": 3 frames by all bands [1]_.
        - "musical": tall filters for timbre beside long ones for rhythm, in the first
          block [2]_.
    activation : {"relu", "logistic", "tanh", "softplus", "maxout"}, default="relu"
        After each convolution.
    maxout_pieces : int, default=2
        Convolutions of which maxout takes the largest.
    pooling : {"max", "average", "lp", "stochastic"}, default="max"
        How blocks halve frames and bands; see :class:`skdeepmir.nets.Pool`.
    lp_order : float, default=2.0
        Of the pooling "lp".
    dropout, input_dropout : float, default=0.0
        Probabilities of dropping values before convolutions, and of input values.
    output_dropout : float, default=0.5
        Probability of dropping values before the output.
    initialization : {"glorot", "he", "sparse"}, default="he"
        How weights begin; see :class:`DropoutMLPClassifier`.
    excerpt_length : int, default=128
        Frames of an excerpt; no more than the longest training clip has. (128 frames
        of 512 samples at 22,050 Hz are 3 s.)
    shift_bands : int, default=0
        Most bands that training excerpts are moved up or down: a change of pitch, on
        a logarithmic frequency axis.
    mask_bands, mask_frames : int, default=0
        Most neighbouring bands and frames that are set to the mean in training.
    mixup : float, default=0.0
        Largest share of another excerpt, and of its labels, that is mixed in; up to
        0.5.
    class_weight : dict, "balanced" or None, default=None
        See :class:`DropoutMLPClassifier`.
    optimizer, learning_rate, learning_rate_schedule, learning_rate_decay, momentum, \
            weight_decay, gradient_clipping, batch_size, max_epochs, early_stopping, \
            validation_fraction, n_iter_no_change, tol, warm_start, precision, device, \
            n_threads, callbacks, checkpoint_dir, random_state, verbose : optional
        See :class:`DropoutMLPClassifier`. A batch has an excerpt of each of its clips.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Parameters of the net by their name in ``module_``.
    module_ : skdeepmir.nets.ConvNet
        The net, built anew whenever it is asked for.
    mean_, scale_ : ndarray of shape (n_features_in_,), float32
        What standardises the features: of all training frames.
    excerpt_length_ : int
        Frames of an excerpt.
    classes_ : ndarray of shape (n_classes,)
        Labels, or the numbers of the tags.
    loss_curve_, validation_scores_ : ndarray of shape (n_epochs,)
        Mean training loss, and minus the mean validation loss, of each epoch.
    n_iter_ : int
        Epochs.
    n_features_in_ : int
        Features per frame.

    See Also
    --------
    skdeepmir.nets.ConvNet : The net alone.
    DropoutMLPClassifier : A net on pooled features.

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
    """

    _parameter_constraints = {
        **TRAINING_CONSTRAINTS,
        "channels": ["array-like"],
        "filters": [StrOptions({"square", "time", "musical"})],
        "activation": [StrOptions({"relu", "logistic", "tanh", "softplus", "maxout"})],
        "maxout_pieces": [Interval(Integral, 1, None, closed="left")],
        "pooling": [StrOptions({"max", "average", "lp", "stochastic"})],
        "lp_order": [Interval(Real, 1, None, closed="left")],
        "dropout": SHARE,
        "input_dropout": SHARE,
        "output_dropout": SHARE,
        "initialization": [StrOptions({"glorot", "he", "sparse"})],
        "excerpt_length": [Interval(Integral, 1, None, closed="left")],
        "shift_bands": COUNT,
        "mask_bands": COUNT,
        "mask_frames": COUNT,
        "mixup": [Interval(Real, 0, 0.5, closed="both")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "warm_start": ["boolean"],
    }

    def __init__(
        self,
        channels=(32, 64, 128, 256),
        *,
        filters="square",
        activation="relu",
        maxout_pieces=2,
        pooling="max",
        lp_order=2.0,
        dropout=0.0,
        input_dropout=0.0,
        output_dropout=0.5,
        initialization="he",
        excerpt_length=128,
        shift_bands=0,
        mask_bands=0,
        mask_frames=0,
        mixup=0.0,
        class_weight=None,
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
        self.channels = channels
        self.filters = filters
        self.activation = activation
        self.maxout_pieces = maxout_pieces
        self.pooling = pooling
        self.lp_order = lp_order
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.output_dropout = output_dropout
        self.initialization = initialization
        self.excerpt_length = excerpt_length
        self.shift_bands = shift_bands
        self.mask_bands = mask_bands
        self.mask_frames = mask_frames
        self.mixup = mixup
        self.class_weight = class_weight
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

    def predict_activations(self, X):
        """Predict when classes or tags are there.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        activations : ndarray of shape (n_clips,), dtype=object
            For each clip an array (n_excerpts_i, n_classes) of the probabilities in its
            excerpts, which begin half their length (``excerpt_length_``) after each
            other; the last ends with the clip.
        """
        by_clip = self._logits(X, average=False)
        coding = self._coding()
        activations = np.empty(len(by_clip), dtype=object)
        for i, logits in enumerate(by_clip):
            activations[i] = coding.probabilities(logits)
        return activations

    def _read_clips(self, X, *, reset, dtype):
        clips, layout = validate_clips(self, X, reset=reset, dtype=dtype, stack=False)
        return list(clips) if layout.has_clips else list(clips[:, None]), layout

    def _begin_learned(self, data, seed):
        clips = data.rows
        n = sum(map(len, clips))
        mean = sum(clip.sum(axis=0, dtype=np.float64) for clip in clips) / n
        squares = sum(np.square(clip - mean).sum(axis=0) for clip in clips)
        deviation = np.sqrt(squares / n)
        constant = deviation <= 1e-6 * np.abs(mean) + 1e-12
        dtype = self._dtype()
        return {
            "mean_": mean.astype(dtype),
            "scale_": np.where(constant, 1, deviation).astype(dtype),
            "excerpt_length_": min(self.excerpt_length, max(map(len, clips))),
        }

    def _make_module(self, n_outputs, fitted, generator, initialization):
        from skdeepmir import nets

        channels = list(self.channels)
        if not channels or any(
            not isinstance(n, Integral) or isinstance(n, bool) or n < 1
            for n in channels
        ):
            raise ValueError(
                f"channels={self.channels!r} must be one or more numbers of maps, from "
                "1 up."
            )
        return nets.ConvNet(
            self.n_features_in_,
            n_outputs,
            channels,
            filters=self.filters,
            activation=self.activation,
            maxout_pieces=self.maxout_pieces,
            pooling=self.pooling,
            lp_order=self.lp_order,
            dropout=self.dropout,
            input_dropout=self.input_dropout,
            output_dropout=self.output_dropout,
            initialization=initialization,
            generator=generator,
        )

    def _dataset(self, data, fitted, generator, *, training):
        from skdeepmir._training._data import Augmentation, Excerpts, tensor_of

        targets, weight = (
            None if part is None else tensor_of(part).to(generator.device)
            for part in data.losses(self._dtype())
        )
        return Excerpts(
            data.rows,
            targets,
            weight,
            length=fitted["excerpt_length_"],
            mean=fitted["mean_"],
            scale=fitted["scale_"],
            n_classes=len(fitted["classes_"]),
            augmentation=Augmentation(
                self.shift_bands, self.mask_bands, self.mask_frames, self.mixup
            ),
            generator=generator,
            training=training,
        )

    def _logits_of_clips(self, module, clips, layout, generator, average=True):
        by_clip = [self._logits_of_excerpts(module, clip) for clip in clips]
        if not average:
            return by_clip
        return np.array([logits.mean(axis=0) for logits in by_clip])

    def _logits_of_excerpts(self, module, clip):
        """Return the logits of all excerpts of a clip."""
        from skdeepmir._training._data import excerpt, tensor_of

        length = self.excerpt_length_
        if len(clip) < length:
            clip = excerpt(clip, length, 0)
        last = len(clip) - length
        starts = [*range(0, last, max(1, length // 2)), last]
        parts = []
        for k in range(0, len(starts), EXCERPTS_AT_ONCE):
            part = [clip[s : s + length] for s in starts[k : k + EXCERPTS_AT_ONCE]]
            part = (np.stack(part) - self.mean_) / self.scale_
            parts.append(module(tensor_of(part.astype(np.float64))).numpy())
        return np.concatenate(parts)
