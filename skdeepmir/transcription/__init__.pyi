from ._forming import form_notes as form_notes
from ._front_ends import make_piano_pipeline as make_piano_pipeline
from ._transcriber import PianoTranscriber as PianoTranscriber
