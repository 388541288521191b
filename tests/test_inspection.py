"""Units of any net: what they answer to clips, and what drives them most."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from reliability.determinism import ESTIMATORS, example
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from skdeepmir import (
    ConvTagger,
    DBNFeatureLearner,
    DropoutMLPClassifier,
    FrameStacker,
    LocalFeatureLearner,
    MultiTimescalePooler,
    SpectrogramExtractor,
    inspection,
    make_pipeline,
)
from skdeepmir._training._estimator import NetEstimator
from skdeepmir._units import UnitLayer
from skdeepmir.inspection import list_layers, optimal_stimulus, top_stimuli
from skdeepmir.inspection._layers import FRAMES_AT_ONCE, find_units, unit_answers
from skdeepmir.inspection._optimal import ascend
from skdeepmir.nets import ConvNet

LEARNERS = ["rbm", "dbm", "autoencoder", "convolutional", "local filters"]
NETS = ["mlp", "pretrained", "denoised", "tagger", "regressor", "blstm", "rnn"]
NETS += ["onsets", "onsets by rnn", "live onsets", "piano", "piano vectors"]
NETS += ["own tagger", "own regressor", "own frames"]
ALL = LEARNERS + NETS


@pytest.fixture(scope="module")
def fitted():
    """Return a function that gives a fitted estimator and its clips, once each."""
    known = {}

    def fit(name):
        if name not in known:
            estimator, clips, y = example(name, 0)
            known[name] = estimator.fit(clips, y), clips
        return known[name]

    return fit


def test_all_estimators_with_units_are_looked_at():
    with_units = {n for n, e in ESTIMATORS.items() if hasattr(e, "_unit_layers")}
    assert with_units == {*ALL, "persistent", "timescales"}


@pytest.mark.parametrize("name", LEARNERS)
def test_answers_of_learners_are_their_features(fitted, name):
    learner, clips = fitted(name)
    for k, layer in enumerate(find_units(learner).layers):
        features = learner.__class__.transform(_with_layers(learner, k), clips)
        for clip, expected in zip(clips, features, strict=True):
            with torch.no_grad():
                x = torch.from_numpy(clip.astype(np.float64))[None]
                found = layer.net(x)[0].numpy()
            np.testing.assert_allclose(found, expected, atol=2e-5)


def _with_layers(learner, k):
    """Return a learner whose features are those of one layer."""
    twin = copy.deepcopy(learner)
    twin.layers_ = (k,)
    if hasattr(twin, "pool_lengths_"):
        twin.hop_ = int(np.prod(twin.pool_lengths_[: k + 1]))
    return twin


@pytest.mark.parametrize("name", [name for name in NETS if name != "rnn"])
def test_answers_of_outputs_are_the_logits_that_predict(fitted, name):
    estimator, clips = fitted(name)
    layer = find_units(estimator).layers[-1]
    expected = NetEstimator._logits(estimator, clips)  # of clips, or of their frames
    for clip, logits in zip(clips, expected, strict=True):
        with torch.no_grad():
            found = layer.net(torch.from_numpy(clip.astype(np.float64))[None])[0]
        if logits.ndim == 1:
            found = found.mean(0)
        np.testing.assert_allclose(found.numpy(), logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ALL)
def test_stimuli_are_where_answers_are_largest(fitted, name):
    estimator, clips = fitted(name)
    units = find_units(estimator)
    for layer in units.layers:
        stimuli = top_stimuli(estimator, clips, 0, layer=layer.name, n=5)
        best = []
        for clip in clips:
            with torch.no_grad():
                x = torch.from_numpy(clip.astype(np.float64))[None]
                best.append(float(layer.net(x)[0, :, 0].max()))
        order = np.argsort(-np.array(best), kind="stable")[:5]
        np.testing.assert_array_equal(stimuli.clips, order)
        np.testing.assert_allclose(stimuli.answers, np.array(best)[order], rtol=1e-12)
        for i, first, end, frames in zip(
            stimuli.clips,
            stimuli.first_frames,
            stimuli.end_frames,
            stimuli.excerpts,
            strict=True,
        ):
            assert 0 <= first < end <= len(clips[i])
            np.testing.assert_array_equal(frames, clips[i][first:end])


@pytest.mark.parametrize("name", ALL)
def test_units_see_their_spans_and_nothing_else(fitted, name):
    estimator, _ = fitted(name)
    rng = np.random.RandomState(0)
    for layer in find_units(estimator).layers:
        if not layer.is_local or layer.starts is not None:
            continue
        n_features = len(layer.mean)
        clip = layer.mean + layer.scale * rng.randn(60, n_features)
        x = torch.tensor(clip[None], requires_grad=True)
        answers = layer.net(x)
        position = answers.shape[1] // 2
        for unit in (0, layer.n_units - 1):
            (gradient,) = torch.autograd.grad(
                answers[0, position, unit], x, retain_graph=True
            )
            seen = np.flatnonzero(gradient[0].abs().amax(1).numpy())
            first, end = layer.spans[unit] + position * layer.hop
            if len(seen):
                assert first <= seen.min() and seen.max() < end
            if layer.bands is not None and len(seen):
                bands = np.flatnonzero(gradient[0].abs().amax(0).numpy())
                low, high = layer.bands[unit]
                assert low <= bands.min() and bands.max() < high


@pytest.mark.parametrize("name", ALL)
def test_the_optimal_stimulus_keeps_its_norm_and_beats_where_it_began(fitted, name):
    estimator, _ = fitted(name)
    for layer in find_units(estimator).layers[-2:]:
        options = {"layer": layer.name, "n_starts": 3, "max_iter": 25}
        found = optimal_stimulus(estimator, 0, random_state=0, **options)
        z = (found.frames - layer.mean) / layer.scale
        assert np.linalg.norm(z) <= found.norm * (1 + 1e-9)
        options["max_iter"] = 1
        begun = optimal_stimulus(estimator, 0, random_state=0, **options)
        assert found.answer >= begun.answer
        assert found.answer == found.answers.max()


def test_a_logistic_unit_wants_its_weights(fitted):
    learner, _ = fitted("rbm")
    weights = learner.weights_[0][:, 3].astype(float)
    found = optimal_stimulus(learner, 3, layer=0, norm=2.0, random_state=0)
    z = (found.frames[0] - learner.mean_) / learner.scale_
    np.testing.assert_allclose(z, 2 * weights / np.linalg.norm(weights), atol=1e-3)
    bias = float(learner.hidden_biases_[0][3])
    most = 1 / (1 + np.exp(-(2 * np.linalg.norm(weights) + bias)))
    assert found.answer == pytest.approx(most, abs=1e-5)


def test_the_optimal_stimulus_drives_a_unit_more_than_excerpts_of_its_norm(fitted):
    learner, clips = fitted("local filters")
    layer = find_units(learner).layers[-1]
    for unit in range(3):
        found = optimal_stimulus(learner, unit, random_state=0)
        length = len(found.frames)
        answers = []
        for clip in clips:
            z = ((clip - learner.mean_) / learner.scale_)[:length].astype(float)
            z *= found.norm / np.linalg.norm(z)
            x = torch.from_numpy(z * learner.scale_ + learner.mean_)[None]
            with torch.no_grad():
                answers.append(float(layer.net(x)[0, 0, unit]))
        assert found.answer > max(answers)


def test_ascents_begin_again_where_there_is_no_gradient():
    weights = torch.tensor([0.6, 0.8, 0.0], dtype=torch.float64)
    rectifier = UnitLayer(
        "hidden 0",
        ["unit 0"],
        lambda x: torch.relu(x @ weights - 0.95 * 3**0.5)[..., None],
        np.array([[0, 1]]),
        1,
        np.zeros(3),
        np.ones(3),
    )
    rng = np.random.RandomState(0)
    options = {"norm": None, "max_iter": 100, "n_frames": None, "rng": rng}
    found = ascend(rectifier, 0, n_starts=8, **options)
    assert found.answer == pytest.approx(0.05 * 3**0.5, abs=1e-4)


def test_what_a_unit_does_not_see_stays_at_the_mean(fitted):
    learner, _ = fitted("local filters")
    layer = find_units(learner).layers[0]
    found = optimal_stimulus(learner, 0, layer=0, random_state=0)
    low, high = layer.bands[0]
    outside = np.delete(found.frames, np.arange(low, high), axis=1)
    mean = np.delete(layer.mean, np.arange(low, high))
    np.testing.assert_allclose(outside, np.tile(mean, (len(outside), 1)), atol=1e-6)


def test_smooth_stimuli_have_less_detail_and_smaller_answers(fitted):
    learner, _ = fitted("local filters")
    rough, smooth = (
        optimal_stimulus(learner, 0, smooth=s, random_state=0) for s in (0.0, 2.0)
    )
    detail = []
    for found in (rough, smooth):
        z = (found.frames - learner.mean_) / learner.scale_
        assert np.linalg.norm(z) <= found.norm * (1 + 1e-9)
        detail.append(np.square(np.diff(z, axis=1)).sum() / np.square(z).sum())
    assert detail[1] < 0.5 * detail[0]
    assert smooth.answer < rough.answer


def test_seeds_decide_and_global_generators_stay(fitted):
    learner, _ = fitted("dbm")
    state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()
    one, other = (optimal_stimulus(learner, 0, random_state=3) for _ in range(2))
    np.testing.assert_array_equal(one.frames, other.frames)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_reordering_clips_only_renumbers_them(fitted):
    learner, clips = fitted("convolutional")
    order = np.random.RandomState(0).permutation(len(clips))
    one = top_stimuli(learner, clips, 1)
    other = top_stimuli(learner, [clips[i] for i in order], 1)
    np.testing.assert_array_equal(order[other.clips], one.clips)
    np.testing.assert_array_equal(other.answers, one.answers)
    np.testing.assert_array_equal(other.first_frames, one.first_frames)


def test_several_units_and_containers_agree(fitted):
    learner, clips = fitted("rbm")
    table = np.stack([clip[:12] for clip in clips])
    several = top_stimuli(learner, table, [0, 2])
    for unit, found in zip((0, 2), several, strict=True):
        alone = top_stimuli(learner, list(table), unit)
        assert (found.unit, found.unit_name) == (unit, f"dbn1_{unit}")
        np.testing.assert_array_equal(found.clips, alone.clips)
        np.testing.assert_array_equal(found.answers, alone.answers)


def test_few_excerpts_of_a_long_clip_are_in_the_net_at_once(fitted, monkeypatch):
    tagger, _ = fitted("tagger")
    sizes, forward = [], ConvNet.forward

    def counted(net, x, *rest):
        sizes.append(len(x))
        return forward(net, x, *rest)

    monkeypatch.setattr(ConvNet, "forward", counted)
    clip = np.random.RandomState(0).rand(400, 12)
    top_stimuli(tagger, [clip], 0)
    assert sum(sizes) >= 99 and max(sizes) <= 4


def test_long_clips_are_read_in_parts_with_the_same_answers(fitted):
    learner, _ = fitted("convolutional")
    layer = find_units(learner).layers[-1]
    clip = np.random.RandomState(0).rand(2 * FRAMES_AT_ONCE + 77, 12)
    found = unit_answers(layer, [clip])
    with torch.no_grad():
        whole = layer.net(torch.from_numpy(clip)[None])[0].numpy()
    np.testing.assert_allclose(found.best[0], whole.max(axis=0), rtol=1e-9)
    np.testing.assert_array_equal(
        found.first_frames[0], layer.hop * whole.argmax(axis=0)
    )


def test_no_patch_is_lost_where_units_see_little_of_it(monkeypatch):
    clip = np.random.RandomState(0).rand(700, 6)
    learner = LocalFeatureLearner(
        (3,),
        patch_length=64,
        patch_hop=1,
        pool_size=2,
        pool_stride=50,
        max_epochs=1,
        random_state=0,
    ).fit([clip])
    (layer,) = find_units(learner).layers
    assert layer.spans.max() < 32
    monkeypatch.setattr(inspection._layers, "FRAMES_AT_ONCE", 128)
    found = unit_answers(layer, [clip])
    np.testing.assert_allclose(
        found.best[0], learner.transform([clip])[0].max(axis=0), rtol=1e-9
    )


@pytest.fixture(scope="module")
def audio():
    rng = np.random.RandomState(0)
    waves = [0.01 * rng.randn(11025).astype(np.float32) for _ in range(8)]
    for i, wave in enumerate(waves):  # a tone at another moment of each clip
        start = 1000 * i + 1500
        t = np.arange(1500) / 11025
        pitch = 440 if i % 2 else 1760
        wave[start : start + 1500] += np.sin(2 * np.pi * pitch * t)
    return waves


def spectra():
    return SpectrogramExtractor(
        sample_rate=11025, n_fft=512, hop_length=110, n_mels=16, verbose=False
    )


def test_seconds_of_a_pipeline_are_those_of_the_audio(audio):
    learner = LocalFeatureLearner(
        (4,), patch_length=8, filter_length=4, max_epochs=2, random_state=0
    )
    pipeline = make_pipeline(spectra(), learner, MultiTimescalePooler())
    pipeline.fit(audio)
    stimuli = top_stimuli(pipeline, audio, 0, min_length=0.0)
    (layer,) = find_units(pipeline).layers
    length = np.diff(layer.spans[0])[0]
    np.testing.assert_allclose(
        stimuli.ends - stimuli.starts, length * 110 / 11025, atol=0.02
    )
    loudest = top_stimuli(pipeline, audio, list(range(0, layer.n_units, 7)))
    hits = [
        np.mean(
            (s.ends > (1000 * s.clips + 1500) / 11025)
            & (s.starts < (1000 * s.clips + 3000) / 11025)
        )
        for s in loudest
    ]
    assert np.mean(hits) > 0.8


def test_short_excerpts_are_widened_inside_their_clips(audio):
    learner = DBNFeatureLearner((4,), max_epochs=1, random_state=0)
    pipeline = make_pipeline(spectra(), learner).fit(audio)
    short = top_stimuli(pipeline, audio, 0)
    wide = top_stimuli(pipeline, audio, 0, min_length=0.3)
    np.testing.assert_array_equal(short.clips, wide.clips)
    lengths = wide.end_frames - wide.first_frames
    assert (lengths == int(np.ceil(0.3 * 11025 / 110))).all()
    assert (wide.first_frames <= short.first_frames).all()
    assert (wide.end_frames >= short.end_frames).all()
    assert (wide.starts >= 0).all()


def test_pipelines_searches_and_frozen_learners_are_looked_into(audio):
    y = np.arange(8) % 2
    learner = DBNFeatureLearner((4,), max_epochs=1, finetune_epochs=0, random_state=0)
    tagger = DropoutMLPClassifier((3,), max_epochs=2, random_state=0)
    pipeline = make_pipeline(spectra(), learner, tagger).fit(audio, y)
    names = [layer.name for layer in list_layers(pipeline)]
    assert names == ["hidden 0", "output"]
    assert list_layers(pipeline)[-1].unit_names == ("1",)
    classifier = make_pipeline(learner, MultiTimescalePooler(), LogisticRegression())
    frames = spectra().fit_transform(audio)
    search = GridSearchCV(classifier, {"logisticregression__C": [1.0]}, cv=2)
    search.fit(frames, y)
    assert list_layers(search)[0].n_units == 4
    frozen = FrozenEstimator(DBNFeatureLearner((4,), random_state=0).fit(frames))
    assert list_layers(frozen)[0].unit_names[2] == "dbn0_2"


def test_rows_are_clips_of_one_frame():
    rows = np.random.RandomState(0).rand(30, 6)
    learner = DBNFeatureLearner((4,), max_epochs=1, random_state=0).fit(rows)
    stimuli = top_stimuli(learner, rows, 1, n=3)
    expected = learner.transform(rows)[:, 1]
    np.testing.assert_array_equal(stimuli.clips, np.argsort(-expected)[:3])
    assert (stimuli.end_frames == 1).all() and stimuli.starts is None


def test_keys_of_a_piano_are_names_of_outputs(fitted):
    for name, unit, expected in (
        ("piano", 1, "21 frame"),
        ("piano vectors", 87, "108"),
    ):
        transcriber, _ = fitted(name)
        output = list_layers(transcriber)[-1]
        assert output.unit_names[unit] == expected
        assert len(output.unit_names) == output.n_units


def test_classes_are_names_of_outputs():
    rng = np.random.RandomState(0)
    clips = [rng.rand(20, 6) for _ in range(9)]
    y = np.repeat(["bass", "piano", "voice"], 3)
    tagger = ConvTagger((4,), excerpt_length=8, max_epochs=2, random_state=0)
    tagger.fit(clips, y)
    found = top_stimuli(tagger, clips, "piano", n=2)
    assert (found.unit, found.unit_name, found.layer) == (1, "piano", "output")
    assert (found.end_frames - found.first_frames == 8).all()
    assert optimal_stimulus(tagger, "voice", random_state=0).frames.shape == (8, 6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unit": 99}, "unit=99.*0 to"),
        ({"unit": "nobody"}, "unit='nobody'.*dbn"),
        ({"unit": 1.5}, "unit=1.5"),
        ({"unit": []}, "unit=.* is empty"),
        ({"unit": True}, "unit=True"),
        ({"layer": 7}, "layer=7.*layer 0"),
        ({"layer": "deep"}, "layer='deep'.*layer 0"),
        ({"n": 0}, "n=0"),
        ({"frame_rate": -1.0}, "frame_rate"),
        ({"min_length": 1.0}, "min_length.*frame_rate"),
        ({"min_length": np.nan}, "min_length"),
    ],
    ids=str,
)
def test_what_is_not_there_is_named(fitted, options, message):
    learner, clips = fitted("rbm")
    with pytest.raises(ValueError, match=message):
        top_stimuli(learner, clips, **{"unit": 0} | options)


@pytest.mark.parametrize(
    "options",
    [
        {"norm": 0.0},
        {"n_starts": 0},
        {"max_iter": 0},
        {"n_frames": 0},
        {"n_frames": True},
        {"norm": np.nan},
        {"smooth": -1.0},
    ],
    ids=str,
)
def test_impossible_ascents_are_refused(fitted, options):
    learner, _ = fitted("rbm")
    (name,) = options
    with pytest.raises(ValueError, match=name):
        optimal_stimulus(learner, 0, **options)


def test_estimators_without_units_are_refused(fitted):
    with pytest.raises(TypeError, match="LogisticRegression has no units"):
        list_layers(LogisticRegression())
    windows, _ = fitted("timescales")
    with pytest.raises(TypeError, match="MultiTimescalePooler"):
        list_layers(windows)


def test_clips_with_nan_are_named(fitted):
    learner, clips = fitted("rbm")
    bad = [clip.copy() for clip in clips]
    bad[3][1, 2] = np.nan
    with pytest.raises(ValueError, match="clip 3"):
        top_stimuli(learner, bad, 0)


def test_clips_are_checked_as_the_estimator_does(fitted):
    learner, clips = fitted("rbm")
    with pytest.raises(ValueError, match=r"For a single clip pass \[X\]"):
        top_stimuli(learner, clips[0], 0)
    tables = [pd.DataFrame(clip, columns=list("abcdefghijkl")) for clip in clips]
    named = copy.deepcopy(learner).fit(tables)
    with pytest.raises(ValueError, match="same order"):
        top_stimuli(named, [table[table.columns[::-1]] for table in tables], 0)


@pytest.mark.filterwarnings("error")
def test_clips_that_may_not_be_written_are_read(fitted):
    learner, clips = fitted("rbm")
    frozen = [clip.astype(float) for clip in clips]
    for clip in frozen:
        clip.flags.writeable = False
    one, other = top_stimuli(learner, frozen, 0), top_stimuli(learner, clips, 0)
    np.testing.assert_array_equal(one.answers, other.answers)


def test_rows_of_another_width_are_refused():
    rows = np.random.RandomState(0).rand(30, 6)
    learner = DBNFeatureLearner((4,), max_epochs=1, random_state=0).fit(rows)
    with pytest.raises(ValueError, match="7 features"):
        top_stimuli(learner, np.ones((3, 7)), 0)


@pytest.mark.parametrize("output", ["default", "pandas"])
def test_steps_that_make_a_row_of_a_clip_are_passed_through(output):
    rng = np.random.RandomState(0)
    clips = [rng.rand(n, 6) for n in (9, 20, 30, 12)]
    pipeline = make_pipeline(
        MultiTimescalePooler(),
        StandardScaler(),
        DropoutMLPClassifier((4,), max_epochs=2, standardize=False, random_state=0),
    )
    pipeline.set_output(transform=output).fit(clips, ["low", "high", "mid", "low"])
    logits = NetEstimator._logits(pipeline[-1], pipeline[:-1].transform(clips))
    stimuli = top_stimuli(pipeline, clips, "mid")
    np.testing.assert_array_equal(stimuli.clips, np.argsort(-logits[:, 2]))
    np.testing.assert_allclose(stimuli.answers, np.sort(logits[:, 2])[::-1], rtol=1e-6)
    assert stimuli.excerpts[0].shape == (1, 12)


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        (iter([np.ones((4, 6))]), "clips is a list_iterator.*only once"),
        ([], "clips is empty"),
        ("song.wav", "clips is a single path"),
        ([np.ones((4, 6)), np.ones((4, 7))], r"clips\[1:2\].*7 features"),
        ([np.ones((4, 6)), np.full((4, 6), np.nan)], r"clips\[1:2\].*NaN"),
    ],
    ids=["generator", "empty", "path", "width", "nan"],
)
def test_what_a_pipeline_cannot_take_is_named(clips, message):
    good = np.random.RandomState(0).rand(3, 20, 6)
    learner = DBNFeatureLearner((4,), max_epochs=1, random_state=0)
    pipeline = make_pipeline(FrameStacker(2), learner).fit(good)
    with pytest.raises(ValueError, match=message):
        top_stimuli(pipeline, clips, 0)


def test_answers_that_are_no_numbers_are_refused(fitted):
    learner, clips = fitted("local filters")
    large = [clip.astype(float) for clip in clips]
    large[2] = large[2] * 1e200
    with pytest.raises(ValueError, match="NaN to clip 2.*Scale"):
        top_stimuli(learner, large, 0)


def test_excerpts_are_no_longer_than_clips_however_many_seconds_are_asked(fitted):
    learner, clips = fitted("convolutional")
    stimuli = top_stimuli(learner, clips, 0, frame_rate=10.0, min_length=1e300)
    assert (stimuli.first_frames == 0).all()
    lengths = [len(clips[i]) for i in stimuli.clips]
    np.testing.assert_array_equal(stimuli.end_frames, lengths)


def test_excerpts_that_are_long_enough_stay_as_they_are(fitted):
    learner, clips = fitted("convolutional")
    short = [clip[:9] for clip in clips]  # some spans go beyond an edge
    for unit in range(4):
        one = top_stimuli(learner, short, unit)
        other = top_stimuli(learner, short, unit, frame_rate=10.0, min_length=0.01)
        np.testing.assert_array_equal(one.first_frames, other.first_frames)
        np.testing.assert_array_equal(one.end_frames, other.end_frames)


def test_public_names():
    assert set(inspection.__all__) >= {"top_stimuli", "optimal_stimulus", "list_layers"}
