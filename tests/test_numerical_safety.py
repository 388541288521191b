"""Silence, extreme levels and impossible rates end in finite numbers or an error."""

import numpy as np
import pytest
from reliability.determinism import (
    ESTIMATORS,
    LEARNERS,
    NETS,
    all_finite,
    diverging,
    ends_well,
    example,
    learns_from_silence,
    outputs,
    refuses_nan,
)
from sklearn.decomposition import PCA
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skdeepmir import (
    AugmentedClassifier,
    BandShifter,
    BeatSynchronousExtractor,
    BLSTMChordRecognizer,
    ClipNormalizer,
    ClipVotingClassifier,
    ConvTagger,
    DBNFeatureLearner,
    DropoutMLPClassifier,
    FrameTransformer,
    GaussianChordRecognizer,
    MultiTimescalePooler,
    MultiTimescaleTagger,
    SpectrogramExtractor,
    TemplateChordRecognizer,
)
from skdeepmir.feature_learning import DivergenceError

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings(
        "ignore::sklearn.exceptions.ConvergenceWarning",
        "ignore:Every clip has one frame:UserWarning",
        "ignore:2 of 3 tags are on no validation clip:UserWarning",
        "ignore:One or more of the test scores are non-finite:UserWarning",
    ),
]
OF_FRAMES = [
    name
    for name, e in ESTIMATORS.items()
    if not isinstance(e, SpectrogramExtractor | BeatSynchronousExtractor)
]
OF_WAVEFORMS = [name for name in ESTIMATORS if name not in OF_FRAMES]
OF_OTHERS = ("voting", "support vectors", "augmented", "bagging")
BY_OURSELVES = [name for name in OF_FRAMES if name not in OF_OTHERS]
TAGGERS = [
    name
    for name, e in ESTIMATORS.items()
    if isinstance(e, DropoutMLPClassifier | ConvTagger | MultiTimescaleTagger)
]
CHANGES = {
    "zeros": lambda clip: np.zeros_like(clip),
    "constant bands": lambda clip: np.where(np.arange(12) < 3, 1234.567, clip),
    "equal columns": lambda clip: clip[:, [0] * 6 + [1] * 6],
    "single frames": lambda clip: clip[:1],
    "quiet": lambda clip: 1e-6 * clip,
    "faint": lambda clip: 1e-30 * clip,
    "loud": lambda clip: 1e6 * clip,
}


def changed(change, clips, y):
    clips = [change(clip).astype(np.float32) for clip in clips]
    if isinstance(y, list):  # labels of frames
        y = [labels[: len(clip)] for labels, clip in zip(y, clips, strict=True)]
    elif y.dtype == object:  # onsets in seconds, at the latest in the last frame
        ends = [(len(clip) - 1) / 10 for clip in clips]
        if np.ndim(y[0]) == 2:  # notes: one that is heard to the end
            return clips, [[(end, end + 0.1, 60)] for end in ends]
        y = [np.unique(np.minimum(own, end)) for own, end in zip(y, ends, strict=True)]
    return clips, y


def assert_finite(estimator, clips):
    assert all_finite(estimator, outputs(estimator, clips))


@pytest.mark.parametrize("change", CHANGES, ids=str)
@pytest.mark.parametrize("name", OF_FRAMES)
def test_odd_clips_are_learned_from_without_a_warning(name, change, global_random_seed):
    estimator, *data = example(name, global_random_seed)
    clips, y = changed(CHANGES[change], *data)
    assert_finite(estimator.fit(clips, y), clips)


@pytest.mark.parametrize("name", [n for n in OF_FRAMES if n != "templates"])
def test_silent_clips_are_learned_from(name, global_random_seed):
    assert learns_from_silence(name, global_random_seed)


@pytest.mark.parametrize("name", OF_WAVEFORMS)
def test_silent_waveforms_have_the_floor_everywhere(name):
    extractor = ESTIMATORS[name]
    frames = extractor.fit_transform([np.zeros(3000, np.float32)])[0]
    assert np.isfinite(frames).all() and np.ptp(frames, axis=0).max() < 1e-3


@pytest.mark.parametrize("name", OF_FRAMES)
def test_one_silent_clip_among_others_is_finite(name, global_random_seed):
    estimator, clips, y = example(name, global_random_seed)
    floor = 0 if name == "templates" else -100
    clips[2] = np.full_like(clips[2], floor)
    assert_finite(estimator.fit(clips, y), clips)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", BY_OURSELVES)
def test_clips_of_1e30_are_finite_or_an_error(name, dtype, global_random_seed):
    estimator, clips, y = example(name, global_random_seed)
    clips = [dtype(1e30) * clip.astype(dtype) for clip in clips]
    try:
        estimator.fit(clips, y)
        found = outputs(estimator, clips)
    except ValueError as error:  # DivergenceError as well
        assert "cale" in str(error) or "learning_rate" in str(error)
    else:
        assert all_finite(estimator, found)


@pytest.mark.parametrize("gain", [0, 1e-30, 1e6, 1e30])
@pytest.mark.parametrize("name", OF_FRAMES)
def test_new_clips_of_any_level_are_finite_or_an_error(name, gain, global_random_seed):
    estimator, clips, y = example(name, global_random_seed)
    estimator.fit(clips, y)
    clips = [np.float32(gain) * clip for clip in clips]
    try:
        found = outputs(estimator, clips)
    except ValueError as error:
        assert gain == 1e30 and "cale" in str(error)
    else:
        assert all_finite(estimator, found)


@pytest.mark.parametrize("name", OF_FRAMES)
def test_a_class_of_one_clip_is_learned(name, global_random_seed):
    estimator, clips, y = example(name, global_random_seed)
    rare = [0, 0, 0, 0, 0, 0, 0, 1]
    if isinstance(y, list):
        y = [np.full(len(clip), label) for clip, label in zip(clips, rare, strict=True)]
    elif y.dtype == object:
        y = [times[:1] for times in y]  # an onset in each clip
    else:
        y = np.array(rare)
    assert_finite(estimator.fit(clips, y), clips)


@pytest.mark.parametrize("name", TAGGERS)
@pytest.mark.parametrize(
    "parameters", [{"class_weight": "balanced"}, {"tune_thresholds": True}], ids=str
)
def test_tags_of_all_clips_and_of_none_are_learned(
    name, parameters, global_random_seed
):
    estimator, clips, _ = example(name, global_random_seed)
    tags = np.zeros((8, 3), dtype=int)
    tags[0, 0], tags[:, 1] = 1, 1
    assert_finite(estimator.set_params(**parameters).fit(clips, tags), clips)


@pytest.mark.parametrize(
    "name, parameters",
    [case for case in diverging() if case[1].get("learning_rate", 1e30) in (1e4, 1e30)],
    ids=str,
)
def test_impossible_rates_end_in_a_named_error_or_finite_weights(
    name, parameters, global_random_seed
):
    assert ends_well(name, parameters, global_random_seed)


@pytest.mark.parametrize("name", [*NETS, *LEARNERS])
def test_nan_is_refused_with_its_clip(name, global_random_seed):
    assert refuses_nan(name, global_random_seed)


def test_weights_of_the_last_step_are_checked():
    # The loss is that of the weights before the step that ruins them.
    estimator, clips, y = example("regressor", 0)
    parameters = {"optimizer": "sgd", "learning_rate": 1e38, "max_epochs": 1}
    estimator.set_params(batch_size=None, **parameters)
    with pytest.raises(DivergenceError, match=r"a weight is .* epoch 1.*rate=1e\+38"):
        estimator.fit(clips, y)
    assert not hasattr(estimator, "weights_")
    assert ends_well("tagger", {"learning_rate": 1e10, "optimizer": "sgd"}, 0)


@pytest.mark.parametrize("name", ["mlp", "blstm", "tagger", "rbm", "autoencoder"])
def test_rates_beyond_single_precision_are_a_divergence(name):
    estimator, clips, y = example(name, 0)
    with pytest.raises(DivergenceError, match="before epoch 1.*beyond float32"):
        estimator.set_params(learning_rate=1e300).fit(clips, y)


def test_fine_tuning_that_diverges_names_its_own_rate_only():
    estimator, clips, y = example("rbm", 0)
    with pytest.raises(DivergenceError, match="finetune_learning_rate=10000") as caught:
        estimator.set_params(finetune_learning_rate=1e4).fit(clips, y)
    assert "optimizer" not in str(caught.value)


def test_a_diverging_candidate_scores_nan_and_the_others_go_on():
    estimator, clips, y = example("mlp", 0)
    grid = {"learning_rate": [1e30, 0.01]}
    with pytest.warns(FitFailedWarning, match="DivergenceError"):
        search = GridSearchCV(estimator, grid, cv=2).fit(clips, y)
    scores = search.cv_results_["mean_test_score"]
    assert np.isnan(scores[0]) and np.isfinite(scores[1])
    assert search.best_params_ == {"learning_rate": 0.01}


def test_a_net_that_failed_keeps_what_it_had(global_random_seed):
    estimator, clips, y = example("mlp", global_random_seed)
    before = estimator.fit(clips, y).predict_proba(clips)
    with pytest.raises(DivergenceError):
        estimator.set_params(learning_rate=1e30).partial_fit(clips, y)
    np.testing.assert_array_equal(estimator.predict_proba(clips), before)


def loud(gain, dtype=np.float32):
    return [(gain * np.random.RandomState(0).rand(20, 12)).astype(dtype)]


@pytest.mark.parametrize("method", ["mean", "standard"])
def test_loud_clips_are_normalised_in_their_own_precision(method):
    normalizer = ClipNormalizer(method)
    (expected,) = normalizer.fit_transform(loud(1, np.float64))
    gain = 1e30 if method == "mean" else 1
    (found,) = normalizer.fit_transform(loud(1e30))
    np.testing.assert_allclose(found / gain, expected, rtol=1e-4, atol=1e-5)


def test_what_cannot_be_normalised_names_the_clip():
    opposite = np.array([[3e38], [-3e38], [3e38]], np.float32)
    clips = [opposite / 10, opposite]
    with pytest.raises(ValueError, match="clip 1 has values so large.*ClipNormalizer"):
        ClipNormalizer("peak", floor=None).fit_transform(clips)
    assert ClipNormalizer("peak").fit_transform(clips)[1].min() == -60


def test_powers_that_do_not_fit_name_the_clip():
    clips = [*loud(1), *loud(1e30)]
    for pooler in (
        MultiTimescalePooler("var"),
        MultiTimescaleTagger((4,), functions="var"),
    ):
        with pytest.raises(ValueError, match="clip 1 has values so large.*float32"):
            pooler.fit(clips, [0, 1])
            pooler.transform(clips)
    assert np.isfinite(MultiTimescalePooler("var").fit_transform(loud(1e30, float)))[
        0
    ].all()


def test_components_of_silence_are_zero():
    silent = [np.full((9, 4), -100.0)] * 3
    whitened = FrameTransformer(PCA(whiten=True)).fit(silent)
    np.testing.assert_array_equal(whitened.transformer_.explained_variance_ratio_, 0)
    np.testing.assert_array_equal(whitened.transform(silent)[0], 0)


def test_transformers_that_overflow_name_the_clip():
    pca = FrameTransformer(PCA(2, whiten=True))
    for n_clips in (3, 10):  # by two solvers
        with pytest.raises(ValueError, match="PCA.fit found no solution.*Scale them"):
            pca.fit(loud(1e30) * n_clips)
    pca.fit(loud(1) * 3)
    with pytest.raises(ValueError, match="PCA.transform turned a frame of clip 1"):
        pca.transform([*loud(1), *loud(1e38)])


def test_features_of_1e30_have_a_finite_energy():
    learner, clips, _ = example("rbm", 0)
    learner.fit(clips)
    scores = learner.score_samples([np.float32(1e28) * clip for clip in clips])
    assert np.isfinite(scores).all()
    with pytest.raises(ValueError, match="deviations away from the mean.*Scale X"):
        learner.transform([np.float32(1e38) * clip for clip in clips])
    with pytest.raises(ValueError, match="X has features of size"):
        DBNFeatureLearner((4,)).fit(loud(1e300, float) * 3)


@pytest.mark.parametrize("name", ["tagger", "regressor", "blstm"])
def test_nets_refuse_clips_that_they_can_say_nothing_of(name):
    estimator, clips, y = example(name, 0)
    estimator.fit(clips, y)
    with pytest.raises(ValueError, match="X has values .* Scale X"):
        estimator.predict([np.float32(1e38) * clip for clip in clips])


def test_chroma_of_any_level_is_recognised_alike():
    chroma = np.eye(12)[:, [0, 4, 7]].sum(axis=1) + 0.01
    recognizer = TemplateChordRecognizer().fit([chroma[np.newaxis]])
    for gain in (1e-300, 1e-30, 1, 1e30, 1e300):
        (label,) = recognizer.predict([gain * chroma[np.newaxis]])[0]
        assert label == "C:maj"
    frames = np.random.RandomState(0).rand(20, 12)
    with pytest.raises(ValueError, match=r"size 1e\+300.*Scale the frames"):
        GaussianChordRecognizer().fit(
            [np.where(frames == frames.max(), 1e300, frames)], [["N"] * 20]
        )


def test_classifiers_of_plain_rows_take_part():
    rows, y = np.full((8, 3), -100.0), np.arange(8) % 2
    classifier = AugmentedClassifier(LogisticRegression(), [BandShifter(1)])
    assert_finite(classifier.fit(rows, y), rows)
    assert_finite(ClipVotingClassifier(LogisticRegression()).fit(rows, y), rows)


def test_chords_of_silence_are_some_chord():
    clips = [np.full((9, 12), -100.0)] * 2
    net = BLSTMChordRecognizer(n_units=4, max_epochs=1, random_state=0, verbose=False)
    net.fit(clips, [["N"] * 9, ["C:maj"] * 9])
    assert set(net.predict(clips)[0]) <= set(net.classes_)
