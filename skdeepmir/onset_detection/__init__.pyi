from ._detector import OnsetStream as OnsetStream
from ._front_ends import make_onset_pipeline as make_onset_pipeline
from ._onset_detector import OnsetDetector as OnsetDetector
from ._spectral_flux import SpectralFluxDetector as SpectralFluxDetector
