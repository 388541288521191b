"""Displays like those of scikit-learn; matplotlib is imported when one is drawn."""

from skdeepmir._public import suggest_names
from skdeepmir.plotting._chord_confusion import ChordConfusionDisplay
from skdeepmir.plotting._chords import ChordDisplay
from skdeepmir.plotting._comparison import ComparisonDisplay
from skdeepmir.plotting._few_shot import FewShotDisplay
from skdeepmir.plotting._learning import FilterDisplay, TrainingDisplay
from skdeepmir.plotting._onsets import OnsetDisplay
from skdeepmir.plotting._projections import ProjectionDisplay
from skdeepmir.plotting._rolls import RollDisplay
from skdeepmir.plotting._stimuli import StimuliDisplay

__all__ = [
    "ChordConfusionDisplay",
    "ChordDisplay",
    "ComparisonDisplay",
    "FewShotDisplay",
    "FilterDisplay",
    "OnsetDisplay",
    "ProjectionDisplay",
    "RollDisplay",
    "StimuliDisplay",
    "TrainingDisplay",
]

suggest_names(__name__)
