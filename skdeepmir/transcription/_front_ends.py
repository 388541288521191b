"""The front end of each transcriber, with it: ``make_piano_pipeline``."""

from __future__ import annotations

from typing import Any, Literal

from sklearn.base import clone

from skdeepmir._errors import check_choice
from skdeepmir.feature_learning import DBNFeatureLearner
from skdeepmir.pipeline import Pipeline
from skdeepmir.preprocessing import BandNormalizer
from skdeepmir.spectrogram import SpectrogramExtractor
from skdeepmir.transcription._transcriber import PianoTranscriber

NETS = ("conv_rnn", "multi_note", "svm")
# Three bins for each semitone, the middle one of A0 the second. They reach 10.5 kHz, so
# that low partials of the highest notes are seen, above a floor of -60 dB.
CQT: dict[str, Any] = {
    "kind": "cqt",
    "sample_rate": 22050,
    "hop_length": 512,
    "bins_per_octave": 36,
    "n_bins": 310,
    "fmin": 27.5 * 2 ** (-1 / 36),
    "log": True,
    "amin": 1e-6,
}
# Poliner and Ellis: 128 ms at 8 kHz every 10 ms, 255 bins below 2 kHz.
SPECTROGRAM: dict[str, Any] = {
    "kind": "magnitude",
    "sample_rate": 8000,
    "n_fft": 1024,
    "hop_length": 80,
    "fmin": 4.0,
    "fmax": 1996.0,
}


def make_piano_pipeline(
    net: Literal["conv_rnn", "multi_note", "svm"] | PianoTranscriber = "conv_rnn",
    *,
    front_end: Literal["cqt", "spectrogram"] | None = None,
    features: Any = None,
    **extraction: Any,
) -> Pipeline:
    """Return a transcriber of piano music with the front end that it was made for.

    Parameters
    ----------
    net : {"conv_rnn", "multi_note", "svm"} or PianoTranscriber, default="conv_rnn"
        A transcriber with parameters of your own, or the name of a net with its
        defaults.
    front_end : {"cqt", "spectrogram"}, default=None
        What a frame holds: a constant-Q transform in decibels at 43 frames per second,
        or the spectrum below 2 kHz of audio at 8 kHz at 100 frames per second [1]_,
        each bin normalised by those around it. None is "cqt" for "conv_rnn", whose
        convolutions need its axis, and "spectrogram" for the others.
        Files are resampled; waveforms have to be at 22050 Hz for "cqt", at 8000 Hz for
        "spectrogram".
    features : DBNFeatureLearner or FrozenEstimator, default=None
        What learns features of frames [2]_: a clone of a learner is fitted in each fit
        of the pipeline, without labels (its ``finetune_epochs`` becomes 0); a
        ``FrozenEstimator`` of a fitted one stays as it is. None leaves the step at
        "passthrough". The step is called "features", so that a search can set it:
        ``{"features": ["passthrough", FrozenEstimator(learner)]}``.
    **extraction : dict
        Other parameters of :class:`SpectrogramExtractor`, such as
        ``cache_dir="features"`` or ``n_jobs=2``.

    Returns
    -------
    pipeline : Pipeline
        The steps "spectrogramextractor", "bandnormalizer" (of a spectrogram),
        "features" and "pianotranscriber".

    Raises
    ------
    ValueError
        If a name is unknown, "conv_rnn" is to see a spectrogram, or
        ``bins_per_octave`` of the front end is not that of the transcriber.
    TypeError
        If ``net`` is something else, or a parameter is not one of the extractor.

    See Also
    --------
    PianoTranscriber : The nets, and where they were published.

    References
    ----------
    .. [1] G. Poliner and D. Ellis. A discriminative model for polyphonic piano
       transcription. EURASIP Journal on Advances in Signal Processing, 2007.
    .. [2] J. Nam, J. Ngiam, H. Lee and M. Slaney. A classification-based polyphonic
       piano transcription approach using learned feature representations. ISMIR 2011.

    Examples
    --------
    >>> from skdeepmir import DBNFeatureLearner, make_piano_pipeline
    >>> learner = DBNFeatureLearner((256,), sparsity_target=0.05, max_epochs=5)
    >>> pipeline = make_piano_pipeline("svm", features=learner)
    >>> [name for name, _ in pipeline.steps]
    ['spectrogramextractor', 'bandnormalizer', 'features', 'pianotranscriber']
    """
    if isinstance(net, str):
        check_choice("net", net, NETS)
        # One that moves excerpts by semitones has to know the bins of these.
        shared = extraction.keys() & {"bins_per_octave"}
        transcriber = PianoTranscriber(
            net, **{name: extraction[name] for name in shared}
        )
    elif isinstance(net, type) or getattr(net, "net", None) not in NETS:
        raise TypeError(
            f"net={net!r}, expected a PianoTranscriber or one of {', '.join(NETS)}."
        )
    else:
        transcriber = net
    if front_end is None:
        front_end = "cqt" if transcriber.net == "conv_rnn" else "spectrogram"
    check_choice("front_end", front_end, ("cqt", "spectrogram"))
    if transcriber.net == "conv_rnn" and front_end != "cqt":
        raise ValueError(
            f"front_end={front_end!r} has no logarithmic frequency axis, which the "
            'convolutions of net="conv_rnn" need; expected "cqt".'
        )
    defaults = CQT if front_end == "cqt" else SPECTROGRAM
    options = {**defaults, **extraction}
    if front_end == "cqt" and options["bins_per_octave"] != transcriber.bins_per_octave:
        raise ValueError(
            f"bins_per_octave={options['bins_per_octave']} of the front end, but "
            f"{transcriber.bins_per_octave} of the PianoTranscriber; expected the same."
        )
    own = transcriber.get_params(deep=False)
    for name in extraction:
        if name in own and name not in SpectrogramExtractor().get_params(deep=False):
            raise TypeError(
                f"{name} is a parameter of PianoTranscriber, not of the front end. "
                f"Pass it to that: make_piano_pipeline(PianoTranscriber({name}=...))."
            )
    steps: list[tuple[str, Any]] = [
        ("spectrogramextractor", SpectrogramExtractor(**options))
    ]
    if front_end == "spectrogram":
        steps.append(("bandnormalizer", BandNormalizer()))
    if isinstance(features, DBNFeatureLearner):
        features = clone(features).set_params(finetune_epochs=0)
    steps.append(("features", "passthrough" if features is None else features))
    steps.append(("pianotranscriber", transcriber))
    return Pipeline(steps)
