"""ConvTagger: excerpts, augmentation, pooling, what it predicts over time."""

import numpy as np
import pytest
import torch

from skdeepmir import ConvTagger
from skdeepmir._training._data import Augmentation, Excerpts, excerpt
from skdeepmir.nets import ConvNet, Pool


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def clips_and_labels(n=12, n_features=8, seed=0):
    rng = np.random.RandomState(seed)
    y = np.arange(n) % 2
    clips = [
        rng.rand(30 + 3 * i, n_features).astype(np.float32) + label
        for i, label in enumerate(y)
    ]
    return clips, y


def tagger(**parameters):
    defaults = {
        "channels": (4, 6),
        "excerpt_length": 16,
        "max_epochs": 30,
        "learning_rate": 0.01,
        "random_state": 0,
        "verbose": False,
    }
    return ConvTagger(**{**defaults, **parameters})


def maps(*shape):
    return torch.randn(*shape, generator=seeded(), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(2, 3, 6, 8), (2, 3, 5, 7), (1, 2, 1, 4)])
def test_pooling_kinds_equal_loops_over_regions(shape):
    x = maps(*shape)
    size = [min(2, n) for n in shape[2:]]

    def by_loop(of_region):
        rows = [
            [
                of_region(x[:, :, i : i + size[0], j : j + size[1]].flatten(2))
                for j in range(0, shape[3], size[1])
            ]
            for i in range(0, shape[2], size[0])
        ]
        return torch.stack([torch.stack(row, -1) for row in rows], -2)

    def weighted(a):
        a = a.clamp(min=0)
        return (a**2).sum(-1) / a.sum(-1).clamp(min=1e-12)

    expected = {
        "max": by_loop(lambda a: a.amax(-1)),
        "average": by_loop(lambda a: a.mean(-1)),
        "lp": by_loop(lambda a: (a.abs() ** 3).mean(-1) ** (1 / 3)),
        "stochastic": by_loop(weighted),
    }
    for kind, value in expected.items():
        pooled = Pool(kind, order=3.0).eval()(x)
        torch.testing.assert_close(pooled, value, rtol=1e-6, atol=1e-6)


def test_stochastic_pooling_draws_in_proportion_to_size():
    region = torch.tensor([[1.0, 2.0], [0.0, 5.0]]).repeat(20_000, 1, 1, 1)
    drawn = Pool("stochastic", generator=seeded())(region).flatten()
    shares = [(drawn == value).float().mean().item() for value in (1, 2, 0, 5)]
    np.testing.assert_allclose(shares, [1 / 8, 2 / 8, 0, 5 / 8], atol=0.01)
    assert (Pool("stochastic", generator=seeded())(-region.abs()) == 0).all()


def test_gradients_of_lp_pooling_are_finite_at_zero():
    x = torch.zeros(1, 1, 4, 4, requires_grad=True)
    Pool("lp")(x).sum().backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("filters", ["square", "time", "musical"])
@pytest.mark.parametrize("activation", ["relu", "maxout"])
@pytest.mark.parametrize("shape", [(3, 40, 20), (1, 1, 2), (2, 7, 1)])
def test_nets_take_excerpts_of_any_size(filters, activation, shape):
    net = ConvNet(
        shape[2], 5, (4, 6), filters=filters, activation=activation, generator=seeded()
    )
    logits = net(torch.randn(shape, generator=seeded(1)))
    assert logits.shape == (shape[0], 5) and torch.isfinite(logits).all()
    with pytest.raises(ValueError, match="expected"):
        net(torch.zeros(3, 4, shape[2] + 1))


def test_excerpts_of_short_clips_repeat_them():
    clip = np.arange(3)[:, None]
    np.testing.assert_array_equal(excerpt(clip, 7, 0)[:, 0], [0, 1, 2, 0, 1, 2, 0])
    long = np.arange(10)[:, None]
    firsts = {excerpt(long, 4, share)[0, 0] for share in np.linspace(0, 0.999, 50)}
    assert firsts == set(range(7))
    assert excerpt(long, 4, 1.0)[0, 0] == 6


def test_shifted_bands_repeat_the_edge():
    x = torch.arange(6.0).expand(50, 3, 6)
    moved = Augmentation(shift_bands=2).apply(x, seeded())
    found = {tuple(rows[0].tolist()) for rows in moved}
    assert found == {
        (2, 3, 4, 5, 5, 5),
        (1, 2, 3, 4, 5, 5),
        (0, 1, 2, 3, 4, 5),
        (0, 0, 1, 2, 3, 4),
        (0, 0, 0, 1, 2, 3),
    }
    assert (moved == moved[:, :1]).all()  # all frames alike


def test_masks_are_neighbouring_bands_and_frames():
    x = torch.ones(500, 12, 10)
    for augmentation, axis, largest in [
        (Augmentation(mask_bands=4), 2, 4),
        (Augmentation(mask_frames=5), 1, 5),
    ]:
        masked = augmentation.apply(x, seeded()) == 0
        line = masked.amax(3 - axis)
        assert (masked.sum(3 - axis) == line * x.shape[3 - axis]).all()
        widths = line.sum(1)
        assert widths.max() == largest and widths.min() == 0
        runs = (line[:, 1:] & ~line[:, :-1]).sum(1) + line[:, 0]
        assert runs.max() == 1


def test_mixup_mixes_excerpts_and_targets_alike():
    n = 40
    clips = [np.full((5, 2), float(i), dtype=np.float32) for i in range(n)]
    data = Excerpts(
        clips,
        torch.arange(n),
        None,
        length=4,
        mean=np.zeros(2, np.float32),
        scale=np.ones(2, np.float32),
        n_classes=n,
        augmentation=Augmentation(mixup=0.5),
        generator=seeded(),
        training=True,
    )
    x, (y, _) = data.batch(torch.arange(n))
    torch.testing.assert_close(y.sum(1), torch.ones(n))
    torch.testing.assert_close(y @ torch.arange(n, dtype=torch.float32), x[:, 0, 0])
    own = y.diagonal()
    assert own.min() >= 0.5 and own.min() < 0.6
    assert len(own.unique()) > n / 2


def test_every_kind_of_net_learns():
    clips, y = clips_and_labels()
    for parameters in (
        {},
        {"filters": "time"},
        {"filters": "musical"},
        {"activation": "maxout"},
        {"pooling": "average"},
        {"pooling": "lp"},
        {"pooling": "stochastic"},
        {"mixup": 0.3, "mask_bands": 2, "mask_frames": 4, "shift_bands": 1},
        {"dropout": 0.1, "input_dropout": 0.1},
        {"precision": "bfloat16"},
    ):
        assert tagger(**parameters).fit(clips, y).score(clips, y) == 1, parameters


def test_a_clip_is_the_mean_of_its_excerpts():
    clips, y = clips_and_labels()
    fitted = tagger().fit(clips, y)
    activations = fitted.predict_activations(clips)
    assert [len(a) for a in activations[:3]] == [3, 4, 4]  # of 30, 33, 36 frames
    logits = [np.log(a[:, 1] / a[:, 0]).mean() for a in activations]
    np.testing.assert_allclose(fitted.decision_function(clips), logits)
    alone = fitted.predict_activations([clips[0][14:]])[0]
    np.testing.assert_allclose(alone[-1], activations[0][-1])


def test_tags_over_time_follow_the_clip():
    rng = np.random.RandomState(0)
    tags = rng.randint(0, 2, (40, 2))
    clips = [rng.rand(24, 8) + 2 * np.repeat(row, 4) for row in tags]
    fitted = tagger(max_epochs=60).fit(clips, tags)
    assert (fitted.predict(clips) == tags).mean() > 0.95
    quiet, loud = clips[0] * 0 + 0.5, clips[0] * 0 + 0.5
    loud = loud + 2 * np.repeat([1, 0], 4)
    change = fitted.predict_activations([np.concatenate([quiet] * 4 + [loud] * 4)])[0]
    assert change[0, 0] < 0.5 < change[-1, 0] and change[:, 1].max() < 0.5


def test_memory_maps_are_not_copied(tmp_path):
    from skdeepmir import load_clips, save_clips

    clips, y = clips_and_labels()
    save_clips(tmp_path / "clips.npy", clips)
    mapped = load_clips(tmp_path / "clips.npy")
    a, b = (tagger().fit(X, y).predict_proba(X) for X in (clips, mapped))
    np.testing.assert_array_equal(a, b)


def test_same_seed_same_weights_and_checkpoints_go_on(tmp_path):
    clips, y = clips_and_labels()
    options = {"mixup": 0.3, "mask_bands": 2, "output_dropout": 0.5, "max_epochs": 6}
    a, b = (tagger(**options).fit(clips, y) for _ in range(2))
    for name, weights in a.weights_.items():
        np.testing.assert_array_equal(weights, b.weights_[name])
    from test_training import Stop

    with pytest.raises(RuntimeError):
        stop = [Stop(4, RuntimeError("killed"))]
        tagger(checkpoint_dir=tmp_path, callbacks=stop, **options).fit(clips, y)
    resumed = tagger(checkpoint_dir=tmp_path, **options).fit(clips, y)
    for name, weights in a.weights_.items():
        np.testing.assert_array_equal(weights, resumed.weights_[name])


def test_bad_channels_are_named():
    clips, y = clips_and_labels()
    for channels in ((), (4, 0), (2.5,)):
        with pytest.raises(ValueError, match="channels="):
            tagger(channels=channels).fit(clips, y)


def test_watching_validation_clips_changes_nothing():
    clips, y = clips_and_labels()
    plain = tagger(max_epochs=4).fit(clips, y)
    watched = tagger(max_epochs=4).fit(clips, y, X_val=clips[:4], y_val=y[:4])
    assert len(watched.validation_scores_) == 4
    for name, weights in plain.weights_.items():
        np.testing.assert_array_equal(weights, watched.weights_[name])
