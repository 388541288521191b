"""What a fitted learner makes of frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skdeepmir._bases import BaseEstimator, TransformerMixin, available_if
from skdeepmir._sklearn import _check_feature_names_in
from skdeepmir._threads import one_blas_thread
from skdeepmir.frames import ClipsLike, Mirrored, list_clips, pack_clips


class LearnedFeatures(TransformerMixin, BaseEstimator):
    """The use of a fitted net: features of clips.

    A learner that inherits says how it reads clips, what its net is, and what that
    makes of them.
    """

    feature_names_: NDArray[np.object_]

    def _read(self, X, *, reset):
        """Return the frames of each clip (of plain rows, the one matrix) and layout."""
        raise NotImplementedError

    def _model(self):
        """Return the net whose activations are the features."""
        raise NotImplementedError

    def _activations(self, model, frames):
        """Return the features of frames, as :meth:`_map` hands them over."""
        raise NotImplementedError

    def _map(self, function, clips, layout):
        """Return what a function makes of each matrix, in the container of the clips.

        Plain rows are one matrix.
        """
        with one_blas_thread():
            if not layout.has_clips:
                return function(clips)
            return pack_clips([function(clip) for clip in clips], layout)

    def transform(self, X: ClipsLike) -> Mirrored:
        """Return the hidden activations of frames.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        features : list of ndarray, ndarray of 3 dimensions, or ndarray of 2 dimensions
            Activations from 0 to 1, ``n_features_out`` for each frame, in the container
            and the dtype of X. A convolutional learner gives fewer frames, one for
            ``hop_`` of X; the last may stand for fewer.
        """
        check_is_fitted(self)
        clips, layout = self._read(X, reset=False)
        model = self._model()
        return self._map(lambda rows: self._activations(model, rows), clips, layout)

    @available_if(lambda self: not getattr(self, "_fitted_on_clips", False))
    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> NDArray[np.object_]:
        """Name the columns of the output.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Only checked: features are named by layer and unit.

        Returns
        -------
        names : ndarray of shape (n_features_out,), dtype=object
            Names such as "dbn0_17".
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features)
        return self.feature_names_.copy()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class GeneratedFeatures(LearnedFeatures):
    """The use of a net that also goes from features back to frames.

    A learner that inherits says how, and what energy frames have.
    """

    def _reconstruct(self, model, features):
        """Return the frames of features, likewise."""
        raise NotImplementedError

    def _energies(self, model, matrices, layout):
        """Return the mean free energy of the frames of each clip."""
        raise NotImplementedError

    def inverse_transform(self, X: ClipsLike) -> Mirrored:
        """Reconstruct frames from activations, top-down.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            Features from :meth:`transform`. Of several layers, the topmost is used.

        Returns
        -------
        frames : list of ndarray, ndarray of 3 dimensions, or ndarray of 2 dimensions
            Mean-field reconstructions in the units of what was learned from, in the
            container of X. A convolutional learner gives ``hop_`` frames for each.

        Notes
        -----
        Fine-tuning on labels changes the way up but not back: what it leaves is no good
        reconstruction any more.
        """
        check_is_fitted(self)
        clips, layout = list_clips(X)
        if not layout.has_clips:
            clips = check_array(X, dtype=(np.float64, np.float32))
        n_found, n_features = matrices_of(clips)[0].shape[1], len(self.feature_names_)
        if n_found != n_features:
            raise ValueError(
                f"X has {n_found} features, expected the {n_features} that transform "
                "returns."
            )
        model = self._model()
        return self._map(lambda rows: self._reconstruct(model, rows), clips, layout)

    def score_samples(self, X: ClipsLike) -> Mirrored:
        """Return how probable clips are.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        scores : ndarray of shape (n_clips,), float64
            Minus the free energy under the first layer, or minus the variational free
            energy of a deep Boltzmann machine before fine-tuning; the mean over the
            frames of a clip. These are log-probabilities up to a constant of the model,
            so they compare clips, not models. They are deterministic.

        Notes
        -----
        A layer that was trained as an auto-encoder, or fine-tuned on labels, has a free
        energy by the same formula, but was not trained to make it a probability.
        """
        check_is_fitted(self)
        clips, layout = self._read(X, reset=False)
        with one_blas_thread():
            return -self._energies(self._model(), matrices_of(clips), layout)


def matrices_of(clips):
    return clips if isinstance(clips, list) else [clips]
