"""NumPy's scalars are what Python's are, as any parameter of anything."""

import inspect
import warnings

import joblib
import numpy as np
import pytest
import soundfile
import torch
from reliability.determinism import ESTIMATORS, example, outputs
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from small_nets import net, problem

from skdeepmir import (
    MultilabelStratifiedGroupKFold,
    SpectrogramExtractor,
    chords,
    decoding,
    load,
    metrics,
    nets,
    save,
)
from skdeepmir.datasets import make_tag_clips

# A value for each parameter that is None, or does nothing, unless one is given.
VALUES = {
    "band_period": 2,
    "class_weight": {0: 1.3, 1: 2.1},
    "corruption_level": 0.23,
    "dropout": 0.12,
    "early_stopping": True,
    "equalize": 0.3,
    "excerpt_length": 8,  # that of own modules in the examples
    "finetune_learning_rate": 0.13,
    "fmax": 3000.3,
    "fmin": 60.6,
    "frame_offset": 0.012,
    "frame_rate": 9.9,
    "gradient_clipping": 1.1,
    "input_dropout": 0.23,
    "learning_rate": 0.0037,
    "learning_rate_schedule": "exponential",
    "mask_bands": 2,
    "mask_frames": 2,
    "max_frames": 100,
    "max_norm": 1.3,
    "mc_samples": 3,
    "mixup": 0.13,
    "n_components": 3,
    "n_jobs": 1,
    "n_threads": 1,
    "n_units": 32,  # times four gates is beyond int8
    "n_windows": 2,
    "optimizer": "sgd",
    "overlap": 0.7,
    "patch_hop": 3,
    "random_state": 3,
    "self_transition": 3.3,
    "shift_bands": 1,
    "shift_level": 0.3,
    "shrinkage": 0.33,
    "sparsity_target": 0.11,
    "time_period": 2,
    "validation_fraction": 0.3,
    "warm_start": True,
    "weight_decay": 0.0013,
    "weight_noise": 0.011,
    "whitening_floor": 0.0017,
}
# Not scalars, or tested below.
OTHER = {
    "cache_dir",
    "callbacks",
    "checkpoint_dir",
    "clips",
    "extractors",
    "pos_weight",
    "pretrained",
}
OTHER |= {"memory", "module_params", "pretraining", "tag_names", "transform_input"}
OTHER |= {"transpose"}
WIDTHS = {"64 bits": (np.int64, np.float64), "few bits": (np.int8, np.float32)}


def as_numpy(value, width):
    """Return a value with NumPy's scalars in the place of Python's."""
    integer, floating = WIDTHS[width]
    if isinstance(value, bool):
        return np.bool_(value)
    if isinstance(value, int):
        fits = abs(value) <= np.iinfo(integer).max
        return integer(value) if fits else np.int64(value)
    if isinstance(value, float):
        return floating(value)
    if isinstance(value, str):
        return np.str_(value)
    if isinstance(value, list | tuple):
        return type(value)(as_numpy(item, width) for item in value)
    if isinstance(value, dict):
        return {as_numpy(k, width): as_numpy(v, width) for k, v in value.items()}
    return value


def as_python(value):
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple):
        return type(value)(map(as_python, value))
    if isinstance(value, dict):
        return {as_python(k): as_python(v) for k, v in value.items()}
    return value


def fitted(value):
    """Return the fitted attributes of an estimator, also of those inside it."""
    if isinstance(value, BaseEstimator):
        parameters = value.get_params(deep=False)
        inside = {k: v for k, v in vars(value).items() if k not in parameters}
        return {name: fitted(item) for name, item in inside.items()}
    return [fitted(item) for item in value] if isinstance(value, list) else value


def parameters(name, width):
    """Return the scalar parameters of an estimator as NumPy's."""
    own = ESTIMATORS[name].get_params(deep=False)
    given = {parameter: VALUES.get(parameter, own[parameter]) for parameter in own}
    scalar = {k: as_numpy(v, width) for k, v in given.items()}
    return {k: v for k, v in scalar.items() if v is not given[k]}


def test_each_parameter_that_is_none_has_a_value():
    optional = {
        parameter.name
        for estimator in ESTIMATORS.values()
        for parameter in inspect.signature(type(estimator)).parameters.values()
        if parameter.default is None
    }
    assert optional <= VALUES.keys() | OTHER


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_take_them(name, width):
    scalars = parameters(name, width)
    found = []
    for given in (as_python(scalars), scalars):
        estimator, clips, y = example(name, 0)
        estimator.set_params(**given)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            estimator.fit(clips, y)
        found.append((fitted(estimator), outputs(estimator, clips)))
        for parameter, value in given.items():
            assert getattr(estimator, parameter) is value
    assert joblib.hash(found[0]) == joblib.hash(found[1])


@pytest.mark.parametrize(
    ("name", "parameter", "value"),
    [
        ("mlp", "hidden_layer_sizes", np.arange(8, 3, -4)),
        ("mlp", "hidden_layer_sizes", np.int8(100)),
        ("rbm", "hidden_layer_sizes", np.array([8, 4], dtype=np.int8)),
        ("rbm", "learning_rate", np.array([0.01, 0.1], dtype=np.float32)),
        ("rbm", "max_epochs", np.array([2, 1], dtype=np.int8)),
        ("rbm", "layers", np.array([0, 1])),
        ("tagger", "channels", np.array([4, 8], dtype=np.int8)),
        ("mel", "n_fft", np.int16(256)),
        ("piano", "transpose", np.int8(2)),
        ("pooler", "windows", np.float32(4)),
    ],
)
def test_sizes_come_from_arrays(name, parameter, value):
    if name == "pooler":
        value = (np.int8(4), np.str_("clip"))
    found = []
    for given in (value, np.array(value, dtype=object).tolist()):
        estimator, clips, y = example(name, 0)
        estimator.set_params(**{parameter: given})
        found.append(outputs(estimator.fit(clips, y), clips))
    assert joblib.hash(found[0]) == joblib.hash(found[1])


@pytest.mark.parametrize("parameter", ["batch_size", "n_threads", "hidden_layer_sizes"])
def test_a_search_draws_them_from_a_range(parameter):
    search = GridSearchCV(
        net(max_epochs=1), {parameter: np.arange(2, 7, 4)}, cv=2, error_score="raise"
    )
    assert search.fit(*problem(40)).best_params_[parameter] in (2, 6)


def test_weights_of_tags_are_scalars_too():
    X, y = problem(40)
    tags = np.eye(3)[y]
    found = [net(pos_weight=w).fit(X, tags).weights_ for w in (1.5, np.float32(1.5))]
    assert joblib.hash(found[0]) == joblib.hash(found[1])


def test_a_finished_fit_is_that_of_the_same_number(tmp_path):
    X, y = problem(40)
    for size, seed in ((8, 0), (np.int8(8), np.int64(0))):
        net(batch_size=size, random_state=seed, checkpoint_dir=tmp_path).fit(X, y)
    assert len(list(tmp_path.iterdir())) == 1


def test_features_are_kept_under_the_same_number(tmp_path):
    clips = [0.1 * np.random.RandomState(0).randn(3000)]
    path = tmp_path / "clip.wav"
    soundfile.write(path, clips[0], 8000)
    cache = tmp_path / "cache"
    found = []
    for number, real in ((int, float), (np.int16, np.float32)):
        extractor = SpectrogramExtractor(
            sample_rate=number(8000),
            n_fft=(number(256),),
            hop_length=number(128),
            n_mels=number(10),
            max_duration=real(100),
            cache_dir=np.str_(cache),
            cache_size=real(1),
        )
        found.append(extractor.fit_transform([path])[0])
        assert len(list(cache.rglob("*.features"))) == 1
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("name", ["mlp", "timescales", "rbm", "pooler", "gaussian"])
def test_they_are_saved(name, tmp_path):
    estimator, clips, y = example(name, 0)
    given = {
        k: v for k, v in parameters(name, "64 bits").items() if k != "class_weight"
    }
    save(estimator.set_params(**given).fit(clips, y), tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.get_params() == estimator.get_params()
    assert joblib.hash(outputs(loaded, clips)) == joblib.hash(outputs(estimator, clips))


CHORDS = [([[0, 1], [1, 2.5]], ["C:maj", "A:min"])]
TAGS = np.random.RandomState(0).rand(30, 4)
CALLS = {
    "beam_search": lambda n, x: decoding.beam_search(
        lambda t, previous, state: (np.log(TAGS[: len(previous)]), state),
        n(5),
        beam_width=n(3),
        per_symbol=n(1),
    ),
    "estimate_transitions": lambda n, x: decoding.estimate_transitions(
        [[0, 1, 1, 2]], n(3), smoothing=x(0.3)
    ),
    "scale_self_transition": lambda n, x: decoding.scale_self_transition(
        np.full((3, 3), 1 / 3), x(1.7)
    ),
    "label_frames": lambda n, x: chords.label_frames(*CHORDS[0], n(20), x(7.7)),
    "frame_intervals": lambda n, x: chords.frame_intervals(
        ["C:maj"] * 9 + ["N"], x(7.7), duration=x(1.3)
    ),
    "transpose": lambda n, x: chords.transpose(["C:maj/3"], n(-3)),
    "wcsr": lambda n, x: metrics.wcsr(CHORDS, [["C:maj"] * 20], frame_rate=x(7.7)),
    "chord_coverage": lambda n, x: metrics.chord_coverage(
        [["C:maj"] * 20], frame_rate=x(7.7)
    ),
    "precision_at_k": lambda n, x: metrics.precision_at_k(TAGS > 0.5, TAGS, k=n(2)),
    "splitter": lambda n, x: list(
        MultilabelStratifiedGroupKFold(n(3), random_state=n(2)).split(
            TAGS, (TAGS > 0.5).astype(int), np.arange(30) // 2
        )
    ),
    "make_tag_clips": lambda n, x: (
        make_tag_clips(
            n_clips=n(4), duration=x(0.3), sample_rate=n(8000), random_state=n(1)
        ).data
    ),
}


@pytest.mark.parametrize("numbers", [(np.int64, np.float64), (np.int16, np.float32)])
@pytest.mark.parametrize("name", CALLS)
def test_functions_take_them(name, numbers):
    call = CALLS[name]
    integer, floating = numbers
    found = call(integer, floating)
    expected = call(int, lambda value: float(floating(value)))
    assert joblib.hash(found) == joblib.hash(expected)


@pytest.mark.parametrize(
    ("build", "shape"),
    [
        (lambda n: nets.MLP(n(6), n(3), n(4), context_sizes=[n(2)]), (2, 8)),
        (lambda n: nets.ConvNet(n(8), n(3), np.array([4, 4])), (2, 9, 8)),
        (lambda n: nets.DenoisingAutoencoder(n(6), n(100)), (2, 6)),
    ],
    ids=["MLP", "ConvNet", "DenoisingAutoencoder"],
)
def test_nets_take_them(build, shape):
    x = torch.rand(shape)
    assert build(np.int8).eval()(x).shape == build(int).eval()(x).shape


def test_a_recurrent_net_takes_them():
    batch = nets.SequenceBatch(torch.rand(2, 5, 12), torch.tensor([5, 3]))
    for channels in ((), np.array([2])):
        net = nets.RecurrentNet(
            np.int8(12), np.int8(3), np.int8(40), np.int8(2), channels=channels
        )
        assert net(batch).shape == (2, 5, 3)
