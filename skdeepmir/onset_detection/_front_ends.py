"""The front end of each detector, with the detector: ``make_onset_pipeline``."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from skdeepmir._errors import check_choice
from skdeepmir.onset_detection._detector import EventDetector
from skdeepmir.onset_detection._onset_detector import OnsetDetector
from skdeepmir.onset_detection._spectral_flux import SpectralFluxDetector
from skdeepmir.pipeline import Pipeline, make_pipeline
from skdeepmir.spectrogram import SpectrogramExtractor

HIGHEST = 16000.0  # Hz
# Windows have 23, 46 and 93 ms; live the first two, as each ms delays an onset.
OFFLINE, LIVE = (1024, 2048, 4096), (1024, 2048)  # samples at 44,100 Hz
# What the baselines see: librosa's settings for SuperFlux, above a floor of -40 dB, so
# that noise which nobody hears doesn't rise.
FLUX = {"n_fft": (2048,), "n_mels": 138, "amin": 1e-4}


def make_onset_pipeline(
    detector: Literal["conv", "rnn", "causal_rnn", "flux", "superflux"]
    | EventDetector = "conv",
    *,
    sample_rate: int = 22050,
    **extraction: Any,
) -> Pipeline:
    """Return a detector of onsets with the front end that it was made for.

    Parameters
    ----------
    detector : {"conv", "rnn", "causal_rnn", "flux", "superflux"}, OnsetDetector or \
            SpectralFluxDetector, default="conv"
        A detector with parameters of your own, or the name of one with its defaults:
        the nets of :class:`OnsetDetector`, and :class:`SpectralFluxDetector` without
        and with the maximum filter.
    sample_rate : int, default=22050
        Sample rate in Hz that files are resampled to, and that waveforms must have.
        44,100 Hz, that of the papers, also hears what is between 11 and 16 kHz.
    **extraction : dict
        Other parameters of :class:`SpectrogramExtractor`, such as
        ``cache_dir="features"`` or ``n_jobs=2``.

    Returns
    -------
    pipeline : Pipeline
        A :class:`SpectrogramExtractor` and the detector. Frames come every 10 ms. Nets
        see 80 log-mel bands from 27.5 Hz to 16 kHz (or half the sample rate) in windows
        of 23, 46 and 93 ms, side by side, centred on the same moment; the causal one
        windows of 23 and 46 ms that begin with the first sample (``center=False``), so
        that it can be fed while music is played. Spectral flux
        sees 138 bands in windows of 46 ms, above a floor of -40 dB.

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If a parameter is not one of the extractor.

    See Also
    --------
    OnsetDetector : The nets, and where they were published.
    SpectralFluxDetector : The baselines.

    Examples
    --------
    >>> from skdeepmir import OnsetDetector, make_onset_pipeline
    >>> pipeline = make_onset_pipeline(OnsetDetector("causal_rnn", n_units=32))
    >>> pipeline[0].n_fft, pipeline[0].hop_length
    ((512, 1024), 220)
    """
    named = {
        **{net: OnsetDetector(net) for net in ("conv", "rnn", "causal_rnn")},
        "flux": SpectralFluxDetector(),
        "superflux": SpectralFluxDetector(lag=2, max_size=3),
    }
    if isinstance(detector, str):
        check_choice("detector", detector, named)
        detector = named[detector]
    kind, own = type(detector).__name__, detector.get_params(deep=False)
    for name in extraction:
        if name in own and name not in SpectrogramExtractor().get_params(deep=False):
            raise TypeError(
                f"{name} is a parameter of {kind}, not of the front end. Pass it "
                f"there: make_onset_pipeline({kind}(..., {name}=...))."
            )
    is_net = isinstance(detector, OnsetDetector)
    is_live = is_net and detector.net == "causal_rnn"
    windows = (LIVE if is_live else OFFLINE) if is_net else FLUX["n_fft"]
    defaults = {
        **({"n_mels": 80} if is_net else FLUX),
        "n_fft": tuple(_power_of_two(n * sample_rate / 44100) for n in windows),
        "hop_length": max(1, round(sample_rate / 100)),
        "fmin": 27.5,
        "fmax": min(HIGHEST, sample_rate / 2),
        "center": not is_live,
    }
    extractor = SpectrogramExtractor(
        "log_mel", sample_rate=sample_rate, **{**defaults, **extraction}
    )
    return make_pipeline(extractor, detector)


def _power_of_two(n: float) -> int:
    """Return the power of two from 8 up that is nearest to a number of samples."""
    return max(8, 2 ** round(float(np.log2(n))))
