"""Parts shared by nets that find events in sequences of frames."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from skdeepmir._parameters import (
    Count,
    NotNegative,
    Positive,
    Share,
    Size,
    parameter,
    parameters,
)
from skdeepmir._training._data import dtype_of
from skdeepmir._training._estimator import NetEstimator
from skdeepmir._training._parameters import DescentParameters, TrainingParameters


@parameters
class EventNetParameters(DescentParameters, TrainingParameters):
    """The parameters of nets that find events in sequences of frames."""

    excerpt_length: Size | None = parameter(
        """
        Frames of the excerpts that are learned from, drawn anew in each epoch; None
        takes whole clips. Predictions are made from whole clips.
        """,
        default=128,
    )
    shift_level: NotNegative = parameter(
        """
        Most by which all features of an excerpt move up or down together in training,
        in deviations of the features: recordings differ in level. For spectra in
        decibels half a deviation is some 8 dB.
        """,
        default=0.5,
    )
    mix: Share = parameter(
        """
        Share of the excerpts that are played together with another one in training:
        each feature is the larger of both, as in spectra in decibels of a sum, and
        events are those of both.
        """,
        default=0.5,
    )
    mask_bands: Count = parameter(
        "Most neighbouring bands that are set to the mean in training.", default=0
    )
    learning_rate: Positive | Literal["auto"] = parameter(default=3e-3)
    momentum: Share = parameter(default=0.9)
    gradient_clipping: Positive | None = parameter(
        """
        Largest norm of the gradient, because loops make some gradients explode; None
        does not clip.
        """,
        default=1.0,
    )
    batch_size: Size | None = parameter(
        """
        Excerpts of a batch, which have about one length; None takes all at once. A clip
        gives as many excerpts as cover it, so that few clips make many batches.
        """,
        default=8,
    )
    warm_start: bool = parameter(
        """
        Whether ``fit`` begins with the weights of the fit before, and keeps its
        ``mean_`` and ``scale_``.
        """,
        default=False,
    )


class EventNetEstimator(EventNetParameters, NetEstimator):
    """An estimator of events in clips by a net over their frames."""

    def _continued(self, coding):
        # Of what was learned: parameters may have been changed since.
        coding.check_clock(self._fitted_clock)
        return coding

    def _keep_feed(self, feed):
        self.mean_ = feed.mean
        self.scale_ = feed.scale

    def _feed(self, given):
        return replace(
            self._make_feed(given),
            predict_dtype=self._predicting_dtype(),
            n_classes=self._coding().n_outputs,
            mean=self.mean_,
            scale=self.scale_,
        )

    def _predicting_dtype(self):
        # Rows are predicted all at once, where float32 would depend on the others.
        return dtype_of(self.precision) if self._fitted_on_clips else np.float64
