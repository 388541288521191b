"""Pipelines of ours: frame rates, validation clips, methods on audio, names."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import FeatureUnion
from sklearn.pipeline import Pipeline as ScikitPipeline
from sklearn.pipeline import make_pipeline as make_scikit_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from skdeepmir import (
    AugmentedClassifier,
    BandShifter,
    BLSTMChordRecognizer,
    ClipNormalizer,
    ClipVotingClassifier,
    ConvTagger,
    DBNFeatureLearner,
    DropoutMLPClassifier,
    FrameStacker,
    FrameTransformer,
    GaussianChordRecognizer,
    MultiTimescalePooler,
    MultiTimescaleTagger,
    Pipeline,
    SpectrogramExtractor,
    TemplateChordRecognizer,
    load,
    make_pipeline,
    save,
)
from skdeepmir._frame_rates import FrameClock
from skdeepmir.datasets import make_chord_clips, make_instrument_clips
from skdeepmir.metrics import CHORD_SCORERS

RATE = 22050 / 512


@pytest.fixture(scope="module")
def clips():
    return make_instrument_clips(
        n_clips=12, n_instruments=6, duration=(0.6, 0.7), random_state=0
    )


@pytest.fixture(scope="module")
def songs():
    return make_chord_clips(n_clips=4, duration=6.0, random_state=0)


def mel(**options):
    return SpectrogramExtractor(**{"n_mels": 12, "verbose": False, **options})


def chroma(**options):
    options = {"bins_per_octave": 36, "n_bins": 216, "hop_length": 2048, **options}
    return SpectrogramExtractor("chroma", verbose=False, **options)


def net():
    return DropoutMLPClassifier((5,), max_epochs=2, random_state=0, verbose=False)


def bayes():
    return GaussianNB(var_smoothing=1e-3)


def pooled(windows=0.5, **options):
    return make_pipeline(mel(**options), MultiTimescalePooler(windows=windows), bayes())


def seconds_of_windows(pipeline, X, y):
    """Return how long the windows really last, in the place of a score."""
    extractor, pooler = pipeline[0], pipeline["multitimescalepooler"]
    return pooler.window_frames_[0] * extractor.hop_length / extractor.sample_rate


def handed_rates(estimator):
    """Return the places below an estimator that still have a rate from a pipeline."""
    pickled = pickle.dumps(estimator)
    return FrameClock.__name__.encode() in pickled


@pytest.mark.parametrize(
    "name, values, n_jobs",
    [("hop_length", [128, 256, 512], 2), ("sample_rate", [22050, 11025], None)],
)
def test_windows_last_their_seconds_whatever_is_searched(clips, name, values, n_jobs):
    search = GridSearchCV(
        pooled(0.4),
        {f"spectrogramextractor__{name}": values},
        scoring=seconds_of_windows,
        cv=2,
        n_jobs=n_jobs,
    ).fit(clips.data, clips.target)
    seconds = search.cv_results_["mean_test_score"]
    np.testing.assert_allclose(seconds, 0.4, atol=0.03)
    best = search.best_estimator_
    assert best["multitimescalepooler"].frame_rate is None
    assert best["multitimescalepooler"].frame_rate_ == best[0].frame_rate
    assert not handed_rates(best)


def test_the_same_pipeline_is_fitted_to_another_rate(clips):
    pipeline = pooled(0.5)
    for hop_length in (512, 256, 1024):
        pipeline.set_params(spectrogramextractor__hop_length=hop_length)
        pipeline.fit(clips.data, clips.target)
        assert pipeline[1].window_frames_ == (round(0.5 * 22050 / hop_length),)
        assert pipeline[1].frame_rate is None


def test_another_rate_than_in_fit_is_refused(clips):
    pipeline = pooled(0.5).fit(clips.data, clips.target)
    pipeline.set_params(spectrogramextractor__hop_length=1024)
    for method in ("predict", "predict_proba", "predict_log_proba"):
        with pytest.raises(ValueError, match=r"multitimescalepooler.*43.*21.5"):
            getattr(pipeline, method)(clips.data)
    with pytest.raises(ValueError, match=r"frame_rate_=43.*21.5"):
        pipeline.score(clips.data, clips.target)
    with pytest.raises(ValueError, match=r"frame_rate_=43.*21.5"):
        pipeline[:-1].transform(clips.data)
    pipeline.set_params(spectrogramextractor__hop_length=512)
    assert len(pipeline.predict(clips.data)) == 12


@pytest.mark.parametrize("rate", [43.0, 20, 21.533203125])
def test_a_wrong_frame_rate_is_refused_before_anything_is_extracted(rate):
    pipeline = make_pipeline(
        mel(), MultiTimescalePooler(windows=0.5, frame_rate=rate), bayes()
    )
    with pytest.raises(
        ValueError, match=r"multitimescalepooler.*frame_rate=.*43\.0664"
    ):
        pipeline.fit(["no such file.wav"], [0])
    assert pipeline[1].frame_rate == rate


@pytest.mark.parametrize("rate", [RATE, 43.07, np.float32(RATE)])
def test_a_right_frame_rate_is_kept(clips, rate):
    pooler = MultiTimescalePooler(windows=(0.5, 1), frame_rate=rate)
    pipeline = make_pipeline(mel(), pooler, bayes())
    pipeline.fit(clips.data, clips.target)
    assert pipeline[1].frame_rate is rate
    assert pipeline[1].window_frames_ == (22, 43)


def test_whole_numbers_are_frames_also_in_a_pipeline(clips):
    pipeline = pooled((10, 0.5, "clip")).fit(clips.data, clips.target)
    assert pipeline[1].window_frames_ == (10, 22, None)
    names = pipeline[:-1].get_feature_names_out()
    assert {name.split("_")[1] for name in names} == {"10f", "0.5s", "clip"}


@pytest.mark.parametrize(
    "estimator",
    [MultiTimescalePooler(windows=(0.5, "clip")), MultiTimescaleTagger((0.5, "clip"))],
)
def test_seconds_without_a_rate_name_the_two_ways_out(estimator):
    frames, y = [np.random.rand(30, 3) for _ in range(4)], [0, 1, 0, 1]
    for pipeline in (estimator, make_pipeline(ClipNormalizer(), estimator)):
        with pytest.raises(ValueError, match=r"0\.5.*make_pipeline.*frame_rate="):
            pipeline.fit(frames, y)


def test_the_rate_after_windows_over_whole_clips_is_not_known(clips):
    pipeline = make_pipeline(
        mel(),
        MultiTimescalePooler(output="windows"),
        MultiTimescalePooler(windows=1.0),
    )
    with pytest.raises(ValueError, match=r"frame rate that.* is not known"):
        pipeline.fit(clips.data)


@pytest.mark.parametrize(
    "steps, rate",
    [
        ([], RATE),
        ([FrameStacker(3, hop=2)], RATE / 2),
        ([FrameStacker(2, hop=4), ClipNormalizer()], RATE / 4),
        ([FrameTransformer(PCA(3))], RATE),
        ([MultiTimescalePooler(windows=10, output="windows")], RATE / 5),
        ([MultiTimescalePooler(windows=0.2, overlap=0, output="windows")], RATE / 9),
        ([make_scikit_pipeline(FrameStacker(1, hop=2), ClipNormalizer())], RATE / 2),
        ([make_pipeline(FrameStacker(1, hop=2), "passthrough")], RATE / 2),
        ([FunctionTransformer(), None], RATE),
        ([FrozenEstimator(make_pipeline(FrameStacker(1, hop=2)))], RATE / 2),
    ],
    ids=str,
)
def test_every_step_may_change_the_rate(clips, steps, rate):
    if steps and isinstance(steps[0], FrozenEstimator):
        steps[0].estimator.fit(mel().transform(clips.data))
    pooler = MultiTimescalePooler(windows=0.4)
    pipeline = make_pipeline(mel(), *steps, pooler).fit(clips.data)
    assert pipeline[-1].frame_rate_ == pytest.approx(rate)
    assert pipeline[-1].window_frames_ == (round(0.4 * rate),)
    assert not handed_rates(pipeline[1:])


class Halved(TransformerMixin, BaseEstimator):
    """Leaves out every other frame and tells nobody."""

    def fit(self, X, y=None):
        self.is_fitted_ = True
        return self

    def transform(self, X):
        return [clip[::2] for clip in X]


def test_a_change_of_rate_that_nobody_tells_of_is_noticed(clips):
    pipeline = make_pipeline(mel(), Halved(), MultiTimescalePooler(windows=0.4))
    with pytest.raises(ValueError, match=r"halved \(Halved\) turned \d+ frames"):
        pipeline.fit(clips.data)
    # Where no seconds are needed afterwards, it may do so.
    make_pipeline(mel(), Halved(), ClipVotingClassifier(bayes())).fit(
        clips.data, clips.target
    )


def inside_vote():
    windows = MultiTimescalePooler(windows=0.3, output="windows")
    return [windows, ClipVotingClassifier(bayes())], "0"


def inside_augmented():
    inner = make_pipeline(MultiTimescalePooler(windows=0.3), bayes())
    return [AugmentedClassifier(inner, [BandShifter()])], "estimator_"


def inside_augmented_scikit():
    inner = make_scikit_pipeline(MultiTimescalePooler(windows=0.3), bayes())
    return [AugmentedClassifier(inner, [BandShifter()])], "estimator_"


def inside_search():
    inner = make_pipeline(MultiTimescalePooler(), bayes())
    grid = {
        "multitimescalepooler__windows": [0.3],
        "gaussiannb__var_smoothing": [0.1, 0.01],
    }
    return [GridSearchCV(inner, grid, cv=2)], "best_estimator_"


def inside_union():
    poolers = [
        ("short", MultiTimescalePooler("mean", windows=0.3)),
        ("long", MultiTimescalePooler("max", windows=0.3)),
    ]
    return [FeatureUnion(poolers), bayes()], "0"


def inside_pipelines():
    inner = ScikitPipeline([("inner", pooled(0.3)[1:])])
    return [inner], "inner"


@pytest.mark.parametrize("hop_length", [512, 256])
@pytest.mark.parametrize(
    "make",
    [
        inside_vote,
        inside_augmented,
        inside_augmented_scikit,
        inside_search,
        inside_union,
        inside_pipelines,
    ],
)
def test_the_rate_reaches_steps_inside_others(clips, make, hop_length):
    steps, _ = make()
    pipeline = make_pipeline(mel(hop_length=hop_length), *steps)
    pipeline.fit(clips.data, clips.target)
    found = [
        item
        for item in _everything_inside(pipeline)
        if isinstance(item, MultiTimescalePooler) and hasattr(item, "frame_rate_")
    ]
    assert found
    for pooler in found:
        assert pooler.window_frames_ == (round(0.3 * 22050 / hop_length),)
        assert pooler.frame_rate_ == 22050 / hop_length
        assert pooler.frame_rate is None
    assert not handed_rates(pipeline)
    pipeline.set_params(spectrogramextractor__hop_length=1024)
    with pytest.raises(ValueError, match=r"pooler|short"):
        pipeline.predict(clips.data)


def _everything_inside(value):
    yield value
    inner = value if isinstance(value, list | tuple) else vars(value).values()
    for item in inner:
        if isinstance(item, list | tuple | BaseEstimator):
            yield from _everything_inside(item)


def test_an_extractor_inside_others_tells_its_rate(clips):
    frozen = FrozenEstimator(mel(hop_length=256).fit(clips.data))
    inner = make_scikit_pipeline(mel(hop_length=256), ClipNormalizer())
    for first in (frozen, inner, make_pipeline(mel(hop_length=256))):
        pipeline = make_pipeline(first, MultiTimescalePooler(windows=0.5))
        assert pipeline.fit(clips.data)[1].window_frames_ == (43,)


def test_a_frozen_step_is_not_fed_at_another_rate(clips):
    pooler = pooled(0.5).fit(clips.data, clips.target)[1]
    frozen = make_pipeline(mel(), FrozenEstimator(pooler), bayes())
    frozen.fit(clips.data, clips.target).predict(clips.data)
    assert pooler.frame_rate is None
    with pytest.raises(ValueError, match="frame_rate_=43"):
        frozen.set_params(spectrogramextractor__hop_length=256).predict(clips.data)
    with pytest.raises(ValueError, match="frame_rate_=43"):
        frozen.fit(clips.data, clips.target)


def test_columns_of_a_table_have_pipelines_of_their_own(clips):
    table = pd.DataFrame({"clip": clips.data, "year": np.arange(12)})
    audio = make_pipeline(mel(hop_length=256), MultiTimescalePooler(windows=0.5))
    columns = ColumnTransformer(
        [("audio", audio, ["clip"]), ("year", StandardScaler(), ["year"])]
    )
    pipeline = make_pipeline(columns, bayes()).fit(table, clips.target)
    assert pipeline[0].named_transformers_["audio"][1].window_frames_ == (43,)


@pytest.mark.parametrize(
    "grid",
    [
        {"framestacker__hop": [2, 1]},
        [{"framestacker__n_frames": [3]}, {"framestacker__hop": [2]}],
        {"multitimescalepooler__frame_rate": [20.0]},
        {"framestacker": [FrameStacker(hop=3)]},
    ],
)
@pytest.mark.parametrize("make", [make_pipeline, make_scikit_pipeline])
def test_a_search_inside_that_changes_rates_is_refused(grid, make):
    inner = make(FrameStacker(3), MultiTimescalePooler(windows=0.5), bayes())
    outer = make_pipeline(mel(), GridSearchCV(inner, grid, cv=2))
    with pytest.raises(ValueError, match="gridsearchcv.*changes the frame rate"):
        outer.fit(["no such file.wav"], [0])


def test_a_search_inside_with_its_own_extractor_is_right(clips):
    search = RandomizedSearchCV(
        pooled(0.4),
        {"spectrogramextractor__hop_length": [128, 256]},
        n_iter=2,
        scoring=seconds_of_windows,
        cv=2,
    )
    pipeline = make_pipeline("passthrough", search).fit(clips.data, clips.target)
    seconds = pipeline[-1].cv_results_["mean_test_score"]
    np.testing.assert_allclose(seconds, 0.4, atol=0.01)


def test_fitted_copies_of_other_packages_give_the_rate_back(clips):
    inner = make_scikit_pipeline(MultiTimescalePooler(windows=0.5), bayes())
    pipeline = make_pipeline(mel(), OneVsRestClassifier(inner))
    pipeline.fit(clips.data, clips.target)
    for copied in pipeline[1].estimators_:
        assert copied[0].window_frames_ == (22,) and copied[0].frame_rate is None
    assert not handed_rates(pipeline)


def test_memory_knows_the_rate(clips, tmp_path):
    pipeline = make_pipeline(
        mel(), MultiTimescalePooler(windows=0.5), bayes(), memory=str(tmp_path)
    )
    for hop_length in (512, 256, 512):
        pipeline.set_params(spectrogramextractor__hop_length=hop_length)
        pipeline.fit(clips.data, clips.target)
        assert pipeline[1].window_frames_ == (round(0.5 * 22050 / hop_length),)
        assert pipeline[1].frame_rate is None
        plain = pooled(0.5, hop_length=hop_length).fit(clips.data, clips.target)
        np.testing.assert_array_equal(
            pipeline.predict_proba(clips.data), plain.predict_proba(clips.data)
        )


def test_copies_keep_what_the_fit_knew(clips, tmp_path):
    pipeline = pooled(0.5).fit(clips.data, clips.target)
    save(pipeline, tmp_path / "model")
    expected = pipeline.predict_proba(clips.data)
    for copied in (pickle.loads(pickle.dumps(pipeline)), load(tmp_path / "model")):
        assert type(copied) is Pipeline
        np.testing.assert_array_equal(copied.predict_proba(clips.data), expected)
        copied.set_params(spectrogramextractor__hop_length=256)
        with pytest.raises(ValueError, match="frame_rate_"):
            copied.predict(clips.data)
    again = clone(pipeline).set_params(spectrogramextractor__hop_length=256)
    assert again.fit(clips.data, clips.target)[1].window_frames_ == (43,)


def test_a_fit_that_fails_gives_the_rate_back(clips):
    pipeline = make_pipeline(
        mel(), MultiTimescalePooler(windows=0.5), bayes().set_params(var_smoothing=-1)
    )
    before = pipeline.steps
    with pytest.raises(ValueError, match="var_smoothing"):
        pipeline.fit(clips.data, clips.target)
    assert pipeline[1].frame_rate is None
    assert pipeline.steps is before


def test_taggers_have_windows_in_seconds(clips):
    tagger = MultiTimescaleTagger(
        (0.5, 20, "clip"), n_units=5, max_epochs=1, random_state=0, verbose=False
    )
    pipeline = make_pipeline(mel(hop_length=256), tagger)
    pipeline.fit(clips.data, clips.target)
    assert pipeline[1].window_frames_ == (43, 20, None)
    assert pipeline[1].frame_rate_ == 22050 / 256
    assert pipeline[1].frame_rate is pipeline[1].pooler_.frame_rate is None


@pytest.mark.parametrize(
    "recognizer",
    [
        TemplateChordRecognizer(),
        GaussianChordRecognizer(transpose=True),
        BLSTMChordRecognizer(n_units=4, max_epochs=1, random_state=0, verbose=False),
    ],
    ids=lambda r: type(r).__name__,
)
def test_recognisers_know_the_seconds_of_audio(songs, recognizer, tmp_path):
    X, y = songs.data, songs.target
    pipeline = make_pipeline(chroma(), recognizer).fit(X, y)
    rate = 22050 / 2048
    assert pipeline[1].frame_rate is None and pipeline[1].frame_rate_ == rate
    by_hand = make_scikit_pipeline(
        chroma(), clone(recognizer).set_params(frame_rate=rate)
    ).fit(X, y)
    annotations = pipeline.predict_intervals(X)
    expected = by_hand[1].predict_intervals(by_hand[:-1].transform(X))
    for (times, labels), (other_times, other_labels) in zip(
        annotations, expected, strict=True
    ):
        np.testing.assert_array_equal(times, other_times)
        assert labels.tolist() == other_labels.tolist()
    assert pipeline.score(X, y) == by_hand.score(X, y)
    scorer = CHORD_SCORERS["majmin"]
    assert scorer(pipeline, X, y) == scorer(by_hand, X, y)
    files = [tmp_path / f"{i}.lab" for i in range(4)]
    pipeline.to_lab(X, files)
    assert all(file.read_text() for file in files)
    pipeline.to_jams(X, paths=[file.with_suffix(".jams") for file in files])
    assert (tmp_path / "3.jams").exists()
    save(pipeline, tmp_path / "chords")
    times, labels = load(tmp_path / "chords").predict_intervals(X)[0]
    np.testing.assert_array_equal(times, annotations[0][0])
    pipeline.set_params(spectrogramextractor__hop_length=4096)
    with pytest.raises(ValueError, match="frame_rate_"):
        pipeline.predict_intervals(X)


def test_a_search_over_the_rate_scores_chords_right(songs):
    search = GridSearchCV(
        make_pipeline(chroma(), TemplateChordRecognizer()),
        {"spectrogramextractor__hop_length": [1024, 2048]},
        cv=2,
    ).fit(songs.data, songs.target)
    assert search.cv_results_["mean_test_score"].min() > 0.5
    assert len(search.best_estimator_.predict_intervals(songs.data)) == 4


def net_pipeline():
    return make_pipeline(mel(), MultiTimescalePooler(), StandardScaler(), net())


def validation_curve(pipeline):
    return pipeline[-1].validation_scores_


@pytest.mark.parametrize("routing", [False, True])
def test_validation_clips_go_through_the_steps(clips, routing):
    y = np.arange(12) % 2
    X, y, X_val, y_val = clips.data[:8], y[:8], clips.data[8:], y[8:]
    by_hand = net_pipeline()
    features = by_hand[:-1].fit(X, y)
    by_hand[-1].fit(
        features.transform(X), y, X_val=features.transform(X_val), y_val=y_val
    )
    with config_context(enable_metadata_routing=routing):
        pipeline = net_pipeline().fit(X, y, X_val=X_val, y_val=y_val)
        np.testing.assert_array_equal(
            validation_curve(pipeline), validation_curve(by_hand)
        )
        assert type(pipeline[-1]) is DropoutMLPClassifier
        if routing:
            last = net().set_fit_request(X_val=True, y_val=True)
            pipeline = make_pipeline(*net_pipeline()[:-1].named_steps.values(), last)
        grid = {"dropoutmlpclassifier__learning_rate": [0.01, 0.1]}
        search = GridSearchCV(pipeline, grid, cv=2)
        search.fit(X, y, X_val=X_val, y_val=y_val)
        assert len(validation_curve(search.best_estimator_)) == 2


def test_weights_go_with_validation_clips(clips):
    X, y, weights = clips.data, clips.target, np.arange(1.0, 13)
    given = {"dropoutmlpclassifier__sample_weight": weights}
    curves = [
        net_pipeline().fit(X, y, X_val=X[:5], y_val=y[:5], **options)[-1].loss_curve_
        for options in (given, {})
    ]
    plain = net_pipeline().fit(X, y, **given)[-1].loss_curve_
    np.testing.assert_array_equal(curves[0], plain)
    assert (curves[0] != curves[1]).any()


def test_validation_clips_reach_what_is_inside(clips, tmp_path):
    X, y = clips.data, clips.target
    validation = {"X_val": X[:5], "y_val": y[:5]}
    nested = make_pipeline(mel(), net_pipeline()[1:]).fit(X, y, **validation)
    expected = validation_curve(net_pipeline().fit(X, y, **validation))
    np.testing.assert_array_equal(validation_curve(nested[-1]), expected)
    cached = net_pipeline().set_params(memory=str(tmp_path)).fit(X, y, **validation)
    np.testing.assert_array_equal(validation_curve(cached), expected)
    searched = make_pipeline(
        *net_pipeline()[:-1].named_steps.values(),
        GridSearchCV(net(), {"dropout": [0.1]}, cv=2),
    ).fit(X, y, **validation)
    assert len(validation_curve([searched[-1].best_estimator_])) == 2


def test_transformers_take_validation_clips(clips):
    learner = DBNFeatureLearner((4,), max_epochs=1, random_state=0, verbose=False)
    pipeline = make_pipeline(mel(), learner)
    X, X_val = clips.data[:9], clips.data[9:]
    transformed = pipeline.fit_transform(X, X_val=X_val)
    frames = [clip.shape[1] for clip in transformed]
    assert frames == [4] * 9
    fitted = clone(pipeline).fit(X, X_val=X_val)
    np.testing.assert_array_equal(fitted.transform(X)[0], transformed[0])


@pytest.mark.parametrize("last", [SVC(), make_scikit_pipeline(net())])
def test_validation_clips_are_refused_before_anything_is_extracted(last):
    pipeline = make_pipeline(mel(), MultiTimescalePooler(), last)
    with pytest.raises(ValueError, match=r"X_val.*(svc|pipeline)"):
        pipeline.fit(["no such file.wav"], [0], X_val=["other.wav"], y_val=[0])
    assert pipeline[-1] is last


def test_half_of_the_validation_is_refused(clips):
    for half in ({"X_val": clips.data}, {"y_val": clips.target}):
        with pytest.raises(ValueError, match="y_val"):
            net_pipeline().fit(clips.data, clips.target, **half)


def test_bad_validation_clips_are_named(clips):
    pipeline, X_val = net_pipeline(), [clips.data[0], np.full(20000, np.nan)]
    steps = pipeline.steps
    with pytest.raises(ValueError, match="row 1"):
        pipeline.fit(clips.data, clips.target, X_val=X_val, y_val=[0, 1])
    assert pipeline.steps is steps and type(pipeline[-1]) is DropoutMLPClassifier


def test_methods_are_there_if_the_last_step_has_them(clips):
    plain = pooled()
    for method in (
        "predict_intervals",
        "predict_activations",
        "predict_tags",
        "to_lab",
        "to_jams",
    ):
        assert not hasattr(plain, method)
    tagger = ConvTagger((2,), max_epochs=1, random_state=0, verbose=False)
    pipeline = make_pipeline(mel(), tagger)
    assert hasattr(pipeline, "predict_activations")
    assert not hasattr(pipeline, "to_lab")
    with pytest.raises(NotFittedError):
        pipeline.predict_activations(clips.data)
    search = GridSearchCV(pipeline, {"convtagger__dropout": [0.1]}, cv=2)
    best = search.fit(clips.data, clips.target).best_estimator_
    frames = best[:-1].transform(clips.data)
    expected = best[-1].predict_activations(frames)
    found = best.predict_activations(clips.data)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)
    nested = make_pipeline(best[0], best[1:])
    np.testing.assert_array_equal(nested.predict_activations(clips.data)[3], found[3])


@pytest.mark.parametrize("hop_length", [512, 1024])
def test_activations_of_audio_have_times(clips, hop_length):
    tagger = ConvTagger(
        (2,), excerpt_length=8, max_epochs=1, random_state=0, verbose=False
    )
    pipeline = make_pipeline(mel(hop_length=hop_length), tagger)
    pipeline.fit(clips.data, clips.target)
    assert pipeline[1].frame_rate is None
    _, times = pipeline.predict_activations(clips.data, return_times=True)
    frame = hop_length / 22050
    np.testing.assert_allclose(np.diff(times[0], axis=1)[1:], 8 * frame)
    pipeline.set_params(spectrogramextractor__hop_length=256)
    with pytest.raises(ValueError, match="frame_rate_"):
        pipeline.predict_activations(clips.data, return_times=True)


class WholeTagger(BaseEstimator):
    """Has what taggers and recognisers have, with options."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def predict_tags(self, X, n_most=1):
        return [["jazz"] * n_most for _ in X]

    def predict_intervals(self, X, *, duration=None):
        return [duration for _ in X]


def test_methods_are_those_of_what_a_search_has_chosen(songs, tmp_path):
    grid = {"self_transition": [1.0, 5.0]}
    search = GridSearchCV(GaussianChordRecognizer(), grid, cv=2)
    pipeline = make_pipeline(chroma(), search)
    assert hasattr(pipeline, "to_lab") and not hasattr(pipeline, "predict_tags")
    with pytest.raises(NotFittedError):
        pipeline.predict_intervals(songs.data)
    pipeline.fit(songs.data, songs.target)
    plain = make_pipeline(chroma(), pipeline[-1].best_estimator_)
    found = pipeline.predict_intervals(songs.data)
    expected = plain.predict_intervals(songs.data)
    for (times, labels), (other_times, others) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(times, other_times)
        assert labels.tolist() == others.tolist()
    files = [tmp_path / f"{i}.lab" for i in range(len(songs.data))]
    pipeline.to_lab(songs.data, files)
    assert all(file.is_file() for file in files)


def test_names_of_tags_are_those_of_what_a_search_has_chosen(clips):
    tags = pd.DataFrame(np.eye(6, dtype=int)[clips.target], columns=list("abcdef"))
    tagger = ConvTagger((2,), max_epochs=1, random_state=0, verbose=False)
    search = GridSearchCV(tagger, {"dropout": [0.1]}, cv=2)
    pipeline = make_pipeline(mel(), search).fit(clips.data, tags)
    assert pipeline.tag_names_.tolist() == list("abcdef")
    assert len(pipeline.predict_tags(clips.data[:2])) == 2


def test_methods_hand_on_their_options(clips):
    pipeline = make_pipeline(mel(), WholeTagger()).fit(clips.data)
    assert pipeline.predict_tags(clips.data, n_most=2)[0] == ["jazz", "jazz"]
    assert pipeline.predict_intervals(clips.data, duration=3.0)[0] == 3.0
    alone = make_pipeline(WholeTagger()).fit([[1.0]])
    assert alone.predict_tags([[1.0]]) == [["jazz"]]


def test_features_are_named_from_the_spectrum_on(clips):
    pipeline = make_pipeline(
        mel(),
        FrameStacker(2),
        MultiTimescalePooler("mean"),
        StandardScaler(),
        SelectKBest(k=3),
        bayes(),
    )
    pipeline.fit(clips.data, clips.target)
    names = pipeline[:3].get_feature_names_out()
    assert names[[0, 12]].tolist() == ["mean_clip_log_mel_0@-1", "mean_clip_log_mel_0"]
    chosen = pipeline[4].get_support()
    np.testing.assert_array_equal(pipeline[:5].get_feature_names_out(), names[chosen])
    assert pipeline[:1].get_feature_names_out()[3] == "log_mel_3"
    with pytest.raises(AttributeError, match="gaussiannb"):
        pipeline.get_feature_names_out()


@pytest.mark.parametrize("transform", ["pandas", "polars"])
def test_tables_have_the_names_of_the_spectrum(clips, transform):
    pipeline = make_pipeline(
        SpectrogramExtractor("mfcc", n_mfcc=4, verbose=False),
        FrameTransformer(StandardScaler()),
        MultiTimescalePooler("max"),
        StandardScaler(),
    ).set_output(transform=transform)
    expected = [f"max_clip_mfcc_{i}" for i in range(4)]
    table = pipeline.fit_transform(clips.data)
    assert list(table.columns) == expected
    assert list(pipeline.transform(clips.data).columns) == expected
    assert pipeline.get_feature_names_out().tolist() == expected


def test_names_of_other_tables_are_those_of_scikit_learn():
    table = pd.DataFrame({"a": [1.0, 2.0, 4.0], "b": [0.0, 1.0, 0.5]})
    steps = StandardScaler(), PCA(1)
    ours, theirs = make_pipeline(*steps), make_scikit_pipeline(*steps)
    assert ours.fit(table)[:1].get_feature_names_out().tolist() == ["a", "b"]
    assert ours.get_feature_names_out() == theirs.fit(table).get_feature_names_out()
    with pytest.raises(ValueError, match="feature_names_in_"):
        ours.get_feature_names_out(["c", "d"])


@pytest.mark.parametrize("equal", [False, True])
@pytest.mark.parametrize(
    "steps, culprit, advice",
    [
        ([SVC()], "svc", "ClipVotingClassifier"),
        ([StandardScaler(), SVC()], "standardscaler", "FrameTransformer"),
        ([ClipNormalizer(), PCA(2)], "pca", "FrameTransformer"),
        ([GridSearchCV(SVC(), {"C": [1, 2]}, cv=2)], "gridsearchcv", "Multi"),
        ([make_scikit_pipeline(StandardScaler(), SVC())], "pipeline", "Multi"),
        ([MultiTimescalePooler(output="windows"), bayes()], "gaussiannb", "ClipVoting"),
    ],
)
def test_frames_before_rows_are_told_what_to_put_between(
    clips, equal, steps, culprit, advice
):
    X = [clip[:13000] for clip in clips.data] if equal else clips.data
    for given in [X, np.stack(X)] if equal else [X]:
        with pytest.raises(ValueError, match=f"{culprit}.*MultiTimescalePooler") as e:
            make_pipeline(mel(), *steps).fit(given, clips.target)
        assert advice in str(e.value)


class Mean(TransformerMixin, BaseEstimator):
    """A user's transformer of clips, which says nothing of itself."""

    def fit(self, X, y=None):
        self.is_fitted_ = True
        return self

    def transform(self, X):
        return np.stack([clip.mean(axis=0) for clip in X])


def test_a_users_step_is_still_heard_where_advice_is_given(clips):
    class Nearest(Mean):
        def fit(self, X, y=None):
            raise ValueError("k=9 is too large")

    with pytest.raises(ValueError, match=r"nearest .*Multi.*k=9 is too large"):
        make_pipeline(mel(), Nearest()).fit(clips.data, clips.target)


def test_a_pipeline_without_steps_is_refused_whatever_it_is_given():
    with pytest.raises(ValueError, match="empty"):
        make_pipeline().fit([[0]], [0], X_val=[[0]], y_val=[0])


def test_frames_alone_are_told_what_they_need(clips):
    frames = mel().transform(clips.data)
    with pytest.raises(ValueError, match=r"standardscaler.*FrameTransformer"):
        make_pipeline(StandardScaler(), SVC()).fit(frames, clips.target)


def test_other_errors_stay_what_they_are(clips):
    pipeline = make_pipeline(mel(), Mean(), SVC())
    assert pipeline.fit(clips.data, clips.target).score(clips.data, clips.target) > 0
    with pytest.raises(ValueError, match="NaN"):
        pipeline.fit(clips.data, [np.nan, *clips.target[1:]])
    with pytest.raises(ValueError, match="1 class"):
        make_pipeline(mel(), Mean(), SVC()).fit(clips.data, np.zeros(12))
    with pytest.raises(ValueError, match="no such file"):
        make_pipeline(mel(), SVC()).fit(["no such file.wav"], [0])


def test_it_is_a_pipeline_of_scikit_learn(clips):
    pipeline = pooled()
    assert isinstance(pipeline, ScikitPipeline)
    assert type(pipeline[:2]) is Pipeline
    assert pipeline["multitimescalepooler"] is pipeline[1]
    assert pipeline.named_steps.gaussiannb is pipeline[-1]
    assert "SpectrogramExtractor" in pipeline._repr_html_()
    assert repr(pipeline).startswith("Pipeline(steps=[('spectrogramextractor'")
    theirs = make_scikit_pipeline(*pipeline.named_steps.values())
    assert set(pipeline.get_params()) == set(theirs.get_params())
    scores = [cross_val_score(p, clips.data, clips.target, cv=2) for p in (pipeline,)]
    assert np.isfinite(scores).all()
    made = make_pipeline(mel(), memory="m", transform_input=["X_val"], verbose=True)
    assert (made.memory, made.transform_input, made.verbose) == ("m", ["X_val"], True)


class Refuses(TransformerMixin, BaseEstimator):
    """Fails in its own words, and cannot transform after that."""

    def fit(self, X, y=None):
        raise ValueError("its own words")

    def transform(self, X):
        return self.missing_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


class Fails(BaseEstimator):
    """Takes clips, of which it says nothing, and fails for another reason."""

    def fit(self, X, y=None):
        raise ValueError("its own words")


def test_advice_never_hides_what_went_wrong():
    frames, y = [np.ones((5, 3))] * 4, [0, 1] * 2
    with pytest.raises(ValueError, match="its own words"):
        make_pipeline(Refuses(), SVC()).fit(frames, y)
    with pytest.raises(ValueError, match=r"Put Multi.*its own words"):
        make_pipeline(ClipNormalizer(), Fails()).fit(frames, y)
    for X in (frames, np.ones((4, 3))):
        with pytest.raises(TypeError, match="should be transformers"):
            make_pipeline(SVC(), SVC()).fit(X, y)
