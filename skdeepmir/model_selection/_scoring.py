"""Which scores are asked for, whether pipelines can be given them, and clip by clip."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.metrics import check_scoring
from sklearn.pipeline import Pipeline

from skdeepmir._printable import printable
from skdeepmir._sklearn import BaseSearchCV, response_methods
from skdeepmir.metrics import (
    CHORD_SCORERS,
    TAG_SCORERS,
    auc_clip,
    get_scorer,
    score_chords,
)
from skdeepmir.metrics._annotation_scorers import AnnotationScorer, ClipScores
from skdeepmir.metrics._checks import check_scores, collected
from skdeepmir.metrics._precision import clip_precisions_at
from skdeepmir.metrics._scorers import FIELD_SCORERS
from skdeepmir.model_selection._annotations import kind_of_metric, kind_of_step
from skdeepmir.model_selection._answers import (
    Answers,
    Recorded,
    ideal_answers,
    kind_of,
)

OWN = "score"  # the name of a scorer that has none
COLUMNS = frozenset(  # of the tables of results
    "pipeline fold clip group n_train n_test fit_time predict_time true predicted "
    "scores".split()
)
SONGS_TRIED = 20
OF_TRUTH = ("y_", "true", "ref")  # how metrics call what they compare with
TAG_METRICS = (*TAG_SCORERS, "ap_tag", "precision_at_")  # how their names begin


@dataclass(frozen=True)
class Metric:
    """A score that is asked for.

    Attributes
    ----------
    name : str
        What its column is called.
    scorer : callable
        ``scorer(estimator, X, y)``.
    known : str
        Its name in :func:`skdeepmir.metrics.get_scorer`, or "".
    """

    name: str
    scorer: Any
    known: str = ""

    @property
    def can_be_replayed(self) -> bool:
        """Whether the scorer sees nothing but answers, so that these suffice."""
        scorer = self.scorer
        is_of_annotations = isinstance(scorer, AnnotationScorer)
        return is_of_annotations or response_methods(scorer) is not None

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods of a pipeline of which the scorer calls the first that is there.

        Of a scorer of another kind it is not known.
        """
        return response_methods(self.scorer) or ("predict",)


def read_scoring(scoring: Any) -> list[Metric]:
    """Return the metrics that are asked for; refuse what is not one."""
    if scoring is score_chords:
        scoring = CHORD_SCORERS
    if hasattr(scoring, "tolist"):  # an array or a Series of names
        scoring = scoring.tolist()
    if isinstance(scoring, str):
        return [_read_metric(scoring, scoring)]
    if isinstance(scoring, Mapping):
        named = dict(scoring)
    elif isinstance(scoring, list | tuple | set | frozenset):
        strange = [item for item in scoring if not isinstance(item, str)]
        if strange:
            raise ValueError(
                f"scoring={scoring!r} has {strange[0]!r}; expected a list of names. "
                "Pass a dict from names to scorers for scorers of your own."
            )
        named = {item: item for item in scoring}
        if len(named) < len(scoring):
            raise ValueError(f"scoring={scoring!r} has a name twice.")
    else:
        return [_read_metric(OWN, own_score if scoring is None else scoring)]
    if not named:
        raise ValueError(f"scoring={scoring!r} is empty; expected at least one scorer.")
    taken = [name for name in named if not isinstance(name, str) or name in COLUMNS]
    if taken:
        raise ValueError(
            f"scoring: {taken[0]!r} cannot be the name of a score; expected text other "
            f"than {', '.join(sorted(COLUMNS))}."
        )
    return [_read_metric(name, scorer) for name, scorer in named.items()]


def _read_metric(name: str, given: Any) -> Metric:
    scorer = get_scorer(given)
    module = getattr(scorer, "__module__", "") or ""
    if module.startswith("skdeepmir.metrics") and hasattr(scorer, "__qualname__"):
        raise ValueError(
            f"scoring: {scorer.__name__} is a metric, called with y_true and y_pred; "
            "expected a scorer(estimator, X, y) or its name, see "
            "skdeepmir.metrics.get_scorer_names()."
        )
    check_scoring(DummyClassifier(), scoring=scorer)  # refuses scikit-learn's metrics
    _check_parameters(name, scorer)
    if isinstance(given, str):
        return Metric(name, scorer, given)
    known = (other for other, field in FIELD_SCORERS.items() if field is scorer)
    return Metric(name, scorer, next(known, ""))


def _check_parameters(name: str, scorer: Any) -> None:
    """Raise a ValueError unless a callable can be called as a scorer."""
    shown = f"scoring={name!a}" if name != OWN else "scoring"
    expected = "expected a scorer(estimator, X, y)"
    if inspect.isclass(scorer):
        raise ValueError(f"{shown} is the class {scorer.__name__}; {expected}.")
    try:
        signature = inspect.signature(scorer)
    except (TypeError, ValueError):  # some functions in C do not tell
        return
    takes = f"{shown} takes {signature}"
    try:
        signature.bind(None, None, None)
    except TypeError as error:
        raise ValueError(
            f"{takes}; {expected}. Make one of a metric(y_true, y_pred) with "
            "sklearn.metrics.make_scorer."
        ) from error
    first = next(iter(signature.parameters))
    if first.startswith(OF_TRUTH):
        raise ValueError(
            f"{takes}, so that {first!r} would be the estimator; {expected}. Make one "
            "of a metric with sklearn.metrics.make_scorer."
        )


def own_score(estimator: Any, X: Any, y: Any) -> Any:
    """Return what an estimator thinks of itself."""
    return estimator.score(X, y)


def needed_responses(metrics: Iterable[Metric], pipeline: Any) -> list[str]:
    """Return the methods of a pipeline that scorers will call."""
    needed = []
    for metric in metrics:
        if metric.can_be_replayed:
            needed += [m for m in metric.methods if hasattr(pipeline, m)][:1]
    return needed


def check_metrics(
    metrics: Sequence[Metric], pipelines: dict[str, Any], y: Any, trained: Any
) -> None:
    """Raise a ValueError if a score cannot be that of these pipelines and targets."""
    for metric in metrics:
        tried = set()
        for name, pipeline in pipelines.items() if metric.can_be_replayed else ():
            if not any(hasattr(pipeline, method) for method in metric.methods):
                raise ValueError(
                    f"scoring={metric.name!a} needs {' or '.join(metric.methods)}, but "
                    f"pipeline {name!a} has no such method: it ends with "
                    f"{type(last_step(pipeline)).__name__}. Choose another score, or "
                    "give it one, for example with CalibratedClassifierCV."
                )
            if reason := _foreign(metric, y, last_step(pipeline)):
                raise _refusal(metric, name, y, reason)
            kind = kind_of(pipeline)
            if kind not in tried:
                tried.add(kind)
                _try_metric(metric, kind, y, trained, name)


def _foreign(metric: Metric, y: np.ndarray, step: Any) -> str:
    """Return why a score is for labels of another kind, as its name tells, or ""."""
    scored, predicted = kind_of_metric(metric), kind_of_step(step)
    if scored is not None:
        is_other = y.ndim > 1 or y.dtype.kind in "biuf"
        is_other |= predicted not in (None, scored)
        return f"it scores {scored.what}" if is_other else ""
    if predicted is not None and metric.known:
        return (
            f"{predicted.name} have scores of their own, such as {predicted.scoring!r}"
        )
    if y.ndim == 1 and metric.known.startswith(TAG_METRICS):
        return "it scores tags, which are y of shape (n_clips, n_tags)"
    return ""


def _refusal(metric: Metric, name: str, y: np.ndarray, reason: str) -> ValueError:
    return ValueError(
        f"scoring={metric.name!a} cannot score pipeline {name!a} on this y, "
        f"{_described(y)} ({printable(reason).rstrip('.')}). Choose one for such "
        "labels; see skdeepmir.metrics.get_scorer_names()."
    )


def _try_metric(
    metric: Metric, kind: str | None, y: np.ndarray, trained: np.ndarray, name: str
) -> None:
    """Score what is always right: what refuses that, refuses all predictions."""
    if kind is None:
        y = y[:SONGS_TRIED]
    try:
        answers = ideal_answers(y, kind, trained)
        if not answers.suffice_for(metric.methods):
            return  # of an estimator of no kind, nobody knows what it answers
        with warnings.catch_warnings(), collected():
            warnings.simplefilter("ignore")
            metric.scorer(Recorded(answers), y, y)
    except (ValueError, TypeError) as error:
        raise _refusal(metric, name, y, str(error)) from error


def _described(y: np.ndarray) -> str:
    if y.ndim == 2:
        return f"{y.shape[1]} tags of {len(y)} clips"
    if y.dtype == object and not isinstance(y[0], str):
        return "an annotation of each clip"
    kind = "numbers" if y.dtype.kind == "f" else "labels"
    return f"{kind} of {len(np.unique(y))} values"


def last_step(pipeline: Any) -> Any:
    """Return the last step, inside pipelines and searches."""
    while True:
        if isinstance(pipeline, Pipeline):
            pipeline = pipeline.steps[-1][1]
        elif isinstance(pipeline, BaseSearchCV):
            pipeline = pipeline.estimator
        else:
            return pipeline


def clip_scores(metric: Metric, answers: Answers, y: np.ndarray) -> ClipScores | None:
    """Return the scores of clips, NaN where there is none, and their weights.

    None is returned for a score that is not their weighted mean.
    """
    found: Any = None
    if isinstance(metric.scorer, AnnotationScorer):
        found = metric.scorer.of_clips(y, answers.predicted, answers.frame_rate)
    elif metric.known == "accuracy":
        right = np.asarray(answers.predicted == y, float)
        found = (right.min(axis=1) if right.ndim == 2 else right), np.ones(len(y))
    elif metric.known in ERRORS:
        predicted = np.reshape(answers.predicted, y.shape)
        errors = np.asarray(ERRORS[metric.known](predicted - y), float)
        values = errors.mean(axis=1) if errors.ndim == 2 else errors
        found = -values, np.ones(len(y))
    elif metric.known == "auc_clip" or metric.known.startswith("precision_at_"):
        found = _of_ranked_tags(metric.known, answers, y)
    if found is None:
        return None
    scores = ClipScores(*found)
    values = np.where(scores.weights > 0, scores.values, np.nan)
    return scores._replace(values=values)


ERRORS = {"neg_mean_absolute_error": np.abs, "neg_mean_squared_error": np.square}


def _of_ranked_tags(name: str, answers: Answers, y: np.ndarray) -> Any:
    # TAG_SCORERS prefer the decision function.
    scores = answers.scores_of("decision_function", "predict_proba")
    if name == "auc_clip":
        with collected():
            areas = np.asarray(auc_clip(y, scores, average=None))
        return areas, np.isfinite(areas).astype(float)
    truth, scores = check_scores(y, scores)
    k = int(name.rpartition("_")[2])
    return clip_precisions_at(truth, scores, k), np.ones(len(truth))
