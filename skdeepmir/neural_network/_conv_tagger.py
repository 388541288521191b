"""A convolutional net over frames as a tagger: ``ConvTagger``."""

from __future__ import annotations

from skdeepmir.frames import object_array
from skdeepmir.neural_network._conv_estimator import ConvEstimator
from skdeepmir.neural_network._net_classifier import TAG_CONSTRAINTS, NetClassifier


class ConvTagger(NetClassifier, ConvEstimator):
    """Tag clips, or classify them, by a convolutional net over their frames.

    It is trained on random excerpts of the clips, and predicts from the mean over all
    excerpts of a clip, whatever its length.

    Parameters
    ----------
    channels : tuple of int, default=(32, 64, 128, 256)
        Maps of the blocks: convolution, batch normalisation, activation, pooling.
    filters : {"square", "time", "musical"}, default="square"
        - "square": 3 frames by 3 bands, the same at any pitch.
        - "time": 3 frames by all bands [1]_.
        - "musical": tall filters for timbre beside long ones for rhythm, in the first
          block [2]_.
    activation : {"relu", "logistic", "tanh", "softplus", "maxout"}, default="relu"
        After each convolution.
    maxout_pieces : int, default=2
        Convolutions of which maxout takes the largest.
    pooling : {"max", "average", "lp", "stochastic"}, default="max"
        How blocks halve frames and bands; see :class:`skdeepmir.nets.Pool`.
    lp_order : float, default=2.0
        Of the pooling "lp".
    contrast_size : int, default=0
        Frames and bands of the window of local contrast normalisation of the input
        (:class:`skdeepmir.nets.LocalContrastNorm`), an odd number; 0 for none.
    dropout, input_dropout : float, default=0.0
        Probabilities of dropping values before convolutions, and of input values.
    output_dropout : float, default=0.5
        Probability of dropping values before the output.
    initialization : {"glorot", "he", "sparse"}, default="he"
        How weights begin; see :class:`DropoutMLPClassifier`.
    excerpt_length : int, default=128
        Frames of an excerpt; no more than the longest training clip has. (128 frames
        of 512 samples at 22,050 Hz are 3 s.)
    shift_bands : int, default=0
        Most bands that training excerpts are moved up or down: a change of pitch, on
        a logarithmic frequency axis.
    mask_bands, mask_frames : int, default=0
        Most neighbouring bands and frames that are set to the mean in training.
    mixup : float, default=0.0
        Largest share of another excerpt, and of its labels, that is mixed in; up to
        0.5.
    class_weight, pos_weight, tune_thresholds : optional
        See :class:`DropoutMLPClassifier`.
    optimizer, learning_rate, learning_rate_schedule, learning_rate_decay, momentum, \
            weight_decay, gradient_clipping, batch_size, max_epochs, early_stopping, \
            validation_fraction, n_iter_no_change, tol, warm_start, precision, device, \
            n_threads, callbacks, checkpoint_dir, random_state, verbose : optional
        See :class:`DropoutMLPClassifier`. A batch has an excerpt of each of its clips.
        A warm start keeps ``mean_``, ``scale_`` and ``excerpt_length_``.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Parameters of the net by their name in ``module_``.
    module_ : skdeepmir.nets.ConvNet
        The net, built anew whenever it is asked for.
    mean_, scale_ : ndarray of shape (n_features_in_,), float32
        What standardises the features: of all training frames.
    excerpt_length_ : int
        Frames of an excerpt.
    classes_ : ndarray of shape (n_classes,)
        Labels, or the numbers of the tags.
    thresholds_ : ndarray of shape (n_tags,)
        Of tags: the probabilities above which they are predicted.
    loss_curve_, validation_scores_ : ndarray of shape (n_epochs,)
        Mean training loss, and minus the mean validation loss, of each epoch.
    n_iter_ : int
        Epochs.
    n_features_in_ : int
        Features per frame.

    See Also
    --------
    skdeepmir.nets.ConvNet : The net alone.
    ConvRegressor : The same for numbers.
    DropoutMLPClassifier : A net on pooled features.

    Notes
    -----
    Batch normalisation goes by running means while training, also for
    ``validation_scores_``; ``fit`` measures its statistics anew at its end, over one
    excerpt of each clip, so that the fitted net is somewhat better than its last
    validation score says. ``partial_fit`` keeps the running means.

    References
    ----------
    .. [1] A. van den Oord, S. Dieleman and B. Schrauwen. Deep content-based music
       recommendation. NIPS 2013.
    .. [2] J. Pons, T. Lidy and X. Serra. Experimenting with musically motivated
       convolutional neural networks. CBMI 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import ConvTagger
    >>> rng = np.random.RandomState(0)
    >>> y = np.arange(12) % 2
    >>> clips = [rng.rand(40 + i, 8) + label for i, label in enumerate(y)]
    >>> tagger = ConvTagger((4,), excerpt_length=16, learning_rate=0.01, random_state=0)
    >>> tagger.fit(clips, y).score(clips, y)
    1.0
    """

    _parameter_constraints = {
        **ConvEstimator._parameter_constraints,
        **TAG_CONSTRAINTS,
    }

    def __init__(
        self,
        channels=(32, 64, 128, 256),
        *,
        filters="square",
        activation="relu",
        maxout_pieces=2,
        pooling="max",
        lp_order=2.0,
        contrast_size=0,
        dropout=0.0,
        input_dropout=0.0,
        output_dropout=0.5,
        initialization="he",
        excerpt_length=128,
        shift_bands=0,
        mask_bands=0,
        mask_frames=0,
        mixup=0.0,
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
        super().__init__(
            channels=channels,
            filters=filters,
            activation=activation,
            maxout_pieces=maxout_pieces,
            pooling=pooling,
            lp_order=lp_order,
            contrast_size=contrast_size,
            dropout=dropout,
            input_dropout=input_dropout,
            output_dropout=output_dropout,
            initialization=initialization,
            excerpt_length=excerpt_length,
            shift_bands=shift_bands,
            mask_bands=mask_bands,
            mask_frames=mask_frames,
            mixup=mixup,
            optimizer=optimizer,
            learning_rate=learning_rate,
            learning_rate_schedule=learning_rate_schedule,
            learning_rate_decay=learning_rate_decay,
            momentum=momentum,
            weight_decay=weight_decay,
            gradient_clipping=gradient_clipping,
            batch_size=batch_size,
            max_epochs=max_epochs,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            warm_start=warm_start,
            precision=precision,
            device=device,
            n_threads=n_threads,
            callbacks=callbacks,
            checkpoint_dir=checkpoint_dir,
            random_state=random_state,
            verbose=verbose,
        )
        self.class_weight = class_weight
        self.pos_weight = pos_weight
        self.tune_thresholds = tune_thresholds

    def predict_activations(self, X):
        """Predict when classes or tags are there.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        activations : ndarray of shape (n_clips,), dtype=object
            For each clip an array (n_excerpts_i, n_classes) of the probabilities in its
            excerpts, which begin half their length (``excerpt_length_``) after each
            other; the last ends with the clip.
        """
        by_clip = self._logits(X, average=False)
        coding = self._coding()
        return object_array(coding.probabilities(logits) for logits in by_clip)
