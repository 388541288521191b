"""Read audio files, and compute the spectra of waveforms, as plain functions.

Waveforms are 1-D float32 arrays with samples between about -1 and 1; frames are the
first axis of every result.
"""

from skdeepmir._disk import path_name
from skdeepmir._public import suggest_names
from skdeepmir.audio._clips import (
    check_clip,
    check_waveform_table,
    is_path,
    list_audio,
)
from skdeepmir.audio._cqt import (
    check_constant_q,
    chroma,
    constant_q,
    constant_q_blocks,
    constant_q_support,
)
from skdeepmir.audio._doubts import Listener, doubts_of_waveform
from skdeepmir.audio._errors import AudioError, AudioWarning, DoubtfulAudioWarning
from skdeepmir.audio._files import read_audio, read_header, stream_audio
from skdeepmir.audio._framing import (
    FrameCutter,
    Frames,
    count_frames,
    join_blocks,
    mark_last,
)
from skdeepmir.audio._opening import check_duration
from skdeepmir.audio._spectra import (
    BandedMatrix,
    DeltaAppender,
    append_deltas,
    hann_spectrogram,
    mel_filters,
    mel_weights,
    power_spectra,
    to_decibels,
)
from skdeepmir.audio._waveforms import check_waveform, pcm_to_float

__all__ = [
    "AudioError",
    "AudioWarning",
    "BandedMatrix",
    "DeltaAppender",
    "DoubtfulAudioWarning",
    "FrameCutter",
    "Frames",
    "Listener",
    "append_deltas",
    "check_clip",
    "check_constant_q",
    "check_duration",
    "check_waveform",
    "check_waveform_table",
    "chroma",
    "constant_q",
    "constant_q_blocks",
    "constant_q_support",
    "count_frames",
    "doubts_of_waveform",
    "hann_spectrogram",
    "is_path",
    "join_blocks",
    "list_audio",
    "mark_last",
    "mel_filters",
    "mel_weights",
    "path_name",
    "pcm_to_float",
    "power_spectra",
    "read_audio",
    "read_header",
    "stream_audio",
    "to_decibels",
]

suggest_names(__name__)
