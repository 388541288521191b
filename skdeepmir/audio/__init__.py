"""Audio files and waveforms into spectra, as plain functions.

Waveforms are 1-D float32 arrays with samples between about -1 and 1; frames are the
first axis of every result.
"""

from skdeepmir.audio._cqt import (
    check_constant_q,
    chroma,
    constant_q,
    constant_q_support,
)
from skdeepmir.audio._files import (
    AudioError,
    check_waveform,
    pcm_to_float,
    read_audio,
    read_header,
    resample,
)
from skdeepmir.audio._spectra import (
    BandedMatrix,
    add_deltas,
    count_frames,
    hann_spectrogram,
    mel_filters,
    to_decibels,
)

__all__ = [
    "AudioError",
    "BandedMatrix",
    "add_deltas",
    "check_constant_q",
    "check_waveform",
    "chroma",
    "constant_q",
    "constant_q_support",
    "count_frames",
    "hann_spectrogram",
    "mel_filters",
    "pcm_to_float",
    "read_audio",
    "read_header",
    "resample",
    "to_decibels",
]
