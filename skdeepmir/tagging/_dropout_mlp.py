"""A net with dropout as a classifier: ``DropoutMLPClassifier``."""

from __future__ import annotations

import copy
from dataclasses import replace
from numbers import Integral, Real

import numpy as np
from scipy.special import log_expit, log_softmax, logsumexp
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from skdeepmir._sklearn import (
    CallbackSupportMixin,
    EpochWatch,
    HasMethods,
    Interval,
    StrOptions,
    _fit_context,
    check_clip_labels,
    validate_clips,
)
from skdeepmir._training._device import choose_device, limit_threads
from skdeepmir._training._parameters import TRAINING_CONSTRAINTS
from skdeepmir._training._state import map_arrays
from skdeepmir.frames import ClipLayout, split_clips
from skdeepmir.tagging._pretrained import denoise_layers, find_learner, load_layers
from skdeepmir.tagging._targets import Coding

ROWS_AT_ONCE = 4096  # in predictions, to bound memory
PRETRAINED_SHARE = 0.1  # of the learning rate, so that noise does not erase features


class DropoutMLPClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """Classify clips, or tag them, by a multi-layer perceptron with dropout.

    Every training row is seen by another net, in which units and inputs are missing at
    random; predictions come from the whole net, which stands for the average of all
    these [1]_. Classes exclude each other (softmax, or logistic for two); tags do not.

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of int, default=(512, 512)
        Units of the hidden layers. A net with dropout needs more of them than one
        without: ``n / (1 - dropout)`` instead of ``n`` [1]_.
    activation : {"relu", "logistic", "tanh", "softplus", "maxout"}, default="relu"
        Of the hidden units.
    maxout_pieces : int, default=2
        Linear pieces of a maxout unit, which gives the largest of them [2]_.
    dropout : float, default=0.5
        Probability that a hidden unit is *dropped* (papers often give that of keeping
        it).
    input_dropout : float, default=0.2
        Probability that an input value is dropped.
    max_norm : float, default=None
        Largest norm of the weights into a hidden unit, such as 2; None: any. These are
        the weights that predict; the 3 or 4 of [1]_ are of weights before they are
        multiplied by ``1 - dropout``.
    initialization : {"glorot", "he", "sparse"}, default="glorot"
        How weights begin: uniform up to ``sqrt(6 / (n_inputs + n_units))`` and four
        times that for logistic units [3]_; normal, of variance ``2 / n_inputs``; or
        with fifteen non-zero weights into each unit.
    pretraining : {"rbm", "dbm", "denoising_autoencoder"}, DBNFeatureLearner or None, \
            default=None
        Fits hidden layers to the clips without labels first. A learner (unfitted) says
        how; its ``hidden_layer_sizes`` and ``random_state`` are set from here.
        "denoising_autoencoder" takes any activation but maxout [4]_, the others need
        ``activation="logistic"``.
    pretraining_epochs : int, default=10
        Passes over all clips for each layer, where ``pretraining`` is a string.
    pretrained : DBNFeatureLearner or FrozenEstimator, default=None
        A fitted learner whose layers the net begins with; it needs as many units in its
        layers and logistic activation. In a cross-validation or a search it has to be a
        ``FrozenEstimator(learner)``, which ``clone`` does not forget.
    mc_samples : int, default=0
        Nets with missing units whose probabilities predictions average (Monte Carlo).
        0 takes the whole net, which is as good as some fifty [1]_.
    class_weight : dict, "balanced" or None, default=None
        Weights of classes; "balanced" weighs them by their rarity, in tags the presence
        and absence of each.
    optimizer : {"adam", "sgd", "adagrad"}, default="adam"
        "sgd" is with Nesterov's momentum, which rises from 0.5 [5]_.
    learning_rate : float or "auto", default="auto"
        Step size. "auto" is 0.001 ("adam"), 0.1 ("sgd") or 0.01 ("adagrad"), and a
        tenth of that for a pre-trained net, whose features dropout would erase [1]_.
    learning_rate_schedule : {"constant", "linear", "exponential", "adaptive"}, \
            default="constant"
        "linear" falls to 0 at ``max_epochs``; "exponential" is multiplied by
        ``learning_rate_decay`` each epoch; "adaptive" is divided by 5 when the loss (or
        the validation score, with ``early_stopping``) has not improved by ``tol`` for
        ``n_iter_no_change`` epochs, and training stops below 1e-6.
    learning_rate_decay : float, default=0.998
        See there.
    momentum : float, default=0.99
        Largest momentum of "sgd".
    weight_decay : float, default=0.0
        Cost of half the squared weights (not of biases).
    gradient_clipping : float, default=None
        Largest norm of the gradient.
    batch_size : int or None, default=128
        Rows of a batch; None takes all at once.
    max_epochs : int, default=100
        Passes over all clips.
    early_stopping : bool, default=False
        Whether to stop when the validation score has not risen by ``tol`` for
        ``n_iter_no_change`` epochs, and go back to the best epoch.
    validation_fraction : float, default=0.1
        Share of the clips, in proportion to the classes, that ``early_stopping`` holds
        out where ``fit`` gets no ``X_val``. Clips of one artist can be on both sides:
        pass ``X_val`` for a validation by artist.
    n_iter_no_change : int, default=10
        See ``early_stopping`` and ``learning_rate_schedule``.
    tol : float, default=1e-4
        Likewise.
    warm_start : bool, default=False
        Whether ``fit`` begins with the weights of the fit before.
    precision : {"float32", "float64", "bfloat16"}, default="float32"
        Of training. "bfloat16" multiplies matrices in 16 bits: faster on a GPU, and on
        processors that have it for large layers. Predictions are in float64.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where to train; "auto" takes a GPU if there is one. Predictions are made on the
        processor.
    n_threads : int or None, default=1
        Threads of torch. One is fastest for small nets, and gives the same bits
        wherever it runs; more help large ones. None leaves it to torch.
    callbacks : list of skorch.callbacks.Callback, default=None
        Are told of training. One whose ``on_epoch_end`` returns True stops it, as does
        skorch's ``EarlyStopping``. (scikit-learn's own callbacks: ``set_callbacks``.)
    checkpoint_dir : str or PathLike, default=None
        Folder in which the state is saved after each epoch. A fit that was killed,
        called again with the same parameters and data, goes on from there and ends with
        the same weights; its file is removed when it is complete.
    random_state : int, RandomState instance or None, default=None
        Draws first weights, order of clips, masks and validation clips.
    verbose : bool, default=True
        Whether to show a progress bar where it takes longer than two seconds.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Parameters of the net by their name in ``module_``.
    module_ : skdeepmir.nets.MLP
        The net, built anew from ``weights_`` whenever it is asked for.
    coefs_ : list of ndarray of shape (n_inputs, n_units)
        Weights of each layer, the output last. Layers of maxout have
        ``maxout_pieces * n_units`` columns, a piece after the other.
    intercepts_ : list of ndarray of shape (n_units,)
        Biases of each layer.
    classes_ : ndarray of shape (n_classes,)
        Labels, or the numbers of the tags.
    loss_curve_ : ndarray of shape (n_epochs,)
        Mean training loss of each epoch, with dropout.
    validation_scores_ : ndarray of shape (n_epochs,)
        Minus the mean loss of the validation clips; empty if there are none.
    n_iter_ : int
        Epochs.
    learner_ : DBNFeatureLearner
        What the layers began with; only of nets that began with one.
    n_features_in_ : int
        Features per row.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns; only where X was a DataFrame.

    See Also
    --------
    ClipVotingClassifier : Any classifier on rows, averaged per clip.
    skdeepmir.nets.MLP : The net alone.

    Notes
    -----
    Scale the input, for instance with ``StandardScaler``; a pre-trained net does so
    itself. Kept values are divided by the probability of keeping them in training, so
    that the net predicts as it is, and weights that were learned without dropout see
    inputs of the mean they know (elsewhere: "multiply them by 1/p").

    Clips of several rows (frames, windows) train with each row, and their rows' logits
    are averaged: probabilities are a geometric mean. Only whole clips are held out.

    References
    ----------
    .. [1] N. Srivastava et al. Dropout: a simple way to prevent neural networks from
       overfitting. JMLR 15, 2014.
    .. [2] I. Goodfellow et al. Maxout networks. ICML 2013.
    .. [3] X. Glorot and Y. Bengio. Understanding the difficulty of training deep
       feedforward neural networks. AISTATS 2010.
    .. [4] X. Glorot, A. Bordes and Y. Bengio. Deep sparse rectifier neural networks.
       AISTATS 2011.
    .. [5] I. Sutskever, J. Martens, G. Dahl and G. Hinton. On the importance of
       initialization and momentum in deep learning. ICML 2013.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdeepmir import DropoutMLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> net = DropoutMLPClassifier((256,), max_epochs=20, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), net).fit(X[:1000], y[:1000])
    >>> pipeline.score(X[1000:], y[1000:]) > 0.85
    True
    """

    _parameter_constraints = {
        **TRAINING_CONSTRAINTS,
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "activation": [StrOptions({"relu", "logistic", "tanh", "softplus", "maxout"})],
        "maxout_pieces": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "input_dropout": [Interval(Real, 0, 1, closed="left")],
        "max_norm": [Interval(Real, 0, None, closed="neither"), None],
        "initialization": [StrOptions({"glorot", "he", "sparse"})],
        "pretraining": [
            StrOptions({"rbm", "dbm", "denoising_autoencoder"}),
            HasMethods(["fit", "transform", "score_samples"]),
            None,
        ],
        "pretraining_epochs": [Interval(Integral, 1, None, closed="left")],
        "pretrained": [HasMethods(["fit", "transform"]), None],
        "mc_samples": [Interval(Integral, 0, None, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "warm_start": ["boolean"],
    }

    def __init__(
        self,
        hidden_layer_sizes=(512, 512),
        *,
        activation="relu",
        maxout_pieces=2,
        dropout=0.5,
        input_dropout=0.2,
        max_norm=None,
        initialization="glorot",
        pretraining=None,
        pretraining_epochs=10,
        pretrained=None,
        mc_samples=0,
        class_weight=None,
        optimizer="adam",
        learning_rate="auto",
        learning_rate_schedule="constant",
        learning_rate_decay=0.998,
        momentum=0.99,
        weight_decay=0.0,
        gradient_clipping=None,
        batch_size=128,
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
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.maxout_pieces = maxout_pieces
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.max_norm = max_norm
        self.initialization = initialization
        self.pretraining = pretraining
        self.pretraining_epochs = pretraining_epochs
        self.pretrained = pretrained
        self.mc_samples = mc_samples
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

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None):
        """Train the net.

        Parameters
        ----------
        X : list of ndarray of shape (n_rows_i, n_features), ndarray of shape \
                (n_clips, n_rows, n_features), or array-like of shape \
                (n_clips, n_features)
            Clips. Rows of a 2-D array are clips of one row.
        y : array-like of shape (n_clips,) or (n_clips, n_tags)
            A label for each clip, or 0 and 1 for each tag.
        sample_weight : array-like of shape (n_clips,), default=None
            Weights of the clips.
        X_val, y_val : array-like, default=None
            Clips to validate on, such as those of other artists. They are not trained
            on, and not transformed by the earlier steps of a ``Pipeline``.

        Returns
        -------
        self : DropoutMLPClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If X is no set of clips, y does not fit it, or parameters contradict each
            other.
        DivergenceError
            A ``ValueError``, if training diverges.
        """
        earlier = self._earlier_weights() if self.warm_start else None
        rows, layout = self._read(X, reset=True)
        coding, targets, weight = self._read_labels(y, layout, sample_weight)
        if earlier is not None:
            self._check_earlier(coding)
        watched = self._read_validation(X_val, y_val, coding)
        checkpoint = self._checkpoint(rows, targets, weight, watched)
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        if checkpoint is not None:
            seed = checkpoint.keep("seed", seed)
        if watched is None and self.early_stopping:
            order = _held_out(targets, self.validation_fraction, seed)
            (rows, layout, targets, weight), watched = _split(
                order, rows, layout, targets, weight
            )
        with limit_threads(self.n_threads):
            self._train(
                X,
                y,
                coding,
                (rows, layout, targets, weight),
                watched,
                seed,
                weights=earlier,
                checkpoint=checkpoint,
            )
        self._training_state = None
        if checkpoint is not None:
            checkpoint.remove()
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Make one pass over some clips.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.
        y : array-like of shape (n_clips,) or (n_clips, n_tags)
            A label for each clip, or 0 and 1 for each tag.
        classes : array-like of shape (n_classes,), default=None
            All labels there will be; needed in the first call, unless y holds tags.
        sample_weight : array-like of shape (n_clips,), default=None
            Weights of the clips.

        Returns
        -------
        self : DropoutMLPClassifier
            The classifier.

        Notes
        -----
        Momentum and step sizes go on from call to call. Pre-training takes place in the
        first call, on its clips. Nothing is held out.
        """
        is_first = not hasattr(self, "weights_")
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all clips at once, which partial_fit "
                "does not have. Pass the weights: compute_class_weight('balanced', "
                "classes=classes, y=y)."
            )
        rows, layout = self._read(X, reset=is_first)
        if is_first:
            if classes is None and np.ndim(y) < 2:
                raise ValueError(
                    "classes must be passed on the first call to partial_fit: all "
                    "labels there will be."
                )
            coding = None if classes is None else Coding.of(y, classes)
        else:
            coding = self._coding()
            if classes is not None and not np.array_equal(
                coding.classes, np.unique(np.asarray(classes))
            ):
                raise ValueError(
                    f"classes={classes!r} is not what the first call to partial_fit "
                    f"was given, {coding.classes.tolist()}."
                )
        coding, targets, weight = self._read_labels(y, layout, sample_weight, coding)
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        with limit_threads(self.n_threads):
            self._training_state = self._train(
                X,
                y,
                coding,
                (rows, layout, targets, weight),
                None,
                seed,
                weights=None if is_first else self.weights_,
                state=None if is_first else self._training_state,
                one_more=True,
            )
        return self

    def predict(self, X):
        """Predict the label of each clip, or its tags.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        y : ndarray of shape (n_clips,) or (n_clips, n_tags)
            Labels, or 0 and 1 for each tag (1 from a probability of one half).
        """
        logits = self._logits(X)
        return self._coding().decide(logits)

    def predict_proba(self, X):
        """Predict the probability of each class, or of each tag.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_clips, n_classes) or (n_clips, n_tags)
            Those of classes sum to 1; those of tags are strictly between 0 and 1.
        """
        logits = self._logits(X)
        return self._coding().probabilities(logits)

    def predict_log_proba(self, X):
        """Predict the logarithm of the probability of each class or tag.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        log_probabilities : ndarray of shape (n_clips, n_classes) or (n_clips, n_tags)
            Finite also where a probability is 0 to the precision of a float.
        """
        logits = self._logits(X)
        return self._coding().log_probabilities(logits)

    def decision_function(self, X):
        """Return the logits of each class or tag.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        logits : ndarray of shape (n_clips,), (n_clips, n_classes) or (n_clips, n_tags)
            Of two classes, that of the second; the mean over the rows of a clip.
        """
        logits = self._logits(X)
        return logits[:, 0] if self._coding().kind == "binary" else logits

    @property
    def module_(self):
        """The net with its fitted weights, in float64, on the processor."""
        return self._module_with(self.weights_)

    @property
    def coefs_(self):
        """Weights of each layer, (n_inputs, n_units)."""
        return [w.T.copy() for n, w in self.weights_.items() if n.endswith("weight")]

    @property
    def intercepts_(self):
        """Biases of each layer, (n_units,)."""
        return [b.copy() for n, b in self.weights_.items() if n.endswith("bias")]

    def __sklearn_is_fitted__(self):
        return hasattr(self, "weights_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.classifier_tags.multi_label = True
        return tags

    def _sizes(self):
        """Return the units of the hidden layers as a list."""
        sizes = np.atleast_1d(self.hidden_layer_sizes).tolist()
        if any(not isinstance(n, Integral) or n < 1 for n in sizes):
            raise ValueError(
                f"hidden_layer_sizes={self.hidden_layer_sizes!r} must be numbers of "
                "units, from 1 up."
            )
        return sizes

    def _dtype(self):
        return np.float64 if self.precision == "float64" else np.float32

    def _read(self, X, *, reset):
        """Return the stacked rows of clips and what puts them back."""
        return validate_clips(self, X, reset=reset, dtype=self._dtype())

    def _read_labels(self, y, layout, sample_weight, coding=None):
        """Return the coding, the targets and the weights of clips."""
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None."
            )
        check_clip_labels(y, layout.n_clips)
        if coding is None:
            coding = Coding.of(y)
        targets = coding.encode(y)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight,
                np.empty((layout.n_clips, 1)),
                allow_all_zero_weights=False,
            )
        return coding, targets, coding.weigh(targets, sample_weight, self.class_weight)

    def _read_validation(self, X_val, y_val, coding):
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be passed together.")
        if X_val is None:
            return None
        rows, layout = self._read(X_val, reset=False)
        check_clip_labels(y_val, layout.n_clips)
        return rows, layout, coding.encode(y_val, "y_val"), None

    def _coding(self):
        return Coding(self._kind, self.classes_, self._tag_dtype)

    def _earlier_weights(self):
        return getattr(self, "weights_", None)

    def _check_earlier(self, coding):
        """Raise a ``ValueError`` unless a warm start can go on to these labels."""
        if not np.array_equal(coding.classes, self.classes_):
            raise ValueError(
                f"warm_start=True, but y has the classes {coding.classes.tolist()} and "
                f"the fit before had {self.classes_.tolist()}; expected the same."
            )

    def _checkpoint(self, *data):
        if self.checkpoint_dir is None:
            return None
        from skdeepmir._training._checkpoints import Checkpoint

        earlier = self._earlier_weights() if self.warm_start else None
        return Checkpoint(self.checkpoint_dir, self, earlier, *data)

    def _module(self, n_outputs, context_sizes, initialization, generator):
        from skdeepmir import nets

        return nets.MLP(
            self.n_features_in_,
            n_outputs,
            self._sizes(),
            activation=self.activation,
            maxout_pieces=self.maxout_pieces,
            dropout=self.dropout,
            input_dropout=self.input_dropout,
            context_sizes=context_sizes,
            initialization=initialization,
            generator=generator,
        )

    def _module_with(self, weights, generator=None):
        """Return the fitted net in float64."""
        import torch

        module = self._module(
            self._coding().n_outputs, self._context_sizes, None, generator
        ).double()
        module.load_state_dict({n: torch.from_numpy(w) for n, w in weights.items()})
        return module.eval()

    def _train(
        self,
        X,
        y,
        coding,
        data,
        watched,
        seed,
        *,
        weights=None,
        checkpoint=None,
        state=None,
        one_more=False,
    ):
        """Train a new net, or one with ``weights``; return what a later pass needs.

        ``data`` and ``watched`` are rows, layout, targets and weights of clips.
        ``one_more`` makes one pass more instead of ``max_epochs``.
        """
        import torch

        from skdeepmir._training import _loop
        from skdeepmir._training._data import LogisticLoss, SoftmaxLoss
        from skdeepmir._training._optimizers import first_rate

        device = choose_device(self.device)
        generator = torch.Generator(device).manual_seed(seed)
        settings = _loop.Settings.of(self)
        learner = self._begin_learner(data, seed, is_new=weights is None)
        if learner is not None and settings.learning_rate == "auto":
            settings = replace(
                settings, learning_rate=PRETRAINED_SHARE * first_rate(settings)
            )
        context_sizes = []
        if learner is not None:
            context_sizes = [len(w) for w in learner._network().feedback]
        module = self._module(
            coding.n_outputs, context_sizes, self.initialization, generator
        ).to(dtype=getattr(torch, np.dtype(self._dtype()).name))
        rows, watched_rows = (
            None if part is None else self._tensors(part, learner, device)
            for part in (data, watched)
        )
        if weights is not None:
            self._load_earlier(module, weights)
        elif learner is not None:
            load_layers(module, learner)
        elif self.pretraining == "denoising_autoencoder":
            denoise_layers(self, module, rows.X, generator, settings)

        fitted = {
            "classes_": coding.classes,
            "_kind": coding.kind,
            "_tag_dtype": coding.dtype,
            "_context_sizes": context_sizes,
            "_mask_seed": seed,
        }
        if learner is not None:
            fitted["learner_"] = learner
        seen = {n: v for n, v in vars(self).items() if n in _SEEN}

        def state_after(progress):
            return {**seen, **fitted, **_results(module, progress)}

        progress, optimizer_state = None, None
        if one_more:
            settings = replace(settings, max_epochs=1)
            if state is not None:
                curve = self.loss_curve_.tolist()
                progress = _loop.Progress(len(curve), curve)
                settings = replace(settings, max_epochs=len(curve) + 1)
                generator.set_state(torch.from_numpy(state["generator"].copy()))
                optimizer_state = map_arrays(state["optimizer"], torch.from_numpy)
        epochs = EpochWatch(self, settings.max_epochs, X, y)
        progress, optimizer_state = _loop.train(
            settings,
            module,
            SoftmaxLoss() if coding.kind == "multiclass" else LogisticLoss(),
            rows,
            validation=watched_rows,
            generator=generator,
            watch=epochs,
            state=state_after,
            after_step=self._limit_norms(module),
            checkpoint=checkpoint,
            progress=progress,
            optimizer_state=optimizer_state,
        )
        if hasattr(self, "learner_"):
            del self.learner_
        vars(self).update(fitted)
        vars(self).update(_results(module, progress))
        epochs.finish()
        if not one_more:
            return None
        return {
            "generator": generator.get_state().numpy(),
            "optimizer": map_arrays(optimizer_state, lambda t: t.cpu().numpy().copy()),
        }

    def _begin_learner(self, data, seed, *, is_new):
        """Return the fitted learner whose layers the net has, if any."""
        if not is_new:
            return getattr(self, "learner_", None)
        learner = find_learner(self, self.n_features_in_, self._sizes())
        if learner is not None and not hasattr(learner, "weights_"):
            rows, layout = data[:2]
            learner.set_params(random_state=seed).fit(split_clips(rows, layout))
        return copy.deepcopy(learner)

    def _load_earlier(self, module, weights):
        import torch

        found = {name: list(array.shape) for name, array in weights.items()}
        expected = {n: list(t.shape) for n, t in module.state_dict().items()}
        if found != expected:
            raise ValueError(
                "The fit before had another net than hidden_layer_sizes="
                f"{self.hidden_layer_sizes!r}, activation={self.activation!r} and "
                f"{self.n_features_in_} features ask for. Set them back, or use "
                "warm_start=False (a clone, for partial_fit)."
            )
        module.load_state_dict({n: torch.from_numpy(w) for n, w in weights.items()})

    def _limit_norms(self, module):
        if self.max_norm is None:
            return None
        return lambda: module.limit_norms(self.max_norm)

    def _tensors(self, part, learner, device):
        """Return rows with the targets and weights of their clips, on a device."""
        import torch

        from skdeepmir._training._data import Rows

        rows, layout, targets, weight = part
        if learner is not None:
            rows = learner._network_inputs(rows)
        if targets.ndim == 2:
            targets = targets.astype(rows.dtype)
        of_rows = [np.repeat(targets, layout.n_frames, axis=0)]
        if weight is not None:
            weight = np.repeat(weight, layout.n_frames, axis=0)
            of_rows.append((weight / weight.mean()).astype(rows.dtype))
        arrays = [np.ascontiguousarray(rows), *of_rows]
        return Rows(*(torch.from_numpy(a).to(device) for a in arrays))

    def _logits(self, X):
        """Return the logits (n_clips, n_outputs) in float64, means over rows."""
        import torch

        check_is_fitted(self)
        rows, layout = validate_clips(self, X, reset=False, dtype=np.float64)
        generator = torch.Generator()
        module = self._module_with(self.weights_, generator)
        learner = getattr(self, "learner_", None)
        parts = []
        with torch.inference_mode(), limit_threads(self.n_threads):
            for start in range(0, len(rows), ROWS_AT_ONCE):
                part = rows[start : start + ROWS_AT_ONCE]
                if learner is not None:
                    part = learner._network_inputs(part)
                part = torch.from_numpy(np.ascontiguousarray(part))
                parts.append(self._mean_logits(module, part, generator))
        logits = np.concatenate(parts)
        if not layout.has_clips:
            return logits
        first_rows = np.cumsum(layout.n_frames) - layout.n_frames
        totals = np.add.reduceat(logits, first_rows, axis=0)
        return totals / layout.n_frames[:, np.newaxis]

    def _mean_logits(self, module, rows, generator):
        """Return logits of rows, of the whole net or of the average of thinned ones."""
        if self.mc_samples == 0:
            return module(rows).numpy()
        from skdeepmir.nets import Dropout

        generator.manual_seed(self._mask_seed)
        for part in module.modules():
            if isinstance(part, Dropout):  # one thinned net for all rows
                part.train().shared = True
        logits = np.stack([module(rows).numpy() for _ in range(self.mc_samples)])
        if self._kind == "multiclass":
            return logsumexp(log_softmax(logits, axis=2), axis=0) - np.log(len(logits))
        return logsumexp(log_expit(logits), axis=0) - logsumexp(
            log_expit(-logits), axis=0
        )


_SEEN = ("n_features_in_", "feature_names_in_", "_fitted_on_clips")


def _results(module, progress):
    """Return what a net has learned, as arrays."""
    return {
        "weights_": {
            name: tensor.detach().cpu().numpy().copy()
            for name, tensor in module.state_dict().items()
        },
        "loss_curve_": np.array(progress.loss_curve),
        "validation_scores_": np.array(progress.validation_scores),
        "n_iter_": progress.n_epochs,
    }


def _held_out(targets, fraction, seed):
    """Draw the numbers of clips to validate on, in proportion to their classes."""
    rng = np.random.RandomState(seed)
    order = rng.permutation(len(targets))
    if targets.ndim == 1 or targets.shape[1] == 1:
        order = order[np.argsort(targets.ravel()[order], kind="stable")]
    n = int(np.ceil(fraction * len(targets)))
    if n >= len(targets):
        raise ValueError(
            f"validation_fraction={fraction:g} of {len(targets)} clips leaves none to "
            "train on. Pass more clips, a smaller fraction or early_stopping=False."
        )
    places = (np.arange(n) + rng.uniform()) * len(targets) / n
    return order[places.astype(int)]


def _split(held_out, rows, layout, targets, weight):
    """Split clips into those to train on and those held out."""
    is_held_out = np.isin(np.arange(layout.n_clips), held_out)
    of_row = np.repeat(is_held_out, layout.n_frames)
    return tuple(
        (
            rows[of_row == side],
            ClipLayout(layout.container, layout.n_frames[is_held_out == side]),
            targets[is_held_out == side],
            None if weight is None or side else weight[is_held_out == side],
        )
        for side in (False, True)
    )
