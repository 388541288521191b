"""Labels of frames by a module of the user's: ``NetFrameClassifier``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax
from sklearn.utils.validation import check_is_fitted

from skdeepmir._parameters import Count, Size, parameter, parameters
from skdeepmir._sklearn import _fit_context, parameters_of
from skdeepmir._training._data import dtype_of
from skdeepmir._training._excerpts import Augmentation
from skdeepmir._training._frame_labels import (
    FrameLabelCoding,
    read_frame_labels,
    share_of_equal,
)
from skdeepmir._training._modules import FrameCaller, takes_mask
from skdeepmir._training._sequences import SequenceFeed, stack_sequences
from skdeepmir._validation import check_clip_labels
from skdeepmir.frames import (
    ClipsLike,
    LabelsLike,
    Mirrored,
    object_array,
    pack_clips,
)
from skdeepmir.neural_network._own_net import OwnNetEstimator


@parameters
class NetFrameClassifier(OwnNetEstimator):
    """Label each frame of clips by a PyTorch module of your own.

    Labels may be text or whole numbers of any kind, such as the parts of a song, the
    instrument that plays or the degree of a scale. (For chords in seconds see
    :class:`BLSTMChordRecognizer`.) The module is trained on random excerpts and
    predicts from whole clips.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Parameters and buffers of the module by their name in ``module_``.
    module_ : torch.nn.Module
        The module, made anew whenever it is asked for.
    mean_, scale_ : ndarray of shape (`n_features_in_`,)
        What standardises the features: of all training frames.
    excerpt_length_ : int
        Frames of an excerpt.
    classes_ : ndarray of shape (n_classes,)
        Labels, in order.
    class_weight_ : ndarray of shape (n_classes,) or None
        What a frame of each class weighs in the loss, 1 on average.
    loss_curve_, validation_scores_ : ndarray of shape (n_epochs,)
        Mean training loss, and minus the mean validation loss, of each epoch.
    n_iter_ : int
        Epochs.
    n_features_in_ : int
        Features per frame.

    See Also
    --------
    NetTagger : The same for classes and tags of clips.
    BLSTMChordRecognizer : A recurrent net for chords, with a decoder.

    Notes
    -----
    The contract of ``module`` is that of :class:`NetTagger`, but for its ``forward``:
    it takes standardised frames of shape (batch, n_frames, n_features), of any number
    of frames, and returns logits of shape (batch, n_frames, n_outputs), where
    ``n_outputs`` is the number of classes.

    No result depends on what else is in a batch. If ``forward`` has no argument named
    ``mask``, all sequences of a batch have one length, so that nothing is padded; clips
    that are shorter than an excerpt then make small batches. If it has one, sequences
    of unequal length are trained on together: ``mask`` is a boolean tensor of shape
    (batch, n_frames), True where there are frames and False where zeros follow a
    shorter sequence, which the module must not look at. (``key_padding_mask`` of
    ``nn.MultiheadAttention`` is ``~mask``.) Predictions are made without padding.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from skdeepmir import NetFrameClassifier
    >>> class ContextNet(nn.Module):
    ...     def __init__(self, n_features, n_outputs, n_frames=5):
    ...         super().__init__()
    ...         self.conv = nn.Conv1d(n_features, n_outputs, n_frames, padding="same")
    ...
    ...     def forward(self, x):  # (batch, n_frames, n_features)
    ...         return self.conv(x.mT).mT
    >>> rng = np.random.RandomState(0)
    >>> labels = [np.repeat(["verse", "chorus"], [30 + i, 30]) for i in range(4)]
    >>> clips = [rng.rand(len(y), 6) + (y == "chorus")[:, None] for y in labels]
    >>> net = NetFrameClassifier(ContextNet, learning_rate=0.01, random_state=0)
    >>> predicted = net.fit(clips, labels).predict(clips)
    >>> str(predicted[0][0]), str(predicted[0][-1]), net.score(clips, labels) > 0.95
    ('verse', 'chorus', True)
    """

    excerpt_length: Size | None = parameter(
        """
        Frames of the excerpts that are learned from, drawn anew in each epoch; None
        takes whole clips. Predictions are made from whole clips.
        """,
        default=128,
    )
    mask_bands: Count = parameter(
        "Most neighbouring bands that are set to the mean in training.", default=0
    )
    mask_frames: Count = parameter(
        "Most neighbouring frames that are set to the mean in training.", default=0
    )
    class_weight: dict[Any, float] | Literal["balanced"] | None = parameter(
        """
        Weights of classes in the loss, 1 for those that are not named; "balanced"
        weighs them by their rarity among the frames to train on.
        """,
        default=None,
    )
    batch_size: Size | None = parameter(
        """
        Excerpts of a batch, which have about one length; None takes all at once. A clip
        gives as many excerpts as cover it, so that few clips make many batches.
        """,
        default=16,
    )

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ClipsLike,
        y: LabelsLike,
        *,
        X_val: ClipsLike | None = None,
        y_val: LabelsLike | None = None,
    ) -> Self:
        """Train the module.

        Parameters
        ----------
        X : list of ndarray of shape (n_frames_i, n_features), ndarray of shape \
                (n_clips, n_frames, n_features), or array-like of shape \
                (n_clips, n_features)
            Clips. Rows of a 2-D array are clips of one frame.
        y : sequence of n_clips array-likes of shape (n_frames_i,)
            The label of each frame of each clip, text or whole numbers; None or NaN
            where it is unknown, which is not learned from. For rows of a 2-D array, a
            label each.
        X_val, y_val : default=None
            Clips to validate on, such as those of other artists; they are not trained
            on. See :meth:`NetTagger.fit` for pipelines.

        Returns
        -------
        self : NetFrameClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If X is not a set of clips, labels do not fit their clip (which is named),
            or the module does not keep its contract.
        DivergenceError
            A ``ValueError``, if the loss is not a number any more.

        Warns
        -----
        ConvergenceWarning
            If training ends far worse than guessing.
        """
        return self._fit(X, y, None, X_val, y_val)

    def predict(self, X: ClipsLike) -> NDArray[Any]:
        """Predict the label of each frame.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        labels : ndarray of shape (n_clips,), dtype=object, or of shape (n_clips,)
            The labels of the frames of each clip, an array of shape (n_frames_i,). For
            rows of a 2-D array, a label each.
        """
        by_clip, layout = self._frame_logits(X)
        labels = [self.classes_[logits.argmax(axis=1)] for logits in by_clip]
        return object_array(labels) if layout.has_clips else np.concatenate(labels)

    def predict_proba(self, X: ClipsLike) -> Mirrored:
        """Predict the probability of each class in each frame.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        probabilities : list of ndarray of shape (n_frames_i, n_classes), or ndarray \
                of shape (n_clips, n_frames, n_classes) or (n_clips, n_classes)
            In the container of X, float64; columns in the order of ``classes_``.
        """
        by_clip, layout = self._frame_logits(X)
        return pack_clips([softmax(logits, axis=1) for logits in by_clip], layout)

    def predict_log_proba(self, X: ClipsLike) -> Mirrored:
        """Predict the logarithm of the probability of each class in each frame.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        log_probabilities : list of ndarray or ndarray
            As by :meth:`predict_proba`; finite also where a probability is 0 to the
            precision of a float.
        """
        by_clip, layout = self._frame_logits(X)
        return pack_clips([log_softmax(logits, axis=1) for logits in by_clip], layout)

    def score(self, X: ClipsLike, y: LabelsLike) -> float:
        """Return the share of the labelled frames whose label is right.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.
        y : sequence of n_clips array-likes of shape (n_frames_i,)
            See :meth:`fit`.

        Returns
        -------
        score : float
            From 0 to 1, over the frames of all clips together.
        """
        labels = self.predict(X)
        check_clip_labels(y, len(labels), needed_by=self)
        return share_of_equal(labels, y)

    def _frame_logits(self, X):
        """Return the logits (n_frames_i, n_classes) of each clip, and the layout."""
        check_is_fitted(self)
        given = parameters_of(self)
        feed = self._feed(given)
        clips, layout = feed.read(self, X, reset=False, dtype=feed.predict_dtype)
        return self._logits_of(given, feed, clips, layout), layout

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    def _read_targets(self, y, layout, name="y"):
        return read_frame_labels(y, layout, self, name)

    def _make_coding(self, y, sample_weight):
        return FrameLabelCoding.of(y)

    def _keep_coding(self, coding):
        self.classes_ = coding.classes

    def _coding(self):
        return FrameLabelCoding(self.classes_)

    def _make_feed(self, given):
        augmentation = Augmentation(
            mask_bands=given.mask_bands, mask_frames=given.mask_frames
        )
        dtype = dtype_of(given.precision)
        return SequenceFeed(dtype, given.excerpt_length, augmentation, pads=False)

    def _keep_feed(self, feed):
        self.mean_ = feed.mean
        self.scale_ = feed.scale
        self.class_weight_ = feed.class_weight
        self.excerpt_length_ = feed.excerpt_length

    def _feed(self, given):
        dtype = dtype_of(given.precision)
        return replace(
            self._make_feed(given),
            excerpt_length=self.excerpt_length_,
            # Rows are predicted all at once, where float32 would depend on the others.
            predict_dtype=dtype if self._fitted_on_clips else np.float64,
            n_classes=len(self.classes_),
            mean=self.mean_,
            scale=self.scale_,
        )

    def _begin(self, given, coding, feed, data, *args, **options):
        weights = coding.weigh(data.targets, given.class_weight)
        feed = replace(feed, class_weight=weights)
        training = super()._begin(given, coding, feed, data, *args, **options)
        pads = takes_mask(training.net)
        return replace(training, feed=replace(training.feed, pads=pads))

    def _output_span(self, net):
        return None  # a module may see all frames

    def _caller(self, net, n_outputs, generator):
        return FrameCaller(net, n_outputs, generator)

    def _probe(self, net, feed, n_outputs, generator):
        frames = np.zeros((2, feed.excerpt_length, self.n_features_in_), np.float32)
        self._caller(net, n_outputs, generator)(stack_sequences(frames))
