"""A convolutional deep belief network as a transformer: ``ConvDBNFeatureLearner``."""

from __future__ import annotations

import math
from dataclasses import replace
from numbers import Real
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from skdeepmir._frame_rates import clock_of
from skdeepmir._parameters import (
    NotNegative,
    Positive,
    Size,
    Sizes,
    parameter,
    parameters,
)
from skdeepmir._sklearn import Interval
from skdeepmir._threads import one_blas_thread
from skdeepmir.feature_learning._conv_rbm import ConvBeliefNet, ConvRBM
from skdeepmir.feature_learning._conv_stages import ConvStages
from skdeepmir.feature_learning._features import GeneratedFeatures, matrices_of
from skdeepmir.feature_learning._layerwise import (
    LayerwiseLearner,
    chosen_layers,
    clips_of,
)
from skdeepmir.feature_learning._parameters import PretrainingParameters
from skdeepmir.feature_learning._schedule import make_conv_schedule
from skdeepmir.feature_learning._stages import before_layers
from skdeepmir.feature_learning._unit_layers import (
    conv_activations,
    layers_of_functions,
)
from skdeepmir.feature_learning._whitening import Whitening
from skdeepmir.frames import pack_clips


@parameters
class ConvDBNFeatureLearner(PretrainingParameters, LayerwiseLearner, GeneratedFeatures):
    """Learn features of sequences of frames with a convolutional deep belief network.

    Frames are standardised, or whitened by their principal components; what comes out
    are the channels of the first layer. Restricted Boltzmann machines whose filters
    move over time are trained one upon the other, on excerpts of clips without labels.
    Of ``pool_length`` neighbouring detectors of a filter at most one is on, and the
    probability that one is is a feature: features are slower frames.

    Attributes
    ----------
    weights_ : list of ndarray of shape (filter_length, n_channels, n_filters), float32
        Filters of each layer. Channels of the first are those of ``components_``, those
        of others the filters of the layer below.
    hidden_biases_ : list of ndarray of shape (n_filters,), float32
        Biases of the detectors of each layer.
    visible_biases_ : list of ndarray of shape (n_channels,), float32
        Biases of what is below each layer.
    filters_ : ndarray of shape (n_filters, filter_length, `n_features_in_`)
        Filters of the first layer as patches of frames, in deviations of the features.
    mean_, scale_ : ndarray of shape (`n_features_in_`,), float32
        What standardises the features.
    components_ : ndarray of shape (`n_components_`, `n_features_in_`), float32
        What whitens them: channels are ``((X - mean_) / scale_) @ components_.T``. The
        unit matrix without whitening.
    dewhitening_ : ndarray of shape (`n_components_`, `n_features_in_`), float32
        The way back: ``channels @ dewhitening_ * scale_ + mean_``.
    n_components_ : int
        Channels of the first layer.
    filter_lengths_, pool_lengths_ : tuple of int
        Frames of the filters and of the blocks of each layer, in frames of what is
        below it.
    hop_ : int
        Frames of the input from one frame of the features to the next.
    reconstruction_errors_ : list of ndarray of shape (n_epochs,)
        Mean squared error of each layer after each epoch (or pass of ``partial_fit``),
        on excerpts of about 500 frames.
    free_energy_gaps_ : list of ndarray of shape (n_epochs,)
        Mean free energy per frame of held-out excerpts less that of excerpts that are
        learned from, likewise; where it grows, the layer overfits. NaN if nothing was
        held out.
    n_iter_ : int
        Epochs of all layers.
    layers_ : tuple of int
        Layers whose pooling units are the features.
    feature_names_ : ndarray of shape (n_features_out,), dtype=object
        What the columns are, such as "convdbn0_17": layer and filter.
    n_passes_ : int
        Calls of ``partial_fit`` since ``fit``.
    n_features_in_ : int
        Features per frame.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X or its clips are DataFrames.

    See Also
    --------
    DBNFeatureLearner : The same for single frames.
    MultiTimescalePooler : Statistics of frames over windows or the whole clip.
    ConvTagger : Can begin with these layers.

    Notes
    -----
    A detector of a filter of length L sees (L - 1) // 2 frames before its own and
    L // 2 after it; outside of a clip there are zeros, the means of the channels. A
    clip of n frames so has n detectors of each filter and
    ``ceil(n / pool_length)`` frames of features, however short it is. Training takes
    excerpts without such edges, but for clips shorter than an excerpt, which are put
    between zeros. Rows of a 2-D array are clips of one frame.

    Excerpts are read batch by batch: clips that do not fit in memory can be memory maps
    (:func:`~skdeepmir.load_clips`).

    What the notes of :class:`~skdeepmir.DropoutMLPClassifier` say of ``checkpoint_dir``
    holds, but layers that were trained are kept while the next ones are.

    References
    ----------
    .. [1] H. Lee, P. Pham, Y. Largman and A. Ng. Unsupervised feature learning for
       audio classification using convolutional deep belief networks. NIPS 2009.
    .. [2] H. Lee, R. Grosse, R. Ranganath and A. Ng. Convolutional deep belief networks
       for scalable unsupervised learning of hierarchical representations. ICML 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import ConvDBNFeatureLearner
    >>> rng = np.random.RandomState(0)
    >>> clips = [rng.rand(60, 8), rng.rand(40, 8)]
    >>> learner = ConvDBNFeatureLearner(5, max_epochs=2, random_state=0)
    >>> [features.shape for features in learner.fit_transform(clips)]
    [(20, 5), (14, 5)]
    """

    n_filters: Size | Sizes = parameter(
        "Filters of each layer, from the bottom up. [1]_ has 300 in each of two.",
        default=300,
        kw_only=False,
        kind="int or tuple of int",
    )
    filter_length: Size | Sizes = parameter(
        "Frames of a filter, for all layers or one number for each.",
        default=6,
        kind="int or tuple of int",
    )
    pool_length: Size | Sizes = parameter(
        """
        Detectors of a block, of which at most one is on, and frames that become one;
        for all layers or one number for each.
        """,
        default=3,
        kind="int or tuple of int",
    )
    n_components: Size | None = parameter(
        """
        Most principal components, which are whitened, as in [1]_ (80); fewer features
        that vary, and correlated ones, have fewer. None standardises the features and
        does not whiten: on log-mel frames the last components are noise, which
        whitening makes as loud as all else.
        """,
        default=None,
    )
    excerpt_length: Size = parameter(
        "Most frames of an excerpt that is learned from.", default=64
    )
    batch_size: Size = parameter("Excerpts of a batch.", default=16)
    learning_rate: Literal["auto"] | Positive | Annotated[Any, "array-like"] = (
        parameter(
            """
            Step size, for all layers or one for each. "auto" is 0.01 in the first
            layer, which diverges sooner, and 0.05 in others.
            """,
            default="auto",
            kind='float, "auto" or tuple of these',
        )
    )
    sparsity_target: Annotated[float, Interval(Real, 0, 1, closed="neither")] | None = (
        parameter(
            """
            Mean activation that the biases of detectors draw them to. Without one
            (None) shifted copies of a filter explain the same frames.
            """,
            default=0.03,
        )
    )
    sparsity_cost: NotNegative = parameter("How strongly they are drawn.", default=1.0)

    @property
    def filters_(self) -> NDArray[np.float32]:
        """Filters of the first layer as patches of frames."""
        return np.moveaxis(self.weights_[0], 2, 0) @ self.dewhitening_

    def _check_goes_on(self, schedule):
        """Raise a ``ValueError`` if a stream cannot go on with these parameters."""
        sizes = [len(biases) for biases in self.hidden_biases_]
        for name, is_same in (
            ("n_filters", schedule.sizes == sizes),
            ("filter_length", tuple(schedule.filter_lengths) == self.filter_lengths_),
            ("pool_length", tuple(schedule.pool_lengths) == self.pool_lengths_),
        ):
            if not is_same:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} cannot go on with what the first "
                    "pass began; set it back, or begin with fit."
                )

    def _keep(self, given, learned):
        """Keep what was learned."""
        machines, whitening = learned.net.machines, learned.scaling
        self.weights_ = [machine.weights.copy() for machine in machines]
        self.hidden_biases_ = [machine.hidden_bias.copy() for machine in machines]
        self.visible_biases_ = [machine.visible_bias.copy() for machine in machines]
        self.mean_, self.scale_ = whitening.mean, whitening.scale
        self.components_ = whitening.components
        self.dewhitening_ = whitening.back
        self.n_components_ = len(whitening.components)
        self.filter_lengths_ = tuple(len(machine.weights) for machine in machines)
        self.pool_lengths_ = tuple(machine.pool_length for machine in machines)
        self.reconstruction_errors_ = [np.array(c, float) for c in learned.errors]
        self.free_energy_gaps_ = [np.array(c, float) for c in learned.gaps]
        self.n_iter_ = sum(map(len, learned.errors))
        self.n_passes_ = learned.n_passes
        self.layers_ = chosen_layers(given, len(machines))
        self.hop_ = math.prod(self.pool_lengths_[: max(self.layers_) + 1])
        names = [
            f"convdbn{k}_{i}"
            for k in self.layers_
            for i in range(len(self.hidden_biases_[k]))
        ]
        self.feature_names_ = np.array(names, dtype=object)

    _stages = ConvStages

    def _schedule(self, given, n_epochs=None):
        return make_conv_schedule(given, n_epochs)

    def _begin(self, given, schedule, data):
        whitening = Whitening.of(clips_of(data), given.n_components)
        return before_layers(schedule, whitening, ConvBeliefNet([]))

    def _begin_again(self, schedule):
        learned = before_layers(schedule, self._whitening(), ConvBeliefNet([]))
        curves = self.reconstruction_errors_, self.free_energy_gaps_
        return replace(learned, errors=curves[0], gaps=curves[1])

    def _whitening(self):
        return Whitening(self.mean_, self.scale_, self.components_, self.dewhitening_)

    def _model(self):
        parts = zip(
            self.weights_,
            self.visible_biases_,
            self.hidden_biases_,
            ["gaussian", *["binary"] * (len(self.weights_) - 1)],
            self.pool_lengths_,
            strict=True,
        )
        return ConvBeliefNet([ConvRBM(*part) for part in parts])

    def _map(self, function, clips, layout):
        with one_blas_thread():
            if not layout.has_clips:  # rows are sequences of one frame
                return function(clips[:, np.newaxis])[:, 0]
            mapped = [function(clip[np.newaxis])[0] for clip in clips]
            return pack_clips(mapped, layout)

    def _activations(self, model, frames):
        by_layer = model.activations(self._whitening().apply(frames))
        top = max(self.layers_)
        parts = []
        for k in self.layers_:
            n_slower = math.prod(self.pool_lengths_[k + 1 : top + 1])
            parts.append(_slower(by_layer[k], n_slower))
        return np.concatenate(parts, axis=2)

    def _reconstruct(self, model, features):
        top = max(self.layers_)
        widths = [len(self.hidden_biases_[k]) for k in self.layers_]
        place = self.layers_.index(top)
        start = sum(widths[:place])
        units = features[:, :, start : start + widths[place]]
        # Rows are of one frame; of clips it is not known how far they fill the last.
        n_frames = units.shape[1] * self.hop_ if self._fitted_on_clips else 1
        return self._whitening().invert(model.reconstruct(units, top, n_frames))

    def _energies(self, model, matrices, layout):
        whitening = self._whitening()
        if not layout.has_clips:
            return model.free_energy(whitening.apply(matrices[0])[:, np.newaxis])
        sequences = (
            whitening.apply(clip)[np.newaxis] for clip in matrices_of(matrices)
        )
        return np.array([model.free_energy(sequence)[0] for sequence in sequences])

    def _unit_layers(self):
        """Return the layers whose units can be looked at."""
        machines = self._model().machines
        components = self.components_.T

        def layer(k):
            return lambda x: conv_activations(
                machines, x @ torch.as_tensor(components, dtype=x.dtype)
            )[k]

        first, end, hop = 0, 1, 1
        spans, names = [], []
        for k, machine in enumerate(machines):
            first -= hop * machine.n_before
            end += hop * (len(machine.weights) - 1 - machine.n_before)
            end += hop * (machine.pool_length - 1)
            hop *= machine.pool_length
            spans.append((first, end, hop))
            names.append([f"convdbn{k}_{i}" for i in range(machine.weights.shape[2])])
        functions = [layer(k) for k in range(len(machines))]
        return layers_of_functions(functions, spans, names, self.mean_, self.scale_)

    def _frame_rate_after(self, rate):
        """Return the frames per second of the features."""
        if rate is None:
            return None
        schedule = make_conv_schedule(self)
        chosen, top = self.layers, len(schedule.sizes) - 1
        if not isinstance(chosen, str):
            top = max(chosen)
        hop, to_middle = 1, 0.0  # in frames of the input
        for k in range(top + 1):
            length, pool = schedule.filter_lengths[k], schedule.pool_lengths[k]
            # An even filter has its middle half a frame behind the detector's.
            to_middle += hop * ((pool - 1) / 2 + (0 if length % 2 else 0.5))
            hop *= pool
        clock = clock_of(rate)
        return clock.replace(
            rate / hop, offset=clock.offset + to_middle / rate, n_windows=1
        )


def _slower(frames, n):
    """Return the means of n neighbouring frames; the last may have fewer."""
    if n == 1:
        return frames
    starts = np.arange(0, frames.shape[1], n)
    sums = np.add.reduceat(frames, starts, axis=1)
    counts = np.diff([*starts, frames.shape[1]]).astype(frames.dtype)
    return sums / counts[:, np.newaxis]
