"""Estimators by nets on excerpts of clips, and those by convolutional nets."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from typing import Annotated, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skdeepmir import nets
from skdeepmir._frame_rates import fitted_rate
from skdeepmir._parameters import (
    Count,
    Positive,
    Share,
    Size,
    Sizes,
    parameter,
    parameters,
)
from skdeepmir._sklearn import Interval, parameters_of
from skdeepmir._training._data import Batches, torch_dtype
from skdeepmir._training._estimator import NetEstimator, check_sizes
from skdeepmir._training._excerpts import Augmentation, ExcerptFeed
from skdeepmir._units import NetLayer
from skdeepmir.frames import ClipsLike, object_array
from skdeepmir.neural_network._conv_pretrained import find_conv_learner, load_filters
from skdeepmir.neural_network._scaling import ScalingParameters

Order = Annotated[float, Interval(Real, 1, None, closed="left")]
Half = Annotated[float, Interval(Real, 0, 0.5, closed="both")]


@parameters
class ExcerptEstimator(ScalingParameters, NetEstimator):
    """An estimator by a net on excerpts of clips: it only has to make the net."""

    excerpt_length: Size = parameter(
        """
        Frames of an excerpt; no more than the longest training clip has. (128 frames of
        512 samples at 22,050 Hz are 3 s.)
        """,
        default=128,
    )
    shift_bands: Count = parameter(
        """
        Most bands that training excerpts are moved up or down: a change of pitch, on a
        logarithmic frequency axis.
        """,
        default=0,
    )
    mask_bands: Count = parameter(
        "Most neighbouring bands that are set to the mean in training.", default=0
    )
    mask_frames: Count = parameter(
        "Most neighbouring frames that are set to the mean in training.", default=0
    )
    mixup: Half = parameter(
        """
        Largest share of another excerpt, and of its target, that is mixed in; up to
        0.5.
        """,
        default=0.0,
    )
    frame_rate: Positive | None = parameter(
        """
        Frames per second (Hz) of the input, by which ``predict_activations`` tells
        times; nothing else depends on it. None takes that of the extractor in a
        :class:`skdeepmir.pipeline.Pipeline`; outside of one pass
        ``extractor.frame_rate``, if times are needed.
        """,
        default=None,
    )

    @overload
    def predict_activations(
        self, X: ClipsLike, *, return_times: Literal[False] = False
    ) -> NDArray[np.object_]: ...
    @overload
    def predict_activations(
        self, X: ClipsLike, *, return_times: Literal[True]
    ) -> tuple[NDArray[np.object_], NDArray[np.object_]]: ...
    def predict_activations(self, X: ClipsLike, *, return_times: bool = False) -> Any:
        """Predict what each excerpt of a clip holds: when classes or tags are there.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.
        return_times : bool, default=False
            Whether to return the times of the excerpts too, which takes the
            ``frame_rate`` of the fit.

        Returns
        -------
        activations : ndarray of shape (n_clips,), dtype=object
            For each clip an array (n_excerpts_i, n_outputs) of the probabilities of
            classes or tags in its excerpts (of a regressor, of what it predicts). These
            begin half their length (``excerpt_length_``) after each other; the last
            ends with the clip.
        times : ndarray of shape (n_clips,), dtype=object
            Only with ``return_times``. For each clip an array (n_excerpts_i, 2): where
            its excerpts begin and end, in seconds, as intervals of annotations do.
            Frame t is at second ``t / frame_rate``, its centre, so that an excerpt ends
            half a frame after its last one. Excerpts overlap; their centres are
            ``times[i].mean(axis=1)``.

        Raises
        ------
        ValueError
            With ``return_times``, if the fit had no ``frame_rate``.
        """
        check_is_fitted(self)
        given = parameters_of(self)
        feed = self._feed(given)
        if return_times and feed.frame_rate is None:
            raise ValueError(
                "return_times=True takes seconds from frame_rate, which was None in "
                f"fit. Set it, as in {type(self).__name__}(frame_rate="
                "extractor.frame_rate), or put it behind the extractor into "
                "skdeepmir.make_pipeline, and fit again; without it, excerpts begin "
                f"every {max(1, feed.length // 2)} frames."
            )
        clips, layout = feed.read(self, X, reset=False, dtype=feed.predict_dtype)
        coding = self._coding()
        by_clip = self._logits_of(given, feed, clips, layout, "all_logits")
        activations = object_array(map(coding.activations, by_clip))
        if not return_times:
            return activations
        return activations, object_array(map(feed.intervals, layout.n_frames))

    def _make_feed(self, given):
        augmentation = Augmentation(
            given.shift_bands, given.mask_bands, given.mask_frames, given.mixup
        )
        return ExcerptFeed(
            given.excerpt_length,
            given.precision,
            augmentation,
            standardize=given.standardize,
            frame_rate=fitted_rate(given.frame_rate),
        )

    def _keep_feed(self, feed):
        self.frame_rate_ = feed.frame_rate
        self.mean_ = feed.mean
        self.scale_ = feed.scale
        self.excerpt_length_ = feed.length

    def _feed(self, given):
        return replace(
            self._make_feed(given),
            length=self.excerpt_length_,
            n_outputs=self._coding().n_outputs,
            mean=self.mean_,
            scale=self.scale_,
            frame_rate=getattr(self, "frame_rate_", None),
        )


@parameters
class ConvEstimator(ExcerptEstimator):
    """An estimator by a convolutional net."""

    channels: Sizes = parameter(
        "Maps of the blocks: convolution, batch normalisation, activation, pooling.",
        default=(32, 64, 128, 256),
        kw_only=False,
    )
    filters: Literal["square", "time", "musical"] = parameter(
        """
        - "square": 3 frames by 3 bands, the same at any pitch.
        - "time": 3 frames by all bands [1]_.
        - "musical": tall filters for timbre beside long ones for rhythm, in the first
          block [2]_.
        """,
        default="square",
    )
    filter_length: Size | Sizes = parameter(
        """
        Frames of the filters, for all blocks or one number for each; long filters hear
        what happens over time. The first block of "musical" has its own.
        """,
        default=3,
        kind="int or tuple of int",
    )
    stride: Size | Sizes = parameter(
        """
        Frames from one place of the filters to the next, likewise.
        """,
        default=1,
        kind="int or tuple of int",
    )
    pool_length: Size | Sizes = parameter(
        """
        Frames that pooling makes one, likewise: 4 turns beats into bars. Bands are
        pooled by two.
        """,
        default=2,
        kind="int or tuple of int",
    )
    activation: Literal["relu", "logistic", "tanh", "softplus", "maxout"] = parameter(
        "Activation after each convolution.", default="relu"
    )
    maxout_pieces: Size = parameter(
        "Convolutions of which maxout takes the largest.", default=2
    )
    pooling: Literal["max", "average", "lp", "stochastic", "probabilistic"] = parameter(
        """
        How blocks pool frames and bands; see :class:`skdeepmir.nets.Pool`.
        "probabilistic", that of convolutional belief nets, takes
        ``activation="logistic"``.
        """,
        default="max",
    )
    batch_norm: bool = parameter(
        "Whether there is batch normalisation, with which deep nets learn faster.",
        default=True,
    )
    lp_order: Order = parameter('Order of the pooling "lp".', default=2.0)
    contrast_size: Count = parameter(
        """
        Frames and bands of the window of local contrast normalisation of the input
        (:class:`skdeepmir.nets.LocalContrastNorm`), an odd number; 0 for none.
        """,
        default=0,
    )
    dropout: Share = parameter(
        "Probability of dropping values before convolutions.", default=0.0
    )
    input_dropout: Share = parameter(
        "Probability of dropping input values.", default=0.0
    )
    output_dropout: Share = parameter(
        "Probability of dropping values before the output.", default=0.5
    )
    initialization: Literal["glorot", "he", "sparse"] = parameter(
        "How weights begin; see :func:`skdeepmir.nets.initialize`.", default="he"
    )

    pretrained: Any = parameter(
        """
        A fitted :class:`~skdeepmir.ConvDBNFeatureLearner`, with whose layers the net
        begins, in place of random weights; in searches and cross-validation as
        ``FrozenEstimator(learner)``. The net must have the same layers: an error lists
        the parameters that say so. Features are standardised by the learner's means
        and deviations, whatever ``standardize`` says.
        """,
        default=None,
        kind="ConvDBNFeatureLearner, FrozenEstimator or None",
    )

    def _make_feed(self, given):
        feed = super()._make_feed(given)
        learner = find_conv_learner(given)
        if learner is None:
            return feed
        mean, scale = (
            part.astype(feed.dtype) for part in (learner.mean_, learner.scale_)
        )
        return replace(feed, mean=mean, scale=scale)

    def _prepare(self, given, net, feed, data, generator):
        learner = find_conv_learner(given)
        if learner is not None:
            load_filters(net, learner)

    def _make_net(self, given, feed, n_outputs, generator, is_new):
        size = given.contrast_size
        if size and (size < 3 or size % 2 == 0):
            raise ValueError(
                f"contrast_size={size!r} must be 0, or odd (so that the window has a "
                "middle) and over 1."
            )
        channels = check_sizes("channels", given.channels, "maps")
        if not channels:
            raise ValueError("channels=() has no block; expected one or more.")
        return nets.ConvNet(
            self.n_features_in_,
            n_outputs,
            channels,
            filters=given.filters,
            filter_length=given.filter_length,
            stride=given.stride,
            pool_length=given.pool_length,
            activation=given.activation,
            maxout_pieces=given.maxout_pieces,
            pooling=given.pooling,
            lp_order=given.lp_order,
            contrast_size=size,
            dropout=given.dropout,
            input_dropout=given.input_dropout,
            output_dropout=given.output_dropout,
            batch_norm=given.batch_norm,
            initialization=given.initialization if is_new else None,
            generator=generator,
        )

    def _hidden_layers(self, net):
        def block(k):  # a unit is a map, at the band where it is largest
            return lambda x: net.block_maps(x)[k].amax(3).transpose(1, 2)

        return [
            NetLayer(f"block {k}", block(k), (first, end), hop)
            for k, (first, end, hop) in enumerate(net.block_spans())
        ]

    def _finish(self, given, training, batches):
        """Measure the statistics of batch normalisation anew."""
        excerpts, generator = batches.source, training.generator
        excerpts.augmentation = Augmentation()  # as in prediction
        again = Batches(excerpts, given.batch_size, generator, training=True)
        with training.feed.autocast(generator.device.type):
            training.net.renew_statistics(batch.inputs for batch in again)

    def _predictor(self, given, feed, generator):
        net = self._fitted_net(given, feed).folded()
        return net.to(generator.device, torch_dtype(feed.predict_dtype))
