"""Sound files that Ctrl-C cannot close twice."""

from __future__ import annotations

import soundfile

__all__ = ["Sound"]


class Sound(soundfile.SoundFile):
    """A SoundFile that is closed at most once.

    soundfile notes that a file is closed after libsndfile has closed it. Ctrl-C between
    the two would have it closed again when it is collected, which ends the process
    ("double free").
    """

    _is_closing = False

    def close(self) -> None:
        """Close the file, unless that has begun before."""
        if not self._is_closing:
            self._is_closing = True
            super().close()
