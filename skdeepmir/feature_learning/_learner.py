"""A deep belief network as a transformer: ``DBNFeatureLearner``."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

import numpy as np
from sklearn.preprocessing import StandardScaler

from skdeepmir._errors import telling_of
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
from skdeepmir._sklearn import (
    CallbackSupportMixin,
    EpochWatch,
    _fit_context,
    fitted_attributes,
    parameters_of,
)
from skdeepmir._tag_names import check_same_names, names_of
from skdeepmir._training._checkpoints import Checkpoint
from skdeepmir._training._data import LabelledClips
from skdeepmir._validation import check_clip_labels
from skdeepmir.feature_learning._belief_features import BeliefFeatures
from skdeepmir.feature_learning._belief_stages import BeliefStages, before_stages
from skdeepmir.feature_learning._dbm import UnrolledMachine
from skdeepmir.feature_learning._finetuning import read_targets, with_labels
from skdeepmir.feature_learning._parameters import PretrainingParameters
from skdeepmir.feature_learning._schedule import make_schedule
from skdeepmir.feature_learning._stages import (
    computing,
    hold_out,
    make_generator,
)
from skdeepmir.frames import ClipsLike, LabelsLike


@parameters
class DBNFeatureLearner(PretrainingParameters, CallbackSupportMixin, BeliefFeatures):
    """Learn features of frames with a deep belief network.

    Restricted Boltzmann machines are trained one upon the other, each on the hidden
    probabilities of the one below, and may be joined to a deep Boltzmann machine. Where
    labels are given, the stack is then trained to tell the labels from single frames.
    The hidden activations are the features.

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
    mean_, scale_ : ndarray of shape (`n_features_in_`,), float32
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
    validation_scores_ : ndarray of shape (n_epochs,)
        Minus the mean loss of labelled validation clips in each of these epochs; empty
        if there are none.
    n_iter_ : int
        Epochs of all layers, of all together and of fine-tuning.
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
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X or its clips are DataFrames.

    See Also
    --------
    FrameTransformer : Any scikit-learn transformer on frames.
    MultiTimescalePooler : Statistics of frames over windows or the whole clip.

    Notes
    -----
    Clips that do not fit in memory can be memory maps (:func:`~skdeepmir.load_clips`):
    they are read in groups of 64 MB. With ``n_threads=1`` NumPy's matrix products take
    one thread as well.

    Each layer, all layers together and fine-tuning are trained one after the other, and
    each may be stopped early. Without labels the validation score is minus the
    reconstruction error of up to 500 frames of validation clips; with labels, minus the
    mean loss of those that have one.

    What the notes of :class:`~skdeepmir.DropoutMLPClassifier` say of ``checkpoint_dir``
    holds, but a finished fit takes eight bytes a weight, and layers that were trained
    are kept while the next ones are.

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

    hidden_layer_sizes: Size | Sizes = parameter(
        "Hidden units of each layer, from the bottom up; the net of [1]_.",
        default=(50, 50, 50),
        kw_only=False,
        kind="int or tuple of int",
    )
    visible: Literal["gaussian", "binary"] = parameter(
        """
        What a frame holds.

        - "gaussian": any real values. Each feature is standardised inside (constant
          ones become 0), variance is fixed, reconstructions are free of noise.
        - "binary": values from 0 to 1.
        """,
        default="gaussian",
    )
    pretraining: Literal["rbm", "dbm", "denoising_autoencoder"] | None = parameter(
        """
        How layers learn before labels are used.

        - "rbm": by contrastive divergence.
        - "dbm": likewise, with twice the input from the one neighbour that is there;
          then all layers together, as a deep Boltzmann machine [4]_. Features are its
          mean-field activations. Fine-tuning unrolls one mean-field step: each layer
          sees the one below and what was inferred of the one above.
        - "denoising_autoencoder": by restoring corrupted frames with tied weights
          [3]_; what is passed up is not corrupted.
        - None: not at all; weights are random, of deviation ``1 / sqrt(n_inputs)``.
        """,
        default="rbm",
    )
    cd_steps: Size = parameter(
        """
        Gibbs steps of contrastive divergence, and of the chains of a deep Boltzmann
        machine for each batch. One is enough for features.
        """,
        default=1,
    )
    persistent: bool = parameter(
        "Whether the steps go on from where the batch before ended.", default=False
    )
    learning_rate: Literal["auto"] | Positive | Annotated[Any, "array-like"] = (
        parameter(
            """
            Step size of pre-training, for all layers or one for each. "auto" is 0.05,
            and 0.005 for a Gaussian first layer, which diverges sooner; a fifth of that
            for persistent chains. All layers together begin with a fifth of the lowest,
            which falls to 0.
            """,
            default="auto",
            kind='float, "auto" or tuple of these',
        )
    )
    corruption: Literal["masking", "salt_and_pepper", "gaussian"] = parameter(
        """
        What a denoising auto-encoder has to undo: values that became 0 (the mean, where
        input is Gaussian), or the smallest or largest at random, or normal noise.
        """,
        default="masking",
    )
    corruption_level: NotNegative = parameter(
        "Share of the values, or deviation of the noise.", default=0.25
    )
    joint_epochs: Count = parameter(
        "Passes in which all layers of a deep Boltzmann machine learn together.",
        default=10,
    )
    mean_field_steps: Size = parameter(
        "Sweeps by which a deep Boltzmann machine infers its layers.", default=10
    )
    batch_size: Size = parameter("Frames of a batch.", default=100)
    finetune_epochs: Count = parameter(
        "Passes with labels, where ``y`` is given. 0 learns without labels.", default=50
    )
    finetune_learning_rate: Positive = parameter(
        "Step size of these, as in [1]_.", default=0.1
    )
    layers: Literal["last", "all"] | Sizes = parameter(
        """
        Whose activations are the features: the last layer's, those of all layers side
        by side, or of some, counted from 0. [1]_ found all to be best.
        """,
        default="last",
        kind='{"last", "all"} or tuple of int',
    )
    validation_fraction: Share = parameter(
        """
        Share of the clips, in proportion to their classes, that is held out where
        ``fit`` gets no ``X_val``: to watch the gap of free energy and to stop early.
        Fine-tuning uses them, unless it may stop early. Nothing is held out of one
        clip, or where this is 0. Clips of one artist can be on both sides: pass
        ``X_val`` to validate by artist.
        """,
        default=0.1,
    )
    callbacks: list[Any] | tuple[Any, ...] | None = parameter(
        """
        Called during the training of each layer, of all together and with labels, with
        a ``skorch.NeuralNet`` as ``net`` whose ``module_`` is what learns; its
        ``history`` ends with it. One whose ``on_epoch_end`` returns True goes on to the
        next, as does skorch's ``EarlyStopping``. Without labels the losses are
        reconstruction errors, which batches have none of; ``EpochScoring`` and
        ``BatchScoring`` by labels are of fine-tuning alone. Set None before
        :func:`~skdeepmir.save`. (Callbacks of scikit-learn: ``set_callbacks``.)
        """,
        default=None,
        kind="list of skorch.callbacks.Callback or None",
    )

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ClipsLike,
        y: LabelsLike | None = None,
        *,
        X_val: ClipsLike | None = None,
        y_val: LabelsLike | None = None,
    ) -> Self:
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
        X_val : array-like, default=None
            Clips to validate on, such as those of other artists; they are not trained
            on.
        y_val : array-like, default=None
            Their labels, needed where ``y`` is given.

        Returns
        -------
        self : DBNFeatureLearner
            The fitted learner.

        Raises
        ------
        ValueError
            If X is not a set of clips, y does not fit it, or parameters contradict each
            other.
        DivergenceError
            A ``ValueError``, if training diverges.
        """
        given = parameters_of(self)
        schedule = make_schedule(given)
        clips, layout = self._read(X, reset=True)
        classes, targets = _read_targets(given, y, layout.n_clips)
        data = LabelledClips(clips, layout, targets, None)
        check_same_names(names_of(y_val, "y_val"), names_of(y), "y_val", "y")
        held_out = self._read_validation(given, X_val, y_val, classes, data)
        checkpoint, seed = None, self._draw_seed()
        if given.checkpoint_dir is not None:
            checkpoint = Checkpoint(given.checkpoint_dir, self, classes, data, held_out)
            seed = checkpoint.keep("seed", seed)
        kept, judged, n_epochs = data, held_out, schedule.n_epochs
        if held_out is None:
            kept, held_out = hold_out(given, data, seed)
        if classes is not None:
            if given.early_stopping:
                data, judged = kept, held_out
            data = with_labels(data, "to learn from")
            judged = judged and with_labels(judged, "to validate on")
            n_epochs += given.finetune_epochs
        if given.callbacks:
            from skdeepmir._training._callbacks import check_callbacks

            watched = held_out if classes is None else judged
            check_callbacks(
                given,
                watched,
                sets_rate=given.pretraining is not None,
                has_labels=classes is not None,
            )
        learned = before_stages(given, schedule, StandardScaler(), kept, 0, classes)
        rng = make_generator(seed, 0, len(targets))
        n_done = 0 if checkpoint is None else checkpoint.n_epochs
        watch = EpochWatch(self, n_epochs, X, y, n_done)
        stages = BeliefStages(
            given, schedule, learned, rng, watch, self._as_after, checkpoint
        )
        with computing(given.n_threads):
            stages.learn_layers(kept, held_out)
            if given.pretraining == "dbm":
                stages.learn_together(kept, held_out)
            if classes is not None:
                stages.learn_labels(data, judged)
        self._keep(given, stages.learned)
        watch.finish()
        if checkpoint is not None:
            checkpoint.complete({"stages": stages.ended})
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: ClipsLike, y: LabelsLike | None = None) -> Self:
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
        given = parameters_of(self)
        given.early_stopping = False
        schedule = make_schedule(given, n_epochs=1)
        is_first = not hasattr(self, "weights_")
        clips, layout = self._read(X, reset=is_first)
        data = LabelledClips(clips, layout, np.full(layout.n_clips, -1), None)
        seed = self._draw_seed()
        kept, held_out = hold_out(given, data, seed)
        if is_first:
            earlier = machine = None
            learned = before_stages(given, schedule, StandardScaler(), data, 1)
        else:
            self._check_goes_on(given, schedule)
            earlier, scaler = self._model(), copy.deepcopy(self._scaler)
            learned = before_stages(given, schedule, scaler, data, self.n_passes_ + 1)
            curves = self.reconstruction_errors_, self.free_energy_gaps_
            learned = replace(learned, errors=curves[0], gaps=curves[1])
            machine = getattr(earlier, "machine", earlier) if self._is_dbm else None
        rng = make_generator(seed, learned.n_passes, layout.n_clips)
        watch = EpochWatch(self, schedule.n_epochs if machine is None else 1, X, y)
        stages = BeliefStages(given, schedule, learned, rng, watch, self._as_after)
        with computing(given.n_threads):
            if machine is None:
                stages.learn_layers(kept, held_out, earlier)
            if given.pretraining == "dbm":
                stages.learn_together(kept, held_out, machine)
        self._keep(given, stages.learned)
        watch.finish()
        return self

    def _check_goes_on(self, given, schedule):
        """Raise a ``ValueError`` if a stream cannot go on with these parameters."""
        sizes = [weights.shape[1] for weights in self.weights_]
        for name, is_same in (
            ("hidden_layer_sizes", schedule.sizes == sizes),
            ("pretraining", self._is_dbm == (given.pretraining == "dbm")),
        ):
            if not is_same:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} cannot go on with what the first "
                    "pass began; set it back, or begin with fit."
                )

    def _read_validation(self, given, X_val, y_val, classes, data):
        if X_val is None:
            if y_val is not None:
                raise ValueError("y_val is passed without X_val; expected both.")
            return None
        with telling_of("X_val"):
            clips, layout = self._read(X_val, reset=False)
        if classes is not None and y_val is None:
            raise ValueError(
                "X_val is passed without y_val, but y has labels; expected both."
            )
        if classes is None and y_val is not None and given.finetune_epochs:
            raise ValueError(
                "y_val is passed, but y has no labels to learn from. Pass y, or leave "
                "y_val out."
            )
        _, targets = _read_targets(given, y_val, layout.n_clips, "y_val", classes)
        if classes is not None and targets.shape[1:] != data.targets.shape[1:]:
            raise ValueError(
                f"y_val has shape {np.shape(y_val)}, but y has "
                f"{data.targets.shape}; expected the same kind of labels."
            )
        return LabelledClips(clips, layout, targets, None)

    def _keep(self, given, learned):
        """Keep what was learned."""
        net = learned.net
        sizes = [weights.shape[1] for weights in net.weights]
        top = len(sizes) - 1
        chosen = given.layers
        if isinstance(chosen, str):
            chosen = range(len(sizes)) if chosen == "all" else (top,)
        machine = net.machine if isinstance(net, UnrolledMachine) else None
        self.weights_ = [weights.copy() for weights in net.weights]
        self.hidden_biases_ = [bias.copy() for bias in net.biases]
        self.visible_biases_ = [bias.copy() for bias in net.biases_below]
        self.feedback_weights_ = [weights.copy() for weights in net.feedback]
        self.inference_weights_ = [w.copy() for w in machine.weights] if machine else []
        self.inference_biases_ = [b.copy() for b in machine.biases] if machine else []
        n_features = len(self.weights_[0])
        mean, scale = learned.scaling or (np.zeros(n_features), np.ones(n_features))
        self.mean_ = mean.astype(np.float32)
        self.scale_ = scale.astype(np.float32)
        self.reconstruction_errors_ = [np.array(c, float) for c in learned.errors]
        self.free_energy_gaps_ = [np.array(c, float) for c in learned.gaps]
        self.loss_curve_ = np.array(learned.loss_curve)
        self.validation_scores_ = np.array(learned.validation_scores)
        self.n_iter_ = sum(map(len, learned.errors)) + len(learned.loss_curve)
        self.n_passes_ = learned.n_passes
        # Of a layer that is not there yet, the topmost stands for it.
        self.layers_ = tuple(int(k) for k in chosen if k <= top) or (top,)
        names = [f"dbn{k}_{i}" for k in self.layers_ for i in range(sizes[k])]
        self.feature_names_ = np.array(names, dtype=object)
        self._scaler = learned.scaler
        self._is_dbm = given.pretraining == "dbm"
        vars(self).pop("classes_", None)
        if learned.classes is not None:
            self.classes_ = learned.classes

    def _as_after(self, given, learned):
        """Return the fitted attributes as they are after an epoch."""
        return fitted_attributes(self, lambda twin: twin._keep(given, learned))


def _read_targets(given, y, n_clips, name="y", classes=None):
    """Return classes (None without labels), and the target of each clip or -1."""
    if y is not None and given.finetune_epochs:
        return read_targets(y, n_clips, name, classes)
    if y is not None:
        check_clip_labels(y, n_clips, name=name)
    return None, np.full(n_clips, -1)
