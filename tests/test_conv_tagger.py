"""ConvTagger: excerpts, augmentation, pooling, what it predicts over time."""

import numpy as np
import pytest
import torch
from small_nets import clips_and_labels, seeded

from skdeepmir import ConvRegressor, ConvTagger, DropoutMLPClassifier
from skdeepmir._training._excerpts import (
    Augmentation,
    ExcerptFeed,
    Excerpts,
    excerpt,
)
from skdeepmir.nets import BatchNorm, ConvNet, LocalContrastNorm, Pool
from skdeepmir.neural_network._thresholds import f1_thresholds


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


def test_local_contrast_normalisation_equals_a_loop():
    x = maps(2, 3, 6, 7)
    gauss = np.exp(-0.5 * np.arange(-2, 3) ** 2)
    normalized = LocalContrastNorm(5, floor=0.5)(x).numpy()
    for frame, band in ((0, 0), (3, 4), (5, 2)):
        rows = range(max(0, frame - 2), min(6, frame + 3))
        columns = range(max(0, band - 2), min(7, band + 3))

        def local_mean(
            values, i, j, near=lambda k, n: range(max(0, k - 2), min(n, k + 3))
        ):
            weights = np.outer(gauss, gauss)
            pairs = [(k, m) for k in near(i, 6) for m in near(j, 7)]
            w = np.array([weights[k - i + 2, m - j + 2] for k, m in pairs])
            return (
                sum(a * values[..., k, m] for a, (k, m) in zip(w, pairs, strict=True))
                / w.sum()
            )

        a = x.numpy()
        centred = np.zeros_like(a)
        for i in rows:
            for j in columns:
                centred[..., i, j] = a[..., i, j] - local_mean(a, i, j)
        deviation = np.sqrt(local_mean(centred**2, frame, band))
        expected = centred[..., frame, band] / np.maximum(deviation, 0.5)
        np.testing.assert_allclose(normalized[..., frame, band], expected)


def test_nets_on_local_contrasts_hardly_see_levels():
    clips, y = clips_and_labels()
    changes = []
    for size in (0, 5):
        fitted = tagger(contrast_size=size).fit(clips, y)
        louder = fitted.decision_function([clip + 1 for clip in clips])
        changes.append(np.abs(louder - fitted.decision_function(clips)).mean())
    assert changes[1] < changes[0] / 10


def test_even_contrast_windows_are_refused():
    clips, y = clips_and_labels()
    with pytest.raises(ValueError, match="contrast_size=4 must be 0, or odd"):
        tagger(contrast_size=4).fit(clips, y)


@pytest.mark.parametrize("filters", ["square", "time", "musical"])
def test_folded_nets_give_the_same_logits(filters):
    net = ConvNet(20, 3, (8, 6), filters=filters, activation="maxout").double()
    x = maps(16, 40, 20)
    net.renew_statistics([(x, None)])
    norms = sum(isinstance(m, BatchNorm) for m in net.folded().modules())
    assert norms == (1 if filters == "musical" else 0)
    torch.testing.assert_close(net.folded()(x), net(x))


def test_rows_of_weight_2_count_twice_in_batch_norm():
    x, weight = maps(6, 4, 5, 3), torch.tensor([0, 1, 2, 1, 0, 3], dtype=torch.double)
    copied = x.repeat_interleave(weight.long(), 0)
    norms = [BatchNorm(4).double() for _ in range(2)]
    found, expected = norms[0](x, weight), norms[1](copied)
    torch.testing.assert_close(found[[1, 2, 3, 5]], expected[[0, 1, 3, 4]])
    for name, value in norms[1].state_dict().items():
        if name != "num_batches_tracked":
            torch.testing.assert_close(norms[0].state_dict()[name], value)
    variance = copied.transpose(0, 1).flatten(1).var(1, unbiased=False)
    torch.testing.assert_close(norms[1].running_var, variance)
    norms[1](maps(5, 4, 3, 3))  # the mean of two, then a moving one
    second = maps(5, 4, 3, 3).transpose(0, 1).flatten(1).var(1, unbiased=False)
    torch.testing.assert_close(norms[1].running_var, (variance + second) / 2)


def test_batches_without_weight_change_no_statistics():
    norm = BatchNorm(4).double()
    norm(maps(6, 4, 5, 3))
    before = [norm.running_mean.clone(), norm.running_var.clone()]
    out = norm(maps(2, 4, 5, 3), torch.zeros(2, dtype=torch.double))
    torch.testing.assert_close([norm.running_mean, norm.running_var], before)
    torch.testing.assert_close(out, norm.eval()(maps(2, 4, 5, 3)))
    clips, y = clips_and_labels(33)
    weight = np.ones(33)
    weight[::3] = 0
    tagger(max_epochs=6, batch_size=32).fit(clips, y, sample_weight=weight)


def test_held_out_clips_leave_some_weight_to_train_on():
    clips, y = clips_and_labels()
    net, refused = tagger(early_stopping=True, max_epochs=1, validation_fraction=0.5), 0
    for only in range(12):
        try:
            net.fit(clips, y, sample_weight=np.arange(12) == only)
        except ValueError as error:
            refused += "No clip to train on has a weight above 0" in str(error)
    assert refused == 6


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_weighted_clips_are_learned_in_any_precision(precision):
    clips, y = clips_and_labels()
    weight = np.where(y == 1, 2.0, 0.5)
    fitted = tagger(precision=precision, mixup=0.2).fit(clips, y, sample_weight=weight)
    assert fitted.score(clips, y) == 1


def test_statistics_are_those_of_the_last_weights():
    clips, y = clips_and_labels()
    fitted = tagger(max_epochs=3, batch_size=None).fit(clips, y)
    length = fitted.excerpt_length_
    x = [excerpt(clip, length, 0.5) for clip in clips]
    x = (np.stack(x) - fitted.mean_) / fitted.scale_
    first = fitted.module_.convolutions[0](torch.from_numpy(x)[:, None].double())
    seen = fitted.weights_["norms.0.running_mean"]
    np.testing.assert_allclose(seen, first.mean((0, 2, 3)).detach(), atol=0.1)


def test_the_order_of_classes_does_not_matter():
    rng = np.random.RandomState(0)
    y = np.repeat(np.arange(6), 16)
    clips = [rng.randn(16, 8).astype(np.float32) + label for label in y]
    fitted = tagger(channels=(8, 8), batch_size=16).fit(clips, y)
    assert fitted.score(clips, y) > 0.9


def test_partial_fits_have_statistics_from_the_start():
    clips, y = clips_and_labels()
    net = tagger(batch_size=None, output_dropout=0)
    for _ in range(20):
        net.partial_fit(clips, y, classes=[0, 1])
    assert net.score(clips, y) == 1


def test_warm_starts_keep_what_inputs_and_targets_are_scaled_by():
    clips, y = clips_and_labels()
    net = ConvRegressor((4,), learning_rate=1e-12, random_state=0, verbose=False)
    before = net.fit(clips, y * 10.0).predict(clips)
    scales = net.mean_, net.target_mean_
    net.set_params(warm_start=True).fit(clips[:6], y[:6] + 100.0)
    np.testing.assert_array_equal(scales[0], net.mean_)
    np.testing.assert_array_equal(scales[1], net.target_mean_)
    np.testing.assert_allclose(net.predict(clips), before, atol=0.5)
    with pytest.raises(ValueError, match="features"):
        net.fit([clip[:, :4] for clip in clips], y)
    assert net.predict(clips).shape == (12,)


def test_classes_of_tags_are_numbers():
    clips, tags = rare_tags(20)
    with pytest.raises(ValueError, match="y has 2 tags, whose classes are the numbers"):
        tagger().partial_fit(clips, tags, classes=["a", "b"])


def test_clips_of_weight_0_change_nothing():
    clips, y = clips_and_labels()
    weight = np.ones(len(y))
    weight[-3:] = 0
    full = {"batch_size": None, "precision": "float64", "output_dropout": 0.0}
    # Excerpts as long as the clips, so that none is drawn.
    clips = [clip[:16] for clip in clips]
    a = tagger(**full).fit(clips, y, sample_weight=weight)
    b = tagger(**full).fit(clips[:-3], y[:-3])
    np.testing.assert_allclose(a.predict_proba(clips), b.predict_proba(clips))


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


def test_levels_move_by_one_number_for_each_excerpt():
    x = torch.randn(50, 6, 4)
    moved = Augmentation(shift_level=0.5).apply(x, seeded()) - x
    np.testing.assert_allclose(moved, moved[:, :1, :1].expand_as(moved), atol=1e-6)
    assert 0.4 < moved.abs().max() <= 0.5 and moved.min() < -0.3 < 0.3 < moved.max()


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


def mixing_feed(precision, n_outputs):
    zeros = np.zeros(2, precision)
    mixup = Augmentation(mixup=0.5)
    return ExcerptFeed(4, precision, mixup, n_outputs, mean=zeros, scale=zeros + 1)


def test_mixup_mixes_excerpts_and_targets_alike():
    n = 40
    clips = [np.full((5, 2), float(i), dtype=np.float32) for i in range(n)]
    feed = mixing_feed("float32", n)
    data = Excerpts(feed, clips, torch.arange(n), None, seeded(), training=True)
    (x, _), y, *_ = data.batch(torch.arange(n))
    torch.testing.assert_close(y.sum(1), torch.ones(n))
    torch.testing.assert_close(y @ torch.arange(n, dtype=torch.float32), x[:, 0, 0])
    own = y.diagonal()
    assert own.min() >= 0.5 and own.min() < 0.6
    assert len(own.unique()) > n / 2


def test_mixed_excerpts_have_the_mean_of_both_losses():
    from skdeepmir._training._gradient import LogisticLoss

    n = 8
    clips = [np.full((4, 2), float(i), dtype=np.float32) for i in range(n)]
    y = torch.randint(0, 2, (n, 3), generator=seeded()).double()
    weight = torch.rand(n, 3, generator=seeded(1), dtype=torch.float64)
    weight[2] = 0
    feed = mixing_feed("float64", 3)
    data = Excerpts(feed, clips, y, weight, seeded(), training=True)
    (x, _), *target, _ = data.batch(torch.arange(n))
    logits = maps(n, 3)
    found = LogisticLoss()(logits, *target)
    generator = seeded()
    torch.rand(n, generator=generator)  # of excerpts
    share = torch.rand(n, 1, generator=generator).double() * 0.5
    other = torch.randperm(n, generator=generator)

    def loss(rows):
        losses = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, y[rows], reduction="none"
        )
        return losses * weight[rows]

    expected = (1 - share) * loss(torch.arange(n)) + share * loss(other)
    torch.testing.assert_close(
        x[:, 0, 0], torch.arange(n) + share[:, 0] * (other - torch.arange(n))
    )
    torch.testing.assert_close(found, expected.mean())


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
    # Another number of excerpts at once is added up in another order.
    np.testing.assert_allclose(alone[-1], activations[0][-1], rtol=1e-6)


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


def rare_tags(n=120, seed=0):
    rng = np.random.RandomState(seed)
    tags = (rng.rand(n, 2) < [0.5, 0.15]).astype(int)
    noise = rng.rand(n, 20, 8)
    return list(noise + 0.35 * np.repeat(tags, 4, axis=1)[:, None]), tags


def test_thresholds_are_tuned_on_validation_clips():
    clips, tags = rare_tags()
    val, tags_val = rare_tags(seed=1)
    for parameters, held_out in (
        ({"tune_thresholds": True}, True),
        ({"tune_thresholds": True, "validation_fraction": 0.4}, False),
    ):
        more = {"X_val": val, "y_val": tags_val} if held_out else {}
        fitted = tagger(max_epochs=8, **parameters).fit(clips, tags, **more)
        p = fitted.predict_proba(val)
        assert fitted.thresholds_.shape == (2,) and (fitted.thresholds_ != 0.5).any()
        np.testing.assert_array_equal(fitted.predict(val), p > fitted.thresholds_)
        if held_out:
            np.testing.assert_allclose(fitted.thresholds_, f1_thresholds(tags_val, p))
    plain = tagger(max_epochs=8).fit(clips, tags)
    assert (plain.thresholds_ == 0.5).all()
    assert not hasattr(plain.fit(clips, tags[:, 0]), "thresholds_")


def test_thresholds_are_the_best_of_all():
    from sklearn.metrics import f1_score

    rng = np.random.RandomState(0)
    for _ in range(5):
        y = rng.randint(0, 2, (15, 1))
        y[0] = 1
        p = rng.choice(np.linspace(0.05, 0.95, 8), (15, 1))
        found = f1_thresholds(y, p)[0]
        best = max(f1_score(y, p > t) for t in np.linspace(0, 1, 50))
        assert f1_score(y, p > found) == pytest.approx(best)
    with pytest.warns(UserWarning, match=r"1 of 1 tags .* column 0"):
        assert f1_thresholds(np.zeros((4, 1)), np.full((4, 1), 0.3)) == [0.5]


def test_thresholds_and_weights_of_tags_are_refused_for_classes():
    clips, y = clips_and_labels()
    with pytest.raises(ValueError, match="TunedThresholdClassifierCV"):
        tagger(tune_thresholds=True).fit(clips, y)
    with pytest.raises(ValueError, match="Use class_weight"):
        tagger(pos_weight=2.0).fit(clips, y)
    _, tags = rare_tags(len(clips))
    with pytest.raises(ValueError, match="each of the 2 tags"):
        tagger(pos_weight=[1.0, 2.0, 3.0]).fit(clips, tags)
    with pytest.raises(ValueError, match="cannot both"):
        tagger(pos_weight=2.0, class_weight="balanced").fit(clips, tags)


@pytest.mark.parametrize("net", [tagger(), DropoutMLPClassifier(random_state=0)])
def test_positives_of_more_weight_are_found_more_often(net):
    clips, tags = rare_tags()
    net.set_params(max_epochs=10, verbose=False)
    plain = net.fit(clips, tags).predict_proba(clips).mean(axis=0)
    heavy = net.set_params(pos_weight=[1.0, 10.0]).fit(clips, tags)
    heavier = heavy.predict_proba(clips).mean(axis=0)
    assert heavier[1] > 1.5 * plain[1]
    assert abs(heavier[0] - plain[0]) < 0.15


def test_numbers_are_predicted_from_clips():
    rng = np.random.RandomState(0)
    factors = rng.randn(80, 2) * [100, 1] + [1000, 3]  # of different size
    levels = (factors - [1000, 3]) / [100, 1]
    clips = [rng.rand(20, 8) + np.repeat(row, 4) for row in levels]
    net = ConvRegressor(
        (8,),
        filters="time",
        excerpt_length=16,
        learning_rate=0.01,
        output_dropout=0,
        random_state=0,
        verbose=False,
    )
    net.fit(clips[:60], factors[:60], X_val=clips[60:], y_val=factors[60:])
    assert net.predict(clips).shape == factors.shape
    assert net.score(clips[60:], factors[60:]) > 0.5
    # The loss is the squared error relative to the mean variance of the targets.
    error = np.square(net.predict(clips[60:]) - factors[60:]).mean()
    relative = error / factors[:60].var(axis=0).mean()
    assert -net.validation_scores_[-1] == pytest.approx(relative, rel=0.5)
    one = net.fit(clips, factors[:, 0])
    assert one.predict(clips).shape == (80,) and one.score(clips, factors[:, 0]) > 0.5
    with pytest.raises(ValueError, match=r"y_val has shape \(80, 2\), expected"):
        net.fit(clips, factors[:, 0], X_val=clips, y_val=factors)


def test_bfloat16_predicts_almost_the_same():
    clips, y = clips_and_labels()
    fitted = tagger(precision="bfloat16").fit(clips, y)
    exact = tagger(precision="float64", warm_start=True, max_epochs=1)
    fast = fitted.decision_function(clips)
    vars(exact).update({k: v for k, v in vars(fitted).items() if k.endswith("_")})
    vars(exact).update({k: v for k, v in vars(fitted).items() if k.startswith("_")})
    slow = exact.decision_function(clips)
    assert 0 < np.abs(fast - slow).max() < 0.05 * np.abs(slow).max()
