"""The parameter of nets that standardise what they see."""

from __future__ import annotations

from skdeepmir._parameters import parameter, parameters


@parameters
class ScalingParameters:
    """The parameter of standardisation."""

    standardize: bool = parameter(
        """
        Whether features are standardised first, by their means and deviations over the
        clips that are trained on (``mean_``, ``scale_``): nets hardly learn from values
        far from 0 and 1, such as decibels. A clip counts by its weight, a constant
        feature is only centred, and ``partial_fit`` learns from its first call: pass
        it more than a few clips. False takes features as they are, for what is scaled
        already.
        """,
        default=True,
    )
