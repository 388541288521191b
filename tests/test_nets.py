"""Nets alone: dropout, maxout, norms, first weights; driven from plain skorch."""

import itertools

import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier, NeuralNetRegressor
from small_nets import seeded

from skdeepmir.nets import MLP, DenoisingAutoencoder, Dropout, initialize


def data(n=200, n_features=6, seed=0):
    rng = np.random.RandomState(seed)
    X = rng.randn(n, n_features).astype(np.float32)
    return X, (X[:, 0] + X[:, 1] > 0).astype(np.int64)


def test_dropout_of_a_softmax_layer_is_the_geometric_mean_of_all_masks():
    drop = 0.25
    net = MLP(8, 3, (), input_dropout=drop, generator=seeded()).double().eval()
    x = torch.randn(5, 8, dtype=torch.float64, generator=seeded(1))
    log_mean = 0
    for mask in itertools.product((0.0, 1.0), repeat=8):
        mask = torch.tensor(mask, dtype=torch.float64)
        probability = torch.where(mask == 1, 1 - drop, drop).prod()
        thinned = net.output(x * mask / (1 - drop))
        log_mean = log_mean + probability * thinned.log_softmax(1)
    with torch.no_grad():
        ours = net(x).softmax(1)
    torch.testing.assert_close(ours, log_mean.softmax(1).detach(), rtol=0, atol=1e-12)


def test_expected_dropout_of_linear_regression_is_ridge():
    drop, n_masks = 0.3, 200_000
    rng = np.random.RandomState(0)
    X, w, y = rng.randn(4, 5), rng.randn(5), rng.randn(4)
    layer = Dropout(drop, seeded())
    rows = torch.from_numpy(np.repeat(X, n_masks, axis=0))
    dropped = layer(rows).numpy()
    errors = np.square(np.repeat(y, n_masks) - dropped @ w).reshape(4, n_masks)
    penalty = drop / (1 - drop) * (np.square(w) * np.square(X).sum(0)).sum()
    expected = np.square(y - X @ w).sum() + penalty
    tolerance = 5 * errors.std(1).sum() / np.sqrt(n_masks)
    assert abs(errors.mean(1).sum() - expected) < tolerance
    assert tolerance < 0.03 * penalty  # or the test could not fail


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_drops_with_its_probability_and_keeps_the_mean(p):
    dropped = Dropout(p, seeded())(torch.ones(1000, 100))
    assert abs((dropped == 0).float().mean() - p) < 0.005
    assert abs(dropped.mean() - 1) < 0.03
    assert len(dropped.unique()) == 2
    rows_differ = (dropped[:1] != dropped).any(1).sum()
    assert rows_differ == 999  # a mask for each row


def test_dropout_extremes_and_evaluation():
    x = torch.randn(3, 4, generator=seeded())
    assert (Dropout(1.0)(x) == 0).all()
    assert Dropout(0.0)(x) is x
    assert Dropout(0.5).eval()(x) is x


def test_shared_dropout_has_one_mask_for_all_rows():
    layer = Dropout(0.5, seeded())
    layer.shared = True
    dropped = layer(torch.ones(10, 50))
    assert (dropped == dropped[0]).all()
    assert 0 < (dropped[0] == 0).sum() < 50


def test_dropout_draws_from_its_generator_only():
    before = torch.get_rng_state()
    a, b = (Dropout(0.5, seeded(3))(torch.ones(20, 20)) for _ in range(2))
    assert torch.equal(a, b)
    MLP(4, 2, (5,), generator=seeded())
    assert torch.equal(before, torch.get_rng_state())


def test_maxout_of_two_tied_negatives_is_the_absolute_value():
    net = MLP(3, 2, (4,), activation="maxout", maxout_pieces=2, generator=seeded())
    weight = net.hidden[0].weight  # (pieces * units, inputs), a piece after the other
    with torch.no_grad():
        weight[4:] = -weight[:4]
        x = torch.randn(7, 3, generator=seeded(1))
        expected = net.output((x @ weight[:4].T).abs())
        torch.testing.assert_close(net(x), expected)


def test_max_norm_scales_the_weights_into_a_unit():
    net = MLP(2, 2, (3,), generator=seeded())
    with torch.no_grad():
        net.hidden[0].weight.copy_(torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 2.0]]))
        net.output.weight.fill_(9.0)
    net.limit_norms(1.0)
    expected = torch.tensor([[0.6, 0.8], [0.3, 0.4], [0.0, 1.0]])
    torch.testing.assert_close(net.hidden[0].weight.data, expected)
    assert (net.output.weight == 9).all()  # hidden units only


@pytest.mark.parametrize("activation, factor", [("tanh", 1), ("logistic", 4)])
def test_glorot_bounds(activation, factor):
    layer = torch.nn.Linear(300, 200)
    initialize(layer, "glorot", activation, seeded())
    bound = factor * np.sqrt(6 / 500)
    largest = layer.weight.abs().max().item()
    assert 0.999 * bound < largest <= bound
    assert (layer.bias == 0).all()


def test_he_and_sparse_weights():
    layer = torch.nn.Linear(400, 300)
    initialize(layer, "he", "relu", seeded())
    assert layer.weight.std().item() == pytest.approx(np.sqrt(2 / 400), rel=0.02)
    initialize(layer, "sparse", "relu", seeded())
    assert ((layer.weight != 0).sum(1) == 15).all()
    assert layer.weight[layer.weight != 0].std().item() == pytest.approx(1, rel=0.05)
    initialize(layer, "sparse", "tanh", seeded())
    assert layer.weight[layer.weight != 0].std().item() == pytest.approx(0.25, rel=0.05)
    assert (layer.bias == 0.5).all()
    narrow = torch.nn.Linear(4, 3)
    initialize(narrow, "sparse", "relu", seeded())
    assert (narrow.weight != 0).all()
    with pytest.raises(ValueError, match="glorot"):
        initialize(layer, "xavier", "relu")


def test_context_reaches_its_layer_only():
    net = MLP(3, 2, (4, 5), context_sizes=(6,), generator=seeded()).eval()
    assert [layer.in_features for layer in net.hidden] == [9, 4]
    x = torch.randn(2, 9, generator=seeded(1))
    with torch.no_grad():
        net.hidden[0].weight[:, 3:] = 0
        other = torch.cat([x[:, :3], torch.zeros(2, 6)], 1)
        torch.testing.assert_close(net(x), net(other))


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="activation='elu'"):
        MLP(4, 2, activation="elu")
    with pytest.raises(ValueError, match="p=1.5"):
        MLP(4, 2, dropout=1.5)
    for shape in ((3, 5), (2, 3, 4)):
        with pytest.raises(ValueError, match=r"expected \(n, 4\)"):
            MLP(4, 2, 8)(torch.zeros(shape))


@pytest.mark.parametrize(
    "activation", ["relu", "logistic", "tanh", "softplus", "maxout"]
)
def test_mlp_learns_in_plain_skorch(activation):
    X, y = data()
    torch.manual_seed(0)
    net = NeuralNetClassifier(
        MLP,
        module__n_features=6,
        module__n_outputs=2,
        module__hidden_layer_sizes=(20,),
        module__activation=activation,
        module__dropout=0.2,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.02,
        max_epochs=20,
        train_split=None,
        verbose=0,
    ).fit(X, y)
    assert net.score(X, y) > 0.9


def test_denoising_autoencoder_learns_in_plain_skorch():
    rng = np.random.RandomState(0)
    X = (rng.randn(300, 2) @ rng.randn(2, 10)).astype(np.float32)
    torch.manual_seed(0)
    net = NeuralNetRegressor(
        DenoisingAutoencoder,
        module__n_features=10,
        module__n_units=20,
        module__corruption=0.2,
        optimizer=torch.optim.Adam,
        lr=0.01,
        max_epochs=60,
        train_split=None,
        verbose=0,
    ).fit(X, X)
    assert np.square(net.predict(X) - X).mean() < 0.1 * X.var()


def test_denoising_autoencoder_sets_to_zero_without_scaling():
    coder = DenoisingAutoencoder(50, 50, corruption=0.5, generator=seeded())
    with torch.no_grad():
        for layer in (coder.encoder, coder.decoder):
            layer.weight.copy_(torch.eye(50))
        restored = coder(torch.full((20, 50), 3.0))
    assert set(restored.unique().tolist()) == {0.0, 3.0}
