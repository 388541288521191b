"""The field's baselines as pipelines: what a learned system has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from skdeepmir._public import suggest_names
from skdeepmir.chord_recognition import (
    GaussianChordRecognizer,
    TemplateChordRecognizer,
)
from skdeepmir.pipeline import Pipeline, make_pipeline
from skdeepmir.preprocessing._framewise import FrameTransformer
from skdeepmir.preprocessing._pooling import MultiTimescalePooler
from skdeepmir.spectrogram import SpectrogramExtractor

__all__ = [
    "chroma_hmm",
    "chroma_templates",
    "mel_svm",
    "mfcc_forest",
    "mfcc_svm",
    "pmsc_mlp",
]

suggest_names(__name__)


def mfcc_svm(**extraction: Any) -> Pipeline:
    """MFCCs, their statistics over the clip, and an RBF support vector machine.

    Parameters
    ----------
    **extraction : dict
        Parameters of :class:`SpectrogramExtractor`, such as ``cache_dir="features"``,
        ``n_jobs=2`` or ``sample_rate=16000``.

    Returns
    -------
    pipeline : Pipeline
        20 coefficients above a floor of -60 dB, so that the silence of one recording
        and the noise floor of another look alike; mean, deviation, minimum, maximum and
        median; ``SVC(C=10)``. On ESC-10 a floor of -100 dB costs 4 points, two
        statistics cost 3, and slopes (``deltas=1``) gain nothing.

    Examples
    --------
    >>> from skdeepmir.baselines import mfcc_svm
    >>> list(mfcc_svm().named_steps)
    ['spectrogramextractor', 'multitimescalepooler', 'standardscaler', 'svc']
    """
    return make_pipeline(
        SpectrogramExtractor("mfcc", **{"amin": 1e-6, **extraction}),
        MultiTimescalePooler(("mean", "std", "min", "max", "median")),
        StandardScaler(),
        SVC(C=10),
    )


def mel_svm(**extraction: Any) -> Pipeline:
    """Log-mel bands, their mean and deviation, and an RBF support vector machine.

    Parameters
    ----------
    **extraction : dict
        Parameters of :class:`SpectrogramExtractor`.

    Returns
    -------
    pipeline : Pipeline
        64 bands, two statistics, ``SVC(C=10)``.
    """
    return make_pipeline(
        SpectrogramExtractor("log_mel", **{"n_mels": 64, **extraction}),
        MultiTimescalePooler(("mean", "std")),
        StandardScaler(),
        SVC(C=10),
    )


def pmsc_mlp(
    *, random_state: int | np.random.RandomState | None = None, **extraction: Any
) -> Pipeline:
    """Whitened mel-spectrum components, pooled at several timescales, and an MLP.

    The system of Hamel, Lemieux, Bengio and Eck (ISMIR 2011) with scikit-learn's net:
    128 log-mel bands, 120 whitened principal components (PMSC), windows of 0.5 s, 2.3 s
    and the whole clip.

    Parameters
    ----------
    random_state : int, RandomState instance or None, default=None
        Seed of the frames drawn for the components, and of the net.
    **extraction : dict
        Parameters of :class:`SpectrogramExtractor`.

    Returns
    -------
    pipeline : Pipeline
        The pipeline.
    """
    return make_pipeline(
        SpectrogramExtractor("log_mel", **{"n_fft": 1024, **extraction}),
        FrameTransformer(PCA(120, whiten=True), random_state=random_state),
        MultiTimescalePooler(
            ("mean", "var", "min", "max"),
            windows=(0.5, 2.3, "clip"),
        ),
        StandardScaler(),
        MLPClassifier((200,), alpha=1e-2, max_iter=300, random_state=random_state),
    )


def mfcc_forest(
    *, random_state: int | np.random.RandomState | None = None, **extraction: Any
) -> Pipeline:
    """MFCCs, their statistics over the clip, and a random forest.

    Parameters
    ----------
    random_state : int, RandomState instance or None, default=None
        Seed of the forest.
    **extraction : dict
        Parameters of :class:`SpectrogramExtractor`.

    Returns
    -------
    pipeline : Pipeline
        As :func:`mfcc_svm`, with 300 trees.
    """
    features = mfcc_svm(**extraction)[:2]
    forest = RandomForestClassifier(300, random_state=random_state)
    return make_pipeline(*(step for _, step in features.steps), forest)


def chroma_templates(
    vocabulary: str | Sequence[str] = "majmin", **extraction: Any
) -> Pipeline:
    """Chroma, binary templates of chords, and a Viterbi decoder.

    Parameters
    ----------
    vocabulary : str or tuple of str, default="majmin"
        See :class:`TemplateChordRecognizer`.
    **extraction : dict
        Parameters of :class:`SpectrogramExtractor`.

    Returns
    -------
    pipeline : Pipeline
        Chroma of six octaves from C1, 36 bins each, every 93 ms. (On rendered pop songs
        a seventh octave costs two points of WCSR. With 12 bins per octave, as is
        :class:`SpectrogramExtractor`'s default, semitones leak into their neighbours.)

    Examples
    --------
    >>> from skdeepmir.baselines import chroma_templates
    >>> list(chroma_templates().named_steps)
    ['spectrogramextractor', 'templatechordrecognizer']
    """
    return make_pipeline(_chroma(extraction), TemplateChordRecognizer(vocabulary))


def chroma_hmm(
    vocabulary: str | Sequence[str] = "majmin", **extraction: Any
) -> Pipeline:
    """Chroma, a Gaussian for each chord, and a hidden Markov model.

    Parameters
    ----------
    vocabulary : str or tuple of str, default="majmin"
        See :class:`GaussianChordRecognizer`.
    **extraction : dict
        Parameters of :class:`SpectrogramExtractor`.

    Returns
    -------
    pipeline : Pipeline
        The chroma of :func:`chroma_templates`, in logarithms above 0.01, learned in all
        twelve keys.
    """
    log = FunctionTransformer(_log_above_floor, feature_names_out="one-to-one")
    return make_pipeline(
        _chroma(extraction),
        FrameTransformer(log),
        GaussianChordRecognizer(vocabulary, transpose=True),
    )


def _chroma(extraction):
    options = {"bins_per_octave": 36, "n_bins": 216, "hop_length": 2048}
    return SpectrogramExtractor("chroma", **{**options, **extraction})


def _log_above_floor(chroma):
    return np.log(np.maximum(chroma, 0.01))
