"""A net with dropout as a classifier: ``DropoutMLPClassifier``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_expit, log_softmax, logsumexp
from sklearn.utils.validation import check_is_fitted

from skdeepmir import nets
from skdeepmir._parameters import Count, Positive, Share, Size, parameter, parameters
from skdeepmir._sklearn import HasMethods
from skdeepmir._training._data import dtype_of
from skdeepmir._training._estimator import check_sizes
from skdeepmir._units import hidden_layers
from skdeepmir.feature_learning._finetuning import load_layers
from skdeepmir.neural_network._classifier import NetClassifier
from skdeepmir.neural_network._pretrained import (
    PretrainedFeed,
    denoise_layers,
    has_learner,
    rescaled,
)
from skdeepmir.neural_network._scaling import ScalingParameters

Learner = Annotated[Any, HasMethods(["fit", "transform", "score_samples"])]
FittedLearner = Annotated[Any, HasMethods(["fit", "transform"])]


@parameters
class DropoutMLPClassifier(ScalingParameters, NetClassifier):
    """Classify clips, or tag them, by a multi-layer perceptron with dropout.

    Every training row is seen by another net, in which units and inputs are missing at
    random; predictions come from the whole net, which stands for the average of all
    these [1]_. Classes exclude each other (softmax, or logistic for two); tags do not.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Parameters of the net by their name in ``module_``.
    module_ : skdeepmir.nets.MLP
        The net, built anew from ``weights_`` whenever it is asked for; it takes rows as
        they are standardised.
    coefs_ : list of ndarray of shape (n_inputs, n_units)
        Weights of each layer, the output last; the first layer sees standardised
        features. Layers of maxout have ``maxout_pieces * n_units`` columns, a piece
        after the other.
    intercepts_ : list of ndarray of shape (n_units,)
        Biases of each layer.
    classes_ : ndarray of shape (n_classes,)
        Labels, or the numbers of the tags.
    tag_names_ : ndarray of shape (n_tags,), dtype=object
        Names of the tags, where y or ``tag_names`` had some.
    thresholds_ : ndarray of shape (n_tags,)
        Of tags: the probabilities above which they are predicted.
    loss_curve_ : ndarray of shape (n_epochs,)
        Mean training loss of each epoch, with dropout.
    validation_scores_ : ndarray of shape (n_epochs,)
        Minus the mean loss of the validation clips; empty if there are none.
    n_iter_ : int
        Epochs.
    mean_, var_, scale_ : ndarray of shape (`n_features_in_`,), float64
        Means, variances and deviations (1 of constants) that standardise the features;
        only of nets that do so themselves.
    n_rows_seen_ : float
        Rows that these are of; each counts what its clip counts.
    learner_ : DBNFeatureLearner
        What the layers began with; only of nets that began with one.
    n_features_in_ : int
        Features per row.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X or its clips are DataFrames.

    See Also
    --------
    ClipVotingClassifier : Any classifier on rows, averaged per clip.
    skdeepmir.nets.MLP : The net alone.

    Notes
    -----
    A net that begins with a ``DBNFeatureLearner`` ("rbm", "dbm") scales its input as
    the learner does, whatever ``standardize`` says. Callbacks of skorch see rows as
    ``module_`` does, and what they predict has to be standardised as well.

    Kept values are divided by the probability of keeping them in training, so that the
    net predicts as it is, and weights that were learned without dropout see inputs of
    the mean they know (elsewhere: "multiply them by 1/p").

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
    >>> from skdeepmir import DropoutMLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> net = DropoutMLPClassifier((256,), max_epochs=20, random_state=0)
    >>> net.fit(X[:1000], y[:1000]).score(X[1000:], y[1000:]) > 0.85
    True
    """

    hidden_layer_sizes: Size | Annotated[Sequence[int], "array-like"] = parameter(
        """
        Units of the hidden layers. A net with dropout needs more of them than one
        without: ``n / (1 - dropout)`` instead of ``n`` [1]_.
        """,
        default=(512, 512),
        kw_only=False,
        kind="int or tuple of int",
    )
    activation: Literal["relu", "logistic", "tanh", "softplus", "maxout"] = parameter(
        "Activation of the hidden units.", default="relu"
    )
    maxout_pieces: Size = parameter(
        "Linear pieces of a maxout unit, which gives the largest of them [2]_.",
        default=2,
    )
    dropout: Share = parameter(
        """
        Probability that a hidden unit is *dropped* (papers often give that of keeping
        it).
        """,
        default=0.5,
    )
    input_dropout: Share = parameter(
        "Probability that an input value is dropped.", default=0.2
    )
    max_norm: Positive | None = parameter(
        """
        Largest norm of the weights into a hidden unit, such as 2; None: any. These are
        the weights that predict; the 3 or 4 of [1]_ are of weights before they are
        multiplied by ``1 - dropout``.
        """,
        default=None,
    )
    initialization: Literal["glorot", "he", "sparse"] = parameter(
        """
        How weights begin: uniform up to ``sqrt(6 / (n_inputs + n_units))`` and four
        times that for logistic units [3]_; normal, of variance ``2 / n_inputs``; or
        with fifteen non-zero weights into each unit.
        """,
        default="glorot",
    )
    pretraining: Literal["rbm", "dbm", "denoising_autoencoder"] | Learner | None = (
        parameter(
            """
        Fits hidden layers to the clips without labels first. A learner (unfitted) says
        how; its ``hidden_layer_sizes`` and ``random_state`` are set from here.
        "denoising_autoencoder" takes any activation but maxout [4]_, the others need
        ``activation="logistic"``.
        """,
            default=None,
            kind='{"rbm", "dbm", "denoising_autoencoder"}, DBNFeatureLearner or None',
        )
    )
    pretraining_epochs: Size = parameter(
        "Passes over all clips for each layer, where ``pretraining`` is a string.",
        default=10,
    )
    pretrained: FittedLearner | None = parameter(
        """
        A fitted learner whose layers the net begins with: ``hidden_layer_sizes`` must
        be the learner's and ``activation="logistic"``. In a cross-validation or a
        search it has to be a ``FrozenEstimator(learner)``, which ``clone`` does not
        forget.
        """,
        default=None,
        kind="DBNFeatureLearner, FrozenEstimator or None",
    )
    standardize: bool = parameter(
        """
        Whether features are standardised first, by their means and deviations over the
        clips that are trained on (``mean_``, ``scale_``): nets hardly learn from values
        far from 0 and 1, such as decibels. A clip counts by its weight, and a constant
        feature is only centred. Each call of ``partial_fit`` takes the clips of all
        calls so far, and sets the weights of the first layer so that the net gives what
        it gave before. False takes features as they are, for what is scaled already.
        """,
        default=True,
    )
    mc_samples: Count = parameter(
        """
        Nets with missing units whose probabilities predictions average (Monte Carlo). 0
        takes the whole net, which is as good as some fifty [1]_.
        """,
        default=0,
    )

    @property
    def coefs_(self) -> list[NDArray[Any]]:
        """Weights of each layer, (n_inputs, n_units)."""
        check_is_fitted(self)
        return [w.T.copy() for n, w in self.weights_.items() if n.endswith("weight")]

    @property
    def intercepts_(self) -> list[NDArray[Any]]:
        """Biases of each layer, (n_units,)."""
        check_is_fitted(self)
        return [b.copy() for n, b in self.weights_.items() if n.endswith("bias")]

    def _make_feed(self, given):
        sizes = given.hidden_layer_sizes
        sizes = [sizes] if isinstance(sizes, int) else sizes
        sizes = check_sizes("hidden_layer_sizes", sizes, "units")
        standardize = given.standardize and not has_learner(given)
        dtype = dtype_of(given.precision)
        return PretrainedFeed(dtype, given, sizes, standardize=standardize)

    def _keep_feed(self, feed):
        for name in ("learner_", "mean_", "var_", "scale_", "n_rows_seen_"):
            vars(self).pop(name, None)
        if feed.learner is not None:
            self.learner_ = feed.learner
        if feed.standardize:
            self.mean_ = feed.mean
            self.var_ = feed.variance
            self.scale_ = feed.scale
            self.n_rows_seen_ = feed.n_seen

    def _feed(self, given):
        mean = getattr(self, "mean_", None)
        return replace(
            self._make_feed(given),
            learner=getattr(self, "learner_", None),
            standardize=mean is not None,
            mean=mean,
            variance=getattr(self, "var_", None),
            n_seen=getattr(self, "n_rows_seen_", 0.0),
        )

    def _learn_more(self, feed, data):
        if not feed.standardize:
            return feed, self.weights_
        after = feed.learn_more(data)
        return after, rescaled(self.weights_, feed, after)

    def _make_net(self, given, feed, n_outputs, generator, is_new):
        return nets.MLP(
            self.n_features_in_,
            n_outputs,
            feed.sizes,
            activation=given.activation,
            maxout_pieces=given.maxout_pieces,
            dropout=given.dropout,
            input_dropout=given.input_dropout,
            context_sizes=feed.context_sizes,
            initialization=given.initialization if is_new else None,
            generator=generator,
        )

    def _hidden_layers(self, net):
        return hidden_layers(net)

    def _prepare(self, given, net, feed, data, generator):
        if feed.learner is not None:
            load_layers(net, feed.learner._network())
        elif given.pretraining == "denoising_autoencoder":
            inputs = feed.inputs(data.clips, feed.dtype)
            denoise_layers(given, net, inputs, generator)

    def _after_step(self, given, net):
        if given.max_norm is None:
            return None
        return lambda: net.limit_norms(given.max_norm)

    def _predictor(self, given, feed, generator):
        net = super()._predictor(given, feed, generator)
        if given.mc_samples == 0:
            return net
        for part in net.modules():
            if isinstance(part, nets.Dropout):  # one thinned net for all rows
                part.train().shared = True
                part.generator = generator
        return lambda inputs: self._average_of_thinned(net, inputs, generator)

    def _average_of_thinned(self, net, inputs, generator):
        """Return the logits of the mean probabilities of nets with missing units."""
        generator.manual_seed(self._mask_seed)
        logits = np.stack([net(inputs).cpu().numpy() for _ in range(self.mc_samples)])
        if self._kind == "multiclass":
            mean = logsumexp(log_softmax(logits, axis=2), axis=0) - np.log(len(logits))
        else:
            mean = logsumexp(log_expit(logits), axis=0) - logsumexp(
                log_expit(-logits), axis=0
            )
        return torch.from_numpy(mean)
