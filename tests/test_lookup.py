"""Clips by number."""

import copy
import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sound_files import write_clips

from skdeepmir import (
    ClipLookup,
    MultiTimescalePooler,
    SpectrogramExtractor,
    load,
    load_clips,
    save,
    save_clips,
)
from skdeepmir.frames import object_array
from skdeepmir.preprocessing import replace_clips


@pytest.fixture
def clips():
    rng = np.random.RandomState(0)
    return [rng.rand(5 + n % 4, 3) + n % 2 for n in range(20)]


Y = np.arange(20) % 2


def pooled(clips):
    return make_pipeline(
        ClipLookup(clips), MultiTimescalePooler(), LogisticRegression()
    )


def assert_same(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "hold",
    [
        list,
        tuple,
        object_array,
        pd.Series,
        lambda clips: pl.Series(clips, dtype=pl.Object),
        lambda clips: np.stack([clip[:5] for clip in clips]),
        lambda clips: np.stack([clip[0] for clip in clips]),
        lambda clips: pd.DataFrame([clip[0] for clip in clips]),
        lambda clips: [f"{n}.wav" for n in range(len(clips))],
    ],
)
def test_numbers_of_clips_become_clips(hold, clips):
    held = hold(clips)
    lookup = ClipLookup(held)
    assert lookup.rows.tolist() == [[n] for n in range(20)]
    items = held.to_numpy() if hasattr(held, "to_numpy") else held
    for X in (
        [[3], [0], [3]],
        np.array([[3.0], [0], [3]]),
        pd.DataFrame({"n": [3, 0, 3]}),
        list(np.array([[3], [0], [3]])),
    ):
        assert_same(
            np.asarray(lookup.fit_transform(X), dtype=object),
            [items[n] for n in (3, 0, 3)],
        )


def test_clips_are_shared_and_not_printed(clips):
    X = np.zeros((40, 1000))
    for held in (clips, object_array(clips), X, pd.DataFrame(X)):
        model = make_pipeline(ClipLookup(held), DummyClassifier())
        for twin in (clone(model), copy.deepcopy(model)):
            assert twin[0].clips.items is held
        assert f"ClipLookup(clips=<{len(held)} clips>)" in repr(model)
        assert len(model._repr_html_()) < 200_000
    search = GridSearchCV(pooled(clips), {"logisticregression__C": [1, 10]}, cv=2)
    search.fit(search.estimator[0].rows, Y)
    assert search.best_estimator_[0].clips.items is clips
    with_clips = ClipLookup(clips).get_params()["clips"]
    assert ClipLookup().set_params(clips=with_clips).clips is with_clips


@pytest.mark.parametrize(
    "X, facts",
    [
        ([[1], [20]], "row 1 of X is 20; .*from 0 to 19"),
        ([[1], [-1]], "row 1 of X is -1"),
        ([[0.0], [1.5]], "row 1 of X is 1.5"),
        ([[1], [np.nan]], "row 1 of X is nan"),
        ([[1], [None]], "row 1 of X is None"),
        (np.array([["2020-01-01"]], "datetime64[D]"), "row 0 of X is .*2020"),
        (np.ma.masked_array([[0], [1]], [[0], [1]]), "row 1 has masked"),
        ([1, 2], "Expected 2D array"),
        (["a.wav"], "X holds clips.*clips=None"),
        (np.array([["a.wav"]], dtype=object), "X holds clips.*clips=None"),
        ([np.zeros((3, 2))], "X holds clips.*clips=None"),
        ([np.zeros(3)], "X holds clips.*clips=None"),
    ],
)
def test_what_are_not_numbers_of_clips_is_named(X, facts, clips):
    lookup = ClipLookup(clips)
    with pytest.raises(ValueError, match=facts):
        lookup.fit(X)
    with pytest.raises(ValueError, match=facts):
        lookup.fit([[0]]).transform(X)


@pytest.mark.parametrize(
    "clips, facts",
    [
        ("a.wav", "clips is a single path, 'a.wav'"),
        ([], "clips is empty"),
        ({"a.wav"}, "clips is a set"),
        (iter(["a.wav"]), "clips is a list_iterator"),
        (3, "clips is 3"),
    ],
)
def test_what_is_not_a_set_of_clips_is_named(clips, facts):
    with pytest.raises(ValueError, match=facts):
        ClipLookup(clips).fit([[0]])
    with pytest.raises(ValueError, match=facts):
        replace_clips(ClipLookup(), clips)


def test_without_clips_what_comes_in_goes_on(clips, tmp_path):
    rng = np.random.RandomState(0)
    sounds = [rng.randn(n).astype(np.float32) / 10 for n in (3000, 2000)]
    extractor = SpectrogramExtractor(n_mels=20)
    for audio in (sounds, write_clips(tmp_path, sounds)):
        model = make_pipeline(ClipLookup(), extractor)
        assert_same(model.fit_transform(audio), extractor.fit_transform(audio))
        assert len(model.transform(audio[:1])) == 1
    lookup = ClipLookup().fit(clips)
    assert_same(lookup.transform(clips), clips)
    with pytest.raises(ValueError, match="clip 1 has 2 features"):
        lookup.transform([clips[0], clips[1][:, :2]])
    with pytest.raises(AttributeError, match="clips=None"):
        _ = ClipLookup().rows


def test_a_fitted_model_takes_other_clips(clips):
    bag = BaggingClassifier(pooled(clips), 3, random_state=0)
    bag.fit(bag.estimator[0].rows, Y)
    expected = bag.predict_proba([[4], [7]])
    replace_clips(bag, [clips[7], clips[4]])
    np.testing.assert_array_equal(bag.predict_proba([[1], [0]]), expected)
    with pytest.raises(ValueError, match="row 0 of X is 2; .*from 0 to 1"):
        bag.predict([[2]])
    alone = bag.estimators_[0]
    by_number = alone.predict_proba([[0]])
    replace_clips(alone, None)
    np.testing.assert_array_equal(alone.predict_proba([clips[7]]), by_number)
    direct = make_pipeline(ClipLookup(), MultiTimescalePooler()).fit(clips)
    numbers = replace_clips(clone(direct), clips).fit_transform([[3]])
    np.testing.assert_array_equal(numbers, direct.transform([clips[3]]))
    np.testing.assert_array_equal(
        replace_clips(direct, clips).transform([[3]]), numbers
    )
    with pytest.raises(ValueError, match="no ClipLookup in this DummyClassifier"):
        replace_clips(DummyClassifier(), clips)


def test_pickle_keeps_clips_and_saved_models_do_not(clips, tmp_path):
    model = pooled(clips)
    model.fit(model[0].rows, Y)
    expected = model.predict_proba([[2], [5]])
    path = tmp_path / "model.skdeepmir"
    joblib.dump(model, path)
    for twin in (pickle.loads(pickle.dumps(model)), joblib.load(path)):
        np.testing.assert_array_equal(twin.predict_proba([[2], [5]]), expected)
    for held in (clips, [f"{n}.wav" for n in range(20)]):
        model[0].clips = held
        save(model, path)
        loaded = load(path)
        assert loaded[0].clips is None and b"3.wav" not in path.read_bytes()
        chosen = [clips[2], clips[5]]
        np.testing.assert_array_equal(loaded.predict_proba(chosen), expected)
        for X in ([[2], [5]], np.array([[2], [5]])):
            with pytest.raises(ValueError, match="column of numbers.*replace_clips"):
                loaded.predict(X)
        replace_clips(loaded, clips)
        np.testing.assert_array_equal(loaded.predict_proba([[2], [5]]), expected)
    bag = BaggingClassifier(pooled(clips), 2, random_state=0)
    bag.fit(bag.estimator[0].rows, Y)
    save(bag, path)
    again = replace_clips(load(path), clips).predict_proba([[2]])
    np.testing.assert_array_equal(again, bag.predict_proba([[2]]))


def kind_of_clips(lookup):
    clip = lookup.transform([[1]])[0]
    return isinstance(clip, np.memmap), clip.sum()


def test_mapped_clips_stay_mapped_in_workers(clips, tmp_path):
    save_clips(tmp_path / "clips.npy", clips)
    lookup = ClipLookup(load_clips(tmp_path / "clips.npy")).fit([[0]])
    ((is_mapped, total),) = joblib.Parallel(n_jobs=2)(
        [joblib.delayed(kind_of_clips)(lookup)]
    )
    assert is_mapped and total == clips[1].sum()


def test_columns_that_are_left_out_are_told(clips):
    X = np.column_stack([np.arange(20), Y, Y])
    lookup = ClipLookup(clips)
    with pytest.warns(UserWarning, match="X has 3 columns.*ColumnTransformer"):
        assert lookup.fit_transform(X)[3] is clips[3]
    with pytest.raises(ValueError, match="X has 1 features"):
        lookup.transform([[0]])


def test_clips_stand_beside_numbers_in_a_table(clips):
    numbers = pd.DataFrame({"clip": range(20), "tempo": np.arange(20.0)})
    features = make_pipeline(ClipLookup(clips), MultiTimescalePooler())
    columns = ColumnTransformer(
        [("audio", features, ["clip"])], remainder="passthrough"
    )
    both = columns.fit_transform(numbers)
    np.testing.assert_array_equal(
        both[:, :-1], MultiTimescalePooler().fit_transform(clips)
    )
    np.testing.assert_array_equal(both[:, -1], numbers["tempo"])
