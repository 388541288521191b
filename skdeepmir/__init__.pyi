"""The public names, each told once; see ``load_lazily``."""

from . import audio as audio
from . import baselines as baselines
from . import chord_recognition as chord_recognition
from . import chords as chords
from . import datasets as datasets
from . import decoding as decoding
from . import ensemble as ensemble
from . import feature_learning as feature_learning
from . import frames as frames
from . import metrics as metrics
from . import model_selection as model_selection
from . import nets as nets
from . import neural_network as neural_network
from . import notes as notes
from . import onset_detection as onset_detection
from . import onsets as onsets
from . import persistence as persistence
from . import pipeline as pipeline
from . import plotting as plotting
from . import preprocessing as preprocessing
from . import sonification as sonification
from . import spectrogram as spectrogram
from . import testing as testing
from . import transcription as transcription
from ._clip_files import load_clips as load_clips
from ._clip_files import save_clips as save_clips
from ._errors import DivergenceError as DivergenceError
from ._show_versions import show_versions as show_versions
from .audio import AudioError as AudioError
from .audio import AudioWarning as AudioWarning
from .audio import DoubtfulAudioWarning as DoubtfulAudioWarning
from .chord_recognition import BLSTMChordRecognizer as BLSTMChordRecognizer
from .chord_recognition import GaussianChordRecognizer as GaussianChordRecognizer
from .chord_recognition import TemplateChordRecognizer as TemplateChordRecognizer
from .ensemble import AugmentedClassifier as AugmentedClassifier
from .ensemble import ClipVotingClassifier as ClipVotingClassifier
from .ensemble import GroupBaggingClassifier as GroupBaggingClassifier
from .feature_learning import ConvDBNFeatureLearner as ConvDBNFeatureLearner
from .feature_learning import DBNFeatureLearner as DBNFeatureLearner
from .feature_learning import LocalFeatureLearner as LocalFeatureLearner
from .model_selection import (
    MultilabelStratifiedGroupKFold as MultilabelStratifiedGroupKFold,
)
from .model_selection import compare as compare
from .model_selection import few_shot_curve as few_shot_curve
from .neural_network import ConvRegressor as ConvRegressor
from .neural_network import ConvTagger as ConvTagger
from .neural_network import DropoutMLPClassifier as DropoutMLPClassifier
from .neural_network import MultiTimescaleTagger as MultiTimescaleTagger
from .neural_network import NetFrameClassifier as NetFrameClassifier
from .neural_network import NetRegressor as NetRegressor
from .neural_network import NetTagger as NetTagger
from .onset_detection import OnsetDetector as OnsetDetector
from .onset_detection import SpectralFluxDetector as SpectralFluxDetector
from .onset_detection import make_onset_pipeline as make_onset_pipeline
from .persistence import ModelFileError as ModelFileError
from .persistence import load as load
from .persistence import save as save
from .pipeline import Pipeline as Pipeline
from .pipeline import make_pipeline as make_pipeline
from .preprocessing import BandNormalizer as BandNormalizer
from .preprocessing import BandShifter as BandShifter
from .preprocessing import ClipLookup as ClipLookup
from .preprocessing import ClipNormalizer as ClipNormalizer
from .preprocessing import FrameStacker as FrameStacker
from .preprocessing import FrameTransformer as FrameTransformer
from .preprocessing import MultiTimescalePooler as MultiTimescalePooler
from .spectrogram import BeatSynchronousExtractor as BeatSynchronousExtractor
from .spectrogram import FeatureStore as FeatureStore
from .spectrogram import SpectrogramExtractor as SpectrogramExtractor
from .spectrogram import check_audio as check_audio
from .spectrogram import drop_bad_audio as drop_bad_audio
from .transcription import PianoTranscriber as PianoTranscriber
from .transcription import make_piano_pipeline as make_piano_pipeline

__version__: str
