"""The fit of learners of excerpts: layer upon layer, without labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np

from skdeepmir._errors import telling_of
from skdeepmir._sklearn import (
    CallbackSupportMixin,
    EpochWatch,
    _fit_context,
    fitted_attributes,
    parameters_of,
)
from skdeepmir._training._checkpoints import Checkpoint
from skdeepmir._training._data import LabelledClips
from skdeepmir._validation import validate_clips
from skdeepmir.feature_learning._stages import computing, hold_out, make_generator
from skdeepmir.frames import ClipsLike


class LayerwiseLearner(CallbackSupportMixin):
    """The fit of a learner whose layers see excerpts of clips.

    A learner that inherits says what its parameters mean for each layer, what it begins
    with, which stages it has (``_stages``), and what it keeps.
    """

    _stages: Any

    def _schedule(self, given, n_epochs=None):
        """Check the parameters; return what they mean for each layer."""
        raise NotImplementedError

    def _begin(self, given, schedule, data):
        """Return what there is before the first layer (``Learned``)."""
        raise NotImplementedError

    def _begin_again(self, schedule):
        """Return the same for a further pass of ``partial_fit``."""
        raise NotImplementedError

    def _check_goes_on(self, schedule):
        """Raise a ``ValueError`` if a stream cannot go on with these parameters."""
        raise NotImplementedError

    def _model(self):
        """Return the fitted layers."""
        raise NotImplementedError

    def _keep(self, given, learned):
        """Keep what was learned."""
        raise NotImplementedError

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: ClipsLike, y: Any = None, *, X_val: ClipsLike | None = None
    ) -> Self:
        """Train the layers.

        Parameters
        ----------
        X : list of ndarray of shape (n_frames_i, n_features), ndarray of shape \
                (n_clips, n_frames, n_features), or array-like of shape \
                (n_clips, n_features)
            Clips of frames.
        y : None
            Ignored.
        X_val : array-like, default=None
            Clips to validate on, such as those of other artists; they are not trained
            on.

        Returns
        -------
        self : object
            The fitted learner.

        Raises
        ------
        ValueError
            If X is not a set of clips, or parameters contradict each other.
        DivergenceError
            A ``ValueError``, if training diverges.
        """
        given = parameters_of(self)
        schedule = self._schedule(given)
        data, held_out = self._labelled(X, reset=True), None
        if X_val is not None:
            with telling_of("X_val"):
                held_out = self._labelled(X_val, reset=False)
        checkpoint, seed = None, self._draw_seed()
        if given.checkpoint_dir is not None:
            checkpoint = Checkpoint(given.checkpoint_dir, self, data, held_out)
            seed = checkpoint.keep("seed", seed)
        if held_out is None:
            data, held_out = hold_out(given, data, seed)
        if given.callbacks:
            from skdeepmir._training._callbacks import check_callbacks

            check_callbacks(given, held_out, sets_rate=True, has_labels=False)
        with computing(given.n_threads):
            learned = self._begin(given, schedule, data)
        rng = make_generator(seed, 0, len(data))
        n_done = 0 if checkpoint is None else checkpoint.n_epochs
        watch = EpochWatch(self, schedule.n_epochs, X, y, n_done)
        stages = self._stages(
            given, schedule, learned, rng, watch, self._as_after, checkpoint
        )
        with computing(given.n_threads):
            stages.learn_layers(data, held_out)
        self._keep(given, stages.learned)
        watch.finish()
        if checkpoint is not None:
            checkpoint.complete({"stages": stages.ended})
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: ClipsLike, y: Any = None) -> Self:
        """Make one pass over some clips, for each layer.

        For streams of clips that are seen once. The first call learns what the frames
        are standardised by, which stays: pass many clips of all kinds in it.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The learner.
        """
        given = parameters_of(self)
        given.early_stopping = False
        schedule = self._schedule(given, n_epochs=1)
        is_first = not hasattr(self, "weights_")
        all_data = self._labelled(X, reset=is_first)
        seed = self._draw_seed()
        data, held_out = hold_out(given, all_data, seed)
        with computing(given.n_threads):
            if is_first:
                earlier, n_passes = None, 1
                learned = self._begin(given, schedule, all_data)
            else:
                self._check_goes_on(schedule)
                earlier, n_passes = self._model(), self.n_passes_ + 1
                learned = self._begin_again(schedule)
            rng = make_generator(seed, n_passes, len(data))
            watch = EpochWatch(self, schedule.n_epochs, X, y)
            learned = replace(learned, n_passes=n_passes)
            stages = self._stages(given, schedule, learned, rng, watch, self._as_after)
            stages.learn_layers(data, held_out, earlier)
        self._keep(given, stages.learned)
        watch.finish()
        return self

    def _labelled(self, X, *, reset):
        clips, layout = self._read(X, reset=reset)
        return LabelledClips(clips, layout, np.full(layout.n_clips, -1), None)

    def _read(self, X, *, reset):
        return validate_clips(self, X, reset=reset, stack=False)

    def _as_after(self, given, learned):
        """Return the fitted attributes as they are after an epoch."""
        return fitted_attributes(self, lambda twin: twin._keep(given, learned))


def clips_of(data):
    """Return the matrices of clips; plain rows are one."""
    return data.clips if isinstance(data.clips, list) else [data.clips]


def chosen_layers(given, n_layers):
    """Return the numbers of the layers whose units are the features."""
    top, chosen = n_layers - 1, given.layers
    if isinstance(chosen, str):
        chosen = range(n_layers) if chosen == "all" else (top,)
    # Of a layer that is not there yet, the topmost stands for it.
    return tuple(int(k) for k in chosen if k <= top) or (top,)
