"""Labels of frames from log scores: the best path, beam search, transition estimates.

Functions on NumPy arrays, time first. :func:`viterbi` is exact, for models where the
score of a frame depends at most on the label before it; :func:`beam_search` is for nets
that see all earlier labels. Both look for the path of highest total log score; the
scores need not be normalised.
"""

from skdeepmir._public import suggest_names
from skdeepmir.decoding._beam import beam_search
from skdeepmir.decoding._transitions import (
    estimate_transitions,
    scale_self_transition,
)
from skdeepmir.decoding._viterbi import viterbi

__all__ = [
    "beam_search",
    "estimate_transitions",
    "scale_self_transition",
    "viterbi",
]

suggest_names(__name__)
