"""A deep belief network as a transformer: ``DBNFeatureLearner``."""

from __future__ import annotations

import copy
from contextlib import contextmanager
from numbers import Integral, Real

import numpy as np
import threadpoolctl
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array, check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from skdeepmir._sklearn import (
    CallbackSupportMixin,
    EpochWatch,
    Interval,
    StrOptions,
    _fit_context,
    check_clip_labels,
    validate_clips,
)
from skdeepmir.feature_learning._autoencoder import Denoising
from skdeepmir.feature_learning._batches import FrameBatches, draw_frames, hold_out
from skdeepmir.feature_learning._finetuning import fine_tune
from skdeepmir.feature_learning._labels import encode_labels
from skdeepmir.feature_learning._rbm import (
    RBM,
    ContrastiveDivergence,
    DivergenceError,
)
from skdeepmir.frames import list_clips, pack_clips

LARGEST_WEIGHT = 1000  # saturates any unit, without an error where input is binary
PROBES = 500  # frames on which training is watched
MOMENTUM_EPOCHS = 5  # in which momentum rises from START_MOMENTUM
START_MOMENTUM = 0.5
ALLOWED_GROWTH = 10  # of the reconstruction error, before training is called divergent
# Without noise a Gaussian layer is steeper than a binary one (Hinton 2010).
RATES = {"gaussian": 0.005, "binary": 0.05}
PERSISTENT_SHARE = 0.2  # of them, for chains that have to keep up with the weights


class DBNFeatureLearner(CallbackSupportMixin, TransformerMixin, BaseEstimator):
    """Learn features of frames with a deep belief network.

    Restricted Boltzmann machines are trained one upon the other, each on the hidden
    probabilities of the one below. Where labels are given, the stack is then trained to
    tell the labels from single frames. The hidden activations are the features.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(50, 50, 50)
        Hidden units of each layer, from the bottom up; the net of [1]_.
    visible : {"gaussian", "binary"}, default="gaussian"
        What a frame holds.

        - "gaussian": any real values. Each feature is standardised inside (constant
          ones become 0), variance is fixed, reconstructions are free of noise.
        - "binary": values from 0 to 1.
    pretraining : {"rbm", "denoising_autoencoder"} or None, default="rbm"
        How layers learn before labels are used: by contrastive divergence, or by
        restoring corrupted frames with tied weights [3]_ (what is passed up is not
        corrupted). None leaves random weights of deviation ``1 / sqrt(n_inputs)``.
    cd_steps : int, default=1
        Gibbs steps of contrastive divergence. One is enough for features.
    persistent : bool, default=False
        Whether the steps go on from where the batch before ended.
    learning_rate : float, tuple of float or "auto", default="auto"
        Step size of pre-training, for all layers or one for each. "auto" is 0.05, and
        0.005 for a Gaussian first layer, which diverges sooner; a fifth of that for
        persistent chains.
    momentum : float, default=0.9
        Share of the last step that is made again; it rises from 0.5 over five epochs.
    weight_decay : float, default=2e-4
        Cost of half the squared weights in pre-training.
    sparsity_target : float, default=None
        Mean activation that hidden units are drawn to, such as 0.05; None: to nothing.
    sparsity_cost : float, default=0.1
        How strongly they are drawn.
    corruption : {"masking", "salt_and_pepper", "gaussian"}, default="masking"
        What a denoising auto-encoder has to undo: values that became 0 (the mean, where
        input is Gaussian), or the smallest or largest at random, or normal noise.
    corruption_level : float, default=0.25
        Share of the values, or deviation of the noise.
    max_epochs : int or tuple of int, default=10
        Passes over all frames, for all layers or one number for each.
    batch_size : int, default=100
        Frames of a batch.
    finetune_epochs : int, default=50
        Passes with labels, where ``y`` is given. 0 learns without labels.
    finetune_learning_rate : float, default=0.1
        Step size of these, as in [1]_.
    layers : {"last", "all"} or tuple of int, default="last"
        Whose activations are the features: the last layer's, those of all layers side
        by side, or of some, counted from 0. [1]_ found all to be best.
    validation_fraction : float, default=0.1
        Share of the clips that pre-training holds out, to watch the gap of free energy.
        They are used by fine-tuning.
    precision : {"float32", "bfloat16"}, default="float32"
        Of the factors in pre-training's products. "bfloat16" is two to three times as
        fast on processors that have it, and as good.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where to train; "auto" takes a GPU if there is one.
    random_state : int, RandomState instance or None, default=None
        Starts the weights, shuffles frames and draws samples.
    verbose : bool, default=True
        Whether to show a progress bar where it takes longer than two seconds.

    Attributes
    ----------
    weights_ : list of ndarray of shape (n_inputs, n_units), float32
        Weights of each layer.
    hidden_biases_, visible_biases_ : list of ndarray, float32
        Biases of each layer and of what is below it.
    mean_, scale_ : ndarray of shape (n_features_in_,), float32
        What standardises a Gaussian input: ``(X - mean_) / scale_``.
    reconstruction_errors_ : list of ndarray of shape (n_epochs,)
        Mean squared error of each layer after each epoch, on up to 500 frames.
    free_energy_gaps_ : list of ndarray of shape (n_epochs,)
        Mean free energy of held-out frames less that of training frames, for each layer
        and epoch; where it grows, the layer overfits. NaN if nothing was held out.
    loss_curve_ : ndarray of shape (n_epochs,)
        Mean loss of fine-tuning in each epoch; empty without labels.
    classes_ : ndarray of shape (n_classes,)
        Labels of fine-tuning; only where it took place.
    layers_ : tuple of int
        Layers whose activations are the features.
    feature_names_ : ndarray of shape (n_features_out,), dtype=object
        What the columns are, such as "dbn0_17": layer and unit.
    n_passes_ : int
        Calls of ``partial_fit`` since ``fit``.
    n_features_in_ : int
        Features per frame.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns; only where X was a DataFrame.

    See Also
    --------
    FrameTransformer : Any scikit-learn transformer on frames.
    MultiTimescalePooler : Statistics of frames over windows or the whole clip.

    Notes
    -----
    Clips that do not fit in memory can be memory maps (:func:`~skdeepmir.load_clips`):
    they are read in groups of 64 MB. Training uses one thread, so that results are the
    same wherever it runs.

    References
    ----------
    .. [1] P. Hamel and D. Eck. Learning features from music audio with deep belief
       networks. ISMIR 2010.
    .. [2] G. Hinton. A practical guide to training restricted Boltzmann machines. 2010.
    .. [3] P. Vincent et al. Stacked denoising autoencoders. JMLR 11, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import DBNFeatureLearner
    >>> rng = np.random.RandomState(0)
    >>> clips = [rng.rand(60, 8), rng.rand(40, 8)]
    >>> learner = DBNFeatureLearner((6, 4), max_epochs=2, random_state=0)
    >>> [features.shape for features in learner.fit_transform(clips)]
    [(60, 4), (40, 4)]
    """

    _parameter_constraints = {
        "hidden_layer_sizes": [tuple, list],
        "visible": [StrOptions({"gaussian", "binary"})],
        "pretraining": [StrOptions({"rbm", "denoising_autoencoder"}), None],
        "cd_steps": [Interval(Integral, 1, None, closed="left")],
        "persistent": ["boolean"],
        "learning_rate": [
            StrOptions({"auto"}),
            Interval(Real, 0, None, closed="neither"),
            tuple,
            list,
        ],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "sparsity_target": [Interval(Real, 0, 1, closed="neither"), None],
        "sparsity_cost": [Interval(Real, 0, None, closed="left")],
        "corruption": [StrOptions({"masking", "salt_and_pepper", "gaussian"})],
        "corruption_level": [Interval(Real, 0, None, closed="left")],
        "max_epochs": [Interval(Integral, 0, None, closed="left"), tuple, list],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "finetune_epochs": [Interval(Integral, 0, None, closed="left")],
        "finetune_learning_rate": [Interval(Real, 0, None, closed="neither")],
        "layers": [StrOptions({"last", "all"}), tuple, list],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "precision": [StrOptions({"float32", "bfloat16"})],
        "device": [StrOptions({"cpu", "cuda", "auto"})],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        hidden_layer_sizes=(50, 50, 50),
        *,
        visible="gaussian",
        pretraining="rbm",
        cd_steps=1,
        persistent=False,
        learning_rate="auto",
        momentum=0.9,
        weight_decay=2e-4,
        sparsity_target=None,
        sparsity_cost=0.1,
        corruption="masking",
        corruption_level=0.25,
        max_epochs=10,
        batch_size=100,
        finetune_epochs=50,
        finetune_learning_rate=0.1,
        layers="last",
        validation_fraction=0.1,
        precision="float32",
        device="cpu",
        random_state=None,
        verbose=True,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.visible = visible
        self.pretraining = pretraining
        self.cd_steps = cd_steps
        self.persistent = persistent
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.sparsity_target = sparsity_target
        self.sparsity_cost = sparsity_cost
        self.corruption = corruption
        self.corruption_level = corruption_level
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.finetune_epochs = finetune_epochs
        self.finetune_learning_rate = finetune_learning_rate
        self.layers = layers
        self.validation_fraction = validation_fraction
        self.precision = precision
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Train the layers.

        Parameters
        ----------
        X : list of ndarray of shape (n_frames_i, n_features), ndarray of shape \
                (n_clips, n_frames, n_features), or array-like of shape \
                (n_clips, n_features)
            Clips of frames. Rows of a 2-D array are clips of one frame.
        y : array-like of shape (n_clips,) or (n_clips, n_tags), default=None
            Labels, or rows of 0 and 1, which all frames of a clip carry. Clips labelled
            -1 (rows of -1), None or NaN have no label: they take part in pre-training
            only. None learns without labels.

        Returns
        -------
        self : DBNFeatureLearner
            The fitted learner.

        Raises
        ------
        ValueError
            If X is no set of clips, y does not fit it, or parameters contradict each
            other.
        DivergenceError
            A ``ValueError``, if training diverges.
        """
        with self._undone_on_failure():
            return self._fit(X, y)

    def _fit(self, X, y):
        sizes, rates, epochs = self._per_layer()
        clips, layout = validate_clips(self, X, reset=True, stack=False)
        check_clip_labels(y, layout.n_clips)
        if not layout.has_clips:
            clips = [clips]
        if self.visible == "binary":
            _check_binary(clips, layout)
        targets = self._targets(y)
        rng = self._generator(0)
        n_epochs = sum(epochs) + (self.finetune_epochs if targets else 0)
        self._standardise(clips, scaler=None)
        self._choose_layers(sizes)
        self.n_passes_ = 0
        epoch = EpochWatch(self, n_epochs, X, y)
        with threadpoolctl.threadpool_limits(1):
            self._pretrain([], clips, layout, sizes, rates, epochs, rng, epoch)
            self.loss_curve_ = np.empty(0)
            if targets:
                self._fine_tune(clips, *targets, rng, epoch)
        epoch.finish()
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None):
        """Make one pre-training pass over some clips, for each layer.

        For streams of clips that are seen once. What standardises the input is that of
        all frames so far. Labels are not used.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.
        y : None
            Ignored.

        Returns
        -------
        self : DBNFeatureLearner
            The learner.
        """
        with self._undone_on_failure():
            return self._partial_fit(X, y)

    def _partial_fit(self, X, y):
        sizes, rates, _ = self._per_layer()
        is_first = not hasattr(self, "weights_")
        clips, layout = validate_clips(self, X, reset=is_first, stack=False)
        clips = clips if layout.has_clips else [clips]
        if self.visible == "binary":
            _check_binary(clips, layout)
        if not is_first and sizes != tuple(w.shape[1] for w in self.weights_):
            raise ValueError(
                f"hidden_layer_sizes={self.hidden_layer_sizes!r} is not what the first "
                "pass began with; set it back, or begin with fit."
            )
        scaler = None if is_first else self._scaler
        self._standardise(clips, scaler)
        self._choose_layers(sizes)
        self.n_passes_ = 1 if is_first else self.n_passes_ + 1
        self.loss_curve_ = np.empty(0)
        epochs = [int(self.pretraining is not None)] * len(sizes)
        epoch = EpochWatch(self, sum(epochs), X, y)
        machines = [] if is_first else self._machines()
        rng = self._generator(self.n_passes_)
        with threadpoolctl.threadpool_limits(1):
            self._pretrain(machines, clips, layout, sizes, rates, epochs, rng, epoch)
        epoch.finish()
        return self

    def transform(self, X):
        """Return the hidden activations of frames.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        features : list of ndarray, ndarray of 3 dimensions, or ndarray of 2 dimensions
            Activations from 0 to 1, ``n_features_out`` for each frame, in the container
            and the dtype of X.
        """
        check_is_fitted(self)
        return self._map(X, self._activations)

    def inverse_transform(self, X):
        """Reconstruct frames from activations, top-down.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            Features from :meth:`transform`. Of several layers, the topmost is used.

        Returns
        -------
        frames : list of ndarray, ndarray of 3 dimensions, or ndarray of 2 dimensions
            Mean-field reconstructions in the units of what was learned from, in the
            container of X.
        """
        check_is_fitted(self)
        clips, layout = list_clips(X, n_features=len(self.feature_names_), owner="it")
        if not layout.has_clips:
            clips = [check_array(X, dtype=(np.float64, np.float32))]
            if clips[0].shape[1] != len(self.feature_names_):
                raise ValueError(
                    f"X has {clips[0].shape[1]} features, expected the "
                    f"{len(self.feature_names_)} that transform returns."
                )
        frames = [self._reconstruct(clip) for clip in clips]
        return pack_clips(frames, layout) if layout.has_clips else frames[0]

    def score_samples(self, X):
        """Return how probable clips are under the first layer.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        scores : ndarray of shape (n_clips,), float64
            Minus the free energy, the mean over the frames of a clip: log-probabilities
            up to a constant. They are deterministic.
        """
        check_is_fitted(self)
        clips, layout = validate_clips(self, X, reset=False, stack=False)
        machine = self._machines()[0]
        if not layout.has_clips:
            return -machine.free_energy(self._inputs(clips))
        return np.array([-machine.free_energy(self._inputs(c)).mean() for c in clips])

    @available_if(lambda self: not getattr(self, "_fitted_on_clips", False))
    def get_feature_names_out(self, input_features=None):
        """Name the columns of the output.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Only checked: features are named by layer and unit.

        Returns
        -------
        names : ndarray of shape (n_features_out,), dtype=object
            Names such as "dbn0_17".
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features)
        return self.feature_names_.copy()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _fitted_state(self):
        return copy.deepcopy(
            {
                name: value
                for name, value in vars(self).items()
                if name.endswith("_") or name in ("_scaler", "_fitted_on_clips")
            }
        )

    @contextmanager
    def _undone_on_failure(self):
        """Leave the learner as it was where training breaks off, also by Ctrl-C."""
        before = self._fitted_state()
        try:
            yield
        except BaseException:
            for name in self._fitted_state():
                delattr(self, name)
            vars(self).update(before)
            raise

    def _per_layer(self):
        """Return sizes, rates and epochs of the layers."""
        sizes = tuple(self.hidden_layer_sizes)
        if not sizes or any(not isinstance(n, Integral) or n < 1 for n in sizes):
            raise ValueError(
                f"hidden_layer_sizes={self.hidden_layer_sizes!r} must name one or more "
                "numbers of units, from 1 up."
            )
        rates = self.learning_rate
        if isinstance(rates, str):
            kinds = [self.visible, *["binary"] * (len(sizes) - 1)]
            share = PERSISTENT_SHARE if self.persistent else 1
            rates = tuple(share * RATES[kind] for kind in kinds)
        rates = self._spread("learning_rate", rates, len(sizes))
        epochs = self._spread("max_epochs", self.max_epochs, len(sizes))
        if any(rate == 0 for rate in rates):
            raise ValueError(f"learning_rate={self.learning_rate!r} must be above 0.")
        if any(not isinstance(n, Integral) for n in epochs):
            raise ValueError(f"max_epochs={self.max_epochs!r} must be whole numbers.")
        is_share = self.corruption != "gaussian"
        if is_share and self.corruption_level > 1:
            raise ValueError(
                f"corruption_level={self.corruption_level:g} must be a share from 0 to "
                f"1 where corruption={self.corruption!r}."
            )
        if self.pretraining is None:
            epochs = [0] * len(sizes)
        if len(self.layers) == 0:
            raise ValueError("layers=() must name one layer or more.")
        for layer in () if isinstance(self.layers, str) else self.layers:
            if not isinstance(layer, Integral) or not 0 <= layer < len(sizes):
                raise ValueError(
                    f"layers={self.layers!r} must be 'last', 'all' or numbers from 0 "
                    f"to {len(sizes) - 1}."
                )
        return sizes, rates, epochs

    def _spread(self, name, values, n_layers):
        """Return one value for each layer."""
        if isinstance(values, Real):
            return [values] * n_layers
        if len(values) != n_layers or any(
            not isinstance(v, Real) or v < 0 for v in values
        ):
            raise ValueError(
                f"{name}={values!r} must be one number, or one for each of the "
                f"{n_layers} layers."
            )
        return list(values)

    def _targets(self, y):
        """Return a label for each clip and which have one, None if none has."""
        if hasattr(self, "classes_"):  # of an earlier fit
            del self.classes_
        encoded = None if self.finetune_epochs == 0 else encode_labels(y)
        if encoded is None:
            return None
        self.classes_, labels, known = encoded
        return labels, known

    def _generator(self, n_calls):
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        return np.random.Generator(np.random.SFC64([seed, n_calls]))

    def _standardise(self, clips, scaler):
        """Learn what standardises the input, on top of a scaler from before."""
        n_features = clips[0].shape[1]
        self.mean_ = np.zeros(n_features, dtype=np.float32)
        self.scale_ = np.ones(n_features, dtype=np.float32)
        self._scaler = StandardScaler() if scaler is None else scaler
        if self.visible == "gaussian":
            for clip in clips:
                self._scaler.partial_fit(clip)
            deviation = np.sqrt(self._scaler.var_)
            # Rounding leaves a constant feature with a deviation of this size.
            constant = deviation <= 1e-6 * np.abs(self._scaler.mean_) + 1e-12
            self.mean_ = self._scaler.mean_.astype(np.float32)
            self.scale_ = np.where(constant, 1, deviation).astype(np.float32)

    def _choose_layers(self, sizes):
        if isinstance(self.layers, str):
            is_all = self.layers == "all"
            self.layers_ = tuple(range(0 if is_all else len(sizes) - 1, len(sizes)))
        else:
            self.layers_ = tuple(self.layers)
        names = [f"dbn{k}_{i}" for k in self.layers_ for i in range(sizes[k])]
        self.feature_names_ = np.array(names, dtype=object)

    def _inputs(self, rows):
        """Return what the first layer sees, in the dtype of ``rows``."""
        if self.visible == "binary":
            return rows
        dtype = rows.dtype
        return (rows - self.mean_.astype(dtype)) / self.scale_.astype(dtype)

    def _machines(self):
        parts = zip(
            self.weights_, self.visible_biases_, self.hidden_biases_, strict=True
        )
        return [
            RBM(*arrays, "binary" if layer else self.visible)
            for layer, arrays in enumerate(parts)
        ]

    def _pretrain(self, machines, clips, layout, sizes, rates, epochs, rng, epoch):
        """Train one machine upon the other, from those of an earlier pass if any."""
        held_out, training = hold_out(clips, layout, self.validation_fraction, rng)
        self.weights_, self.visible_biases_, self.hidden_biases_ = [], [], []
        self.reconstruction_errors_, self.free_energy_gaps_ = [], []
        for layer, size in enumerate(sizes):
            below = self._machines()

            def prepare(rows, below=below):
                values = self._inputs(rows).astype(np.float32, copy=False)
                for machine in below:
                    values = machine.hidden(values)
                return values

            batches = FrameBatches(training, prepare, self.batch_size, rng)
            probes = [
                prepare(draw_frames(part, PROBES, rng))
                for part in (training, held_out)
                if part
            ]
            kind = "binary" if below else self.visible
            machine = (
                machines[layer]
                if machines
                else self._first_machine(probes[0], size, kind, rng)
            )
            self._train_layer(
                layer, machine, batches, probes, rates[layer], epochs[layer], rng, epoch
            )
            self.weights_.append(machine.weights)
            self.visible_biases_.append(machine.visible_bias)
            self.hidden_biases_.append(machine.hidden_bias)

    def _first_machine(self, inputs, size, kind, rng):
        n_inputs = inputs.shape[1]
        # A layer that is not pre-trained must pass differences on from the start, and
        # so must one whose gradients come from its own errors.
        scale = 0.01 if self.pretraining == "rbm" else n_inputs**-0.5
        machine = RBM.initial(n_inputs, size, kind, scale, rng)
        if kind == "binary":
            frequency = np.clip(inputs.mean(axis=0), 0.01, 0.99)
            machine.visible_bias[:] = np.log(frequency / (1 - frequency))
        return machine

    def _train_layer(self, layer, machine, batches, probes, rate, n_epochs, rng, epoch):
        trainer = self._trainer(machine, rng)
        errors, gaps = [], []
        for i in range(n_epochs):
            epoch.begin()
            rise = min(1.0, i / MOMENTUM_EPOCHS)
            momentum = min(self.momentum, START_MOMENTUM) * (1 - rise)
            momentum += self.momentum * rise
            for batch, _ in batches:
                trainer.step(batch, rate, momentum)
            trainer.write_back()
            errors.append(machine.reconstruction_error(probes[0]))
            limit = ALLOWED_GROWTH * max(errors[0], 1.0)
            largest = np.abs(machine.weights).max()
            # Negated, so that NaN is noticed as well.
            if not (errors[-1] <= limit < np.inf and largest <= LARGEST_WEIGHT):
                raise DivergenceError(
                    f"Pre-training of layer {layer} diverges: after epoch {i + 1} the "
                    f"reconstruction error is {errors[-1]:.3g} and the largest weight "
                    f"{largest:.3g}. Lower the layer's learning_rate ({rate:g})."
                )
            gap = np.nan
            if len(probes) == 2:
                training, held_out = (machine.free_energy(p).mean() for p in probes)
                gap = held_out - training
            gaps.append(gap)
            if epoch.end():
                break
        self.reconstruction_errors_.append(np.array(errors))
        self.free_energy_gaps_.append(np.array(gaps))

    def _trainer(self, machine, rng):
        common = {
            "weight_decay": self.weight_decay,
            "device": _device(self.device),
            "rng": rng,
        }
        if self.pretraining == "denoising_autoencoder":
            return Denoising(
                machine,
                corruption=self.corruption,
                corruption_level=self.corruption_level,
                **common,
            )
        return ContrastiveDivergence(
            machine,
            batch_size=self.batch_size,
            cd_steps=self.cd_steps,
            persistent=self.persistent,
            sparsity_target=self.sparsity_target,
            sparsity_cost=self.sparsity_cost,
            precision=self.precision,
            **common,
        )

    def _fine_tune(self, clips, labels, known, rng, epoch):
        """Train the stack to tell labels from frames."""
        if len(clips) == len(labels):  # clips of frames
            labels = [
                np.broadcast_to(label, (len(clip), *np.shape(label)))
                for clip, label in zip(clips, labels, strict=True)
            ]
            clips = [clips[i] for i in np.flatnonzero(known)]
            labels = [labels[i] for i in np.flatnonzero(known)]
        else:
            clips, labels = [clips[0][known]], [labels[known]]
        batches = FrameBatches(
            clips,
            lambda rows: self._inputs(rows).astype(np.float32, copy=False),
            self.batch_size,
            rng,
            labels,
        )
        losses = []

        def watch(loss):
            losses.append(loss)
            stop = epoch.end()
            if not stop and len(losses) < self.finetune_epochs:
                epoch.begin()
            return stop

        epoch.begin()
        layers = fine_tune(
            list(zip(self.weights_, self.hidden_biases_, strict=True)),
            batches,
            len(self.classes_),
            multilabel=labels[0].ndim == 2,
            n_epochs=self.finetune_epochs,
            learning_rate=self.finetune_learning_rate,
            momentum=self.momentum,
            device=_device(self.device),
            rng=rng,
            watch=watch,
        )
        self.weights_ = [weights for weights, _ in layers]
        self.hidden_biases_ = [bias for _, bias in layers]
        self.loss_curve_ = np.array(losses)

    def _map(self, X, function):
        clips, layout = validate_clips(self, X, reset=False, stack=False)
        if not layout.has_clips:
            return function(clips)
        return pack_clips([function(clip) for clip in clips], layout)

    def _activations(self, rows):
        values, by_layer = self._inputs(rows), []
        for machine in self._machines():
            values = machine.hidden(values)
            by_layer.append(values)
        if len(self.layers_) == 1:
            return by_layer[self.layers_[0]]
        return np.concatenate([by_layer[k] for k in self.layers_], axis=1)

    def _reconstruct(self, features):
        top = max(self.layers_)
        place = self.layers_.index(top)
        widths = [self.weights_[k].shape[1] for k in self.layers_]
        start = sum(widths[:place])
        values = features[:, start : start + widths[place]]
        for machine in reversed(self._machines()[: top + 1]):
            values = machine.reconstruct(values)
        return values * self.scale_.astype(values.dtype) + self.mean_.astype(
            values.dtype
        )


def _check_binary(clips, layout):
    for i, clip in enumerate(clips):
        if clip.min() < 0 or clip.max() > 1:
            where = f"clip {i}" if layout.has_clips else "X"
            raise ValueError(
                f"{where} has values from {clip.min():.3g} to {clip.max():.3g}; "
                "visible='binary' expects 0 to 1. Scale them, or use "
                "visible='gaussian'."
            )


def _device(name):
    if name == "cpu":
        return name
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if name == "auto":
        return "cpu"
    raise ValueError(
        f"device={name!r}, but torch finds no GPU here. Use 'auto' or 'cpu', or "
        "install torch for your GPU."
    )
