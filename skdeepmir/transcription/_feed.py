"""The feed of nets that transcribe notes, whose layers may have been learned before."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from skdeepmir._training._data import LabelledClips
from skdeepmir._training._sequences import SequenceFeed
from skdeepmir.neural_network._pretrained import find_learner


@dataclass(frozen=True)
class NoteFeed(SequenceFeed):
    """A feed of sequences, on the scale of a learner that a net begins with.

    Attributes
    ----------
    given : SimpleNamespace or None
        Parameters of the estimator, to find the learner by.
    sizes : list of int
        Units of the hidden layers.
    learner : DBNFeatureLearner or None
        The learner, fitted.
    prior : ndarray of shape (n_notes,) or None
        Share of the training frames in which each note sounds.
    """

    given: Any = field(default=None, compare=False)  # not learned
    sizes: Any = field(default=(), compare=False)
    learner: Any = field(default=None, compare=False)
    prior: Any = field(default=None, compare=False)

    def learn(self, data: LabelledClips, coding: Any, seed: int) -> NoteFeed:
        """Return the feed with the scale of the frames, or that of the learner."""
        feed = replace(super().learn(data, coding, seed), prior=coding.prior)
        if self.given.pretrained is None:
            return feed
        if self.given.net != "multi_note":
            raise ValueError(
                f"pretrained is set, but net={self.given.net!r} has no layers that a "
                'learner could begin; use net="multi_note", or put the learner before '
                "the transcriber in a pipeline."
            )
        asked = SimpleNamespace(
            pretrained=self.given.pretrained,
            activation=self.given.activation,
        )
        learner = find_learner(asked, data.clips[0].shape[1], self.sizes)
        if learner._network().feedback:
            raise ValueError(
                "pretrained is a deep Boltzmann machine, whose layers see those above; "
                'expected pretraining="rbm" or "denoising_autoencoder".'
            )
        mean, scale = (a.astype(self.dtype) for a in (learner.mean_, learner.scale_))
        return replace(feed, learner=learner, mean=mean, scale=scale)
