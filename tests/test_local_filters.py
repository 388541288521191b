"""Layers of local filters: products, objective, geometry, and the transformer."""

import numpy as np
import pytest
import skorch
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skdeepmir import (
    DivergenceError,
    LocalFeatureLearner,
    MultiTimescalePooler,
    SpectrogramExtractor,
    load,
    load_clips,
    make_pipeline,
    save,
    save_clips,
)
from skdeepmir.feature_learning._local_layers import ReconstructionCost
from skdeepmir.nets import Grid, LocalContrastNorm, LocallyConnected, LocalNet
from skdeepmir.nets._local import SMALLEST_SQUARE, LocalBlock
from skdeepmir.plotting import FilterDisplay, TrainingDisplay

GRIDS = [  # extent, size, stride, maps below, maps
    ((7, 9), (3, 4), 2, 2, 3),
    ((5, 6), (2, 2), 3, 1, 2),  # between which some is left out
    ((4, 4), (9, 9), 1, 3, 2),  # larger than what there is
    ((6, 8), (3, 5), 1, 2, 2),
]


def layer_of(extent, size, stride, n_below, n_maps, **options):
    generator = torch.Generator().manual_seed(0)
    grid = Grid.of(extent, size, stride)
    layer = LocallyConnected(grid, n_below, n_maps, generator=generator, **options)
    return layer.double()


def drawn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def looped(layer, x):
    """Return what the filters make of maps, place by place."""
    grid, filters = layer.grid, layer.filters().detach().numpy()
    (n_times, n_bands), (height, width) = grid.places, grid.size
    found = np.zeros((n_times, n_bands, filters.shape[2], x.shape[3]))
    for i, j, m in np.ndindex(*found.shape[:3]):
        t, b = i * grid.stride[0], j * grid.stride[1]
        seen = x[t : t + height, b : b + width].numpy()
        found[i, j, m] = np.einsum("hwcn,whc->n", seen, filters[i, j, m])
    return found


@pytest.mark.parametrize("case", GRIDS, ids=str)
def test_untied_filters_equal_a_loop(case):
    layer = layer_of(*case)
    x = drawn(*case[0], case[3], 4)
    with torch.no_grad():
        np.testing.assert_allclose(layer(x), looped(layer, x), atol=1e-12)


@pytest.mark.parametrize("case", GRIDS, ids=str)
def test_gradients_are_right_and_spreading_is_the_adjoint(case):
    layer = layer_of(*case)
    x = drawn(*case[0], case[3], 3).requires_grad_()
    maps = drawn(*layer.grid.places, case[4], 3, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(layer, (x,))
    assert torch.autograd.gradcheck(layer.spread, (maps,))
    inner = (layer(x) * maps).sum()
    np.testing.assert_allclose(inner.item(), (layer.spread(maps) * x).sum().item())

    def of_weights(weight):
        return torch.func.functional_call(layer, {"weight": weight}, (x.detach(),))

    assert torch.autograd.gradcheck(
        of_weights, (layer.weight.detach().clone().requires_grad_(),)
    )


def test_filters_come_again_after_a_period():
    tiled = layer_of((9, 12), (3, 3), 1, 2, 2, periods=(2, 3))
    assert tiled.weight.shape[:2] == (2, 3)
    filters = tiled.filters()
    assert filters.shape[:2] == (7, 10)
    for i, j in np.ndindex(7, 10):
        np.testing.assert_array_equal(
            filters[i, j].detach(), tiled.weight[i % 2, j % 3].detach()
        )
    x = drawn(9, 12, 2, 3)
    with torch.no_grad():
        np.testing.assert_allclose(tiled(x), looped(tiled, x), atol=1e-12)


def test_a_period_of_one_is_a_convolution():
    layer = layer_of((9, 12), (3, 4), 2, 2, 3, periods=(1, 1))
    x = drawn(9, 12, 2, 5)
    kernel = layer.weight[0, 0].permute(0, 3, 2, 1)  # (maps, below, height, width)
    expected = torch.nn.functional.conv2d(x.permute(3, 2, 0, 1), kernel, stride=2)
    with torch.no_grad():
        found = layer(x).permute(3, 2, 0, 1)
        np.testing.assert_allclose(found, expected, atol=1e-12)


def reference(x, weights, decoder, cost, pools):
    """Return the objective of patches (n, n_frames, n_bands, n_maps) by NumPy.

    Beside it its gradients along filters and decoder, by hand.
    """
    n_times, n_bands, n_maps, width, height, _ = weights.shape
    places = [*np.ndindex(n_times, n_bands, n_maps)]
    parts = {
        (i, j): np.s_[:, 2 * i : 2 * i + height, 2 * j : 2 * j + width]
        for i, j, _ in places
    }
    maps = np.zeros((len(x), n_times, n_bands, n_maps))
    restored = np.zeros_like(x)
    for i, j, m in places:
        maps[:, i, j, m] = np.einsum("nhwc,whc->n", x[parts[i, j]], weights[i, j, m])
        restored[parts[i, j]] += np.einsum(
            "n,whc->nhwc", maps[:, i, j, m], decoder[i, j, m]
        )
    error = restored - x
    of_maps = np.zeros_like(maps)
    for i, j, m in places:
        of_maps[:, i, j, m] = np.einsum(
            "nhwc,whc->n", 2 * error[parts[i, j]], decoder[i, j, m]
        )
    (high, wide), pooled = pools.size, 0.0
    for i, j in np.ndindex(*pools.places):
        window = np.s_[:, i : i + high, j : j + wide]
        root = np.sqrt((maps[window] ** 2).mean(axis=(1, 2)) + SMALLEST_SQUARE)
        pooled += root.sum()
        of_maps[window] += cost * maps[window] / (high * wide * root[:, None, None])
    of_weights, of_decoder = np.zeros_like(weights), np.zeros_like(weights)
    for i, j, m in places:
        of_weights[i, j, m] = np.einsum(
            "nhwc,n->whc", x[parts[i, j]], of_maps[:, i, j, m]
        )
        of_decoder[i, j, m] = np.einsum(
            "nhwc,n->whc", 2 * error[parts[i, j]], maps[:, i, j, m]
        )
    total = (error**2).sum() + cost * pooled
    return total / x.size, of_weights / x.size, of_decoder / x.size


@pytest.mark.parametrize("tied", [True, False])
def test_the_objective_and_its_gradient_equal_a_reference(tied):
    layer = layer_of((7, 9), (3, 4), 2, 2, 3)
    pools = Grid.of(layer.grid.places, (2, 2), 1)
    decoder = None if tied else drawn(*layer.weight.shape, seed=3)
    module = ReconstructionCost(LocalBlock(layer, pools, 0), decoder, 0.7)
    x = drawn(4, 7, 9, 2, seed=2)
    loss = module(x).sum(1).mean()
    loss.backward()
    weights = layer.weight.detach().numpy()
    other = weights if tied else decoder.numpy()
    expected, of_weights, of_decoder = reference(x.numpy(), weights, other, 0.7, pools)
    assert loss.item() == pytest.approx(expected, rel=1e-10)
    if tied:
        of_weights = of_weights + of_decoder
    else:
        np.testing.assert_allclose(module.decoder.grad, of_decoder, rtol=0, atol=1e-10)
    np.testing.assert_allclose(layer.weight.grad, of_weights, rtol=0, atol=1e-10)


def test_normalisation_over_all_maps_equals_a_loop():
    x = drawn(2, 3, 5, 6)
    norm = LocalContrastNorm(3, across_maps=True)
    found = norm(x).numpy()
    window = np.outer(norm.window, norm.window)
    centred = np.zeros(x.shape)
    for values in (x.numpy(), None):
        squares = np.zeros((2, 5, 6))
        for n, i, j in np.ndindex(2, 5, 6):
            total = weight = 0.0
            for u, v in np.ndindex(3, 3):
                t, b = i + u - 1, j + v - 1
                if 0 <= t < 5 and 0 <= b < 6:
                    source = centred**2 if values is None else values
                    total += window[u, v] * source[n, :, t, b].mean()
                    weight += window[u, v]
            squares[n, i, j] = total / weight
        if values is not None:
            centred = values - squares[:, None]
    expected = centred / np.sqrt(np.maximum(squares, norm.floor**2))[:, None]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_pooling_is_the_root_of_the_mean_square_of_a_window():
    block = LocalBlock(layer_of((8, 9), (2, 2), 1, 1, 2), Grid.of((7, 8), (3, 2), 2), 0)
    maps = drawn(7, 8, 2, 3)
    found = block.pool(maps)
    assert found.shape == (3, 4, 2, 3)
    for i, j in np.ndindex(3, 4):
        window = maps[2 * i : 2 * i + 3, 2 * j : 2 * j + 2]
        expected = (window.square().mean((0, 1)) + SMALLEST_SQUARE).sqrt()
        np.testing.assert_allclose(found[i, j], expected, atol=1e-12)
    assert torch.autograd.gradcheck(block.pool, (maps.requires_grad_(),))


def test_three_blocks_are_nine_layers():
    net = LocalNet(64, 64, initialization="normal", generator=torch.Generator())
    assert [shape[:2] for shape in net.unit_shapes] == [(27, 27), (8, 8), (1, 1)]
    maps = net.maps(torch.zeros(2, 64, 64))
    assert [tuple(m.shape[:3]) for m in maps] == net.unit_shapes
    assert net(torch.zeros(2, 64, 64)).shape == (2, 8)


# The transformer.


def learner(n_maps=(3, 4), **changes):
    options = {"patch_length": 16, "filter_length": 5, "filter_width": 3}
    options |= {"layers": "all", "max_epochs": 2, "random_state": 0, "verbose": False}
    return LocalFeatureLearner(n_maps, **options | changes)


def make_clips(n_clips=8, n_features=6, longest=60, seed=0):
    rng = np.random.RandomState(seed)
    mixing = rng.randn(n_features, n_features)
    return [rng.randn(longest - 5 * i, n_features) @ mixing + 3 for i in range(n_clips)]


@pytest.fixture
def clips():
    return make_clips()


@pytest.fixture(scope="module")
def fitted():
    return learner().fit(make_clips())


def test_features_are_those_of_the_net_patch_by_patch(fitted, clips):
    net = fitted._model().fitted_net()
    for clip, features in zip(clips, fitted.transform(clips), strict=True):
        frames = (clip - fitted.mean_) / fitted.scale_
        n = 1 + max(0, -(-(len(clip) - 16) // 8))
        assert len(features) == n
        for k in range(n):
            patch = np.zeros((16, 6))
            part = frames[8 * k : 8 * k + 16]
            patch[: len(part)] = part
            with torch.no_grad():
                maps = net.maps(torch.from_numpy(patch[None]))
            expected = torch.cat([m.flatten() for m in maps])
            np.testing.assert_allclose(features[k], expected, atol=1e-9)


def test_patches_of_another_shape_are_refused():
    net = LocalNet(12, 10, (3,), filter_length=4, filter_width=4, stride=np.int64(2))
    assert net(torch.zeros(2, 12, 10)).shape[0] == 2
    for shape in ((2, 12, 8), (2, 12, 11), (2, 14, 10), (12, 10)):
        with pytest.raises(ValueError, match=r"expected \(batch, 12, 10\)"):
            net(torch.zeros(shape))
    layer = net.blocks[0].filters
    with pytest.raises(ValueError, match=r"\(12, 9, 1, 5\).*\(12, 10, 1\)"):
        layer(torch.zeros(12, 9, 1, 5))


def test_patches_that_do_not_overlap_begin_inside_of_the_clip():
    clip = np.random.RandomState(0).rand(40, 6)
    sparse = LocalFeatureLearner(
        (3,), patch_length=8, patch_hop=20, max_epochs=1, random_state=0
    ).fit([clip])
    for n_frames, n_patches in ((1, 1), (8, 1), (13, 1), (20, 1), (21, 2), (40, 2)):
        (features,) = sparse.transform([clip[:n_frames]])
        assert len(features) == n_patches
    sparse.set_params(patch_hop=10**13).fit([clip])
    assert len(sparse.transform([clip])[0]) == 1


def test_features_of_one_layer_are_columns_of_those_of_all(fitted, clips):
    n_first = int(np.prod(fitted.unit_shapes_[0]))
    top = learner(layers="last").fit(make_clips())
    for one, other in zip(top.transform(clips), fitted.transform(clips), strict=True):
        np.testing.assert_array_equal(one, other[:, n_first:])
    names = fitted.feature_names_
    assert names[0] == "local0_0_0_0" and names[n_first] == "local1_0_0_0"
    assert list(names[n_first:]) == list(top.feature_names_)


def test_loud_patches_have_large_features(fitted, clips):
    louder = [fitted.mean_ + 2 * (clip - fitted.mean_) for clip in clips]
    n_first = int(np.prod(fitted.unit_shapes_[0]))
    one, other = (np.vstack(fitted.transform(c))[:, :n_first] for c in (clips, louder))
    assert np.mean(other > one) > 0.99


def test_learning_lowers_the_objective_and_restores_structure():
    rng = np.random.RandomState(0)
    # Two bands go together, the others are their own.
    clips = [np.repeat(rng.randn(200, 4), 2, axis=1) for _ in range(12)]
    found = learner((8,), max_epochs=30, batch_size=8, filter_width=2).fit(clips)
    losses = found.losses_[0]
    assert losses[-1] < 0.7 * losses[0]
    assert np.isfinite(found.loss_gaps_[0]).all()
    assert found.n_iter_ == 30


def test_a_decoder_of_its_own_keeps_norms(clips):
    tied = learner().fit(clips)
    own = learner(tied=False, max_epochs=5, learning_rate=0.05).fit(clips)
    for weights, decoder in zip(tied.weights_, tied.decoders_, strict=True):
        np.testing.assert_array_equal(weights, decoder)
    for weights, decoder in zip(own.weights_, own.decoders_, strict=True):
        assert not np.array_equal(weights, decoder)
        norms = np.linalg.norm(decoder.reshape(*decoder.shape[:3], -1), axis=3)
        assert norms.max() <= 1 + 1e-5


def test_filters_are_patches_with_zeros_where_they_do_not_see(fitted):
    assert fitted.filters_.shape == (2 * 3, 5, 6)
    shown = fitted.filters_.reshape(2, 3, 5, 6)
    assert (shown[0, :, :, 3:] == 0).all() and (shown[1, :, :, :2] == 0).all()
    np.testing.assert_array_equal(
        shown[1, 2, :, 2:5], fitted.weights_[0][0, 1, 2, :, :, 0].T
    )


def test_passes_go_on_with_what_standardises_and_with_the_filters(clips):
    stream = learner(batch_size=4).partial_fit(clips[:4])
    mean, before = stream.mean_.copy(), stream.weights_[0].copy()
    stream.partial_fit(clips[4:]).partial_fit(clips[:1])
    np.testing.assert_array_equal(stream.mean_, mean)
    assert not np.array_equal(stream.weights_[0], before)
    assert stream.n_passes_ == 3
    assert [len(losses) for losses in stream.losses_] == [3, 3]
    for name, value in (("stride", 1), ("tied", False), ("contrast_size", 3)):
        kept = getattr(stream, name)
        with pytest.raises(ValueError, match=name):
            stream.set_params(**{name: value}).partial_fit(clips)
        stream.set_params(**{name: kept})


def test_a_fit_that_was_killed_goes_on_to_the_same_bits(clips, tmp_path):
    class Break(skorch.callbacks.Callback):
        def on_epoch_end(self, net, **kwargs):
            self.n = getattr(self, "n", 0) + 1
            if self.n == 3:  # in the second layer
                raise RuntimeError("killed")

    whole = learner(tied=False).fit(clips)
    broken = learner(tied=False, checkpoint_dir=tmp_path, callbacks=[Break()])
    with pytest.raises(RuntimeError, match="killed"):
        broken.fit(clips)
    assert not hasattr(broken, "weights_")
    again = learner(tied=False, checkpoint_dir=tmp_path).fit(clips)
    for name in ("weights_", "decoders_", "losses_", "loss_gaps_"):
        for one, other in zip(getattr(again, name), getattr(whole, name), strict=True):
            np.testing.assert_array_equal(one, other)


def test_training_stops_early_by_held_out_patches(clips):
    options = {"max_epochs": 40, "early_stopping": True, "tol": 1.0}
    found = learner(n_iter_no_change=2, **options).fit(clips[:6], X_val=clips[6:])
    assert found.n_iter_ < 80


def test_double_precision_learns_nearly_the_same(clips):
    one, double = (learner(precision=p).fit(clips) for p in ("float32", "float64"))
    for a, b in zip(one.weights_, double.weights_, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filter_length": (4, 3, 2)}, "filter_length=.*2 layers"),
        ({"filter_width": 0}, "filter_width"),
        ({"stride": (1, 0)}, "stride"),
        ({"pool_size": 2.5}, "pool_size"),
        ({"n_maps": ()}, "n_maps"),
        ({"n_maps": (5, 0)}, "n_maps"),
        ({"n_maps": True}, "n_maps"),
        ({"layers": (0, 2)}, "layers"),
        ({"learning_rate": (0.1,)}, "learning_rate"),
        ({"learning_rate": "auto"}, "learning_rate"),
        ({"contrast_size": 4}, "contrast_size=4.*odd"),
        ({"patch_length": 0}, "patch_length"),
        ({"time_period": 0}, "time_period"),
        ({"early_stopping": True, "validation_fraction": 0}, "validation_fraction"),
    ],
    ids=str,
)
def test_impossible_parameters_are_named(clips, options, message):
    with pytest.raises(ValueError, match=message):
        learner(**options).fit(clips)


def test_divergence_is_told_and_leaves_the_learner_as_it_was(clips):
    found = learner().fit(clips)
    before = [w.copy() for w in found.weights_]
    with pytest.raises(DivergenceError, match="layer 0 diverges.*learning_rate"):
        found.set_params(learning_rate=1e20, max_epochs=5).fit(clips)
    for one, other in zip(found.weights_, before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_clips_on_disk_give_the_same_filters(clips, tmp_path):
    single = [clip.astype(np.float32) for clip in clips]
    save_clips(tmp_path / "clips", single)
    one, other = (learner().fit(c) for c in (single, load_clips(tmp_path / "clips")))
    for a, b in zip(one.weights_, other.weights_, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_pipeline_knows_the_rate_of_the_patches():
    rng = np.random.RandomState(0)
    audio = [rng.randn(22050).astype(np.float32) for _ in range(6)]
    spectra = SpectrogramExtractor(n_mels=8, hop_length=220, verbose=False)
    pooler = MultiTimescalePooler(windows=(0.5,), output="windows")
    features = learner(patch_hop=5)
    pipeline = make_pipeline(spectra, features, pooler).fit(audio)
    assert pipeline[-1].frame_rate_ == pytest.approx(22050 / 220 / 5)
    clock = features._frame_rate_after(spectra._frame_rate_after(None))
    assert clock.offset == pytest.approx(7.5 * 220 / 22050)


def test_a_search_over_sparsity_and_a_saved_pipeline(clips, tmp_path):
    pipeline = make_pipeline(learner(), MultiTimescalePooler(), LogisticRegression())
    grid = {"localfeaturelearner__sparsity_cost": [0.1, 1.0]}
    y = np.arange(8) % 2
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(clips, y)
    save(search.best_estimator_, tmp_path / "model")
    np.testing.assert_array_equal(
        load(tmp_path / "model").predict_proba(clips), search.predict_proba(clips)
    )


def test_filters_and_curves_are_drawn(fitted):
    assert FilterDisplay.from_estimator(fitted).figure_ is not None
    display = TrainingDisplay.from_estimator(fitted)
    assert display.axes_[0].get_title() == "objective"
    assert len(display.axes_[0].lines) == 2
