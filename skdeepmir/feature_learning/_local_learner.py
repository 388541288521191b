"""Local filters without shared weights as a transformer: ``LocalFeatureLearner``."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from skdeepmir._frame_rates import clock_of
from skdeepmir._parameters import (
    Count,
    NotNegative,
    Positive,
    Size,
    Sizes,
    parameter,
    parameters,
)
from skdeepmir._threads import one_blas_thread
from skdeepmir._training._data import standardized_tensor
from skdeepmir._units import UnitLayer
from skdeepmir.feature_learning._features import LearnedFeatures
from skdeepmir.feature_learning._layerwise import (
    LayerwiseLearner,
    chosen_layers,
    clips_of,
)
from skdeepmir.feature_learning._local_layers import (
    PATCHES_AT_ONCE,
    LocalLayer,
    LocalStack,
    LocalStages,
)
from skdeepmir.feature_learning._parameters import LayerwiseParameters
from skdeepmir.feature_learning._schedule import make_local_schedule
from skdeepmir.feature_learning._stages import before_layers
from skdeepmir.feature_learning._whitening import Whitening
from skdeepmir.frames import pack_clips

SHAPES = "filter_length", "filter_width", "stride", "pool_size", "pool_stride"


@parameters
class LocalFeatureLearner(LayerwiseParameters, LayerwiseLearner, LearnedFeatures):
    """Learn features of patches of frames with local filters, as Le et al. (2012) did.

    A patch of ``patch_length`` standardised frames goes through layers of three steps:
    filters that see a small part of the patch, and differ from place to place; the root
    of the mean square of neighbouring places (L2 pooling); local contrast
    normalisation. Each layer learns to restore what it sees from a code whose pooled
    units are sparse (reconstruction ICA), without labels. Units of the last layer see
    most of a patch, and some answer to what nobody named.

    Attributes
    ----------
    weights_ : list of ndarray, float32
        Filters of each layer (n_tiles, n_tiles, n_maps, width, length, n_below): of the
        different places in time and over the bands, for each map; width in bands,
        length in frames, of the maps below.
    decoders_ : list of ndarray, float32
        What restores the input of each layer, likewise; with ``tied`` the filters.
    filters_ : ndarray of shape (n_filters, filter_length, `n_features_in_`)
        Filters of the first layer as patches of frames, in deviations of the features;
        0 where they do not see.
    mean_, scale_ : ndarray of shape (`n_features_in_`,), float32
        What standardises the features.
    patch_length_ : int
        Frames of a patch: ``patch_length``, or 1 where X was rows.
    hop_ : int
        Frames of the input from one patch to the next.
    unit_shapes_ : list of tuple of int
        Places in time, places over the bands, and maps, of the pooled units of each
        layer; features are in this order.
    losses_ : list of ndarray of shape (n_epochs,)
        Objective of each layer after each epoch (or pass of ``partial_fit``): squared
        error and cost of the code, per value that the layer sees.
    loss_gaps_ : list of ndarray of shape (n_epochs,)
        The objective of held-out patches less that of as many that are learned from;
        NaN if nothing was held out.
    n_iter_ : int
        Epochs of all layers.
    layers_ : tuple of int
        Layers whose pooled units are the features.
    feature_names_ : ndarray of shape (n_features_out,), dtype=object
        What the columns are, such as "local2_0_3_17": layer, place in time, place over
        the bands, map.
    n_passes_ : int
        Calls of ``partial_fit`` since ``fit``.
    n_features_in_ : int
        Features per frame.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X or its clips are DataFrames.

    See Also
    --------
    ConvDBNFeatureLearner : Filters that are the same at any time.
    skdeepmir.inspection.top_stimuli : The excerpts that drive a unit most.
    skdeepmir.inspection.optimal_stimulus : The patch that drives it most of all.

    Notes
    -----
    Patches begin ``patch_hop`` frames after each other; behind the end of a clip there
    are zeros, the means of the features. A clip of n frames so has
    ``1 + ceil(max(n - max(patch_length_, hop_), 0) / hop_)`` of them. Where there are
    fewer frames, bands or places than a filter or a window of pooling would see, it
    sees all.

    Features are pooled units before their normalisation, which only the next layer
    sees: normalised ones do not tell loud from soft, and told classes apart worse.

    Patches are read batch by batch: clips that do not fit in memory can be memory maps
    (:func:`~skdeepmir.load_clips`).

    What the notes of :class:`~skdeepmir.DropoutMLPClassifier` say of ``checkpoint_dir``
    holds, but layers that were trained are kept while the next ones are.

    References
    ----------
    .. [1] Q. V. Le, M. Ranzato, R. Monga, M. Devin, K. Chen, G. Corrado, J. Dean and
       A. Ng. Building high-level features using large scale unsupervised learning.
       ICML 2012.
    .. [2] Q. V. Le, A. Karpenko, J. Ngiam and A. Ng. ICA with reconstruction cost for
       efficient overcomplete feature learning. NIPS 2011.
    .. [3] Q. V. Le, J. Ngiam, Z. Chen, D. Chia, P. W. Koh and A. Ng. Tiled
       convolutional neural networks. NIPS 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import LocalFeatureLearner
    >>> rng = np.random.RandomState(0)
    >>> clips = [rng.rand(60, 16), rng.rand(40, 16)]
    >>> learner = LocalFeatureLearner(
    ...     (4, 6), patch_length=16, filter_length=5, max_epochs=2, random_state=0
    ... )
    >>> [features.shape for features in learner.fit_transform(clips)]
    [(7, 6), (4, 6)]
    """

    n_maps: Size | Sizes = parameter(
        """
        Filters at each place, for each layer from the bottom up. [1]_ has 8 in all
        three; where little is left of time and bands, more maps tell more apart.
        """,
        default=(8, 16, 64),
        kw_only=False,
        kind="int or tuple of int",
    )
    patch_length: Size = parameter(
        "Frames of a patch. (64 frames of 512 samples at 22,050 Hz are 1.5 s.)",
        default=64,
    )
    patch_hop: Size | None = parameter(
        """
        Frames from one patch to the next in ``transform``; None: half a patch. Training
        takes patches from anywhere.
        """,
        default=None,
    )
    filter_length: Size | Sizes = parameter(
        """
        Frames that a filter sees, or places of the layer below, for all layers or one
        number for each.
        """,
        default=8,
        kind="int or tuple of int",
    )
    filter_width: Size | Sizes = parameter(
        "Bands that it sees, likewise.", default=8, kind="int or tuple of int"
    )
    stride: Size | Sizes = parameter(
        "Frames, and bands, from one place to the next, likewise.",
        default=2,
        kind="int or tuple of int",
    )
    time_period: Size | None = parameter(
        """
        Places in time after which the same filters come again [3]_. Patches begin at
        any moment, so that 1, the same filters at any time, learns more from as much
        sound; None never repeats them, as in [1]_.
        """,
        default=1,
    )
    band_period: Size | None = parameter(
        """
        Likewise over the bands, which are not alike; None never repeats them.
        """,
        default=None,
    )
    pool_size: Size | Sizes = parameter(
        """
        Places of filters, in time and over the bands, that a window of pooling sees;
        for all layers or one number for each.
        """,
        default=3,
        kind="int or tuple of int",
    )
    pool_stride: Size | Sizes = parameter(
        "Places from one window to the next, likewise; 1 overlaps most.",
        default=1,
        kind="int or tuple of int",
    )
    contrast_size: Count = parameter(
        """
        Pooled places, in time and over the bands, of the Gaussian window of local
        contrast normalisation, over all maps together; an odd number, or 0 for none.
        """,
        default=5,
    )
    sparsity_cost: NotNegative = parameter(
        """
        What sparse pooled units are worth beside the squared error. [1]_ has 0.1 on
        images.
        """,
        default=1.0,
    )
    tied: bool = parameter(
        """
        Whether filters restore the input as well, transposed, as in [2]_; otherwise
        those of a decoder do, of norm 1 or less, as in [1]_.
        """,
        default=True,
    )
    batch_size: Size = parameter("Patches of a batch.", default=32)
    learning_rate: Positive | Annotated[Any, "array-like"] = parameter(
        "Step size of Adam, for all layers or one for each.",
        default=0.002,
        kind="float or tuple of float",
    )
    max_epochs: Count | Sizes = parameter(
        """
        Passes over all clips, of about as many patches as fit into them, for all layers
        or one number for each.
        """,
        default=20,
        kind="int or tuple of int",
    )
    precision: Literal["float32", "float64"] = parameter(
        "Precision of training; weights are kept in float32.", default="float32"
    )

    @property
    def filters_(self) -> NDArray[np.float32]:
        """Filters of the first layer as patches of frames."""
        weights = self.weights_[0]  # (n_tiles, n_tiles, n_maps, width, length, 1)
        n_times, n_bands, n_maps, width, length, _ = weights.shape
        patches = np.zeros(
            (n_times, n_bands, n_maps, length, self.n_features_in_), np.float32
        )
        step = self._geometry["stride"][0]
        for band in range(n_bands):
            seen = slice(band * step, band * step + width)
            patches[:, band, ..., seen] = weights[:, band, ..., 0].swapaxes(-1, -2)
        return patches.reshape(-1, length, self.n_features_in_)

    _stages = LocalStages

    def _schedule(self, given, n_epochs=None):
        return make_local_schedule(given, n_epochs)

    def _begin(self, given, schedule, data):
        geometry = _geometry_of(given)
        # Each row is a patch.
        n_frames = geometry["patch_length"] if data.layout.has_clips else 1
        whitening = Whitening.of(clips_of(data), None)
        return before_layers(schedule, whitening, self._stack(geometry, n_frames))

    def _begin_again(self, schedule):
        stack = self._stack(self._geometry, self.patch_length_)
        learned = before_layers(schedule, self._scaling(), stack)
        return replace(learned, errors=self.losses_, gaps=self.loss_gaps_)

    def _check_goes_on(self, schedule):
        for name, value in _geometry_of(self).items():
            if value != self._geometry[name]:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} cannot go on with what the first "
                    "pass began; set it back, or begin with fit."
                )

    def _keep(self, given, learned):
        """Keep what was learned."""
        layers, scaling = learned.net.layers, learned.scaling
        self.weights_ = [layer.weights.copy() for layer in layers]
        self.decoders_ = [
            (layer.weights if layer.decoder is None else layer.decoder).copy()
            for layer in layers
        ]
        self.mean_, self.scale_ = scaling.mean, scaling.scale
        self.patch_length_, self.hop_ = learned.net.shape["n_frames"], _hop_of(given)
        self.losses_ = [np.array(curve, float) for curve in learned.errors]
        self.loss_gaps_ = [np.array(curve, float) for curve in learned.gaps]
        self.n_iter_ = sum(map(len, learned.errors))
        self.n_passes_ = learned.n_passes
        self.layers_ = chosen_layers(given, len(layers))
        self.unit_shapes_ = learned.net.fitted_net().unit_shapes
        names = [
            f"local{k}_{i}_{j}_{m}"
            for k in self.layers_
            for i, j, m in np.ndindex(*self.unit_shapes_[k])
        ]
        self.feature_names_ = np.array(names, dtype=object)
        self._geometry = _geometry_of(given)

    def _stack(self, geometry, n_frames):
        """Return a stack without layers."""
        shape = {name: geometry[name] for name in ("contrast_size", *SHAPES)}
        return LocalStack(
            {
                "n_frames": n_frames,
                "n_features": self.n_features_in_,
                "periods": (geometry["time_period"], geometry["band_period"]),
                **shape,
            }
        )

    def _scaling(self):
        unit = np.eye(self.n_features_in_, dtype=np.float32)
        return Whitening(self.mean_, self.scale_, unit, unit)

    def _model(self):
        stack = self._stack(self._geometry, self.patch_length_)
        for weights, decoder in zip(self.weights_, self.decoders_, strict=True):
            own = None if self._geometry["tied"] else decoder
            stack = stack.topped(LocalLayer(weights, own))
        return stack

    def _map(self, function, clips, layout):
        with one_blas_thread():
            if not layout.has_clips:  # each row is a patch of one frame
                return function(clips[:, np.newaxis])
            return pack_clips([function(clip) for clip in clips], layout)

    def _activations(self, model, frames):
        with np.errstate(over="ignore", invalid="ignore"):  # noticed below
            seen = self._scaling().apply(frames)
        patches = self._patches(seen) if seen.ndim == 2 else seen
        units = model.units(patches, self.layers_)
        if not np.isfinite(units).all():
            raise ValueError(
                f"X has values up to {np.abs(frames).max():.3g}, of which the layers "
                "make numbers that are not finite. Scale X as it was for fit."
            )
        return units

    def _patches(self, frames):
        """Return a view of the patches of a standardised clip."""
        length, hop = self.patch_length_, self.hop_
        n_patches, missing = self._patches_of(len(frames))
        frames = np.pad(frames, ((0, missing), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(frames, length, axis=0)
        return windows[::hop][:n_patches].swapaxes(1, 2)

    def _patches_of(self, n_frames):
        """Return how many patches a clip has, and the frames that it lacks for them."""
        length, hop = self.patch_length_, self.hop_
        n_patches = 1 + -(-max(n_frames - max(length, hop), 0) // hop)
        return n_patches, max(length + (n_patches - 1) * hop - n_frames, 0)

    def _unit_layers(self):
        """Return the layers whose units can be looked at."""
        net = self._model().fitted_net()
        length, hop = self.patch_length_, self.hop_

        def layer(k):
            def answers(x):
                x = standardized_tensor(x, self.mean_, self.scale_)
                n_patches, missing = self._patches_of(x.shape[1])
                x = torch.nn.functional.pad(x, (0, 0, 0, missing))
                patches = x.unfold(1, length, hop)[:, :n_patches].transpose(2, 3)
                parts = [
                    net.maps(part)[k].flatten(0, 2).T
                    for part in patches.flatten(0, 1).split(PATCHES_AT_ONCE)
                ]
                return torch.cat(parts).unflatten(0, (len(x), -1))

            return answers

        layers = []
        for k, (frames, bands) in enumerate(net.seen()):
            shape = self.unit_shapes_[k]
            names = [f"local{k}_{i}_{j}_{m}" for i, j, m in np.ndindex(*shape)]
            places = np.array([(i, j) for i, j, _ in np.ndindex(*shape)])
            layers.append(
                UnitLayer(
                    f"layer {k}",
                    names,
                    layer(k),
                    frames[places[:, 0]],
                    hop,
                    self.mean_,
                    self.scale_,
                    bands[places[:, 1]],
                    length=length,
                )
            )
        return layers

    def _frame_rate_after(self, rate):
        """Return the patches per second; one stands for its middle."""
        if rate is None:
            return None
        clock, hop = clock_of(rate), _hop_of(self)
        middle = (self.patch_length - 1) / 2
        return clock.replace(
            rate / hop, offset=clock.offset + middle / rate, n_windows=1
        )


def _hop_of(given: Any) -> int:
    if given.patch_hop is not None:
        return int(given.patch_hop)
    return max(1, int(given.patch_length) // 2)


def _geometry_of(given: Any) -> dict[str, Any]:
    """Return the parameters that say which weights there are, as plain values."""
    schedule = make_local_schedule(given)
    single = "time_period", "band_period", "patch_length", "contrast_size"
    values = {name: getattr(given, name) for name in single}
    return {
        "n_maps": schedule.sizes,
        "tied": bool(given.tied),
        **schedule.shapes,
        **{name: None if v is None else int(v) for name, v in values.items()},
    }
