"""A deep recurrent net over frames: ``BLSTMChordRecognizer``."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral, Real

import numpy as np
from scipy.special import log_softmax

from skdeepmir import decoding
from skdeepmir._sklearn import Interval, StrOptions, _fit_context, parameters_of
from skdeepmir._threads import limit_threads
from skdeepmir._training._data import torch_dtype
from skdeepmir._training._labelled import scale_of, standardized
from skdeepmir._training._net_estimator import NetEstimator
from skdeepmir._training._parameters import TRAINING_CONSTRAINTS, check_sizes
from skdeepmir.chord_recognition._coding import (
    NO_LABEL,
    SEMITONES,
    check_not_one_path,
)
from skdeepmir.chord_recognition._recognizer import (
    RECOGNIZER_CONSTRAINTS,
    ChordRecognizer,
)
from skdeepmir.frames import length_buckets

SHARE = [Interval(Real, 0, 1, closed="left")]


class BLSTMChordRecognizer(ChordRecognizer, NetEstimator):
    """Recognise the chord of every frame by a deep bidirectional LSTM.

    Every layer sees both directions of the one below [1]_; a Viterbi decoder makes
    chords of the frames' probabilities. With ``sees_previous=True`` the last layer also
    sees the chord before each frame, as in the system of 2013 [2]_.

    Parameters
    ----------
    vocabulary : {"majmin", "majmin_inv", "sevenths", "tetrads", "full"} or tuple of \
            str, default="majmin"
        Chords to choose from (25, 73, 61, 169 or 601, or your own labels), see
        :mod:`skdeepmir.chords`. Frames with other chords are not learned from. Where
        labels of frames are numbers, they are classes of another kind and this is not
        used. As ``transpose`` and ``bins_per_octave``, it is fixed by ``fit``.
    frame_rate : float, default=None
        Frames per second (Hz) of the clips, such as ``extractor.frame_rate``; needed
        where annotations or results are in seconds.
    n_units : int, default=128
        Cells of each direction of each layer.
    n_layers : int, default=2
        Recurrent layers.
    cell : {"lstm", "rnn", "dense"}, default="lstm"
        Long short-term memory, tanh units with a loop, or tanh units without one, which
        see single frames only (as far as there is no front end).
    bidirectional : bool, default=True
        Whether layers see the future as well.
    sees_previous : bool, default=False
        Whether the last layer, then of one direction, sees the chord before.
    channels : tuple of int, default=()
        Maps of the blocks of a convolutional front end, each 3 frames by 3 bins and a
        maximum over two bins; none by default.
    dropout : float, default=0.5
        Probability of dropping values between layers, and of hiding the chord before.
    input_dropout : float, default=0.0
        Probability of dropping values of frames.
    weight_noise : float, default=0.0
        Deviation of Gaussian noise on all weights of the recurrent and output layers,
        drawn for each batch: with ``batch_size=1`` for each sequence, as in [1]_ (there
        0.075).
    initialization : {"orthogonal", "uniform"}, default="orthogonal"
        Orthogonal loops and Glorot's weights elsewhere, or uniform up to 0.1 [1]_. The
        forget gates of an LSTM begin open.
    excerpt_length : int or None, default=128
        Frames of the excerpts that are learned from, drawn anew in each epoch; None
        takes whole clips. Predictions are made from whole clips.
    transpose : bool, default=False
        Whether excerpts are moved to one of the twelve keys at random, with their
        labels. It teaches more than anything else does, but needs an input with a
        logarithmic frequency axis: set it for CQT and chroma.
    bins_per_octave : int, default=12
        Bins per octave of the input, for ``transpose``. If it is also the number of
        features, these go round in a circle, as in chroma.
    mask_bands, mask_frames : int, default=0
        Most neighbouring bands and frames that are set to the mean in training.
    average_transpositions : bool, default=False
        Whether log-probabilities are averaged over the twelve transpositions of a clip,
        each moved back: better (one point of WCSR in ``benchmarks/chords.py``), and
        twelve times slower. Needs ``transpose=True``; may be changed after fitting. Not
        used with ``sees_previous``.
    decoder : {"viterbi", "beam", "argmax"}, default="viterbi"
        How frames become chords: by the best path under ``transition_``, by a beam
        search for it, or each by itself. A net that sees the chord before has no
        transitions: "beam" keeps ``beam_width`` hypotheses, "viterbi" the best one for
        each chord (the pruning of [2]_), "argmax" one. It may be changed after fitting.
    beam_width : int, default=10
        Hypotheses of the decoder "beam".
    self_transition : float, default=1.0
        What multiplies the odds of staying in a chord when decoding; may be changed
        after fitting.
    optimizer, learning_rate, learning_rate_schedule, learning_rate_decay, momentum, \
            weight_decay, gradient_clipping, batch_size, max_epochs, early_stopping, \
            validation_fraction, n_iter_no_change, tol, warm_start, precision, device, \
            n_threads, callbacks, checkpoint_dir, random_state, verbose : optional
        See :class:`DropoutMLPClassifier`. A batch has ``batch_size`` excerpts of about
        one length. Gradients are clipped to a norm of 1, because loops make some of
        them explode. A warm start keeps ``mean_``, ``scale_`` and ``transition_``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels: the vocabulary, or the sorted numbers.
    transition_ : ndarray of shape (n_classes, n_classes)
        Probability of each class (column) after each (row), from the training clips;
        the same in all keys with ``transpose``. May be set after fitting.
    weights_ : dict of str to ndarray
        Parameters of the net by their name in ``module_``.
    module_ : skdeepmir.nets.RecurrentNet
        The net, built anew whenever it is asked for.
    mean_, scale_ : ndarray of shape (n_features_in_,)
        What standardises the features: of all training frames, and with ``transpose``
        in all keys.
    loss_curve_, validation_scores_ : ndarray of shape (n_epochs,)
        Mean training loss, and minus the mean validation loss, of each epoch.
    n_iter_ : int
        Epochs.
    n_features_in_ : int
        Features per frame.

    See Also
    --------
    GaussianChordRecognizer, TemplateChordRecognizer : Baselines.
    skdeepmir.metrics.chord_report : All metrics.

    Notes
    -----
    Batches are padded, the loss is masked, and the backward direction runs over
    sequences reversed by their own lengths, so that padding changes nothing.

    References
    ----------
    .. [1] A. Graves, A. Mohamed and G. Hinton. Speech recognition with deep recurrent
       neural networks. ICASSP 2013.
    .. [2] N. Boulanger-Lewandowski, Y. Bengio and P. Vincent. Audio chord recognition
       with recurrent neural networks. ISMIR 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import BLSTMChordRecognizer
    >>> rng = np.random.RandomState(0)
    >>> chroma = [0.3 * rng.rand(n, 12) for n in (60, 80)]
    >>> for clip in chroma:
    ...     clip[:30, [0, 4, 7]] += 2
    ...     clip[30:, [7, 11, 2]] += 2
    >>> annotation = ([[0.0, 2.95], [2.95, 6.0]], ["C:maj", "G:maj"])
    >>> recognizer = BLSTMChordRecognizer(
    ...     n_units=32,
    ...     n_layers=1,
    ...     frame_rate=10.0,
    ...     excerpt_length=20,
    ...     transpose=True,
    ...     random_state=0,
    ...     verbose=False,
    ... ).fit(chroma, [annotation, annotation])
    >>> intervals, labels = recognizer.predict_intervals(chroma)[0]
    >>> intervals.round(2).tolist(), labels.tolist()
    ([[0.0, 2.95], [2.95, 5.95]], ['C:maj', 'G:maj'])
    """

    _parameter_constraints = {
        **TRAINING_CONSTRAINTS,
        **RECOGNIZER_CONSTRAINTS,
        "n_units": [Interval(Integral, 1, None, closed="left")],
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "cell": [StrOptions({"lstm", "rnn", "dense"})],
        "bidirectional": ["boolean"],
        "sees_previous": ["boolean"],
        "channels": [tuple, list],
        "dropout": SHARE,
        "input_dropout": SHARE,
        "weight_noise": [Interval(Real, 0, None, closed="left")],
        "initialization": [StrOptions({"orthogonal", "uniform"})],
        "excerpt_length": [Interval(Integral, 1, None, closed="left"), None],
        "mask_bands": [Interval(Integral, 0, None, closed="left")],
        "mask_frames": [Interval(Integral, 0, None, closed="left")],
        "average_transpositions": ["boolean"],
        "warm_start": ["boolean"],
    }

    def __init__(
        self,
        vocabulary="majmin",
        *,
        frame_rate=None,
        n_units=128,
        n_layers=2,
        cell="lstm",
        bidirectional=True,
        sees_previous=False,
        channels=(),
        dropout=0.5,
        input_dropout=0.0,
        weight_noise=0.0,
        initialization="orthogonal",
        excerpt_length=128,
        transpose=False,
        bins_per_octave=12,
        mask_bands=0,
        mask_frames=0,
        average_transpositions=False,
        decoder="viterbi",
        beam_width=10,
        self_transition=1.0,
        optimizer="adam",
        learning_rate=3e-3,
        learning_rate_schedule="linear",
        learning_rate_decay=0.998,
        momentum=0.9,
        weight_decay=0.0,
        gradient_clipping=1.0,
        batch_size=16,
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
        self.vocabulary = vocabulary
        self.frame_rate = frame_rate
        self.n_units = n_units
        self.n_layers = n_layers
        self.cell = cell
        self.bidirectional = bidirectional
        self.sees_previous = sees_previous
        self.channels = channels
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.weight_noise = weight_noise
        self.initialization = initialization
        self.excerpt_length = excerpt_length
        self.transpose = transpose
        self.bins_per_octave = bins_per_octave
        self.mask_bands = mask_bands
        self.mask_frames = mask_frames
        self.average_transpositions = average_transpositions
        self.decoder = decoder
        self.beam_width = beam_width
        self.self_transition = self_transition
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
    def fit(self, X, y, *, X_val=None, y_val=None):
        """Train the net.

        Parameters
        ----------
        X : list of ndarray of shape (n_frames_i, n_features), ndarray of shape \
                (n_clips, n_frames, n_features), or array-like of shape \
                (n_clips, n_features)
            Clips, such as of a constant-Q transform. Rows of a 2-D array are clips of
            one frame.
        y : sequence of n_clips annotations
            For each clip

            - labels of its frames, an array-like of shape (n_frames_i,), "X" where
              there is none;
            - ``(intervals, labels)``: intervals of shape (n_chords, 2) in seconds, from
              the start of the clip, and a chord label for each; frames outside of them
              are not learned from;
            - or the path of such an annotation, a ``.lab`` or ``.jams`` file.

            For rows of a 2-D array, a label each. Pass whole songs or albums as
            ``groups`` to a splitter, not excerpts.
        X_val, y_val : default=None
            Clips to validate on, such as those of other artists; they are not trained
            on. The earlier steps of a ``Pipeline`` transform them only if it is told
            so: ``pipeline[:-1].transform(...)``.

        Returns
        -------
        self : BLSTMChordRecognizer
            The fitted recogniser.

        Raises
        ------
        ValueError
            If X is no set of clips, an annotation does not fit its clip (which is
            named), or parameters contradict each other.
        DivergenceError
            A ``ValueError``, if the loss is no number any more.
        """
        check_not_one_path(y)
        check_not_one_path(y_val, "y_val")
        if self.average_transpositions and not self.transpose:
            raise ValueError(
                "average_transpositions=True needs a net that knows all keys; set "
                "transpose=True."
            )
        return self._fit(X, y, None, X_val, y_val)

    def _encode(self, coding, y, layout, name="y"):
        return coding.encode(y, layout, name)

    def _begin_learned(self, coding, data, seed):
        mean, variance = data.mean_and_variance()
        transposition = self._transposition(coding)
        if transposition is not None:
            # Frames are moved once they are standardised: what is usual in one key must
            # not look unusual in another.
            squares = transposition.mean_over_keys(np.square(mean) + variance)
            mean = transposition.mean_over_keys(mean)
            variance = squares - np.square(mean)
        return {
            "mean_": mean.astype(self._dtype()),
            "scale_": scale_of(mean, variance).astype(self._dtype()),
            "transition_": self._estimate_transition(coding, data.targets),
        }

    def _make_module(self, n_outputs, fitted, generator, initialization):
        from skdeepmir import nets

        given = parameters_of(self)
        return nets.RecurrentNet(
            self.n_features_in_,
            n_outputs,
            given.n_units,
            given.n_layers,
            cell=given.cell,
            bidirectional=given.bidirectional,
            sees_previous=given.sees_previous,
            channels=check_sizes("channels", given.channels, "maps"),
            dropout=given.dropout,
            input_dropout=given.input_dropout,
            weight_noise=given.weight_noise,
            initialization=initialization,
            generator=generator,
        )

    def _dataset(self, data, fitted, generator, *, training):
        from skdeepmir._training._data import Augmentation
        from skdeepmir._training._sequences import SequenceClips

        if all((labels == NO_LABEL).all() for labels in data.targets):
            part = "train" if training else "validate"
            raise ValueError(
                f"The clips to {part} on have no label that the vocabulary can say. "
                "Pass clips that have (X_val and y_val), or a larger vocabulary."
            )
        given = parameters_of(self)
        coding = self._coding_of(fitted["classes_"], fitted["_labels_are_chords"])
        return SequenceClips(
            data.rows,
            data.targets,
            mean=fitted["mean_"],
            scale=fitted["scale_"],
            n_classes=coding.n_outputs,
            excerpt_length=given.excerpt_length,
            batch_size=given.batch_size,
            transposition=self._transposition(coding),
            augmentation=Augmentation(
                mask_bands=given.mask_bands, mask_frames=given.mask_frames
            ),
            sees_previous=given.sees_previous,
            generator=generator,
            training=training,
        )

    def _predicting_dtype(self):
        # Rows are predicted all at once, where float32 would depend on the others.
        return self._dtype() if self._fitted_on_clips else np.float64

    def _predicting_module(self, generator=None):

        dtype = torch_dtype(self._predicting_dtype())
        return self._fitted_module(generator).to(dtype)

    def _standardized(self, clip):
        dtype = self._predicting_dtype()
        return standardized(clip, self.mean_, self.scale_, dtype)

    def _scores_of_clips(self, clips):
        if self.sees_previous:
            return [scores for scores, _ in self._searched(clips)]
        clips = [self._standardized(clip) for clip in clips]
        if not self.average_transpositions:
            return self._log_probabilities(clips)
        transposition = self._transposition(self._coding())
        if transposition is None:
            raise ValueError(
                "average_transpositions=True needs a net that knows all keys; set "
                "transpose=True."
            )
        scores = [0.0] * len(clips)
        for k in SEMITONES:
            moved = [transposition.shift(clip, k) for clip in clips]
            # Column i: of the class that class i becomes k semitones up.
            found = self._log_probabilities(moved)
            found = [part[:, transposition.classes[k % 12]] for part in found]
            scores = [a + b / 12 for a, b in zip(scores, found, strict=True)]
        return scores

    def _log_probabilities(self, clips):
        """Return what the net says of standardised clips."""
        import torch

        from skdeepmir._training._sequences import stack_sequences

        module, scores = self._predicting_module(), [None] * len(clips)
        with torch.inference_mode(), limit_threads(self.n_threads):
            for bucket in length_buckets(np.array([len(clip) for clip in clips])):
                logits = module(stack_sequences([clips[i] for i in bucket]))
                for i, of_clip in zip(bucket, logits.double().numpy(), strict=True):
                    scores[i] = log_softmax(of_clip[: len(clips[i])], axis=1)
        return scores

    def _decode_clips(self, clips):
        if self.sees_previous:
            return [path for _, path in self._searched(clips)]
        return super()._decode_clips(clips)

    def _searched(self, clips):
        """Return log-probabilities of clips along the best labels, and these."""
        import torch

        module = self._predicting_module()
        with torch.inference_mode(), limit_threads(self.n_threads):
            return [self._search(module, self._standardized(clip)) for clip in clips]

    def _search(self, module, clip):
        import torch

        from skdeepmir._training._sequences import stack_sequences

        n_classes = len(self.classes_)
        widths = {
            "argmax": {"beam_width": 1},
            "beam": {"beam_width": self.beam_width},
            "viterbi": {"beam_width": n_classes, "per_symbol": 1},
        }
        sequence = stack_sequences([clip])
        inputs = module.below_last(sequence)  # (n_frames, 1, n_inputs)

        def step(t, previous, state):
            previous = torch.from_numpy(np.where(previous < 0, n_classes, previous))
            frame = inputs[t].expand(len(previous), -1)
            logits, state = module.step(frame, previous, state)
            return log_softmax(logits.double().numpy(), axis=1), state

        path = decoding.beam_search(step, len(clip), **widths[self.decoder])
        before = torch.from_numpy(np.concatenate([[n_classes], path[:-1]]))[None]
        logits = module(replace(sequence, previous=before))
        return log_softmax(logits[0].double().numpy(), axis=1), path
