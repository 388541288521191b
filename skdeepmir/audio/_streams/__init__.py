"""The streams of a file, counted instead of believed.

libsndfile reads the first stream of a file, and no further than the length that a
header promises or that it guesses. Here the frames, pages or chunks of a file are
walked, which costs about a hundredth of decoding them, and the decoder is given what
belongs to one stream, with the right length in its header.
"""

from skdeepmir.audio._streams._chunks import UNKNOWN_SIZES
from skdeepmir.audio._streams._find import find_streams
from skdeepmir.audio._streams._pieces import Pieces, Stream

__all__ = ["UNKNOWN_SIZES", "Pieces", "Stream", "find_streams"]
