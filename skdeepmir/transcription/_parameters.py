"""The parameters of a transcriber of piano music."""

from __future__ import annotations

from numbers import Real
from typing import Annotated, Literal

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
from skdeepmir._sklearn import Interval
from skdeepmir._training._event_nets import EventNetParameters
from skdeepmir.neural_network._dropout_mlp import FittedLearner

Part = Annotated[float, Interval(Real, 0, 1, closed="both")]


@parameters
class TranscriberParameters(EventNetParameters):
    """The parameters of a transcriber of piano music."""

    net: Literal["conv_rnn", "multi_note", "svm"] = parameter(
        """
        Convolutions and a recurrent layer with heads for onset, frame and offset; a
        multi-layer perceptron over single frames; or a linear support vector machine
        for each note over single frames.
        """,
        default="conv_rnn",
        kw_only=False,
    )
    smoothing: Literal["hmm"] | None = parameter(
        """
        How frames of "svm" and "multi_note" become notes: by the best path through two
        states for each note [3]_, whose likelihoods are posteriors divided by
        ``note_prior_``; or wherever the probability is at least ``frame_threshold_``
        (None). May be changed after fitting.
        """,
        default="hmm",
    )
    evidence_weight: Positive | Literal["tune"] = parameter(
        """
        What the likelihood of a frame counts when frames are smoothed. With 1 frames
        are taken for independent, but windows overlap: a note that is wrong in one is
        wrong in the next ten. "tune" takes what gives the best accuracy of frames on
        validation clips, together with the probability at which a frame speaks neither
        for nor against a note (``evidence_prior_``): posteriors of a frame with many
        notes are less sure than shares of frames are small.
        """,
        default="tune",
    )
    onset_threshold: NotNegative | Literal["tune"] = parameter(
        """
        Smallest activation of an onset of "conv_rnn". "tune" takes 0.4, the best for
        synthesised pianos that were not learned from, unless another
        gives a better F-measure of onsets within 50 ms, by more than two of its
        standard errors, on validation clips.
        """,
        default="tune",
    )
    frame_threshold: NotNegative | Literal["tune"] = parameter(
        """
        Smallest probability of a frame that sounds, unless frames are smoothed. "tune"
        takes the one with the best F-measure of frames on validation clips, with any
        ``smoothing``, as that may be changed after fitting.
        """,
        default="tune",
    )
    offset_threshold: NotNegative = parameter(
        """
        Smallest activation of an offset of "conv_rnn" that ends a note by itself; above
        1 none does. May be changed after fitting.
        """,
        default=0.5,
    )
    wait: Count = parameter(
        """
        Frames after an onset in which the same key is not struck again: one of 23 ms,
        as no hand repeats a key faster. May be changed after fitting.
        """,
        default=1,
    )
    min_length: NotNegative = parameter(
        """
        Shortest note (s). By default none is too short. May be changed after fitting.
        """,
        default=0.0,
    )
    bins_per_octave: Size = parameter(
        """
        Features of an octave where they are those of a constant-Q transform, for
        "conv_rnn" and ``transpose``: a multiple of 12. Three bins for each semitone
        tell how far a string is out of tune.
        """,
        default=36,
    )
    channels: Size = parameter('Maps of each convolution of "conv_rnn".', default=48)
    n_units: Size = parameter(
        'Cells of each direction of the recurrent layer of "conv_rnn".', default=32
    )
    hidden_layer_sizes: Size | Sizes = parameter(
        'Hidden units of each layer of "multi_note".',
        default=(256, 256),
        kind="int or tuple of int",
    )
    activation: Literal["logistic", "relu", "tanh", "softplus"] = parameter(
        'Of the hidden units of "multi_note"; those of learned layers are logistic.',
        default="logistic",
    )
    pretrained: FittedLearner | None = parameter(
        """
        A fitted :class:`~skdeepmir.DBNFeatureLearner` whose layers "multi_note" begins
        with: ``hidden_layer_sizes`` must be the learner's and
        ``activation="logistic"``. In a cross-validation or a search it has to be a
        ``FrozenEstimator(learner)``, which ``clone`` does not forget. (To learn from
        its features alone, put it before this estimator in a pipeline.)
        """,
        default=None,
        kind="DBNFeatureLearner, FrozenEstimator or None",
    )
    dropout: Share = parameter(
        'Probability of dropping values between layers; "svm" has none.', default=0.1
    )
    near: Count = parameter(
        """
        Frames before and after that of an onset or offset which are also learned as one
        in part, because annotations are not exact to a frame.
        """,
        default=1,
    )
    near_target: Part = parameter(
        "What these frames are learned as, from 0 to 1.", default=0.7
    )
    onset_weight: NotNegative = parameter(
        """
        What the loss of onsets counts in "conv_rnn", beside 1 for frames: notes are
        scored by their onsets, and few frames have one.
        """,
        default=2.0,
    )
    offset_weight: NotNegative = parameter(
        'What the loss of offsets counts in "conv_rnn": they are hard to hear.',
        default=0.5,
    )
    positive_weight: Positive = parameter(
        """
        What a yes counts in the loss, beside 1 for a no. Each note sounds in some 5 %
        of the frames; more weight makes probabilities larger, as if thresholds were
        lower.
        """,
        default=1.0,
    )
    transpose: Count | None = parameter(
        """
        Most semitones by which excerpts are moved up or down in training, with their
        notes: for frames of a constant-Q transform only. None is 3 for "conv_rnn", and
        0 for the others. What comes in at the edge is one deviation below the mean.
        """,
        default=None,
    )
    equalize: NotNegative | None = parameter(
        """
        Deviation of a smooth random curve over the features that is added to excerpts
        in training, in deviations of the features: rooms, pianos and microphones
        colour sound. Only where features are in order of frequency. None is 0.3 for
        "conv_rnn", some 5 dB, and 0 for the others.
        """,
        default=None,
    )
    mix: Share = parameter(default=0.0)
    shift_level: NotNegative | None = parameter(
        """
        Most by which all features of an excerpt move up or down together in training,
        in deviations of the features: recordings differ in level. None is 0.3 for
        "conv_rnn", some 5 dB, and 0 for the others, whose features may be learned.
        """,
        default=None,
    )
    excerpt_length: Size | None = parameter(default=160)
    weight_decay: NotNegative | None = parameter(
        """
        Cost of half the squared weights (not of biases). None is 1e-5 for "svm", about
        ``C=1`` for some 20 minutes, and 0 for the others.
        """,
        default=None,
    )
    batch_size: Size | None = parameter(
        """
        Excerpts of a batch; None takes all at once. Two are some 300 frames of 88
        notes: with more, a few minutes of music make too few steps.
        """,
        default=2,
    )
    learning_rate: Positive | Literal["auto"] = parameter(default=4e-3)
    max_epochs: Size = parameter(default=20)
