"""A deep recurrent net over frames: ``BLSTMChordRecognizer``."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from typing import Annotated, Any, Literal, Self

import numpy as np
import torch
from scipy.special import log_softmax

from skdeepmir import nets
from skdeepmir._parameters import (
    Count,
    NotNegative,
    Positive,
    Share,
    Size,
    Sizes,
    parameter,
    parameters,
)
from skdeepmir._sklearn import Interval, _fit_context, parameters_of
from skdeepmir._threads import limit_threads
from skdeepmir._training._data import dtype_of
from skdeepmir._training._estimator import NetEstimator, check_sizes
from skdeepmir._training._excerpts import Augmentation
from skdeepmir._training._sequences import SequenceFeed
from skdeepmir._units import recurrent_layers
from skdeepmir.chord_recognition._priors import (
    discount_of,
    share_of_frames,
    weigh_chords,
)
from skdeepmir.chord_recognition._recognizer import TransposingRecognizer
from skdeepmir.frames import ClipsLike, LabelsLike

Strength = Annotated[float, Interval(Real, 0, 10, closed="both")]


@parameters
class BLSTMChordRecognizer(TransposingRecognizer, NetEstimator):
    """Recognise the chord of every frame by a deep bidirectional LSTM.

    Every layer sees both directions of the one below [1]_; a Viterbi decoder makes
    chords of the frames' probabilities. With ``sees_previous=True`` the last layer also
    sees the chord before each frame, as in the system of 2013 [2]_.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels: the vocabulary, or the sorted numbers.
    transition_ : ndarray of shape (n_classes, n_classes)
        Probability of each class (column) after each (row), from the training clips;
        the same in all keys with ``transpose``. May be set after fitting.
    class_count_ : ndarray of shape (n_classes,), int
        Training frames of each class; with ``transpose`` those of all keys.
    class_prior_ : ndarray of shape (n_classes,)
        Share of each class in the training frames, as ``class_weight`` weighs them;
        what ``prior_correction`` divides by. May be set after fitting.
    weights_ : dict of str to ndarray
        Parameters of the net by their name in ``module_``.
    module_ : skdeepmir.nets.RecurrentNet
        The net, built anew whenever it is asked for.
    mean_, scale_ : ndarray of shape (`n_features_in_`,)
        What standardises the features: of all training frames, and with ``transpose``
        in all keys.
    loss_curve_, validation_scores_ : ndarray of shape (n_epochs,)
        Mean training loss, and minus the mean validation loss, of each epoch.
    n_iter_ : int
        Epochs.
    frame_rate_ : float or None
        Frames per second, if they are known: ``frame_rate``, or that of the pipeline.
    n_features_in_ : int
        Features per frame.

    See Also
    --------
    GaussianChordRecognizer, TemplateChordRecognizer : Baselines.
    skdeepmir.metrics.chord_report : All metrics.

    Notes
    -----
    Batches are padded, the loss is masked, and the backward direction runs over
    sequences reversed by their own lengths, so that padding changes nothing.

    References
    ----------
    .. [1] A. Graves, A. Mohamed and G. Hinton. Speech recognition with deep recurrent
       neural networks. ICASSP 2013.
    .. [2] N. Boulanger-Lewandowski, Y. Bengio and P. Vincent. Audio chord recognition
       with recurrent neural networks. ISMIR 2013.
    .. [3] H. Bourlard and N. Morgan. Connectionist speech recognition: a hybrid
       approach. Kluwer, 1994.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import BLSTMChordRecognizer
    >>> rng = np.random.RandomState(0)
    >>> chroma = [0.3 * rng.rand(n, 12) for n in (60, 80)]
    >>> for clip in chroma:
    ...     clip[:30, [0, 4, 7]] += 2
    ...     clip[30:, [7, 11, 2]] += 2
    >>> annotation = ([[0.0, 2.95], [2.95, 6.0]], ["C:maj", "G:maj"])
    >>> recognizer = BLSTMChordRecognizer(
    ...     n_units=32,
    ...     n_layers=1,
    ...     frame_rate=10.0,
    ...     excerpt_length=20,
    ...     transpose=True,
    ...     random_state=0,
    ...     verbose=False,
    ... ).fit(chroma, [annotation, annotation])
    >>> intervals, labels = recognizer.predict_intervals(chroma)[0]
    >>> intervals.round(2).tolist(), labels.tolist()
    ([[0.0, 2.95], [2.95, 5.95]], ['C:maj', 'G:maj'])
    """

    _parameters_of_predictions = (
        *("decoder", "beam_width", "self_transition"),
        *("average_transpositions", "prior_correction"),
    )

    n_units: Size = parameter("Cells of each direction of each layer.", default=128)
    n_layers: Size = parameter("Recurrent layers.", default=2)
    cell: Literal["lstm", "rnn", "dense"] = parameter(
        """
        Long short-term memory, tanh units with a loop, or tanh units without one, which
        see single frames only (unless there is a front end).
        """,
        default="lstm",
    )
    bidirectional: bool = parameter(
        "Whether layers see the future as well.", default=True
    )
    sees_previous: bool = parameter(
        """
        Whether the last layer, which then has one direction, sees the chord before each
        frame. Such a net does without ``transition_``: "beam" keeps ``beam_width``
        hypotheses, "viterbi" the best one for each chord (the pruning of [2]_),
        "argmax" a single one.
        """,
        default=False,
    )
    channels: Sizes = parameter(
        """
        Maps of the blocks of a convolutional front end, each 3 frames by 3 bins and a
        maximum over two bins; none by default.
        """,
        default=(),
    )
    dropout: Share = parameter(
        """
        Probability of dropping values between layers, and of hiding the chord before.
        """,
        default=0.5,
    )
    input_dropout: Share = parameter(
        "Probability of dropping values of frames.", default=0.0
    )
    weight_noise: NotNegative = parameter(
        """
        Standard deviation of the Gaussian noise on all weights of the recurrent and
        output layers, drawn for each batch: with ``batch_size=1`` for each sequence, as
        in [1]_ (there 0.075).
        """,
        default=0.0,
    )
    initialization: Literal["orthogonal", "uniform"] = parameter(
        """
        Orthogonal loops and Glorot's weights elsewhere, or uniform up to 0.1 [1]_. The
        forget gates of an LSTM begin open.
        """,
        default="orthogonal",
    )
    excerpt_length: Size | None = parameter(
        """
        Frames of the excerpts that are learned from, drawn anew in each epoch; None
        takes whole clips. Predictions are made from whole clips.
        """,
        default=128,
    )
    transpose: bool = parameter(
        """
        Whether excerpts are moved to one of the twelve keys at random, with their
        labels. It teaches more than anything else does, but needs an input with a
        logarithmic frequency axis: set it for CQT and chroma. Do not change it after
        ``fit``.
        """,
        default=False,
    )
    mask_bands: Count = parameter(
        "Most neighbouring bands that are set to the mean in training.", default=0
    )
    mask_frames: Count = parameter(
        "Most neighbouring frames that are set to the mean in training.", default=0
    )
    average_transpositions: bool = parameter(
        """
        Whether log-probabilities are averaged over the twelve transpositions of a clip,
        each moved back: better (one point of WCSR in ``benchmarks/chords.py``), and
        twelve times slower. Needs ``transpose=True``; may be changed after fitting. Not
        used with ``sees_previous``.
        """,
        default=False,
    )
    class_weight: dict[Any, float] | Literal["balanced"] | None = parameter(
        """
        What frames of a class count in the training loss. The keys of a dictionary are
        labels ("C:7", "N") or qualities ("7": on all roots, with any bass; "maj/3" for
        one bass); the most specific counts, and what is not named counts 1. With
        ``transpose`` a chord weighs the same on all roots. "balanced" weighs classes by
        their rarity, which is drastic where some are very rare: single numbers, or
        ``prior_correction``, do less harm. (Weights are scaled to a mean of 1. Frames
        to validate on count the same.)
        """,
        default=None,
    )
    prior_correction: Strength = parameter(
        """
        How far the frequencies of chords in training are taken out: probabilities are
        divided by ``class_prior_`` to this power before they are decoded, and those of
        ``predict_proba`` again sum to 1. A net that saw few sevenths finds even fewer.
        Where these may be as frequent as triads, 1 makes likelihoods of probabilities,
        as a hidden Markov model has them [3]_; more makes up for ``transition_``, which
        knows those frequencies as well. Choose it by songs like those to come. In
        ``benchmarks/rare_chords.py`` 1 was the best where sevenths were 5.6 % of the
        training time and a third afterwards; where they were 0.7 %, the net had learned
        too little of them. Classes without training frames gain nothing. May be changed
        after fitting; fits that differ in it alone share their checkpoint. By default
        chords are as frequent as in training.
        """,
        default=0.0,
    )
    learning_rate: Positive | Literal["auto"] = parameter(default=3e-3)
    momentum: Share = parameter(default=0.9)
    gradient_clipping: Positive | None = parameter(
        """
        Largest norm of the gradient, because loops make some gradients explode; None
        does not clip.
        """,
        default=1.0,
    )
    batch_size: Size | None = parameter(
        """
        Excerpts of a batch, which have about one length; None takes all at once. A clip
        gives as many excerpts as cover it, so that few clips make many batches.
        """,
        default=16,
    )
    warm_start: bool = parameter(
        """
        Whether ``fit`` begins with the weights of the fit before, and keeps its
        ``mean_``, ``scale_`` and ``transition_``.
        """,
        default=False,
    )

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ClipsLike,
        y: LabelsLike,
        *,
        X_val: ClipsLike | None = None,
        y_val: LabelsLike | None = None,
    ) -> Self:
        """Train the net.

        Parameters
        ----------
        X : list of ndarray of shape (n_frames_i, n_features), ndarray of shape \
                (n_clips, n_frames, n_features), or array-like of shape \
                (n_clips, n_features)
            Clips, such as of a constant-Q transform. Rows of a 2-D array are clips of
            one frame.
        y : sequence of n_clips annotations
            For each clip

            - labels of its frames, an array-like of shape (n_frames_i,), "X" where they
              are unknown;
            - ``(intervals, labels)``: intervals of shape (n_chords, 2) in seconds, from
              the start of the clip, and a chord label for each; frames outside of them
              are not learned from;
            - or the path of such an annotation, a ``.lab`` or ``.jams`` file.

            For rows of a 2-D array, a label each. When splitting data, pass the song or
            album of each clip as ``groups``, so that none is on both sides.
        X_val, y_val : default=None
            Clips to validate on, such as those of other artists; they are not trained
            on. A :class:`skdeepmir.pipeline.Pipeline` takes and transforms them.

        Returns
        -------
        self : BLSTMChordRecognizer
            The fitted recogniser.

        Raises
        ------
        ValueError
            If X is not a set of clips, an annotation does not fit its clip (which is
            named), or parameters contradict each other.
        DivergenceError
            A ``ValueError``, if the loss is not a number any more.
        """
        self._check_keys()
        return self._fit(X, y, None, X_val, y_val)

    def _check_keys(self):
        if self.average_transpositions and not self.transpose:
            raise ValueError(
                "average_transpositions=True needs a net that knows all keys; set "
                "transpose=True."
            )

    def _make_feed(self, given):
        augmentation = Augmentation(
            mask_bands=given.mask_bands, mask_frames=given.mask_frames
        )
        dtype = dtype_of(given.precision)
        return SequenceFeed(
            dtype, given.excerpt_length, augmentation, given.sees_previous
        )

    def _begin(self, given, coding, feed, data, *args, **options):
        if coding.counts is None:  # a warm start from a model of an earlier version
            coding = replace(coding, counts=coding.count(data.targets))
        feed = replace(feed, class_weight=weigh_chords(given.class_weight, coding))
        return super()._begin(given, coding, feed, data, *args, **options)

    def _keep_coding(self, coding):
        super()._keep_coding(coding)
        self.class_count_ = coding.counts

    def _coding(self):
        return replace(super()._coding(), counts=getattr(self, "class_count_", None))

    def _keep_feed(self, feed):
        self.class_prior_ = share_of_frames(self.class_count_, feed.class_weight)
        self.mean_ = feed.mean
        self.scale_ = feed.scale

    def _feed(self, given):
        coding = self._coding()
        return replace(
            self._make_feed(given),
            predict_dtype=self._predicting_dtype(),
            n_classes=coding.n_outputs,
            transposition=coding.transposition,
            mean=self.mean_,
            scale=self.scale_,
        )

    def _predicting_dtype(self):
        # Rows are predicted all at once, where float32 would depend on the others.
        return dtype_of(self.precision) if self._fitted_on_clips else np.float64

    def _make_net(self, given, feed, n_outputs, generator, is_new):
        return nets.RecurrentNet(
            self.n_features_in_,
            n_outputs,
            given.n_units,
            given.n_layers,
            cell=given.cell,
            bidirectional=given.bidirectional,
            sees_previous=given.sees_previous,
            channels=check_sizes("channels", given.channels, "maps"),
            dropout=given.dropout,
            input_dropout=given.input_dropout,
            weight_noise=given.weight_noise,
            initialization=given.initialization if is_new else None,
            generator=generator,
        )

    def _hidden_layers(self, net):
        n_layers = len(net.layers) + (net.front is not None)
        return recurrent_layers(net, n_layers)

    def _output_span(self, net):
        return None

    def _scores_of_clips(self, clips):
        if self.sees_previous:
            return [scores for scores, _ in self._searched(clips)]
        self._check_keys()
        given = parameters_of(self)
        feed, discount = self._feed(given), self._discount(given)
        if given.average_transpositions:
            means = self._logits_of(given, feed, clips, None, "mean_over_keys")
            return [mean - discount for mean in means]
        by_clip = self._logits_of(given, feed, clips, None)
        return [log_softmax(logits, axis=1) - discount for logits in by_clip]

    def _discount(self, given):
        """Return what is taken off the log-probabilities of classes."""
        if given.prior_correction == 0:
            return 0.0
        prior = getattr(self, "class_prior_", None)
        return discount_of(prior, given.prior_correction, len(self.classes_))

    def _decode_clips(self, clips):
        if self.sees_previous:
            return [path for _, path in self._searched(clips)]
        return super()._decode_clips(clips)

    def _searched(self, clips):
        """Return log-probabilities of clips along the best labels, and these."""
        given = parameters_of(self)
        feed, discount = self._feed(given), self._discount(given)
        widths = {
            "argmax": {"beam_width": 1},
            "beam": {"beam_width": given.beam_width},
            "viterbi": {"beam_width": feed.n_classes, "per_symbol": 1},
        }
        with torch.inference_mode(), limit_threads(given.n_threads):
            # On the processor: beam search makes one small step after the other.
            net = self._predictor(given, feed, torch.Generator())
            return feed.search(net, clips, discount, **widths[given.decoder])
