"""The pipelines that commands know by name, and those of a user's file."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from skdeepmir._command_line._parsers import UsageError
from skdeepmir._disk import user_path

CLASSES, TAGS, CHORDS, ONSETS = "classes", "tags", "chords", "onsets"
TITLES = {
    "mfcc_svm": "MFCC + SVM",
    "mfcc_forest": "MFCC + forest",
    "mel_svm": "log-mel + SVM",
    "pmsc_mlp": "PMSC, 3 timescales + MLP",
    "conv_tagger": "log-mel + ConvTagger",
    "chroma_templates": "chroma + templates",
    "chroma_hmm": "chroma + Gaussian HMM",
    "blstm": "constant-Q + BLSTM",
    "flux": "spectral flux",
    "superflux": "SuperFlux",
    "onset_conv": "onsets: convolutional net",
    "onset_rnn": "onsets: recurrent net",
    "onset_causal_rnn": "onsets: causal recurrent net",
}
OF_CLIPS = ("mfcc_svm", "mfcc_forest", "mel_svm", "pmsc_mlp", "conv_tagger")
OF_CHORDS = ("chroma_templates", "chroma_hmm", "blstm")
OF_ONSETS = ("flux", "superflux", "onset_conv", "onset_rnn", "onset_causal_rnn")
NAMES = {CLASSES: OF_CLIPS, TAGS: OF_CLIPS, CHORDS: OF_CHORDS, ONSETS: OF_ONSETS}
# Nets take minutes: they are compared where they are asked for.
DEFAULTS = {kind: names[:4] for kind, names in NAMES.items()}
DEFAULTS |= {CHORDS: OF_CHORDS[:2], ONSETS: OF_ONSETS[:2]}
SCORES = {
    CLASSES: ["accuracy"],
    TAGS: ["auc_tag", "average_precision_tag"],
    CHORDS: ["wcsr_majmin"],
    ONSETS: ["onset_f1"],
}
PIANO_EPOCHS = 10
ONSET_NETS = {name: name.removeprefix("onset_") for name in OF_ONSETS[2:]}


def name_or_file(text: str) -> str:
    """Return the name of a pipeline of ours, or that of a Python file."""
    if text in TITLES or text.endswith(".py"):
        return text
    raise argparse.ArgumentTypeError(
        f"{text!a} is neither one of {', '.join(TITLES)} nor a file NAME.py"
    )


def make_pipelines(
    names: Sequence[str], kind: str, cache_dir: str, **verbosity: bool
) -> dict[str, Any]:
    """Return pipelines for labels of a kind, by their titles."""
    pipelines: dict[str, Any] = {}
    for name in names:
        found = {}
        if name not in TITLES:
            found = pipelines_of(name)
        elif name not in NAMES[kind]:
            raise UsageError(
                f"--pipelines: {name} is not for {kind}; choose from "
                f"{', '.join(NAMES[kind])}, or give a file"
            )
        else:
            pipeline = _make(name, cache_dir=cache_dir, **verbosity)
            found = {TITLES[name]: _of_tags(pipeline) if kind == TAGS else pipeline}
        if twice := sorted(set(found) & set(pipelines)):
            raise UsageError(f"--pipelines: {twice[0]!a} is there twice")
        pipelines |= found
    return pipelines


def _make(name: str, **extraction: Any) -> Any:
    from skdeepmir import baselines

    if name in OF_ONSETS:
        return onset_detector(ONSET_NETS.get(name, name), **extraction)
    own: dict[str, Any] = {"conv_tagger": conv_tagger, "blstm": chord_net}
    if name in own:
        return own[name](**extraction)
    if name in ("mfcc_forest", "pmsc_mlp"):
        extraction["random_state"] = 0
    return getattr(baselines, name)(**extraction)


def _of_tags(pipeline: Any) -> Any:
    """Return a pipeline that learns each tag by itself if its classifier must."""
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.svm import SVC

    from skdeepmir.pipeline import make_pipeline

    *steps, last = (step for _, step in pipeline.steps)
    if not isinstance(last, SVC):
        return pipeline
    return make_pipeline(*steps, OneVsRestClassifier(last))


def conv_tagger(
    *, max_epochs: int = 100, precision: Any = "float32", **extraction: Any
) -> Any:
    """Return a convolutional net on log-mel frames.

    Its settings were found on folds inside two of the training sets of ESC-10.
    """
    from skdeepmir.neural_network import ConvTagger
    from skdeepmir.pipeline import make_pipeline
    from skdeepmir.spectrogram import SpectrogramExtractor

    options = {"n_mels": 64, "n_fft": 1024, "amin": 1e-6, **extraction}
    net = ConvTagger(
        excerpt_length=192,
        mixup=0.3,
        mask_bands=8,
        mask_frames=16,
        learning_rate=2e-3,
        max_epochs=max_epochs,
        precision=precision,
        random_state=0,
        verbose=False,
    )
    return make_pipeline(SpectrogramExtractor("log_mel", **options), net)


def chord_net(*, max_epochs: int = 100, tells: bool = False, **extraction: Any) -> Any:
    """Return a bidirectional LSTM on a constant-Q transform, for chords of all keys."""
    from skdeepmir.chord_recognition import BLSTMChordRecognizer
    from skdeepmir.pipeline import make_pipeline
    from skdeepmir.spectrogram import SpectrogramExtractor

    shape = {"hop_length": 2048, "bins_per_octave": 24, "n_bins": 168}
    options = {"log": True, "amin": 1e-4, **shape, **extraction}
    net = BLSTMChordRecognizer(
        transpose=True,
        bins_per_octave=24,
        average_transpositions=True,
        mask_bands=24,
        mask_frames=16,
        max_epochs=max_epochs,
        random_state=0,
        verbose=tells,
    )
    return make_pipeline(SpectrogramExtractor("cqt", **options), net)


def onset_detector(
    name: str, *, max_epochs: int = 30, tells: bool = False, **extraction: Any
) -> Any:
    """Return a detector of onsets with its front end."""
    from skdeepmir.onset_detection import OnsetDetector, make_onset_pipeline

    detector: Any = name
    if name in ONSET_NETS.values():
        net: Any = name
        detector = OnsetDetector(
            net, max_epochs=max_epochs, random_state=0, verbose=tells
        )
    return make_onset_pipeline(detector, **extraction)


def piano_transcriber(
    *, max_epochs: int = PIANO_EPOCHS, tells: bool = False, **extraction: Any
) -> Any:
    """Return a net that transcribes a piano, with its front end."""
    from skdeepmir.transcription import PianoTranscriber, make_piano_pipeline

    net = PianoTranscriber(max_epochs=max_epochs, random_state=0, verbose=tells)
    return make_piano_pipeline(net, **extraction)


def kind_of_annotations(file: str) -> str:
    """Return what a file annotates."""
    from skdeepmir.chords import read_chords

    suffix = Path(file).suffix.lower()
    if suffix != ".jams":
        return CHORDS if suffix == ".lab" else ONSETS
    try:
        read_chords(file)
    except ValueError:
        return ONSETS
    return CHORDS


def pipelines_of(file: str) -> dict[str, Any]:
    """Run a Python file, and return its dict `pipelines`."""
    # It is imported, from its folder: so worker processes find its classes as well.
    path = Path(user_path(file))
    if not path.is_file():
        raise UsageError(f"--pipelines: there is no file {file!a}")
    name = path.stem
    if not name.isidentifier():
        raise UsageError(
            f"--pipelines: {file!a} cannot be imported; its name must be that of a "
            "Python module, such as my_nets.py"
        )
    importlib.invalidate_caches()
    other = importlib.util.find_spec(name)  # which the file would hide from libraries
    if other and other.origin and Path(other.origin).resolve() != path.resolve():
        raise UsageError(
            f"--pipelines: {file!a} has the name of another module; rename it"
        )
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit) as error:  # of any kind: the file is the user's
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename).name == path.name
        ]
        where = f" (line {lines[-1]})" if lines else ""  # a SyntaxError says it
        raise UsageError(
            f"--pipelines: {file!a} cannot be run{where}: {type(error).__name__}: "
            f"{error}"
        ) from error
    pipelines = getattr(module, "pipelines", None)
    if not isinstance(pipelines, dict) or not pipelines:
        raise UsageError(
            f"--pipelines: {file!a} has no dict named 'pipelines', from names to "
            "pipelines"
        )
    for name, pipeline in pipelines.items():
        if not hasattr(pipeline, "fit") or isinstance(pipeline, type):
            raise UsageError(
                f"--pipelines: {name!a} of {file!a} is of type "
                f"{type(pipeline).__name__}; expected an estimator, such as a pipeline"
            )
    return pipelines
