"""Notes of piano music by a net over frames: ``PianoTranscriber``."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import torch
from scipy.special import expit, logit

from skdeepmir import decoding, nets, notes
from skdeepmir._frame_rates import needed_rate
from skdeepmir._parameters import (
    parameters,
)
from skdeepmir._sklearn import _fit_context, parameters_of
from skdeepmir._training._data import dtype_of
from skdeepmir._training._estimator import check_sizes
from skdeepmir._training._event_nets import EventNetEstimator
from skdeepmir._training._excerpts import Augmentation
from skdeepmir._units import hidden_layers
from skdeepmir._warnings import warn_user
from skdeepmir.feature_learning._finetuning import load_layers
from skdeepmir.frames import (
    ClipsLike,
    LabelsLike,
)
from skdeepmir.transcription._annotator import NoteAnnotator
from skdeepmir.transcription._coding import (
    FRAME,
    N_KEYS,
    PITCHES,
    NoteBits,
    NoteCoding,
    NoteTransposition,
)
from skdeepmir.transcription._feed import NoteFeed
from skdeepmir.transcription._forming import form_notes
from skdeepmir.transcription._parameters import TranscriberParameters
from skdeepmir.transcription._tuning import (
    best_evidence,
    best_frame_threshold,
    best_onset_threshold,
    fit_logistic,
)

SHRINKAGE = 0.1  # of the share of frames of each note to that of all
DECAY = 1e-5  # of the weights of support vector machines
SEMITONES = 3  # by which excerpts are moved at most
COLOURS = 0.3  # deviations by which their level and colour are changed
CONTEXT = 8  # frames that "conv_rnn" sees beyond both ends of an excerpt
EXPECTED = (0.4, 0.4)  # thresholds of onsets and frames that are taken without reason


@parameters
class PianoTranscriber(TranscriberParameters, NoteAnnotator, EventNetEstimator):
    """Transcribe piano music: which notes are played, when, and how long.

    ``net="conv_rnn"`` is today's way: convolutions and a recurrent layer tell where
    each of the 88 notes begins, sounds and ends, from which notes are formed [1]_.
    ``net="svm"`` and ``net="multi_note"`` are the system of Nam et al. [2]_: a linear
    support vector machine for each note, or one net whose hidden layers all notes
    share, and a hidden Markov model of two states for each note that smooths what they
    say [3]_. :func:`make_piano_pipeline` has the front ends.

    Attributes
    ----------
    onset_threshold_, frame_threshold_ : float
        Smallest activation of an onset ("conv_rnn"), and probability of a frame that
        sounds: as set, or tuned on validation clips. May be set after fitting.
    evidence_weight_ : float
        What the likelihood of a frame counts against transitions: as set, or tuned on
        validation clips. May be set after fitting.
    evidence_prior_ : float or ndarray of shape (n_notes,)
        Probability of a note at which a frame speaks neither for nor against it: tuned
        on validation clips with ``evidence_weight="tune"``, else about ``note_prior_``.
        May be set after fitting.
    note_prior_ : ndarray of shape (n_notes,)
        Share of the training frames in which each note sounds.
    p_start_, p_on_, p_off_ : ndarray of shape (n_notes,)
        Probability that a note sounds in the first frame, begins to sound in a frame,
        and ends, from the training clips. May be set after fitting.
    calibration_ : tuple of float
        Slope and intercept that turn what "svm" and "multi_note" put out into log odds,
        learned on validation clips by Platt's method; 1 and 0 for "conv_rnn".
    weights_ : dict of str to ndarray
        Parameters of the net by their name in ``module_``.
    module_ : skdeepmir.nets.PianoNet or skdeepmir.nets.MLP
        The net, built anew whenever it is asked for.
    mean_, scale_ : ndarray of shape (`n_features_in_`,)
        What standardises the features: of all training frames, or of ``pretrained``.
        "conv_rnn" has one scale for all features.
    frame_rate_ : float or None
        Frames per second: ``frame_rate``, or that of the pipeline.
    frame_offset_ : float
        Second that frame 0 stands for.
    sample_rate_ : float or None
        Sample rate (Hz) of the audio that was learned from, if a pipeline told it.
    loss_curve_, validation_scores_ : ndarray of shape (n_epochs,)
        Mean training loss, and minus the mean validation loss, of each epoch.
    n_iter_ : int
        Epochs.
    n_features_in_ : int
        Features per frame.

    See Also
    --------
    make_piano_pipeline : The front end of each net with this estimator.
    form_notes : How activations become notes.
    skdeepmir.decoding.viterbi_binary : How frames are smoothed.
    skdeepmir.metrics.note_scores, skdeepmir.metrics.frame_scores : The measures.

    Notes
    -----
    The squared hinge loss with decay of the weights is a sum over notes that share no
    weight. So the one linear layer that is trained for "svm" is 88 support vector
    machines, each with ``C = 1 / (weight_decay * n_frames)``; gradients are not
    clipped, because that would tie them together.

    No net tells how hard a note is struck: all have the velocity 64.

    References
    ----------
    .. [1] C. Hawthorne et al. Onsets and frames: dual-objective piano transcription.
       ISMIR 2018.
    .. [2] J. Nam, J. Ngiam, H. Lee and M. Slaney. A classification-based polyphonic
       piano transcription approach using learned feature representations. ISMIR 2011.
    .. [3] G. Poliner and D. Ellis. A discriminative model for polyphonic piano
       transcription. EURASIP Journal on Advances in Signal Processing, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import PianoTranscriber
    >>> rng = np.random.RandomState(0)
    >>> clips = [rng.rand(100, 6) for _ in range(4)]
    >>> for clip in clips:
    ...     clip[20:60, 2] += 3
    >>> played = [[(0.4, 1.2, 60)]] * 4  # onset, offset and pitch of each note
    >>> transcriber = PianoTranscriber(
    ...     "svm", max_epochs=50, frame_rate=50.0, random_state=0, verbose=False
    ... ).fit(clips, played)
    >>> found = transcriber.predict(clips)[0]
    >>> found["onset"], found["offset"], found["pitch"]
    (array([0.4]), array([1.2]), array([60]))
    """

    _parameters_of_predictions = (
        *("smoothing", "offset_threshold", "wait", "min_length"),
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
        """Train the net, then tune thresholds on validation clips.

        Parameters
        ----------
        X : list of ndarray of shape (n_frames_i, n_features), ndarray of shape \
                (n_clips, n_frames, n_features), or array-like of shape \
                (n_clips, n_features)
            Clips, such as of a constant-Q transform in decibels. Rows of a 2-D array
            are clips of one frame.
        y : sequence of n_clips annotations
            The notes of each clip, as :func:`skdeepmir.notes.check_notes` takes them,
            or the path of a file that :func:`skdeepmir.notes.read_notes` reads. For
            rows of a 2-D array (n_rows,), 1 if the note sounds, else 0; or (n_rows,
            88). When splitting data, pass the piece of each clip as ``groups``, so that
            none is on both sides.
        X_val, y_val : default=None
            Clips to validate on, such as other pieces; they are not trained on. A
            :class:`skdeepmir.pipeline.Pipeline` takes and transforms them. Without them
            ``validation_fraction`` of the clips is held out where thresholds are tuned
            or ``early_stopping`` needs some.

        Returns
        -------
        self : PianoTranscriber
            The fitted transcriber.

        Raises
        ------
        ValueError
            If X is not a set of clips, an annotation does not fit its clip (which is
            named), no clip has a note, or parameters contradict each other.
        DivergenceError
            A ``ValueError``, if the loss is not a number any more.
        """
        return self._fit(X, y, None, X_val, y_val)

    def _make_coding(self, y, sample_weight):
        given = parameters_of(self)
        has_clips = getattr(self, "_fitted_on_clips", True)
        weight = given.evidence_weight
        given_thresholds = given.onset_threshold, given.frame_threshold
        thresholds = [  # tuning begins with what is expected
            expected if value == "tune" else float(value)
            for value, expected in zip(given_thresholds, EXPECTED, strict=True)
        ]
        return NoteCoding(
            self.frame_rate,
            self._offset_now(),
            given.near,
            given.net,
            # Of rows with a label each, of which no pitch is known, one note.
            n_keys=N_KEYS if y is None or y.ndim == 1 else y.shape[1],
            near_target=given.near_target,
            positive_weight=given.positive_weight,
            head_weights=(given.onset_weight, 1.0, given.offset_weight),
            transposition=_transposition(given) if has_clips else None,
            thresholds=tuple(thresholds),
            evidence_weight=1.0 if weight == "tune" else float(weight),
        )

    def _continued(self, coding):
        coding = super()._continued(coding)
        if coding.n_keys != self._n_keys:
            raise ValueError(
                f"warm_start=True, but y has {coding.n_keys} notes now and had "
                f"{self._n_keys} in the fit before; expected the same."
            )
        return replace(coding, **self._learned())

    def _keep_coding(self, coding):
        # All is of the coding: callbacks see what is fitted without parameters.
        self._keep_clock(coding.frame_rate, coding.offset)
        self._fitted_clock = coding.clock
        self._n_keys = coding.n_keys
        self.onset_threshold_, self.frame_threshold_ = coding.thresholds
        self.p_start_, self.p_on_, self.p_off_ = coding.chain
        self.note_prior_ = coding.prior
        self.calibration_ = (1.0, 0.0)
        self.evidence_weight_ = coding.evidence_weight
        self.evidence_prior_ = self._prior_of_odds(parameters_of(self))

    def _learned(self):
        chain = self.p_start_, self.p_on_, self.p_off_
        return {"chain": chain, "prior": self.note_prior_}

    def _coding(self):
        return replace(
            self._make_coding(None, None),
            frame_rate=self._fitted_clock["frame_rate"],
            offset=self._fitted_clock["frame_offset"],
            n_keys=self._n_keys,
            **self._learned(),
        )

    def _make_feed(self, given):
        is_conv = given.net == "conv_rnn"
        return NoteFeed(
            dtype_of(given.precision),
            given.excerpt_length,
            Augmentation(
                mask_bands=given.mask_bands,
                shift_level=_for_conv(given, given.shift_level, COLOURS),
                equalize=_for_conv(given, given.equalize, COLOURS),
            ),
            context=CONTEXT if is_conv else 0,
            mix=given.mix,
            labels=NoteBits(),
            one_scale=is_conv,
            pads=not is_conv,  # maps near an end would see what is padded
            given=given,
            sizes=_hidden_sizes(given),
        )

    def _make_net(self, given, feed, n_outputs, generator, is_new):
        if given.net == "conv_rnn":
            return nets.PianoNet(
                self.n_features_in_,
                n_outputs,
                bins_per_octave=given.bins_per_octave,
                channels=given.channels,
                n_units=given.n_units,
                dropout=given.dropout,
                initialization="he" if is_new else None,
                generator=generator,
            )
        return nets.MLP(
            self.n_features_in_,
            n_outputs,
            feed.sizes,
            activation=given.activation,
            dropout=given.dropout if feed.sizes else 0.0,
            initialization="glorot" if is_new else None,
            generator=generator,
        )

    def _hidden_layers(self, net):
        if self.net == "conv_rnn":
            return []

        def of_sequences(function):
            return lambda batch: function(batch.frames.flatten(0, 1)).unflatten(
                0, batch.frames.shape[:2]
            )

        return [
            replace(layer, function=of_sequences(layer.function))
            for layer in hidden_layers(net)
        ]

    def _output_names(self, n_outputs):
        keys = [str(pitch) for pitch in range(PITCHES[0], PITCHES[1] + 1)]
        if n_outputs == len(keys):
            return keys
        heads = "onset", "frame", "offset"
        return [f"{key} {head}" for key in keys for head in heads]

    def _output_span(self, net):
        return None if self.net == "conv_rnn" else (0, 1)

    def _prepare(self, given, net, feed, data, generator):
        if given.net == "conv_rnn":
            return
        if feed.learner is not None:
            load_layers(net, feed.learner._network())
        # Most notes are silent in most frames: that need not be learned first.
        bias = np.full_like(feed.prior, -1) if given.net == "svm" else logit(feed.prior)
        with torch.no_grad():
            net.output.bias.copy_(torch.from_numpy(bias))

    def _caller(self, net, n_outputs, generator):
        if self.net == "conv_rnn":
            return net
        return FrameCaller(net)

    def _step(self, training, given):
        own = {"weight_decay": given.weight_decay}
        if given.weight_decay is None:
            own["weight_decay"] = DECAY if given.net == "svm" else 0.0
        if given.net == "svm":
            own["gradient_clipping"] = None
        return super()._step(training, SimpleNamespace(**{**vars(given), **own}))

    def _tuned(self, given):
        """Return which thresholds are tuned, of onsets and of frames."""
        # Rows are not in order, so that they have no peaks to tune a threshold on.
        onset = given.net == "conv_rnn" and given.onset_threshold == "tune"
        frame = given.frame_threshold == "tune"
        return self._fitted_on_clips and onset, self._fitted_on_clips and frame

    def _holds_out(self, given):
        tunes = self._is_calibrated(given) or any(self._tuned(given))
        return given.early_stopping or tunes

    def _is_calibrated(self, given):
        return given.net != "conv_rnn" and self._fitted_on_clips

    def _learn_last(self, given, data, watched):
        if self._is_calibrated(given):
            # Of clips that were learned from, a net is too sure.
            part = watched if watched and _has_notes(watched) else data
            logits = [logits[..., 0] for logits in self._logits_in_fit(given, part)]
            self.calibration_ = fit_logistic(logits, _rolls_of(part))
        tunes_onset, tunes_frame = self._tuned(given)
        tunes_weight = self._is_calibrated(given) and given.evidence_weight == "tune"
        if not watched or not (tunes_onset or tunes_frame or tunes_weight):
            return
        if not _has_notes(watched):
            warn_user(
                "The clips to validate on have no notes, so the thresholds stay "
                f"at {self.onset_threshold_} (onset_threshold) and "
                f"{self.frame_threshold_} (frame_threshold). Pass others as X_val and "
                "y_val, or set them."
            )
            return
        logits = self._logits_in_fit(given, watched)
        if tunes_weight:
            odds, rolls = [self._odds_of(part) for part in logits], _rolls_of(watched)
            self.evidence_weight_, self.evidence_prior_ = best_evidence(
                lambda *evidence: [self._smoothed(o, *evidence) for o in odds],
                rolls,
                self.evidence_prior_,
            )
        if tunes_onset:
            self.onset_threshold_ = best_onset_threshold(
                [expit(part[..., 0]) for part in logits],
                [bits & notes.ONSET > 0 for bits in watched.targets],
                frame_rate=needed_rate(self.frame_rate_),
                wait=given.wait,
                expected=EXPECTED[0],
            )
        if tunes_frame:
            self.frame_threshold_ = best_frame_threshold(
                [expit(self._odds_of(part)) for part in logits],
                _rolls_of(watched),
                EXPECTED[1],
            )

    def _logits_in_fit(self, given, data):
        return self._logits_of_clips(self._feed(given).for_prediction(data.clips))

    # Frames of "svm" and "multi_note" do not depend on others, so that a pipeline may
    # hand them on in blocks: of long files logits are kept, not frames.
    @property
    def _takes_blocks(self):
        return self.net != "conv_rnn"

    def _keep_blocks(self, blocks):
        parts = [self._checked(block, "frames") for block in blocks]
        return np.concatenate(self._logits_of_clips([p for p in parts if len(p)]))

    def _logits_of_clips(self, clips):
        given = parameters_of(self)
        logits = self._logits_of(given, self._feed(given), clips, None)
        return [part.reshape(len(part), self._n_keys, -1) for part in logits]

    def _odds_of(self, logits):
        """Return the log odds that notes sound, (n_frames, n_notes)."""
        slope, intercept = self.calibration_
        return slope * logits[..., FRAME if self.net == "conv_rnn" else 0] + intercept

    def _smoothed(self, odds, weight, prior):
        """Return the frames in which notes sound by the best path for each note."""
        return decoding.viterbi_binary(
            weight * (odds - logit(prior)),
            p_start=self.p_start_,
            p_on=self.p_on_,
            p_off=self.p_off_,
        )

    def _prior_of_odds(self, given):
        """Return what posteriors are divided by to become likelihoods."""
        mean = self.note_prior_.mean()
        # Of notes that are hardly ever played little is known.
        prior = (1 - SHRINKAGE) * self.note_prior_ + SHRINKAGE * mean
        # The margins of all notes became posteriors by one curve, which is too high for
        # the notes that are played less than others.
        return np.maximum(prior, mean) if given.net == "svm" else prior

    def _notes_of_clip(self, given, logits):
        rate = needed_rate(self.frame_rate_)
        clock = {"frame_rate": rate, "offset": self.frame_offset_, "pitches": PITCHES}
        if given.net == "conv_rnn":
            return form_notes(
                *np.moveaxis(expit(logits), 2, 0),
                onset_threshold=self.onset_threshold_,
                frame_threshold=self.frame_threshold_,
                offset_threshold=given.offset_threshold,
                wait=given.wait,
                min_length=given.min_length,
                **clock,
            )
        odds = self._odds_of(logits)
        if given.smoothing == "hmm":
            roll = self._smoothed(odds, self.evidence_weight_, self.evidence_prior_)
        else:
            roll = expit(odds) >= self.frame_threshold_
        least = max(1, math.ceil(given.min_length * rate - 1e-9))
        return notes.roll_notes(roll, min_frames=least, **clock)


class FrameCaller:
    """A net of rows, called with sequences of frames.

    Parameters
    ----------
    net : callable
        Gives (n, n_outputs) for rows (n, n_features).
    """

    def __init__(self, net: Any) -> None:
        self.net = net

    def __call__(self, sequences: nets.SequenceBatch) -> torch.Tensor:
        """Return logits (n_sequences, n_frames, n_outputs)."""
        frames = sequences.frames
        return self.net(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])


def _transposition(given: Any) -> NoteTransposition | None:
    largest = _for_conv(given, given.transpose, SEMITONES)
    if not largest:
        return None
    if given.bins_per_octave % 12:
        raise ValueError(
            f"bins_per_octave={given.bins_per_octave} must be a multiple of 12, whole "
            f"bins for each semitone, with transpose={largest}"
            f"{'' if given.net == 'conv_rnn' else '; or set transpose=0'}."
        )
    return NoteTransposition(given.bins_per_octave // 12, largest)


def _for_conv(given: Any, value: Any, default: Any) -> Any:
    """Return a value; if it is None, a default for "conv_rnn" and 0 for the others."""
    if value is not None:
        return value
    return default if given.net == "conv_rnn" else 0


def _hidden_sizes(given: Any) -> list[int]:
    if given.net != "multi_note":
        return []
    sizes = given.hidden_layer_sizes
    sizes = [sizes] if isinstance(sizes, int) else sizes
    return check_sizes("hidden_layer_sizes", sizes, "units")


def _rolls_of(data: Any) -> list[np.ndarray]:
    return [bits & notes.SOUNDING > 0 for bits in data.targets]


def _has_notes(data: Any) -> bool:
    return any(map(np.any, data.targets))
