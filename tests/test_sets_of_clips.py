"""Whatever holds a set of clips, the clips are the same."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from reliability.determinism import example, outputs
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sound_files import assert_equal_clips, write_clips

from skdeepmir import (
    ClipVotingClassifier,
    DBNFeatureLearner,
    FrameTransformer,
    MultiTimescalePooler,
    SpectrogramExtractor,
    check_audio,
    compare,
    drop_bad_audio,
    load_clips,
    save_clips,
)
from skdeepmir.audio import AudioError, AudioWarning
from skdeepmir.baselines import mel_svm
from skdeepmir.frames import as_sequence, object_array
from skdeepmir.metrics import wcsr

ANY = {
    "tuple": tuple,
    "array": object_array,
    "column": lambda items: object_array(items)[:, np.newaxis],
    "pandas": lambda items: pd.Series(items, index=range(5, 5 + len(items))),
    "pandas frame": lambda items: pd.DataFrame({"clip": items}),
    "polars": lambda items: pl.Series("clip", items, dtype=pl.Object),
    "polars frame": lambda items: pl.Series(items, dtype=pl.Object).to_frame(),
}
PATHS = {
    "str array": np.array,
    "str column": lambda items: np.array(items)[:, np.newaxis],
    "StringDType": lambda items: np.array(items, dtype=np.dtypes.StringDType()),
    "pandas string": lambda items: pd.Series(items, dtype="string"),
    "pandas categories": lambda items: pd.DataFrame({"": items}, dtype="category"),
    "polars": lambda items: pl.Series("clip", items),
    "polars frame": lambda items: pl.DataFrame({"clip": items}),
    "polars categories": lambda items: pl.Series(items, dtype=pl.Categorical),
}
LISTS = {
    "polars": lambda items: pl.Series([item.tolist() for item in items]),
    "polars frame": lambda items: pl.DataFrame({"": [i.tolist() for i in items]}),
}


def by_name(*groups):
    return [pytest.param(f, id=name) for group in groups for name, f in group.items()]


@pytest.fixture
def waveforms():
    rng = np.random.RandomState(0)
    return [(0.1 * rng.randn(n)).astype(np.float32) for n in (3000, 1500, 2000)]


@pytest.fixture
def paths(tmp_path, waveforms):
    return write_clips(tmp_path, waveforms)


@pytest.fixture
def frames():
    rng = np.random.RandomState(0)
    return [rng.rand(n, 3) for n in (5, 2, 7)]


@pytest.mark.parametrize("hold", by_name(ANY, PATHS))
def test_paths_are_read(hold, paths):
    extractor = SpectrogramExtractor("mfcc")
    expected = extractor.fit_transform(paths)
    assert_equal_clips(extractor.fit_transform(hold(paths)), expected)
    assert check_audio(hold(paths)).empty


@pytest.mark.parametrize("hold", by_name(ANY, PATHS))
def test_bad_rows_are_taken_out_of_what_holds_them(hold, paths):
    X = hold([paths[0], "none.wav", *paths[1:]])
    assert check_audio(X)["row"].tolist() == [1]
    with pytest.warns(AudioWarning):
        kept, y = drop_bad_audio(X, [0, 1, 2, 3])
    assert type(kept) is type(X) and y == [0, 2, 3]
    assert getattr(kept, "dtype", None) == getattr(X, "dtype", None)
    assert np.shape(kept) == (3, *np.shape(X)[1:])
    assert as_sequence(kept) == paths


@pytest.mark.parametrize("hold", by_name(ANY, LISTS, {"lists": LISTS["polars"]}))
@pytest.mark.parametrize("are_equal", [False, True])
def test_waveforms_are_read(hold, are_equal, waveforms):
    if are_equal:
        waveforms = [y[:1500] for y in waveforms]
    extractor = SpectrogramExtractor("mfcc")
    expected = extractor.fit_transform(waveforms)
    assert_equal_clips(extractor.fit_transform(hold(waveforms)), expected)
    assert check_audio(hold(waveforms)).empty
    assert len(drop_bad_audio(hold(waveforms))) == 3


@pytest.mark.parametrize("to_column", [pd.Series, lambda x: pd.DataFrame({"clip": x})])
def test_lists_in_a_column_are_waveforms(to_column, waveforms):
    extractor = SpectrogramExtractor("mfcc")
    lists = [y[:1500].tolist() for y in waveforms]
    expected = extractor.fit_transform([np.array(y) for y in lists])
    assert_equal_clips(extractor.fit_transform(to_column(lists)), expected)


@pytest.mark.parametrize("hold", by_name(ANY, LISTS))
@pytest.mark.parametrize("are_equal", [False, True])
def test_frames_are_worked_on(hold, are_equal, frames, tmp_path):
    if are_equal:
        frames = [clip[:2] for clip in frames]
    X = hold(frames)
    pooler = MultiTimescalePooler(("mean", "max"))
    expected = pooler.fit_transform(frames)
    np.testing.assert_array_equal(pooler.fit_transform(X), expected)
    transformer = FrameTransformer(PCA(2))
    expected = transformer.fit_transform(frames)
    assert_equal_clips(transformer.fit_transform(X), expected)
    save_clips(tmp_path / "clips.npy", X)
    for clip, saved in zip(frames, load_clips(tmp_path / "clips.npy"), strict=True):
        np.testing.assert_array_equal(saved, clip)


@pytest.mark.parametrize("hold", by_name(ANY))
def test_learners_take_them_and_folds_are_drawn_of_them(hold, frames):
    clips, y = frames * 4, [0, 1, 1] * 4
    learner = DBNFeatureLearner((2,), max_epochs=1, random_state=0, verbose=False)
    expected = learner.fit_transform(clips)
    assert_equal_clips(learner.fit_transform(hold(clips)), expected)
    classifier = ClipVotingClassifier(GaussianNB())
    scores = cross_val_score(classifier, hold(clips), y, error_score="raise")
    np.testing.assert_array_equal(scores, cross_val_score(classifier, clips, y))


def test_arrays_of_one_shape_in_a_series_are_one_array(frames, waveforms):
    equal = np.stack([clip[:2] for clip in frames])
    X = pl.Series(equal.tolist(), dtype=pl.Array(pl.Float64, (2, 3)))
    transformer = FrameTransformer(PCA(2))
    out = transformer.fit_transform(X)
    assert isinstance(out, np.ndarray)
    np.testing.assert_array_equal(out, transformer.fit_transform(equal))
    table = np.stack([y[:1500] for y in waveforms])
    X = pl.Series(table.tolist(), dtype=pl.Array(pl.Float32, 1500))
    extractor = SpectrogramExtractor("mfcc")
    expected = extractor.fit_transform(table)
    np.testing.assert_array_equal(extractor.fit_transform(X), expected)
    assert check_audio(X).empty


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_a_column_of_a_table_goes_through_a_column_transformer(frame, paths):
    table = frame({"id": [1, 2, 3], "path": paths})
    steps = make_pipeline(SpectrogramExtractor("mfcc"), MultiTimescalePooler())
    columns = ColumnTransformer([("audio", steps, ["path"])])
    expected = steps.fit_transform(paths)
    np.testing.assert_array_equal(columns.fit_transform(table), expected)


@pytest.mark.parametrize("hold", by_name(ANY, PATHS))
def test_pipelines_are_compared_on_paths(hold, paths):
    X, y = hold([*paths, paths[0]]), [0, 0, 1, 1]
    with pytest.warns(UserWarning, match="same bytes"):
        result = compare({"guess": DummyClassifier()}, X, y, cv=2, verbose=False)
    assert len(result.summary()) == 1


def test_a_pipeline_is_compared_on_a_frame_of_polars(paths):
    X = pl.DataFrame({"path": [*paths, *paths]})
    with pytest.warns(UserWarning, match="same bytes"):
        result = compare({"mel": mel_svm()}, X, [0, 1, 0, 1, 0, 1], cv=2, verbose=False)
    assert len(result.summary()) == 1


@pytest.mark.parametrize("hold", by_name({k: ANY[k] for k in ("tuple", "column")}))
def test_annotations_are_compared(hold, tmp_path):
    paths = [str(tmp_path / f"{i}.lab") for i in range(2)]
    for path in paths:
        with open(path, "w") as file:
            file.write("0 1 C:maj\n1 2 N\n")
    assert wcsr(hold(paths), hold(paths)) == 1.0
    labels = np.array([["C:maj"], ["N"]])  # of songs with one frame
    assert wcsr(labels, labels) == wcsr(labels, labels.astype(object)) == 1.0
    songs = [([[0, 1], [1, 2]], ["C:maj", "N"])] * 2
    assert wcsr(hold(songs), hold(paths)) == 1.0


@pytest.mark.parametrize(
    "name", ["mfcc", "moments", "shifter", "templates", "voting", "tagger", "bagging"]
)
@pytest.mark.parametrize("hold", by_name({k: ANY[k] for k in ANY if k != "polars"}))
def test_estimators_of_all_kinds_take_them(name, hold):
    estimator, clips, y = example(name, 0)
    expected = outputs(clone(estimator).fit(clips, y), clips)
    found = outputs(clone(estimator).fit(hold(clips), y), hold(clips))
    assert found.keys() == expected.keys()
    for method in expected:
        assert_equal_clips(list(found[method]), list(expected[method]))


def test_learners_are_validated_on_a_column():
    estimator, clips, y = example("tagger", 0)
    given = {"X_val": clips[:4], "y_val": y[:4]}
    expected = clone(estimator).fit(clips, y, **given).validation_scores_
    given["X_val"] = ANY["column"](clips[:4])
    found = clone(estimator).fit(ANY["pandas frame"](clips), y, **given)
    np.testing.assert_array_equal(found.validation_scores_, expected)


@pytest.mark.parametrize("table", [pd.DataFrame, pl.DataFrame])
def test_several_columns_of_paths_are_no_set(table, paths):
    with pytest.raises(AudioError, match=r"paths of shape \(3, 2\) \(bad_x\)"):
        SpectrogramExtractor().fit(table({"a": paths, "b": paths}))


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_a_missing_path_is_named_by_its_row(missing, paths):
    for X in (pd.Series([paths[0], missing]), pd.DataFrame({"": [paths[0], missing]})):
        problems = check_audio(X)[["row", "code"]].to_numpy().tolist()
        assert problems == [[1, "bad_type"]]


@pytest.mark.parametrize("kind", [object, np.float64, np.int64])
def test_a_column_of_numbers_is_rows(kind):
    column = np.arange(4).reshape(-1, 1).astype(kind)
    for X in (column, pd.DataFrame({"a": column[:, 0]})):
        assert as_sequence(X) is X
        assert MultiTimescalePooler().fit_transform(X).shape[0] == 4
