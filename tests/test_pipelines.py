"""Pipelines of several estimators inside scikit-learn's machinery."""

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    PredefinedSplit,
    StratifiedGroupKFold,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline

from skdeepmir import (
    ClipVotingClassifier,
    FrameTransformer,
    MultiTimescalePooler,
    SpectrogramExtractor,
)
from skdeepmir.baselines import (
    chroma_hmm,
    chroma_templates,
    mel_svm,
    mfcc_forest,
    mfcc_svm,
    pmsc_mlp,
)
from skdeepmir.datasets import (
    load_manifest,
    make_chord_clips,
    make_instrument_clips,
)
from skdeepmir.metrics import CHORD_SCORERS, wcsr

DATA = Path(__file__).parents[2] / "shared" / "data" / "labels.csv"


@pytest.fixture(scope="module")
def clips():
    return make_instrument_clips(
        n_clips=36, n_instruments=18, duration=(0.3, 0.6), random_state=0
    )


def windows_vote():
    extractor = SpectrogramExtractor(n_mels=40)
    return make_pipeline(
        extractor,
        FrameTransformer(PCA(10, whiten=True), random_state=0),
        MultiTimescalePooler(
            windows=0.2, frame_rate=extractor.frame_rate, output="windows"
        ),
        ClipVotingClassifier(LogisticRegression()),
    )


@pytest.mark.parametrize(
    "pipeline",
    [
        windows_vote(),
        mfcc_svm(),
        mel_svm(),
        mfcc_forest(random_state=0),
        pmsc_mlp(random_state=0).set_params(
            frametransformer__transformer__n_components=20
        ),
    ],
    ids=lambda p: type(p[-1]).__name__ + str(len(p)),
)
def test_pipelines_are_cross_validated_by_group_cloned_and_pickled(pipeline, clips):
    cv = StratifiedGroupKFold(3)
    X, y = clips.data, clips.target
    one = cross_validate(pipeline, X, y, groups=clips.groups, cv=cv)
    two = cross_validate(clone(pipeline), X, y, groups=clips.groups, cv=cv, n_jobs=2)
    np.testing.assert_array_equal(one["test_score"], two["test_score"])
    fitted = pickle.loads(pickle.dumps(clone(pipeline).fit(X, y)))
    assert fitted.predict(X).shape == (36,)
    assert fitted.score(X, y) > 0.5


def test_grid_search_over_every_step(clips):
    grid = {
        "spectrogramextractor__n_mels": [20, 40],
        "multitimescalepooler__windows": [0.1, 0.2],
    }
    search = GridSearchCV(windows_vote(), grid, cv=2, n_jobs=2)
    search.fit(clips.data, clips.target)
    assert not np.isnan(search.cv_results_["mean_test_score"]).any()


def test_pipelines_give_tables_when_asked(clips):
    features = make_pipeline(SpectrogramExtractor(n_mels=20), MultiTimescalePooler())
    table = features.set_output(transform="pandas").fit_transform(clips.data)
    assert isinstance(table, pd.DataFrame) and table.shape == (36, 40)


@pytest.mark.parametrize("backend", ["threading", "dask"])
def test_backends_give_the_same_scores(backend, clips):
    X, y = clips.data, clips.target
    expected = cross_val_score(windows_vote(), X, y, cv=2)
    if backend == "threading":
        with parallel_config("threading", n_jobs=2):
            scores = cross_val_score(windows_vote(), X, y, cv=2)
    else:
        distributed = pytest.importorskip("distributed")
        cluster = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        )
        with cluster, distributed.Client(cluster), parallel_config("dask"):
            scores = cross_val_score(windows_vote(), X, y, cv=2)
    np.testing.assert_array_equal(scores, expected)


@pytest.mark.skipif(not DATA.exists(), reason=f"no recordings at {DATA}")
def test_mfcc_svm_on_recordings():
    clips = load_manifest(DATA, where={"task": "instrument_family_solo"})
    cv = PredefinedSplit(clips.folds.astype(int))
    scores = cross_val_score(mfcc_svm(), clips.data, clips.target, cv=cv)
    assert scores.mean() > 0.8  # measured: 0.86


@pytest.mark.parametrize("baseline", [chroma_templates, chroma_hmm])
def test_chord_baselines_recognise_made_songs(baseline):
    songs = make_chord_clips(n_clips=8, duration=10.0, random_state=0)
    pipeline = baseline(verbose=False).fit(songs.data[:4], songs.target[:4])
    assert pipeline.score(songs.data[4:], songs.target[4:]) > 0.6
    chords = pipeline.predict(songs.data[4:])
    rate = pipeline[0].frame_rate
    assert len(chords[0]) == 1 + len(songs.data[4]) // 2048
    assert pipeline[:-1].get_feature_names_out()[0] == "chroma_C"
    assert wcsr(songs.target[4:], chords, frame_rate=rate) == pytest.approx(
        CHORD_SCORERS["majmin"](pipeline, songs.data[4:], songs.target[4:])
    )
