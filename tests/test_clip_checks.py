"""check_clip_estimator says what an estimator that breaks a rule has to change."""

import re

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from skdeepmir import ClipNormalizer, ClipVotingClassifier, MultiTimescalePooler
from skdeepmir.testing import check_clip_estimator


class Normal(ClipNormalizer):
    """Breaks no rule; those below break one each."""


class Reversed(Normal):
    def transform(self, X):
        Z = super().transform(X)
        return Z[::-1] if len(Z) > 1 and len(X[0]) != len(X[1]) else Z


class Sorted(Normal):
    def transform(self, X):
        Z = super().transform(X)
        return type(Z)(sorted(Z, key=np.sum)) if isinstance(Z, list) else Z


class Merging(Normal):
    def transform(self, X):
        return super().transform(X)[:-1]


class Relative(Normal):
    def transform(self, X):
        Z = super().transform(X)
        mean = np.mean([z.mean() for z in Z])
        return [z - mean for z in Z] if isinstance(Z, list) else Z - mean


class Stacking(Normal):
    def transform(self, X):
        if not isinstance(X, np.ndarray) or X.dtype == object:
            X = list(np.stack(list(X)))
        return super().transform(X)


class Tupled(Normal):
    def transform(self, X):
        Z = super().transform(X)
        return tuple(Z) if isinstance(Z, list) else Z


class InPlace(Normal):
    def fit(self, X, y=None):
        super().fit(X, y)
        if isinstance(X, list) and X[0].flags.writeable:
            X[0] *= 2
        return self


class Returning(Normal):
    def fit(self, X, y=None):
        super().fit(X, y)


class Changing(Normal):
    def fit(self, X, y=None):
        super().fit(X, y)
        self.method = str(np.array([self.method])[0])[:] + ""
        return self


class Remembering(Normal):
    fitted_ = True

    def __sklearn_is_fitted__(self):
        return True


class Drawing(Normal):
    def fit(self, X, y=None):
        super().fit(X, y)
        self.noise_ = np.random.default_rng().random()
        return self

    def transform(self, X):
        Z = super().transform(X)
        return [z + self.noise_ for z in Z] if isinstance(Z, list) else Z + self.noise_


class Global(Normal):
    def fit(self, X, y=None):
        super().fit(X, y)
        self.noise_ = np.random.rand()
        return self


class Lenient(TransformerMixin, BaseEstimator):
    """Looks at nothing."""

    def fit(self, X, y=None):
        self.n_features_in_ = X[0].shape[1]
        return self

    def transform(self, X):
        if isinstance(X, np.ndarray) and X.dtype != object:
            return X * 2
        return [x * 2 for x in X]


class Indexing(Lenient):
    def fit(self, X, y=None):
        if len(X) and (np.shape(X[3])[0] == 0 or np.isnan(X[3]).any()):
            raise IndexError("no frames")
        return super().fit(X, y)


class Stubborn(Normal):
    def fit(self, X, y=None):
        super().fit(X, y)
        width = X[0].shape[1]
        self.first_ = getattr(self, "first_", width)
        self.n_features_in_ = self.first_
        return self

    def transform(self, X):
        self.n_features_in_, kept = X[0].shape[1], self.n_features_in_
        try:
            return super().transform(X)
        finally:
            self.n_features_in_ = kept


class Tolerant(Normal):
    def transform(self, X):
        is_matrix = isinstance(X, np.ndarray) and X.ndim == 2
        return super().transform([X] if is_matrix else X)


class Unpicklable(Normal):
    def fit(self, X, y=None):
        super().fit(X, y)
        self.function_ = lambda frames: frames
        return self


class Empty(Normal):
    def fit(self, X, y=None):
        return self if len(X) == 0 else super().fit(X, y)


@pytest.mark.parametrize(
    ("kind", "check", "found", "advice"),
    [
        (StandardScaler, "check_list_equals_array", "ValueError", "FrameTransformer"),
        (PCA, "check_list_equals_array", "ValueError", "FrameTransformer"),
        (LogisticRegression, "check_list_equals_array", "3", "ClipVotingClassifier"),
        (Sorted, "check_list_equals_array", "clip 0 differs", "alike"),
        (Merging, "check_order_of_clips", "6 clips became 5", "one output for each"),
        (Relative, "check_clip_alone", "clip 0 differs", "learn .* in fit"),
        (Stacking, "check_unequal_lengths", "ValueError: .*shape", "Loop over"),
        (Tupled, "check_container_is_mirrored", "a list became a tuple", "3-D for 3-D"),
        (InPlace, "check_fit_leaves_inputs_alone", "changed clip 0", "copies only"),
        (Returning, "check_list_equals_array", "fit returned None", "return self"),
        (Changing, "check_fit_leaves_inputs_alone", "parameter method", "end in _"),
        (Remembering, "check_clone_is_unfitted", "is fitted", "__init__"),
        (Drawing, "check_list_equals_array", "clip 0 differs", "alike"),
        (Global, "check_global_generator_untouched", "np.random", "check_random_state"),
        (Lenient, "check_bad_clip_is_named", "NaN in clip 3: no ValueError", "clip 3"),
        (Indexing, "check_bad_clip_is_named", "IndexError instead of a V", "'clip 3"),
        (Empty, "check_no_clips", "an empty list: no ValueError", "0 clips"),
        (Stubborn, "check_refit", "n_features_in_ is 5", "set n_features_in_"),
        (Tolerant, "check_wrong_width", "one matrix as X: no ValueError", r"\[X\]"),
        (Unpicklable, "check_round_trips", "AttributeError|PicklingError", "no lambda"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_broken_rule_is_named_with_what_was_found_and_what_to_do(
    kind, check, found, advice
):
    with pytest.raises(AssertionError) as caught:
        check_clip_estimator(kind())
    message = str(caught.value)
    assert message.startswith(f"{check}: {kind.__name__}: ")
    for pattern in (found, advice):
        assert re.search(pattern, message, re.DOTALL), message


def test_what_breaks_no_rule_passes():
    for estimator in (
        Normal(),
        MultiTimescalePooler(),
        ClipVotingClassifier(LogisticRegression()),
    ):
        assert len(check_clip_estimator(estimator)) == 14
