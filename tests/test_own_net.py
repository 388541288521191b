"""Modules of a user's own have everything that our nets have."""

import pickle
import threading
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from own_nets import (
    ClipNet,
    Doubler,
    FrameNet,
    MaskedNet,
    PlainNet,
    RandomFeatures,
    TiedNet,
    halved,
    make_lazy,
)
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch.callbacks import EpochScoring, Freezer
from small_nets import Stop, assert_same_weights, clips_and_labels
from torch import nn

from skdeepmir import (
    ClipNormalizer,
    ConvTagger,
    ModelFileError,
    MultiTimescalePooler,
    NetFrameClassifier,
    NetRegressor,
    NetTagger,
    load,
    save,
)

FEW = {"max_epochs": 3, "random_state": 0, "verbose": False}
WELL = {**FEW, "max_epochs": 30, "learning_rate": 0.01}


def clips_and_frames(lengths=(50, 41, 33, 64), classes=("verse", "chorus"), seed=0):
    rng = np.random.RandomState(seed)
    y = [np.repeat(classes, [n // 2, n - n // 2]) for n in lengths]
    return [rng.randn(len(p), 6) + 3 * (p == classes[1])[:, None] for p in y], y


# What each of them learns, and what it gives.


def test_classes_tags_and_numbers_are_learned():
    clips, y = clips_and_labels(24)
    names = np.array(["jazz", "techno"])[y]
    tagger = NetTagger(ClipNet, excerpt_length=16, **WELL).fit(clips, names)
    assert tagger.score(clips, names) > 0.9 and tagger.predict(clips).dtype == "<U6"
    assert tagger.module_.output.out_features == 1  # of two classes
    tags = np.stack([y, 1 - y, y], axis=1)
    tagger.fit(clips, tags)
    assert (tagger.predict(clips) == tags).mean() > 0.9
    assert tagger.module_.output.out_features == 3
    numbers = NetRegressor(PlainNet, **{**WELL, "learning_rate": 0.05})
    assert numbers.fit(clips, 100.0 + 5 * y).score(clips, 100.0 + 5 * y) > 0.8


def test_numbers_beyond_what_can_be_scaled_are_told():
    clips, _ = clips_and_labels(4)
    with pytest.raises(ValueError, match=r"y .*1e\+300.*Scale y"):
        NetRegressor(ClipNet, excerpt_length=16, **FEW).fit(clips, [0, 1e300, 0, 1])


def test_labels_of_frames_are_learned_and_come_back_as_objects():
    clips, y = clips_and_frames()
    net = NetFrameClassifier(FrameNet, excerpt_length=20, **WELL).fit(clips, y)
    assert net.score(clips, y) > 0.9 and net.excerpt_length_ == 20
    assert net.classes_.tolist() == ["chorus", "verse"]
    predicted, probabilities = net.predict(clips), net.predict_proba(clips)
    assert predicted.dtype == object and isinstance(probabilities, list)
    for part, p, log_p, clip in zip(
        predicted, probabilities, net.predict_log_proba(clips), clips, strict=True
    ):
        assert part.shape == (len(clip),) and p.shape == (len(clip), 2)
        np.testing.assert_array_equal(net.classes_[p.argmax(axis=1)], part)
        np.testing.assert_allclose(np.exp(log_p), p, atol=1e-12)
    across = cross_val_predict(net, clips, np.array(y, dtype=object), cv=2)
    assert [len(part) for part in across] == [len(clip) for clip in clips]


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_frames_without_a_label_are_neither_learned_from_nor_scored(missing):
    clips, y = clips_and_frames()
    part = [labels.astype(object) for labels in y]
    for labels in part:
        labels[:5] = missing
    net = NetFrameClassifier(FrameNet, **WELL).fit(clips, part)
    assert net.classes_.tolist() == ["chorus", "verse"] and net.score(clips, part) > 0.9
    part[0][:] = missing  # a clip without any
    net.fit(clips, part)
    lists = [labels.tolist() for labels in part]
    assert net.fit(clips, lists).classes_.tolist() == ["chorus", "verse"]
    assert net.score(clips, lists) == net.score(clips, part)
    numbers = [np.where(labels == "verse", 1.0, 0.0) for labels in y]
    numbers[0][:7] = np.nan
    assert net.fit(clips, numbers).classes_.tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    "change, facts",
    [
        (lambda y: [*y[:2], y[2][:-1], y[3]], "clip 2 has labels of shape (32,)"),
        (lambda y: [*y[:2], "verse", y[3]], "clip 2 has 'verse'"),
        (lambda y: y[:3], "y has 3 labels"),
        (lambda y: [*y[:3], np.arange(64)], "text as labels of clip 0, but numbers"),
        (lambda y: [*y[:3], [1, *y[3][1:]]], "clip 3 has 'verse' and 1 as labels"),
        (lambda y: [np.linspace(0, 1, len(p)) for p in y], "Unknown label type"),
        (lambda y: [np.full(len(p), None) for p in y], "no label of any frame"),
    ],
)
def test_labels_that_do_not_fit_are_named(change, facts):
    clips, y = clips_and_frames()
    with pytest.raises(ValueError) as caught:
        NetFrameClassifier(FrameNet, **FEW).fit(clips, change(y))
    assert facts in str(caught.value)
    net = NetFrameClassifier(FrameNet, **FEW).fit(clips, y)
    with pytest.raises(ValueError, match="y has the label 0, .*'"):
        net.score(clips, [np.zeros(len(part), int) for part in y])
    with pytest.raises(ValueError, match="y_val: clip 0 has labels"):
        net.fit(clips, y, X_val=clips[:1], y_val=[y[0][1:]])
    with pytest.raises(ValueError, match="y_val has labels .*bridge"):
        net.fit(clips, y, X_val=clips[:1], y_val=[["bridge"] * 50])


def test_rare_classes_of_frames_are_found_by_their_weight():
    rng = np.random.RandomState(0)
    y = [(rng.rand(60) < 0.05).astype(int) for _ in range(8)]
    clips = [rng.randn(60, 6) + part[:, None] for part in y]
    found = {}
    for class_weight in (None, "balanced", {1: 50}):
        net = NetFrameClassifier(
            partial(FrameNet, width=1), class_weight=class_weight, **WELL
        )
        found[str(class_weight)] = np.mean(
            np.concatenate(net.fit(clips, y).predict(clips))
        )
    assert found["None"] < found["balanced"] < found["{1: 50}"]
    counts = np.bincount(np.concatenate(y))
    weights = net.set_params(class_weight="balanced").fit(clips, y).class_weight_
    np.testing.assert_allclose(weights, counts.sum() / 2 / counts)
    np.testing.assert_array_equal(
        net.set_params(warm_start=True).fit(clips, y).class_weight_, weights
    )
    huge = clone(net).set_params(class_weight={0: 1e308, 1: 1e308})
    np.testing.assert_allclose(huge.fit(clips, y).class_weight_, 1)
    for bad, fact in ({7: 1.0}, "7"), ({1: -1.0}, "-1.0"), ({0: 0, 1: 0}, "above 0"):
        with pytest.raises(ValueError, match=f"class_weight.*{fact}"):
            clone(net).set_params(class_weight=bad).fit(clips, y)


def test_all_that_nets_have_works_together(tmp_path):
    clips, y = clips_and_labels(24)
    tags = np.stack([y, 1 - y], axis=1)
    tagger = NetTagger(
        partial(ClipNet, dropout=0.5),
        excerpt_length=16,
        shift_bands=1,
        mask_bands=2,
        mask_frames=3,
        mixup=0.3,
        class_weight="balanced",
        tune_thresholds=True,
        early_stopping=True,
        n_iter_no_change=2,
        tol=0.05,
        precision="bfloat16",
        optimizer="sgd",
        weight_decay=1e-4,
        gradient_clipping=1.0,
        **{**WELL, "max_epochs": 60},
    )
    tagger.fit(clips, tags, X_val=clips[:6], y_val=tags[:6])
    assert tagger.n_iter_ < 60 and len(tagger.validation_scores_) == tagger.n_iter_
    assert tagger.thresholds_.shape == (2,) and (tagger.thresholds_ != 0.5).any()


def test_learning_goes_on_from_call_to_call():
    clips, y = clips_and_labels(24)
    net = NetTagger(ClipNet, **FEW)
    for _ in range(3):
        net.partial_fit(clips, y, classes=[0, 1])
    assert net.n_iter_ == 3 and net.weights_["norm.num_batches_tracked"] == 3
    net = NetTagger(ClipNet, warm_start=True, **FEW).fit(clips, y)
    before = net.weights_["output.weight"]
    net.set_params(learning_rate=1e-9).fit(clips, y)
    np.testing.assert_allclose(net.weights_["output.weight"], before, atol=1e-6)
    with pytest.raises(ValueError, match=r"shapes .*warm_start"):
        net.set_params(module__n_units=9).fit(clips, y)
    labelled = clips_and_frames()
    frames = NetFrameClassifier(FrameNet, warm_start=True, **FEW).fit(*labelled)
    with pytest.raises(ValueError, match="warm_start=True, but .* 3 classes"):
        frames.fit(labelled[0], [*labelled[1][:3], ["bridge"] * 64])


def test_callbacks_see_the_module_itself():
    clips, y = clips_and_labels(24)
    seen = []

    class Watch(Stop):
        def on_epoch_end(self, net, **kwargs):
            seen.append(type(net.module_))
            return super().on_epoch_end(net, **kwargs)

    frozen = Freezer("layers*")  # names are those of the module
    net = NetTagger(ClipNet, callbacks=[Watch(2), frozen], **FEW).fit(clips, y)
    first = NetTagger(ClipNet, **{**FEW, "max_epochs": 1}, learning_rate=1e-9)
    first.fit(clips, y)
    assert net.n_iter_ == 2 and set(seen) == {ClipNet}
    name = "layers.0.weight"
    np.testing.assert_allclose(net.weights_[name], first.weights_[name], atol=1e-6)


@pytest.mark.parametrize("on_train", [True, False])
def test_callbacks_score_clips_and_frames(on_train):
    found = []

    class Watch(Stop):
        def on_epoch_end(self, net, **kwargs):
            found.append(net.history[-1]["score"])

    clips, y = clips_and_labels(24)
    of_frames = clips_and_frames(lengths=(50, 13, 33, 14))
    for net, X, targets, scoring in (
        (NetTagger(ClipNet, **WELL), clips, y, "accuracy"),
        (NetRegressor(PlainNet, **WELL), clips, 1.0 * y, "r2"),
        (NetFrameClassifier(FrameNet, **WELL), *of_frames, "accuracy"),
        (NetFrameClassifier(MaskedNet, **WELL), *of_frames, "accuracy"),
    ):
        score = EpochScoring(
            scoring, on_train=on_train, name="score", use_caching=False
        )
        net.set_params(callbacks=[score, Watch(99)])
        net.fit(X, targets, X_val=X, y_val=targets)
        assert len(found) == net.n_iter_ and found[-1] > 0.5
        if not on_train:  # whole clips, but for excerpts of the first two
            assert found[-1] == pytest.approx(net.score(X, targets), abs=0.1)
        found.clear()


def test_tags_have_names_and_excerpts_have_times(tmp_path):
    clips, y = clips_and_labels(12)
    tags = np.stack([y, 1 - y], axis=1)
    net = NetTagger(
        PlainNet,
        tag_names=["loud", "soft"],
        frame_rate=10.0,
        excerpt_length=16,
        **{**WELL, "learning_rate": 0.05},
    ).fit(clips, tags)
    save(net, tmp_path / "a")
    again = load(tmp_path / "a", trusted=[PlainNet])
    assert again.predict_tags(clips)[:2] == [["soft"], ["loud"]]
    activations, times = again.predict_activations(clips, return_times=True)
    assert activations[0].shape == times[0].shape == (3, 2)
    assert times[0][-1, 1] == pytest.approx((len(clips[0]) - 0.5) / 10)


# The module's parameters.


def test_parameters_of_the_module_are_parameters_of_the_estimator():
    net = NetTagger(ClipNet, module_params={"depth": 2})
    deep = net.get_params()
    assert deep["module__depth"] == 2 and deep["module__n_units"] == 8
    assert not {"module__n_features", "module__n_outputs"} & set(deep)
    assert "module__depth" not in net.get_params(deep=False)
    shared = net.module_params
    net.set_params(module__n_units=3, max_epochs=7)
    assert net.module_params == {"depth": 2, "n_units": 3} and net.max_epochs == 7
    assert shared == {"depth": 2}  # that of others is not changed
    assert clone(net).get_params() == net.get_params()
    with pytest.raises(ValueError, match="'module__dept'.*'module__depth'"):
        net.set_params(module__dept=1, max_epochs=1)
    assert net.max_epochs == 7
    net.set_params(module=FrameNet, module_params=None, module__width=5)
    assert net.get_params()["module__width"] == 5
    assert "ClipNet" in repr(NetTagger(ClipNet)) and "depth" in repr(
        NetTagger(ClipNet, module_params={"depth": 2})
    )


def test_parameters_of_the_module_are_searched_in_pipelines_and_processes():
    clips, y = clips_and_labels(24)
    pipeline = make_pipeline(ClipNormalizer(), NetTagger(ClipNet, **FEW))
    grid = {"nettagger__module__depth": [1, 2], "nettagger__module__n_units": [4]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(clips, y)
    depth = search.best_params_["nettagger__module__depth"]
    net = search.best_estimator_[-1]
    assert len(net.module_.layers) == depth and net.module_.output.in_features == 4
    copied = pickle.loads(pickle.dumps(net))
    scaled = search.best_estimator_[:-1].transform(clips)
    np.testing.assert_array_equal(
        copied.predict_proba(scaled), net.predict_proba(scaled)
    )


class NoParameters(nn.Module):
    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.layers = [nn.Linear(n_features, n_outputs)]  # not seen by torch

    def forward(self, x):
        return self.layers[0](x.mean(dim=1))


def make_net(forward):
    class Net(PlainNet):
        pass

    Net.forward = forward
    return Net


def with_state(name, value):
    class Net(PlainNet):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            setattr(self, name, value)

        def get_extra_state(self):
            return torch.tensor(0) if name != "get_extra_state" else value

        def set_extra_state(self, state):
            pass

    return Net


def needs_a_size(n_features, n_outputs, n_units):
    return PlainNet(n_features, n_outputs, n_units)


@pytest.mark.parametrize(
    "module, module_params, error, facts",
    [
        (PlainNet(8, 1), None, ValueError, ["instance of PlainNet", "module=PlainNet"]),
        (PlainNet, {"n_unit": 3}, ValueError, ["'n_unit'", "'n_units'"]),
        (needs_a_size, None, ValueError, ["needs_a_size", "'n_units'"]),
        (lambda: None, None, ValueError, ["n_features, n_outputs"]),
        (lambda n_in, n_out: n_in, None, TypeError, ["int", "(8, 1)", "nn.Module"]),
        (NoParameters, None, ValueError, ["no parameters", "ModuleList"]),
        (
            make_net(lambda self, x: self.output(self.hidden(x))),
            None,
            ValueError,
            ["(2, 39, 1)", "(2, 39, 8)", "(2, 1)"],
        ),
        (make_net(lambda self, x: [x]), None, TypeError, ["list", "(2, 1)"]),
        (
            make_net(lambda self, x: x[:, 0, :1] > 0),
            None,
            ValueError,
            ["bool", "(2, 1)"],
        ),
        (
            with_state("wave", nn.Parameter(torch.ones(3, dtype=torch.cfloat))),
            None,
            ValueError,
            ["'wave'"],
        ),
        (
            with_state("filters", nn.Buffer(torch.ones(3, dtype=torch.cfloat))),
            None,
            ValueError,
            ["complex", "'filters'"],
        ),
        (with_state("get_extra_state", dict), None, ValueError, ["state", "dict"]),
        (with_state("shared", nn.Linear(8, 8)), None, ValueError, ["'shared.weight'"]),
        (
            make_net(lambda self, x: PlainNet.forward(self, x).detach()),
            None,
            ValueError,
            ["gradient"],
        ),
        (3, None, ValueError, ["'module' parameter of NetTagger"]),
        (PlainNet, [3], ValueError, ["'module_params' parameter of NetTagger"]),
    ],
)
def test_what_is_wrong_with_a_module_is_said_before_training(
    module, module_params, error, facts
):
    clips, y = clips_and_labels(4)
    net = NetTagger(module, module_params=module_params, **FEW)
    with pytest.raises(error) as caught:
        net.fit(clips, y)
    for fact in facts:
        assert fact in str(caught.value)
    assert not hasattr(net, "weights_")


class Pretrained(PlainNet):
    """A net on layers that it is given."""

    def __init__(self, n_features, n_outputs, first):
        super().__init__(n_features, n_outputs)
        self.first = first

    def forward(self, x):
        return super().forward(self.first(x))


def test_layers_among_the_parameters_are_where_each_fit_starts():
    clips, y = clips_and_labels(12)
    first = nn.Linear(8, 8)
    before = {name: value.clone() for name, value in first.state_dict().items()}
    net = NetTagger(Pretrained, module_params={"first": first}, **FEW).fit(clips, y)
    assert all(value.equal(before[name]) for name, value in first.state_dict().items())
    assert not np.array_equal(net.weights_["first.weight"], first.weight.detach())
    expected = net.predict_proba(clips)
    assert_same_weights(clone(net).fit(clips, y), net)
    np.testing.assert_array_equal(net.predict_proba(clips), expected)
    assert first.weight.dtype == torch.float32


def test_a_module_that_is_changed_after_fit_is_told():
    clips, y = clips_and_labels(12)
    net = NetTagger(PlainNet, module_params={"n_units": 3}, **FEW).fit(clips, y)
    with pytest.raises(ValueError, match=r"\[3, 8\].*\[5, 8\].*fit again"):
        net.set_params(module__n_units=5).predict(clips)


def test_a_batch_of_one_clip_that_normalisation_refuses_is_told():
    class Normalised(PlainNet):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            self.scale = nn.BatchNorm1d(1)

        def forward(self, x):
            return self.scale(super().forward(x))

    clips, y = clips_and_labels(12)
    with pytest.raises(ValueError, match="Normalised .*one clip.*batch_size"):
        NetTagger(Normalised, batch_size=11, **FEW).fit(clips, y)
    NetTagger(Normalised, batch_size=10, **FEW).fit(clips, y)


def test_frames_that_a_module_drops_are_told():
    def shorter(self, x):
        return FrameNet.forward(self, x)[:, 1:]

    net = type("Shorter", (FrameNet,), {"forward": shorter})
    with pytest.raises(ValueError, match=r"\(2, 63, 2\).*\(2, 64, 6\).*\(2, 64, 2\)"):
        NetFrameClassifier(net, **FEW).fit(*clips_and_frames())


# What modules are made of.


def test_lazy_tied_and_counting_modules_are_kept(tmp_path):
    clips, y = clips_and_labels(12)
    lazy = NetTagger(make_lazy, excerpt_length=16, **FEW).fit(clips, y)
    assert lazy.weights_["1.weight"].shape == (4, 16 * 8)
    tied = NetTagger(TiedNet, batch_size=4, **FEW).fit(clips, y)
    weights = tied.weights_
    np.testing.assert_array_equal(weights["first.weight"], weights["second.weight"])
    assert weights["n_steps"] == 3 * 3 and weights["n_steps"].dtype == np.int64
    module = tied.module_
    assert module.first.weight is module.second.weight
    for net in lazy, tied, NetTagger(RandomFeatures, **FEW).fit(clips, y):
        save(net, tmp_path / "a")
        again = load(tmp_path / "a", trusted=[make_lazy, TiedNet, RandomFeatures])
        expected = net.predict_proba(clips)
        np.testing.assert_array_equal(again.predict_proba(clips), expected)
        assert next(again.module_.parameters()).dtype == torch.float64


def test_what_a_module_draws_beside_its_weights_is_the_same_in_predictions():
    rng = np.random.RandomState(0)
    y = np.arange(24) % 2
    clips = [rng.randn(40, 4) + 2 * label for label in y]
    net = NetTagger(RandomFeatures, **{**WELL, "learning_rate": 0.05}).fit(clips, y)
    assert net.score(clips, y) > 0.9
    resumed = clone(net).set_params(random_state=None, warm_start=True).fit(clips, y)
    assert resumed.fit(clips, y).score(clips, y) > 0.9


def test_evaluation_is_in_evaluation_mode_and_training_is_not():
    modes = []

    class Watched(PlainNet):
        def forward(self, x):
            modes.append(self.training)
            return super().forward(x)

    clips, y = clips_and_labels(8)
    net = NetTagger(Watched, **{**FEW, "max_epochs": 2})
    net.fit(clips, y, X_val=clips[:2], y_val=y[:2])
    assert modes == [False, True, False, True, False]  # the first is the probe
    modes.clear()
    net.predict(clips)
    assert modes and not any(modes)


# Randomness.


def test_fits_are_reproducible_and_leave_global_generators_alone():
    clips, y = clips_and_labels(12)
    net = NetTagger(ClipNet, module_params={"dropout": 0.5}, **FEW)
    torch.manual_seed(1)
    first = clone(net).fit(clips, y)
    expected = torch.get_rng_state()
    torch.manual_seed(1)
    assert torch.equal(expected, torch.get_rng_state())
    torch.manual_seed(2)
    assert_same_weights(first, clone(net).fit(clips, y))
    other = clone(net).set_params(random_state=1).fit(clips, y)
    assert (other.weights_["output.weight"] != first.weights_["output.weight"]).any()
    torch.manual_seed(1)
    first.predict(clips)
    assert torch.equal(expected, torch.get_rng_state())


@pytest.mark.parametrize("wrong", [RuntimeError, KeyboardInterrupt])
def test_global_generators_are_put_back_after_errors(wrong):
    class Failing(PlainNet):
        def forward(self, x):
            if self.training:
                torch.rand(3)
                raise wrong("in forward")
            return super().forward(x)

    clips, y = clips_and_labels(4)
    before = torch.get_rng_state()
    with pytest.raises(wrong, match="in forward"):
        NetTagger(Failing, **FEW).fit(clips, y)
    assert torch.equal(before, torch.get_rng_state())


def test_fits_in_threads_draw_what_they_draw_alone():
    clips, y = clips_and_labels(12)
    net = NetTagger(
        ClipNet, module_params={"dropout": 0.5}, **{**FEW, "max_epochs": 20}
    )
    alone = [clone(net).set_params(random_state=k).fit(clips, y) for k in range(3)]
    together = [clone(fitted) for fitted in alone]
    threads = [threading.Thread(target=t.fit, args=(clips, y)) for t in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for a, b in zip(alone, together, strict=True):
        assert_same_weights(a, b)


def test_a_net_of_ones_own_trains_as_ours_do():
    from skdeepmir import nets

    clips, y = clips_and_labels(12)
    parameters = {"channels": (4,)}
    net = NetTagger(nets.ConvNet, module_params=parameters, **WELL, excerpt_length=16)
    ours = ConvTagger((4,), output_dropout=0, **WELL, excerpt_length=16)
    a, b = (n.fit(clips, y).loss_curve_[-1] for n in (net, ours))
    assert a == pytest.approx(b, rel=0.3) and max(a, b) < 0.5


# Padding.


class PeekingNet(FrameNet):
    """A module that looks at whole sequences, and so at padding as well."""

    def forward(self, x):
        assert not self.training or (x.abs().sum(dim=2) > 0).all(), "padding"
        return super().forward(x - x.mean(dim=1, keepdim=True))


@pytest.mark.parametrize("module", [PeekingNet, MaskedNet])
def test_no_clip_changes_the_result_of_another(module):
    clips, y = clips_and_frames(lengths=(50, 13, 33, 13, 7, 64))
    net = NetFrameClassifier(module, excerpt_length=40, batch_size=4, **FEW)
    net.fit(clips, y, X_val=clips, y_val=y)
    together = net.predict_proba(clips)
    for clip, probabilities in zip(clips, together, strict=True):
        alone = net.predict_proba([clip])[0]
        np.testing.assert_allclose(alone, probabilities, rtol=1e-4, atol=1e-6)


def test_padding_is_masked_for_modules_that_ask_for_it():
    sizes = []

    class Watched(MaskedNet):
        def forward(self, x, mask):
            if self.training:
                sizes.append(len(x))
                assert (x[~mask] == 0).all() and mask.any(dim=1).all()
            return super().forward(x, mask)

    clips, y = clips_and_frames(lengths=(50, 13, 33, 14, 7, 64))
    NetFrameClassifier(Watched, batch_size=None, **{**FEW, "max_epochs": 1}).fit(
        clips, y
    )
    assert sizes == [6]


# Files.


def test_checkpoints_go_on_and_notice_another_source(tmp_path):
    clips, y = clips_and_labels(12)
    net = NetTagger(ClipNet, module_params={"dropout": 0.5}, **FEW)
    stopping = clone(net).set_params(
        callbacks=[Stop(2, KeyboardInterrupt())], checkpoint_dir=tmp_path
    )
    with pytest.raises(KeyboardInterrupt):
        stopping.fit(clips, y)
    resumed = clone(net).set_params(checkpoint_dir=tmp_path).fit(clips, y)
    assert_same_weights(resumed, clone(net).fit(clips, y))
    (path,) = tmp_path.iterdir()
    before = path.stat().st_mtime_ns
    clone(resumed).fit(clips, y)  # is there already
    assert [p.stat().st_mtime_ns for p in tmp_path.iterdir()] == [before]
    renamed = type("ClipNet", (PlainNet,), {"__module__": ClipNet.__module__})
    with pytest.raises(ValueError, match="checkpoint_dir .*ClipNet"):
        clone(resumed).set_params(module=renamed, module_params=None).fit(clips, y)
    with pytest.raises(ValueError, match="checkpoint_dir .*lambda"):
        clone(resumed).set_params(
            module=lambda n, m: PlainNet(n, m), module_params=None
        ).fit(clips, y)


NET_OF_A_CONSOLE = """
from torch import nn

class ConsoleNet(nn.Module):
    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.output = nn.Linear(n_features, n_outputs)

    def forward(self, x):
        return self.output(x.mean(dim=1))
"""


def test_checkpoints_notice_another_net_in_a_console(tmp_path, monkeypatch):
    clips, y = clips_and_labels(12)
    for call in ("mean", "amax"):  # without a file, and so without a source
        space = {"__name__": __name__}
        exec(NET_OF_A_CONSOLE.replace("mean", call), space)
        monkeypatch.setitem(globals(), "ConsoleNet", space["ConsoleNet"])
        net = NetTagger(space["ConsoleNet"], **FEW)
        kept = clone(net).set_params(checkpoint_dir=tmp_path).fit(clips, y)
        assert_same_weights(kept, net.fit(clips, y))


def own_pipeline():
    return make_pipeline(
        Doubler(), FunctionTransformer(halved), NetTagger(ClipNet, **FEW)
    )


OWN = [Doubler, halved, ClipNet]
NAMES = ["own_nets.Doubler", "own_nets.halved", "own_nets.ClipNet"]


@pytest.mark.parametrize(
    "trusted",
    [OWN, NAMES, [*OWN[:2], NAMES[2]], {*OWN}],
    ids=["objects", "names", "both", "set"],
)
def test_own_steps_functions_and_modules_are_loaded_if_trusted(trusted, tmp_path):
    clips, y = clips_and_labels(12)
    pipeline = own_pipeline().fit(clips, y)
    save(pipeline, tmp_path / "a")
    again = load(tmp_path / "a", trusted=trusted)
    expected = pipeline.predict_proba(clips)
    np.testing.assert_array_equal(again.predict_proba(clips), expected)
    assert again[0].n_clips_ == 12 and again[0].times == 2.0


@pytest.mark.parametrize("missing", range(3))
def test_load_names_what_is_not_trusted(missing, tmp_path):
    clips, y = clips_and_labels(12)
    save(own_pipeline().fit(clips, y), tmp_path / "a")
    rest = OWN[:missing] + OWN[missing + 1 :]
    with pytest.raises(ModelFileError, match=rf"trusted=\['{NAMES[missing]}'\]"):
        load(tmp_path / "a", trusted=rest)
    with pytest.raises(ModelFileError) as caught:
        load(tmp_path / "a")
    assert all(name in str(caught.value) for name in NAMES)


@pytest.mark.parametrize(
    "trusted, fact",
    [
        (ClipNet, "list"),
        ("own_nets.ClipNet", "list"),
        ([np], "module"),
        (["own_nets"], "own_nets"),
        ([3], "3"),
        ([ClipNet(8, 1)], "ClipNet"),
    ],
)
def test_what_cannot_be_trusted_is_told(trusted, fact, tmp_path):
    with pytest.raises(TypeError, match=f"trusted.*{fact}"):
        load(tmp_path / "a", trusted=trusted)


def test_layers_of_torch_are_parameters_of_modules_in_files(tmp_path):
    net = NetTagger(ClipNet, module_params={"activation": nn.ReLU, "gate": torch.tanh})
    save(net, tmp_path / "a")
    again = load(tmp_path / "a", trusted=[ClipNet, nn.ReLU, torch.tanh])
    assert again.module_params == net.module_params
    model = make_pipeline(Doubler(), MultiTimescalePooler(), LogisticRegression())
    model.steps[0][1].extra_ = nn.ReLU()
    with pytest.raises(TypeError, match=r"ReLU \(estimator\.steps\.0\.1\.extra_\)"):
        save(model, tmp_path / "b")
