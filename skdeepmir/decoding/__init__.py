"""From frames to labels and events: best paths, beam search, transitions, peaks.

Functions on NumPy arrays, time first. :func:`viterbi` is exact, for models where the
score of a frame depends at most on the label before it, and so is
:func:`viterbi_binary`, for many labels that are each on or off; :func:`beam_search` is
for nets that see all earlier labels. They look for the path of highest total log score;
the scores need not be normalised. :func:`pick_peaks` finds the frames of events in an
activation, :class:`PeakPicker` while frames come in.
"""

from skdeepmir._public import suggest_names
from skdeepmir.decoding._beam import beam_search
from skdeepmir.decoding._binary import viterbi_binary
from skdeepmir.decoding._peaks import PeakPicker, pick_peaks
from skdeepmir.decoding._transitions import (
    binary_transitions,
    estimate_transitions,
    scale_self_transition,
)
from skdeepmir.decoding._viterbi import viterbi

__all__ = [
    "PeakPicker",
    "beam_search",
    "binary_transitions",
    "estimate_transitions",
    "pick_peaks",
    "scale_self_transition",
    "viterbi",
    "viterbi_binary",
]

suggest_names(__name__)
