import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skdeepmir import AugmentedClassifier, ClipVotingClassifier


def labelled_clips():
    rng = np.random.RandomState(0)
    y = np.array(["a", "b"] * 6)
    return [rng.randn(5 + 3 * i, 2) + 3 * (c == "b") for i, c in enumerate(y)], y


def test_probabilities_are_the_mean_over_rows():
    clips, y = labelled_clips()
    vote = ClipVotingClassifier(LogisticRegression()).fit(clips, y)
    expected = [vote.estimator_.predict_proba(clip).mean(axis=0) for clip in clips]
    np.testing.assert_allclose(vote.predict_proba(clips), expected)
    assert vote.voting_ == "soft" and vote.score(clips, y) == 1


def test_without_probabilities_rows_vote_with_their_class():
    clips, y = labelled_clips()
    vote = ClipVotingClassifier(SVC()).fit(clips, y)
    expected = [(vote.estimator_.predict(clip) == "b").mean() for clip in clips]
    np.testing.assert_allclose(vote.predict_proba(clips)[:, 1], expected)
    assert vote.voting_ == "hard"


def test_soft_voting_needs_probabilities():
    clips, y = labelled_clips()
    with pytest.raises(ValueError, match="SVC has no predict_proba"):
        ClipVotingClassifier(SVC(), voting="soft").fit(clips, y)


def test_weights_are_given_per_clip():
    clips, y = labelled_clips()
    weights = np.arange(12) + 1
    weighted = ClipVotingClassifier(LogisticRegression()).fit(clips, y, weights)
    rows = np.concatenate(clips)
    lengths = [len(clip) for clip in clips]
    expected = LogisticRegression().fit(
        rows, np.repeat(y, lengths), np.repeat(weights, lengths)
    )
    np.testing.assert_allclose(weighted.estimator_.coef_, expected.coef_)
    with pytest.raises(ValueError, match="takes no sample_weight"):
        ClipVotingClassifier(KNeighborsClassifier()).fit(clips, y, weights)


def test_the_classifier_decides_on_negative_weights():
    clips, y = labelled_clips()
    weights = np.where(np.arange(12) == 3, -0.5, 1.0)
    for vote in (
        ClipVotingClassifier(DecisionTreeClassifier(random_state=0)),
        AugmentedClassifier(ClipVotingClassifier(LogisticRegression()), []),
    ):
        weighted = vote.fit(clips, y, weights).predict_proba(clips)
        assert (weighted != vote.fit(clips, y).predict_proba(clips)).any()


def test_labels_of_the_wrong_length_are_refused():
    clips, y = labelled_clips()
    with pytest.raises(ValueError, match="y has 5 labels, but X has 12 clips"):
        ClipVotingClassifier(SVC()).fit(clips, y[:5])


class TaskRecorder:
    """A callback that remembers which estimators began a fit."""

    max_propagation_depth = None  # handed on to every sub-estimator

    def __init__(self):
        self.estimators = set()

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.estimators.add(type(estimator).__name__)

    def on_fit_task_end(self, estimator, context):
        pass


def test_callbacks_reach_the_inner_classifier():
    pytest.importorskip("sklearn.callback", reason="scikit-learn < 1.9")
    recorder = TaskRecorder()
    vote = ClipVotingClassifier(LogisticRegression()).set_callbacks(recorder)
    vote.fit(*labelled_clips())
    assert recorder.estimators == {"ClipVotingClassifier", "LogisticRegression"}
