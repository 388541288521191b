"""What the units of fitted nets answer to: excerpts of clips, and made-up ones."""

from skdeepmir._public import suggest_names
from skdeepmir.inspection._inversion import invert
from skdeepmir.inspection._layers import LayerInfo, list_layers
from skdeepmir.inspection._optimal import OptimalStimulus, optimal_stimulus
from skdeepmir.inspection._report import inspection_report
from skdeepmir.inspection._stimuli import TopStimuli, top_stimuli

__all__ = [
    "LayerInfo",
    "OptimalStimulus",
    "TopStimuli",
    "inspection_report",
    "invert",
    "list_layers",
    "optimal_stimulus",
    "top_stimuli",
]

suggest_names(__name__)
