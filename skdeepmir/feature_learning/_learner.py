"""A deep belief network as a transformer: ``DBNFeatureLearner``."""

from __future__ import annotations

import copy
from dataclasses import replace
from numbers import Integral, Real

import numpy as np
from sklearn.base import TransformerMixin
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
    parameters_of,
)
from skdeepmir._threads import limit_threads, one_blas_thread
from skdeepmir._training._data import choose_device
from skdeepmir._validation import check_clip_labels
from skdeepmir.feature_learning._batches import FrameBatches
from skdeepmir.feature_learning._dbm import DeepBoltzmannMachine, UnrolledMachine
from skdeepmir.feature_learning._finetuning import fine_tune
from skdeepmir.feature_learning._fitted_net import FittedNet
from skdeepmir.feature_learning._labels import encode_labels
from skdeepmir.feature_learning._plan import make_plan
from skdeepmir.feature_learning._pretraining import Pretraining
from skdeepmir.frames import list_clips, pack_clips


class DBNFeatureLearner(CallbackSupportMixin, TransformerMixin, FittedNet):
    """Learn features of frames with a deep belief network.

    Restricted Boltzmann machines are trained one upon the other, each on the hidden
    probabilities of the one below, and may be joined to a deep Boltzmann machine. Where
    labels are given, the stack is then trained to tell the labels from single frames.
    The hidden activations are the features.

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of int, default=(50, 50, 50)
        Hidden units of each layer, from the bottom up; the net of [1]_.
    visible : {"gaussian", "binary"}, default="gaussian"
        What a frame holds.

        - "gaussian": any real values. Each feature is standardised inside (constant
          ones become 0), variance is fixed, reconstructions are free of noise.
        - "binary": values from 0 to 1.
    pretraining : {"rbm", "dbm", "denoising_autoencoder"} or None, default="rbm"
        How layers learn before labels are used.

        - "rbm": by contrastive divergence.
        - "dbm": likewise, with twice the input from the one neighbour that is there;
          then all layers together, as a deep Boltzmann machine [4]_. Features are its
          mean-field activations. Fine-tuning unrolls one mean-field step: each layer
          sees the one below and what was inferred of the one above.
        - "denoising_autoencoder": by restoring corrupted frames with tied weights
          [3]_; what is passed up is not corrupted.
        - None: not at all; weights are random, of deviation ``1 / sqrt(n_inputs)``.
    cd_steps : int, default=1
        Gibbs steps of contrastive divergence, and of the chains of a deep Boltzmann
        machine for each batch. One is enough for features.
    persistent : bool, default=False
        Whether the steps go on from where the batch before ended.
    learning_rate : float, "auto" or tuple of these, default="auto"
        Step size of pre-training, for all layers or one for each. "auto" is 0.05, and
        0.005 for a Gaussian first layer, which diverges sooner; a fifth of that for
        persistent chains. All layers together begin with a fifth of the lowest, which
        falls to 0.
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
    joint_epochs : int, default=10
        Passes in which all layers of a deep Boltzmann machine learn together.
    mean_field_steps : int, default=10
        Sweeps by which a deep Boltzmann machine infers its layers.
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
        Of the factors in the products of contrastive divergence. "bfloat16" is two to
        three times as fast on processors that have it, and as good.
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
    feedback_weights_ : list of ndarray of shape (n_units_above, n_units), float32
        Weights into each layer but the last from the one above it, of a deep Boltzmann
        machine that was fine-tuned; empty otherwise.
    inference_weights_, inference_biases_ : list of ndarray, float32
        What such a machine infers the layers above with: its weights and hidden biases
        before fine-tuning; empty otherwise.
    mean_, scale_ : ndarray of shape (n_features_in_,), float32
        What standardises a Gaussian input: ``(X - mean_) / scale_``.
    reconstruction_errors_ : list of ndarray of shape (n_epochs,)
        Mean squared error of each layer after each epoch (or pass of ``partial_fit``),
        on up to 500 frames. For a deep Boltzmann machine a last item tells of all
        layers together.
    free_energy_gaps_ : list of ndarray of shape (n_epochs,)
        Mean free energy of held-out frames less that of training frames, likewise;
        where it grows, the layer overfits. NaN if nothing was held out.
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
        Names of the columns, where X or its clips are DataFrames.

    See Also
    --------
    FrameTransformer : Any scikit-learn transformer on frames.
    MultiTimescalePooler : Statistics of frames over windows or the whole clip.

    Notes
    -----
    Clips that do not fit in memory can be memory maps (:func:`~skdeepmir.load_clips`):
    they are read in groups of 64 MB. Training uses one thread, so that results are the
    same wherever it runs on one machine.

    References
    ----------
    .. [1] P. Hamel and D. Eck. Learning features from music audio with deep belief
       networks. ISMIR 2010.
    .. [2] G. Hinton. A practical guide to training restricted Boltzmann machines. 2010.
    .. [3] P. Vincent et al. Stacked denoising autoencoders. JMLR 11, 2010.
    .. [4] R. Salakhutdinov and G. Hinton. Deep Boltzmann machines. AISTATS 2009.

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
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "visible": [StrOptions({"gaussian", "binary"})],
        "pretraining": [StrOptions({"rbm", "dbm", "denoising_autoencoder"}), None],
        "cd_steps": [Interval(Integral, 1, None, closed="left")],
        "persistent": ["boolean"],
        "learning_rate": [
            StrOptions({"auto"}),
            Interval(Real, 0, None, closed="neither"),
            "array-like",
        ],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "sparsity_target": [Interval(Real, 0, 1, closed="neither"), None],
        "sparsity_cost": [Interval(Real, 0, None, closed="left")],
        "corruption": [StrOptions({"masking", "salt_and_pepper", "gaussian"})],
        "corruption_level": [Interval(Real, 0, None, closed="left")],
        "max_epochs": [Interval(Integral, 0, None, closed="left"), "array-like"],
        "joint_epochs": [Interval(Integral, 0, None, closed="left")],
        "mean_field_steps": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "finetune_epochs": [Interval(Integral, 0, None, closed="left")],
        "finetune_learning_rate": [Interval(Real, 0, None, closed="neither")],
        "layers": [StrOptions({"last", "all"}), "array-like"],
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
        joint_epochs=10,
        mean_field_steps=10,
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
        self.joint_epochs = joint_epochs
        self.mean_field_steps = mean_field_steps
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
        plan = make_plan(parameters_of(self))
        clips, layout = self._read(X, reset=True)
        check_clip_labels(y, layout.n_clips)
        targets = self._targets(y)
        self._begin(plan, n_passes=0)
        self._standardise(clips)
        n_epochs = plan.n_epochs + (self.finetune_epochs if targets else 0)
        epoch = EpochWatch(self, n_epochs, X, y)
        rng = self._generator()
        with one_blas_thread(), limit_threads(1):
            self._pretrain(None, clips, layout, plan, rng, epoch)
            if targets:
                self._fine_tune(clips, *targets, rng, epoch)
        epoch.finish()
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None):
        """Make one pre-training pass over some clips, for each layer.

        For streams of clips that are seen once. What standardises the input is that of
        all frames so far. Labels are not used. A deep Boltzmann machine learns layer by
        layer in the first pass, and all layers together in every pass; after ``fit``
        with labels it goes on from what it was before these were used.

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
        plan = make_plan(parameters_of(self), n_epochs=1)
        is_first = not hasattr(self, "weights_")
        clips, layout = self._read(X, reset=is_first)
        if is_first:
            self._forget_labels()
            self._begin(plan, n_passes=1)
        elif plan.sizes != [weights.shape[1] for weights in self.weights_]:
            raise ValueError(
                f"hidden_layer_sizes={self.hidden_layer_sizes!r} is not what the first "
                "pass began with; set it back, or begin with fit."
            )
        elif self._is_dbm != (self.pretraining == "dbm"):
            raise ValueError(
                f"pretraining={self.pretraining!r} cannot go on with what the first "
                "pass began; set it back, or begin with fit."
            )
        else:
            vars(self).update(self._fitted_state())  # copies, which the pass changes
            self.n_passes_ += 1
            self._forget_labels()
        self._standardise(clips)
        earlier = None if is_first else self._model()
        if isinstance(earlier, UnrolledMachine):
            earlier = earlier.machine
            self._forget_unrolling()
        if isinstance(earlier, DeepBoltzmannMachine):
            plan = replace(plan, rates=[[] for _ in plan.sizes])
        epoch = EpochWatch(self, plan.n_epochs, X, y)
        with one_blas_thread(), limit_threads(1):
            self._pretrain(earlier, clips, layout, plan, self._generator(), epoch)
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
        clips, layout = self._read(X, reset=False)
        with one_blas_thread():
            features = [self._activations(clip) for clip in clips]
        return pack_clips(features, layout) if layout.has_clips else features[0]

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

        Notes
        -----
        Fine-tuning on labels changes the way up but not back: what it leaves is no good
        reconstruction any more.
        """
        check_is_fitted(self)
        clips, layout = list_clips(X)
        if not layout.has_clips:
            clips = [check_array(X, dtype=(np.float64, np.float32))]
        if clips[0].shape[1] != len(self.feature_names_):
            raise ValueError(
                f"X has {clips[0].shape[1]} features, expected the "
                f"{len(self.feature_names_)} that transform returns."
            )
        with one_blas_thread():
            frames = [self._reconstruct(clip) for clip in clips]
        return pack_clips(frames, layout) if layout.has_clips else frames[0]

    def score_samples(self, X):
        """Return how probable clips are.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        scores : ndarray of shape (n_clips,), float64
            Minus the free energy under the first layer, or minus the variational free
            energy of a deep Boltzmann machine before fine-tuning; the mean over the
            frames of a clip. These are log-probabilities up to a constant of the model,
            so they compare clips, not models. They are deterministic.

        Notes
        -----
        A layer that was trained as an auto-encoder, or fine-tuned on labels, has a free
        energy by the same formula, but was not trained to make it a probability.
        """
        check_is_fitted(self)
        clips, layout = self._read(X, reset=False)
        model = self._model()
        with one_blas_thread():
            energies = [model.free_energy(self._inputs(clip)) for clip in clips]
        if not layout.has_clips:
            return -energies[0]
        return -np.array([energy.mean() for energy in energies])

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
        """Return a copy of all that fitting sets."""
        return copy.deepcopy(
            {
                name: value
                for name, value in vars(self).items()
                if name.endswith("_")
                or name in ("_scaler", "_is_dbm", "_fitted_on_clips")
            }
        )

    def _targets(self, y):
        """Return a label for each clip and which have one, None if none has."""
        self._forget_labels()
        encoded = None if self.finetune_epochs == 0 else encode_labels(y)
        if encoded is None:
            return None
        self.classes_, labels, known = encoded
        return labels, known

    def _generator(self):
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        return np.random.Generator(np.random.SFC64([seed, self.n_passes_]))

    def _begin(self, plan, n_passes):
        """Forget what was fitted before, but what was just read of the input."""
        self.n_passes_ = n_passes
        self._scaler = StandardScaler()
        self._is_dbm = self.pretraining == "dbm"
        n_curves = len(plan.sizes) + self._is_dbm
        self.reconstruction_errors_ = [np.empty(0) for _ in range(n_curves)]
        self.free_energy_gaps_ = [np.empty(0) for _ in range(n_curves)]
        self._forget_unrolling()

    def _forget_labels(self):
        self.loss_curve_ = np.empty(0)
        if hasattr(self, "classes_"):
            del self.classes_

    def _forget_unrolling(self):
        self.feedback_weights_ = []
        self.inference_weights_, self.inference_biases_ = [], []

    def _pretrain(self, earlier, clips, layout, plan, rng, epoch):
        """Train layers without labels, from those of an earlier pass if there was one.

        Curves go on where those of the earlier pass end.
        """
        training = Pretraining(
            parameters_of(self), plan, clips, layout, self._training_inputs, rng
        )

        def after_epoch(net, place, error, gap):
            self._store(net)
            for curves, value in (
                (self.reconstruction_errors_, error),
                (self.free_energy_gaps_, gap),
            ):
                curves[place] = np.append(curves[place], value)
            return epoch.end(self._fitted_state)

        self._store(training.run(earlier, epoch.begin, after_epoch))

    def _fine_tune(self, clips, labels, known, rng, epoch):
        """Train the stack to tell labels from frames."""
        parameters = parameters_of(self)
        if len(clips) == len(labels):  # clips of frames
            labels = [
                np.broadcast_to(label, (len(clip), *np.shape(label)))
                for clip, label in zip(clips, labels, strict=True)
            ]
            clips = [clips[i] for i in np.flatnonzero(known)]
            labels = [labels[i] for i in np.flatnonzero(known)]
        else:
            clips, labels = [clips[0][known]], [labels[known]]
        net = self._network()
        if self._is_dbm:
            machine = net.machine
            self.inference_weights_ = [weights.copy() for weights in machine.weights]
            self.inference_biases_ = [bias.copy() for bias in machine.biases]
            self.feedback_weights_ = net.feedback
        batches = FrameBatches(
            clips,
            lambda rows, net=net: np.hstack(net.inputs(self._training_inputs(rows))),
            parameters.batch_size,
            rng,
            labels,
        )

        def store(net, losses):
            self._store(net)
            self.feedback_weights_ = net.feedback
            self.loss_curve_ = np.array(losses)
            return self._fitted_state()

        tuned = fine_tune(
            net,
            batches,
            len(self.classes_),
            multilabel=labels[0].ndim == 2,
            learning_rate=parameters.finetune_learning_rate,
            momentum=parameters.momentum,
            max_epochs=parameters.finetune_epochs,
            device=choose_device(parameters.device),
            rng=rng,
            watch=epoch,
            state=store,
        )
        store(*tuned)
