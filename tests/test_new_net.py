"""A new net is little work, and passes what every public estimator passes."""

import inspect

import attention_tagger
import numpy as np
import pytest
from attention_tagger import AttentionTagger
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeepmir.testing import check_clip_estimator

# Weights count as repetitions only where nothing is drawn for each row.
EQUAL = {"batch_size": None, "dropout": 0, "precision": "float64"}
FEW = {"max_epochs": 40, "learning_rate": 0.01, "random_state": 0, "verbose": False}


def clips_and_labels():
    rng, y = np.random.RandomState(0), np.arange(24) % 3
    clips = [rng.randn(20 + i, 6) for i in range(24)]
    for clip, label in zip(clips, y, strict=True):
        clip[5:9, label] += 4  # some frames tell
    return clips, y


@parametrize_with_checks([AttentionTagger(16, **EQUAL, **FEW)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_clip_checks():
    assert len(check_clip_estimator(AttentionTagger(16, **FEW))) >= 11


def test_it_learns_from_clips_and_is_searched():
    clips, y = clips_and_labels()
    search = GridSearchCV(AttentionTagger(**FEW), {"n_units": [8, 16]}, cv=2, n_jobs=2)
    assert search.fit(clips, y).best_score_ > 0.8
    tags = (y[:, None] == np.arange(3)).astype(int)
    assert search.best_estimator_.fit(clips, tags).predict(clips).shape == (24, 3)


def test_it_is_told_of_and_documents_every_parameter():
    parameters = inspect.signature(AttentionTagger).parameters
    assert [*parameters][:2] == ["n_units", "dropout"]
    assert {"excerpt_length", "class_weight", "checkpoint_dir"} <= {*parameters}
    for name in parameters:
        assert f"\n{name} : " in AttentionTagger.__doc__
    with pytest.raises(ValueError, match="'n_units' parameter"):
        AttentionTagger(0).fit(*clips_and_labels())


def test_it_takes_under_80_lines_beside_its_module():
    lines, start = inspect.getsourcelines(attention_tagger.AttentionNet)
    n_lines = len(inspect.getsource(attention_tagger).splitlines())
    assert n_lines - len(lines) < 80 and start > 1


class NarrowTagger(AttentionTagger):
    """A subclass with a constructor of its own, which takes few parameters."""

    def __init__(self, n_units=8, *, gain=2.0, checkpoint_dir=None, random_state=None):
        super().__init__(n_units, **{**FEW, "max_epochs": 2})
        self.gain = gain
        self.checkpoint_dir = checkpoint_dir
        self.random_state = random_state


def test_a_subclass_with_its_own_constructor_is_searched_and_resumed(tmp_path):
    clips, y = clips_and_labels()
    narrow = NarrowTagger(checkpoint_dir=tmp_path, random_state=0)
    search = GridSearchCV(narrow, {"gain": [1.0, 2.0]}, cv=2).fit(clips, y)
    assert len([*tmp_path.iterdir()]) == 5  # finished fits
    again = GridSearchCV(narrow, {"gain": [1.0, 2.0]}, cv=2).fit(clips, y)
    assert len([*tmp_path.iterdir()]) == 5
    np.testing.assert_array_equal(
        search.predict_proba(clips), again.predict_proba(clips)
    )
