"""Onsets by a convolutional or a recurrent net: ``OnsetDetector``."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, Self

import numpy as np
from scipy.special import expit

from skdeepmir import nets
from skdeepmir._frame_rates import needed_rate
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
from skdeepmir._sklearn import _fit_context, parameters_of
from skdeepmir._training._data import dtype_of, torch_dtype
from skdeepmir._training._estimator import check_sizes
from skdeepmir._training._event_nets import EventNetEstimator
from skdeepmir._training._excerpts import Augmentation
from skdeepmir._training._sequences import SequenceFeed
from skdeepmir._units import NetLayer, recurrent_layers
from skdeepmir._warnings import warn_user
from skdeepmir.frames import ClipsLike, LabelsLike
from skdeepmir.onset_detection._coding import OnsetCodes, OnsetCoding
from skdeepmir.onset_detection._detector import EventDetector
from skdeepmir.onset_detection._live import ConvActivations, RecurrentActivations
from skdeepmir.onset_detection._tuning import best_threshold

CONTEXT = 7  # frames that nets see beyond both ends of an excerpt
# Thresholds that are best on average, above 0.5 because mixed excerpts have more onsets
# than clips. Chosen on folds inside of training files, see benchmarks/onsets.py.
EXPECTED = {"conv": 0.6, "rnn": 0.8, "causal_rnn": 0.8}


@parameters
class OnsetDetector(EventDetector, EventNetEstimator):
    """Detect when notes and strokes begin, by a convolutional or a recurrent net.

    ``net="conv"`` is the net of Schlüter and Böck [1]_, [2]_, ``net="rnn"`` that of
    Eyben et al. [3]_ and of Böck et al. [4]_ with both directions, and
    ``net="causal_rnn"`` the latter without the future, which detects onsets while they
    are played. A net tells how like an onset each frame is; peaks of that are the
    onsets. :func:`make_onset_pipeline` has the front ends.

    Attributes
    ----------
    threshold_ : float
        Smallest activation of an onset: ``threshold``, or the one that was tuned on
        validation clips. That is 0.6 ("conv") or 0.8 (the others) unless another gives
        a better F-measure by more than two of its standard errors: a few clips tell
        little. May be set after fitting.
    weights_ : dict of str to ndarray
        Parameters of the net by their name in ``module_``.
    module_ : skdeepmir.nets.OnsetConvNet or skdeepmir.nets.OnsetRecurrentNet
        The net, built anew whenever it is asked for.
    mean_, scale_ : ndarray of shape (`n_features_in_`,)
        What standardises the features: of all training frames.
    n_windows_ : int
        Spectrograms side by side in a frame.
    frame_rate_ : float or None
        Frames per second: ``frame_rate``, or that of the pipeline.
    frame_offset_ : float
        Second that frame 0 stands for.
    delay_ : float
        Seconds of frames beyond an onset that must be known to detect it.
    sample_rate_ : float or None
        Sample rate (Hz) of the audio that was learned from, if a pipeline told it.
    loss_curve_, validation_scores_ : ndarray of shape (n_epochs,)
        Mean training loss, and minus the mean validation loss, of each epoch.
    n_iter_ : int
        Epochs.
    n_features_in_ : int
        Features per frame.

    See Also
    --------
    make_onset_pipeline : The front end of each net with this detector.
    SpectralFluxDetector : The baseline, without a net.
    skdeepmir.decoding.pick_peaks : How activations become onsets.
    skdeepmir.metrics.onset_scores : The measures of the field.

    Notes
    -----
    The convolutional net sees 15 frames and goes over a whole clip at once. Where
    excerpts of training end inside of a clip, nets see the frames beyond, so that none
    is learned from with a false context.

    In [4]_ targets were by mistake one frame (10 ms) in the future, as its authors tell
    in madmom; here they are not.

    References
    ----------
    .. [1] J. Schlüter and S. Böck. Musical onset detection with convolutional neural
       networks. MML 2013.
    .. [2] J. Schlüter and S. Böck. Improved musical onset detection with convolutional
       neural networks. ICASSP 2014.
    .. [3] F. Eyben, S. Böck, B. Schuller and A. Graves. Universal onset detection with
       bidirectional long short-term memory neural networks. ISMIR 2010.
    .. [4] S. Böck, A. Arzt, F. Krebs and M. Schedl. Online real-time onset detection
       with recurrent neural networks. DAFx 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import OnsetDetector
    >>> rng = np.random.RandomState(0)
    >>> clips = [rng.rand(200, 6) for _ in range(4)]
    >>> for clip in clips:
    ...     clip[[30, 90, 150]] += 5
    >>> times = [[0.3, 0.9, 1.5]] * 4
    >>> detector = OnsetDetector(
    ...     "rnn", max_epochs=100, frame_rate=100.0, random_state=0, verbose=False
    ... ).fit(clips, times)
    >>> detector.predict(clips)[0].round(2)
    array([0.3, 0.9, 1.5])
    """

    _parameters_of_predictions = (
        *("smooth", "pre_max", "post_max", "pre_avg", "post_avg", "wait"),
    )

    net: Literal["conv", "rnn", "causal_rnn"] = parameter(
        """
        Convolutions over 15 frames; recurrent layers in both directions; or recurrent
        layers that see the past only.
        """,
        default="conv",
        kw_only=False,
    )
    n_windows: Size | None = parameter(
        """
        Spectrograms of different windows that are side by side in a frame, which become
        channels of "conv". None takes the number of windows of the extractor in a
        pipeline (three in :func:`make_onset_pipeline`); outside of one it is 1.
        """,
        default=None,
    )
    channels: Sizes = parameter(
        'Maps of the two convolutions of "conv" [2]_.', default=(10, 20)
    )
    n_units: Size | None = parameter(
        """
        Units of the layer on top of "conv", or cells of each direction of each
        recurrent layer. None is 256 [2]_ and 64.
        """,
        default=None,
    )
    n_layers: Size = parameter("Recurrent layers.", default=2)
    cell: Literal["lstm", "rnn"] = parameter(
        "Recurrent cells: long short-term memory, or tanh units.", default="lstm"
    )
    activation: Literal["relu", "tanh", "logistic", "softplus"] = parameter(
        'Of the maps of "conv"; tanh at first [1]_, rectified later [2]_.',
        default="relu",
    )
    dropout: Share | None = parameter(
        """
        Probability of dropping inputs of the upper layers of "conv", or values between
        recurrent layers. None is 0.5 [2]_ and 0.3.
        """,
        default=None,
    )
    near: Count = parameter(
        """
        Frames before and after that of an onset which are also learned as one, because
        annotations are not exact to a frame [2]_.
        """,
        default=1,
    )
    near_weight: NotNegative = parameter(
        "What these frames count in the loss [2]_.", default=0.25
    )
    onset_weight: Positive = parameter(
        """
        What frames of an onset (and, in proportion, those near one) count in the loss.
        Onsets are some 5 % of the frames. More weight makes activations larger, as if
        the threshold were lower.
        """,
        default=1.0,
    )
    max_epochs: Size = parameter(default=40)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ClipsLike,
        y: LabelsLike,
        *,
        X_val: ClipsLike | None = None,
        y_val: LabelsLike | None = None,
    ) -> Self:
        """Train the net, then tune the threshold on validation clips.

        Parameters
        ----------
        X : list of ndarray of shape (n_frames_i, n_features), ndarray of shape \
                (n_clips, n_frames, n_features), or array-like of shape \
                (n_clips, n_features)
            Clips, such as of log-mel spectra at 100 frames per second. Rows of a 2-D
            array are clips of one frame.
        y : sequence of n_clips annotations
            For each clip the times of its onsets in seconds, in order, (n_onsets_i,),
            or the path of a ``.onsets``, ``.txt``, ``.csv`` or ``.jams`` file. Onsets
            that are less than 30 ms apart become one. For rows of a 2-D array 1 if it
            is an onset, else 0. When splitting data, pass the song or album of each
            clip as ``groups``, so that none is on both sides.
        X_val, y_val : default=None
            Clips to validate on, such as those of other artists; they are not trained
            on. A :class:`skdeepmir.pipeline.Pipeline` takes and transforms them.
            Without them ``validation_fraction`` of the clips is held out where
            ``threshold="tune"`` or ``early_stopping`` need some.

        Returns
        -------
        self : OnsetDetector
            The fitted detector.

        Raises
        ------
        ValueError
            If X is not a set of clips, an annotation does not fit its clip (which is
            named), no clip has an onset, or parameters contradict each other.
        DivergenceError
            A ``ValueError``, if the loss is not a number any more.
        """
        return self._fit(X, y, None, X_val, y_val)

    def _make_coding(self, y, sample_weight):
        given = parameters_of(self)
        weights = (1.0, given.onset_weight, given.onset_weight * given.near_weight)
        threshold = given.threshold
        if threshold == "tune":  # which begins with what is expected
            has_clips = getattr(self, "_fitted_on_clips", True)
            threshold = EXPECTED[given.net] if has_clips else 0.5
        return OnsetCoding(
            self.frame_rate,
            self._offset_now(),
            given.near,
            weights,
            n_windows=self._windows_now(),
            threshold=float(threshold),
        )

    def _keep_coding(self, coding):
        # All is of the coding: callbacks see what is fitted without parameters.
        self._keep_clock(coding.frame_rate, coding.offset)
        self._fitted_clock = coding.clock
        self.n_windows_ = coding.n_windows
        self.threshold_ = coding.threshold

    def _coding(self):
        return replace(
            self._make_coding(None, None),
            frame_rate=self._fitted_clock["frame_rate"],
            offset=self._fitted_clock["frame_offset"],
        )

    def _make_feed(self, given):
        dtype = dtype_of(given.precision)
        augmentation = Augmentation(
            mask_bands=given.mask_bands, shift_level=given.shift_level
        )
        return SequenceFeed(
            dtype,
            given.excerpt_length,
            augmentation,
            context=CONTEXT,
            mix=given.mix,
            labels=OnsetCodes(),
        )

    def _windows_now(self):
        """Return the number of windows as set, or as a pipeline tells, in ``fit``."""
        told = getattr(self.frame_rate, "n_windows", 1)
        return int(told if self.n_windows is None else self.n_windows)

    def _make_net(self, given, feed, n_outputs, generator, is_new):
        is_conv = given.net == "conv"
        shared = {
            "n_units": given.n_units or (256 if is_conv else 64),
            "dropout": (0.5 if is_conv else 0.3)
            if given.dropout is None
            else given.dropout,
            "generator": generator,
        }
        if not is_new:  # nothing may be drawn: without a generator, from torch's own
            shared["initialization"] = None
        if is_conv:
            return nets.OnsetConvNet(
                self.n_features_in_,
                n_outputs,
                # In a fit those that reach it now, whatever was fitted before.
                n_windows=self._windows_now() if generator else self.n_windows_,
                channels=check_sizes("channels", given.channels, "maps"),
                activation=given.activation,
                **shared,
            )
        return nets.OnsetRecurrentNet(
            self.n_features_in_,
            n_outputs,
            n_layers=given.n_layers,
            cell=given.cell,
            bidirectional=given.net == "rnn",
            **shared,
        )

    def _hidden_layers(self, net):
        if self.net != "conv":
            return recurrent_layers(net, len(net.recurrent.layers))
        return [NetLayer("hidden 0", net.hidden_values, self._output_span(net))]

    def _output_span(self, net):
        return (-net.margin, net.margin + 1) if self.net == "conv" else None

    def _output_names(self, n_outputs):
        return ["onset"]

    def _holds_out(self, given):
        # Rows are not in order, so that they have no peaks to tune a threshold on.
        tunes = given.threshold == "tune" and self._fitted_on_clips
        return given.early_stopping or tunes

    def _learn_last(self, given, data, watched):
        if given.threshold != "tune" or not watched or not watched.layout.has_clips:
            return
        if not any(map(np.any, watched.targets)):
            warn_user(
                "There is no onset in the clips to validate on, so that the threshold "
                f"stays at {self.threshold_}. Pass others as X_val and y_val, or set "
                f"threshold={self.threshold_}."
            )
            return
        coding = self._coding()
        found = self._activations(self._feed(given).for_prediction(watched.clips))
        self.threshold_ = best_threshold(
            found,
            [coding.decode(codes) for codes in watched.targets],
            self._picking(0.0),
            frame_rate=needed_rate(self.frame_rate_),
            offset=self.frame_offset_,
            expected=EXPECTED[given.net],
            needs_next=self._needs_next,
        )

    def _activations(self, clips):
        if self.net == "causal_rnn":
            return super()._activations(clips)
        given = parameters_of(self)
        logits = self._logits_of(given, self._feed(given), clips, None)
        return [expit(of_clip[:, 0]) for of_clip in logits]

    @property
    def _takes_blocks(self):
        return self.net != "rnn"

    def _live(self):
        if self.net == "rnn":
            raise ValueError(
                'net="rnn" looks at whole clips, from both ends; for frames that come '
                'in one by one expected net="causal_rnn" or "conv".'
            )
        given = parameters_of(self)
        feed = self._feed(given)
        if self.net == "causal_rnn":
            return RecurrentActivations(self._fitted_net(given, feed), feed)
        net = self._fitted_net(given, feed).to(torch_dtype(feed.predict_dtype))
        return ConvActivations(net, feed, given.n_threads)
