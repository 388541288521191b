"""Checks for your own estimators, and bad audio to check them with.

``check_clip_estimator`` is for estimators on clips of frames and
``check_audio_estimator`` for those whose X is audio. Both raise an ``AssertionError``
at the first rule that is broken, and return the names of the checks that ran.
``make_bad_audio`` makes the kinds of bad files and objects that occur in real
collections.
"""

from skdeepmir._public import suggest_names
from skdeepmir.testing._audio import check_audio_estimator
from skdeepmir.testing._bad_audio import BadAudio, make_bad_audio
from skdeepmir.testing._clips import check_clip_estimator

__all__ = [
    "BadAudio",
    "check_audio_estimator",
    "check_clip_estimator",
    "make_bad_audio",
]

suggest_names(__name__)
