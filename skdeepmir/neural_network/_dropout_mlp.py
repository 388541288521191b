"""A net with dropout as a classifier: ``DropoutMLPClassifier``."""

from __future__ import annotations

import copy
from numbers import Integral, Real

import numpy as np
from scipy.special import log_expit, log_softmax, logsumexp
from sklearn.utils.validation import check_is_fitted

from skdeepmir._sklearn import HasMethods, Interval, StrOptions, parameters_of, plain
from skdeepmir._training._parameters import TRAINING_CONSTRAINTS, check_sizes
from skdeepmir.feature_learning._finetuning import load_layers
from skdeepmir.frames import mean_of_clips, split_clips
from skdeepmir.neural_network._net_classifier import TAG_CONSTRAINTS, NetClassifier
from skdeepmir.neural_network._pretrained import denoise_layers, find_learner

ROWS_AT_ONCE = 4096  # in predictions, to bound memory


class DropoutMLPClassifier(NetClassifier):
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
        A fitted learner whose layers the net begins with: ``hidden_layer_sizes`` must
        be the learner's and ``activation="logistic"``. In a cross-validation or a
        search it has to be a ``FrozenEstimator(learner)``, which ``clone`` does not
        forget.
    mc_samples : int, default=0
        Nets with missing units whose probabilities predictions average (Monte Carlo).
        0 takes the whole net, which is as good as some fifty [1]_.
    class_weight : dict, "balanced" or None, default=None
        Weights of classes; "balanced" weighs them by their rarity, in tags the presence
        and absence of each.
    pos_weight : float or array-like of shape (n_tags,), default=None
        What a clip with a tag weighs beside one without it: above 1, rare tags are
        found more often, and probabilities are too large. (Weights are scaled to a mean
        of 1.) Not together with ``class_weight``.
    tune_thresholds : bool, default=False
        Whether to choose for each tag the threshold with the best F-score on validation
        clips: ``X_val`` and ``y_val``, or ``validation_fraction`` of the clips, which
        are not trained on then. Rare tags are hardly ever predicted at 0.5.
    optimizer : {"adam", "sgd", "adagrad"}, default="adam"
        "sgd" is with Nesterov's momentum, which rises from 0.5 [5]_.
    learning_rate : float or "auto", default="auto"
        Step size. "auto" is 0.001 ("adam"), 0.1 ("sgd") or 0.01 ("adagrad").
    learning_rate_schedule : {"constant", "linear", "exponential", "adaptive"}, \
            default="linear"
        "linear" falls to 0 at ``max_epochs``, which quiets the noise of small batches
        and masks; "exponential" is multiplied by
        ``learning_rate_decay`` each epoch; "adaptive" is divided by 5 when the loss (or
        the validation score, with ``early_stopping``) has not improved by ``tol`` for
        ``n_iter_no_change`` epochs, and training stops below 1e-6. ``partial_fit`` is
        always "constant".
    learning_rate_decay : float, default=0.998
        See there.
    momentum : float, default=0.99
        Largest momentum of "sgd".
    weight_decay : float, default=0.0
        Cost of half the squared weights (not of biases).
    gradient_clipping : float, default=None
        Largest norm of the gradient.
    batch_size : int or None, default=32
        Rows of a batch; None takes all at once. Some hundred clips need small ones, or
        a hundred passes make too few steps.
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
        wherever it runs on one machine; more help large ones. None leaves it to torch.
    callbacks : list of skorch.callbacks.Callback, default=None
        Are told of training, with a ``skorch.NeuralNet`` as ``net`` that knows classes
        by number; its ``history`` ends with the fit. One whose ``on_epoch_end`` returns
        True stops it, as does skorch's ``EarlyStopping``. Scores are of rows, not of
        clips. ``LRScheduler`` needs ``learning_rate_schedule="constant"``. Set None
        before :func:`~skdeepmir.save`. (Callbacks of scikit-learn: ``set_callbacks``.)
    checkpoint_dir : str or PathLike, default=None
        Folder in which the state is saved after each epoch. A fit that was killed or
        interrupted, called again with the same parameters and data, goes on from there
        and ends with the same weights, bit for bit on the same machine. With an int
        ``random_state`` and ``callbacks=None`` what a fit ended with is kept as well,
        and the same fit takes it without training: a search that was killed does only
        what is missing. Delete the folder when the search is done; see the notes.
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
    thresholds_ : ndarray of shape (n_tags,)
        Of tags: the probabilities above which they are predicted.
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
        Names of the columns, where X or its clips are DataFrames.

    See Also
    --------
    ClipVotingClassifier : Any classifier on rows, averaged per clip.
    skdeepmir.nets.MLP : The net alone.

    Notes
    -----
    Scale the input, for instance with ``StandardScaler``; a net that begins with a
    ``DBNFeatureLearner`` ("rbm", "dbm") does so itself. Kept values are divided by the
    probability of keeping them in training, so that the net predicts as it is, and
    weights that were learned without dropout see inputs of the mean they know
    (elsewhere: "multiply them by 1/p").

    Clips of several rows (frames, windows) train with each row, and their rows' logits
    are averaged: probabilities are a geometric mean. Only whole clips are held out.

    Of a fit with a ``checkpoint_dir``:

    - Other parameters (also ``max_epochs``), data or versions of this package and torch
      are another fit; ``callbacks``, ``checkpoint_dir`` and ``verbose`` are not. Each
      fit of a ``warm_start`` is one of its own. ``partial_fit`` has no checkpoints.
    - While a net is trained its file holds weights, best weights and the optimiser's
      state, up to sixteen bytes a weight; afterwards four bytes a weight (eight in
      float64) and some kilobytes. The former stays if the fit is never resumed.
    - Of a finished fit, scikit-learn's callbacks hear the begin and the end but no
      epoch. One that a callback stopped is not kept, nor one that may be different
      every time (``random_state`` None or a RandomState instance).
    - Callbacks with a state of their own, such as ``LRScheduler``, begin anew when a
      fit goes on, and so does pre-training by a ``DBNFeatureLearner``.
    - On a full disk, or in a folder that may only be read, there is one warning, and
      training goes on without checkpoints. A damaged file gives a warning and is not
      used.
    - Ctrl-C leaves ``fit`` as a KeyboardInterrupt, also in a search, and the net as it
      was before. A worker of joblib stops training after the epoch in which its parent
      was killed. If a worker is killed, joblib's search ends with a
      TerminatedWorkerError, and the same search goes on from the checkpoints; dask runs
      the task again.

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
        **TAG_CONSTRAINTS,
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
        pos_weight=None,
        tune_thresholds=False,
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
        self.pos_weight = pos_weight
        self.tune_thresholds = tune_thresholds
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

    @property
    def coefs_(self):
        """Weights of each layer, (n_inputs, n_units)."""
        check_is_fitted(self)
        return [w.T.copy() for n, w in self.weights_.items() if n.endswith("weight")]

    @property
    def intercepts_(self):
        """Biases of each layer, (n_units,)."""
        check_is_fitted(self)
        return [b.copy() for n, b in self.weights_.items() if n.endswith("bias")]

    def _sizes(self):
        """Return the units of the hidden layers as a list."""
        sizes = self.hidden_layer_sizes
        sizes = [sizes] if isinstance(sizes, Integral) else sizes
        return check_sizes("hidden_layer_sizes", sizes, "units")

    def _make_module(self, n_outputs, fitted, generator, initialization):
        from skdeepmir import nets

        given, learner = parameters_of(self), fitted.get("learner_")
        feedback = [] if learner is None else learner._network().feedback
        return nets.MLP(
            self.n_features_in_,
            n_outputs,
            self._sizes(),
            activation=given.activation,
            maxout_pieces=given.maxout_pieces,
            dropout=given.dropout,
            input_dropout=given.input_dropout,
            context_sizes=[len(weights) for weights in feedback],
            initialization=initialization,
            generator=generator,
        )

    def _begin_learned(self, coding, data, seed):
        given = parameters_of(self)
        learner = find_learner(given, self.n_features_in_, self._sizes())
        if learner is None:
            return {}
        if not hasattr(learner, "weights_"):
            learner.set_params(random_state=seed).fit(
                split_clips(data.rows, data.layout)
            )
        return {"learner_": copy.deepcopy(learner)}

    def _prepare(self, module, data, fitted, generator):
        if "learner_" in fitted:
            load_layers(module, fitted["learner_"]._network())
        elif self.pretraining == "denoising_autoencoder":
            denoise_layers(parameters_of(self), module, data.rows, generator)

    def _dataset(self, data, fitted, generator, *, training):
        return data.tensors(self._inputs(data.rows, fitted), generator.device)

    def _inputs(self, rows, fitted):
        """Return what the net sees of rows, in their dtype."""
        learner = fitted.get("learner_")
        return rows if learner is None else learner._network_inputs(rows)

    def _after_step(self, module):
        if self.max_norm is None:
            return None
        max_norm = plain(self.max_norm)
        return lambda: module.limit_norms(max_norm)

    def _logits_of_clips(self, module, clips, layout, generator):
        """Return means over the rows of each clip."""
        from skdeepmir._training._data import tensor_of

        parts = []
        for start in range(0, len(clips), ROWS_AT_ONCE):
            inputs = self._inputs(clips[start : start + ROWS_AT_ONCE], vars(self))
            parts.append(self._mean_logits(module, tensor_of(inputs), generator))
        return mean_of_clips(np.concatenate(parts), layout)

    def _mean_logits(self, module, inputs, generator):
        """Return logits of rows, of the whole net or of the average of thinned ones."""
        if self.mc_samples == 0:
            return module(inputs).numpy()
        from skdeepmir.nets import Dropout

        generator.manual_seed(self._mask_seed)
        for part in module.modules():
            if isinstance(part, Dropout):  # one thinned net for all rows
                part.train().shared = True
        logits = np.stack([module(inputs).numpy() for _ in range(self.mc_samples)])
        if self._kind == "multiclass":
            return logsumexp(log_softmax(logits, axis=2), axis=0) - np.log(len(logits))
        return logsumexp(log_expit(logits), axis=0) - logsumexp(
            log_expit(-logits), axis=0
        )
