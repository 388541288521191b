"""What a fitted pipeline answered for test clips: kept, scored, and scored in part."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.pipeline import Pipeline
from sklearn.utils import ClassifierTags, RegressorTags, Tags, TargetTags

from skdeepmir._sklearn import BaseSearchCV
from skdeepmir.frames import object_array
from skdeepmir.metrics._checks import positive_columns
from skdeepmir.metrics._chord_scorers import frame_rate_of

SCORES = ("predict_proba", "decision_function")
RESPONSES = ("predict", *SCORES, "predict_log_proba")


@dataclass(frozen=True)
class Answers:
    """The responses of a fitted pipeline to the clips of one test set.

    Attributes
    ----------
    kind : str or None
        "classifier", "regressor" or None.
    responses : dict of str to object
        By the names of the methods; one item for each clip, or a list with a matrix for
        each tag, as of scikit-learn's forests.
    lacking : tuple of str
        Methods that the pipeline does not have.
    classes : object
        ``classes_``, or None.
    frame_rate : float or None
        Frames per second of labels of frames.
    activations : list of ndarray or None
        What ``predict_activations`` gave, an array (n, n_outputs) for each clip; empty
        if the pipeline has no such method, None if it was not asked.
    times : list of ndarray or None
        When these hold, an array (n, 2) of seconds for each clip, if that is known.
    """

    kind: str | None
    responses: dict[str, Any]
    lacking: tuple[str, ...] = ()
    classes: Any = None
    frame_rate: float | None = None
    activations: Any = None
    times: Any = None

    @classmethod
    def of(
        cls, fitted: Any, X: Any, needed: Iterable[str], *, activations: bool = False
    ) -> Answers:
        """Return what a fitted pipeline predicts, and what scorers need besides."""
        has = [name for name in RESPONSES if hasattr(fitted, name)]
        kind = kind_of(fitted)
        asked = [name for name in has if name in {"predict", *needed}]
        scores = [name for name in has if name in SCORES]
        # Of frames there are too many to keep them for nothing.
        if kind == "classifier" and scores and scores[0] not in asked:
            asked.append(scores[0])
        estimator = fitted
        if len(asked) > 1 or activations:
            estimator, X = _transformed(fitted, X)
        return cls(
            kind,
            {name: getattr(estimator, name)(X) for name in asked},
            tuple(name for name in RESPONSES if name not in has),
            getattr(fitted, "classes_", None),
            frame_rate_of(fitted),
            *(_activations(estimator, X) if activations else (None, None)),
        )

    @property
    def predicted(self) -> Any:
        """What was predicted, one item for each clip, or None."""
        return self.responses.get("predict")

    def scores_of(self, *methods: str) -> Any:
        """Return what the first of the methods that was kept gave, or None."""
        for name in methods:
            if name in self.responses:
                found = self.responses[name]
                if self._is_by_tag(found):
                    return positive_columns(found, self.classes)
                return found
        return None

    def suffice_for(self, methods: Iterable[str]) -> bool:
        """Tell whether the first of the methods that the pipeline has was kept."""
        has = [name for name in methods if name not in self.lacking]
        return not has or has[0] in self.responses

    def take(self, rows: np.ndarray) -> Answers:
        """Return the answers to some of the clips."""

        def taken(found: Any) -> Any:
            if self._is_by_tag(found):
                return [part[rows] for part in found]
            if isinstance(found, list):
                return [found[row] for row in rows]
            return found[rows]

        responses = {name: taken(found) for name, found in self.responses.items()}
        return replace(self, responses=responses, activations=None, times=None)

    def _is_by_tag(self, found: Any) -> bool:
        return isinstance(found, list) and isinstance(self.classes, list)


def kind_of(estimator: Any) -> str | None:
    """Return "classifier", "regressor" or None."""
    if is_classifier(estimator):
        return "classifier"
    return "regressor" if is_regressor(estimator) else None


def _transformed(fitted: Any, X: Any) -> tuple[Any, Any]:
    """Return the last step of a pipeline and its input, which is computed once."""
    if isinstance(fitted, BaseSearchCV) and hasattr(fitted, "best_estimator_"):
        return _transformed(fitted.best_estimator_, X)
    if not isinstance(fitted, Pipeline):
        return fitted, X
    for _, step in fitted.steps[:-1]:  # as its predict does
        if step is not None and step != "passthrough":
            X = step.transform(X)
    return _transformed(fitted.steps[-1][1], X)


def _activations(estimator: Any, X: Any) -> tuple[list[Any], list[Any] | None]:
    """Return what an estimator found when in clips, and the times if it knows them."""
    predict = getattr(estimator, "predict_activations", None)
    if predict is None:
        return [], None
    rate = frame_rate_of(estimator)
    if rate is not None and "return_times" in signature(predict).parameters:
        found, times = predict(X, return_times=True)
        return _as_floats(found), _as_floats(times)
    found = _as_floats(predict(X))
    offset = getattr(estimator, "frame_offset_", None)
    if rate is None or offset is None:
        return found, None
    return found, _as_floats(_around_frames(len(each), rate, offset) for each in found)


def _around_frames(n_frames: int, rate: float, offset: float) -> np.ndarray:
    """Return the time around each frame (n_frames, 2), up to the middle to the next."""
    edges = (np.arange(n_frames + 1) - 0.5) / rate + offset
    return np.column_stack([edges[:-1], edges[1:]])


def _as_floats(arrays: Any) -> list[Any]:
    return [np.asarray(array, np.float32) for array in arrays]


class Recorded(BaseEstimator):
    """Stands for a fitted pipeline before a scorer, and gives the kept answers.

    It has what was kept, which must suffice for the scorer.
    """

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        for name, found in answers.responses.items():
            setattr(self, name, _answering(name, found))
        self.frame_rate = self.frame_rate_ = answers.frame_rate
        if answers.classes is not None:
            self.classes_ = answers.classes

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Tags:
        kind = self.answers.kind
        return Tags(
            estimator_type=kind,
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags() if kind == "classifier" else None,
            regressor_tags=RegressorTags() if kind == "regressor" else None,
        )


def _answering(name: str, found: Any) -> Callable[[Any], Any]:
    def answer(X: Any) -> Any:
        return found

    answer.__name__ = name  # scikit-learn asks a method for its name
    return answer


def ideal_answers(y: np.ndarray, kind: str | None, trained: np.ndarray) -> Answers:
    """Return what a pipeline that is always right would answer.

    ``trained`` are the labels that it knows.
    A scorer that cannot score these cannot score what the pipeline will predict.
    """
    if kind == "regressor" and np.issubdtype(y.dtype, np.number):
        return Answers(kind, {"predict": y + 0.5})
    if kind != "classifier":
        return Answers(kind, {"predict": y})
    if y.ndim == 2:
        classes: Any = [np.array([0, 1])] * y.shape[1]
        values = y.astype(float)
    else:
        classes = np.unique(trained)
        values = (y[:, None] == classes).astype(float)
    is_binary = y.ndim == 1 and len(classes) == 2
    responses = {
        "predict": y,
        "predict_proba": values,
        "decision_function": values[:, -1] if is_binary else values,
    }
    return Answers(kind, responses, classes=classes)


def as_items(found: Any) -> np.ndarray:
    """Return answers as an array of one item for each clip."""
    if isinstance(found, np.ndarray) and found.ndim == 1:
        return found
    return object_array(found)
