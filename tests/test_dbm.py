"""Deep Boltzmann machines against sums over all of their states."""

from itertools import pairwise, product
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from skdeepmir import DBNFeatureLearner
from skdeepmir._training._data import Batch
from skdeepmir.feature_learning._dbm import (
    DeepBoltzmannMachine,
    JointTraining,
    UnrolledMachine,
    copies_of,
)
from skdeepmir.feature_learning._rbm import RBM
from skdeepmir.feature_learning._steps import Stage

SIZES = (5, 4, 3, 2)


def random_machine(visible="binary", seed=0, scale=1.0):
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return (scale * rng.standard_normal(shape)).astype(np.float32)

    weights = [draw(a, b) for a, b in pairwise(SIZES)]
    biases = [draw(n) for n in SIZES[1:]]
    return DeepBoltzmannMachine(weights, biases, draw(SIZES[0]), visible, n_steps=50)


def step_of(machine, **given):
    rates, generator = [given.pop("rate")], torch.Generator().manual_seed(0)
    given = SimpleNamespace(precision="float32", **given)
    stage = Stage(-1, given, rates, None, None, None, generator)
    step = JointTraining(machine, stage)
    step.begin_epoch(0, 0)
    return step


def batch_of(frames):
    frames = torch.from_numpy(frames)
    return Batch((frames,), frames, None, len(frames))


def states(n):
    return np.array(list(product((0.0, 1.0), repeat=n)))


def joint_log_weights(machine, v):
    """Return log-weights of one frame with every state of the hidden layers."""
    h1, h2, h3 = (states(n) for n in SIZES[1:])
    w1, w2, w3 = machine.weights
    b1, b2, b3 = machine.biases
    seen = v @ machine.visible_bias
    if machine.visible == "gaussian":
        seen = -0.5 * np.square(v - machine.visible_bias).sum()
    alone = (h1 @ (w1.T @ v + b1))[:, None, None] + (h2 @ b2)[:, None] + h3 @ b3
    return seen + alone + (h1 @ w2 @ h2.T)[:, :, None] + h2 @ w3 @ h3.T


@pytest.mark.parametrize("visible", ["binary", "gaussian"])
def test_the_variational_free_energy_is_a_close_upper_bound(visible):
    machine = random_machine(visible, scale=0.5)
    rows = np.random.default_rng(1).random((6, SIZES[0]))
    exact = np.array([-logsumexp(joint_log_weights(machine, v)) for v in rows])
    bound = machine.free_energy(rows)
    assert (bound >= exact - 1e-6).all()
    np.testing.assert_allclose(bound, exact, atol=0.2)
    with_one_layer = DeepBoltzmannMachine(
        machine.weights[:1], machine.biases[:1], machine.visible_bias, visible, 3
    )
    rbm = RBM(machine.weights[0], machine.visible_bias, machine.biases[0], visible)
    np.testing.assert_allclose(with_one_layer.free_energy(rows), rbm.free_energy(rows))


def test_activations_are_close_to_exact_posteriors():
    machine = random_machine(scale=0.3)
    v = np.random.default_rng(1).random(SIZES[0])
    log_weights = joint_log_weights(machine, v)
    posterior = np.exp(log_weights - logsumexp(log_weights))
    exact = [
        posterior.sum((1, 2)) @ states(4),
        posterior.sum((0, 2)) @ states(3),
        posterior.sum((0, 1)) @ states(2),
    ]
    for layer, expected in zip(machine.activations(v[None]), exact, strict=True):
        np.testing.assert_allclose(layer[0], expected, atol=0.02)


def log_likelihood(machine, rows):
    """Return the exact mean log-likelihood of binary rows."""
    weights = [logsumexp(joint_log_weights(machine, v)) for v in states(SIZES[0])]
    own = [logsumexp(joint_log_weights(machine, v)) for v in rows]
    return np.mean(own) - logsumexp(weights)


def test_joint_training_makes_data_more_probable():
    rows = states(5)[[3, 12, 12, 31, 0]].astype(np.float32)
    machine = random_machine(scale=0.1)
    start = log_likelihood(machine, rows)
    step = step_of(machine, batch_size=200, cd_steps=2, weight_decay=0.0, rate=0.05)
    step.momentum = 0.5
    for _ in range(800):
        step(batch_of(rows))
    end = log_likelihood(step.model, rows)
    independent = np.clip(rows.mean(axis=0), 1e-9, 1 - 1e-9)
    of_independent = (
        rows * np.log(independent) + (1 - rows) * np.log(1 - independent)
    ).sum(1)
    assert start < -3
    assert end > of_independent.mean() + 0.5
    assert end > -np.log(5) - 0.8  # the entropy of the rows is below log 5


def test_the_first_step_follows_mean_field_less_chains():
    machine = random_machine(scale=0.5)
    rows = np.random.default_rng(3).random((40, SIZES[0]), dtype=np.float32)
    before = [weights.copy() for weights in machine.weights]
    layers = [rows, *machine.activations(rows)]
    step = step_of(machine, batch_size=20_000, cd_steps=30, weight_decay=0.01, rate=1.0)
    step(batch_of(rows))
    chains = [state.numpy() for state in step.chains]
    for k in range(3):
        data = layers[k].T @ layers[k + 1] / len(rows)
        model = chains[k].T @ chains[k + 1] / len(chains[k])
        change = step.model.weights[k] - before[k]
        expected = data - model - 0.01 * before[k]
        np.testing.assert_allclose(change, expected, atol=1e-4)


def test_chains_reach_the_model():
    machine = random_machine(scale=0.5)
    rows = states(SIZES[0])
    weights = [logsumexp(joint_log_weights(machine, v)) for v in rows]
    probabilities = np.exp(weights - logsumexp(weights))
    step = step_of(machine, batch_size=20_000, cd_steps=50, weight_decay=0.0, rate=0.0)
    step(batch_of(np.zeros((1, SIZES[0]), dtype=np.float32)))
    means = step.chains[0].numpy().mean(axis=0)
    np.testing.assert_allclose(means, probabilities @ rows, atol=0.01)


@pytest.mark.parametrize(
    "layer, n_layers, copies",
    [(0, 1, (1, 1)), (0, 2, (2, 1)), (1, 2, (1, 2)), (1, 3, (2, 2)), (2, 3, (1, 2))],
)
def test_layers_are_doubled_where_a_neighbour_will_come(layer, n_layers, copies):
    assert copies_of(layer, n_layers) == copies


def test_doubled_input_is_that_of_two_tied_copies():
    rng = np.random.default_rng(0)
    machine = RBM.initial(5, 4, "binary", 1.0, rng, copies=(2, 1))
    twice = RBM(
        np.vstack([machine.weights] * 2), np.tile(machine.visible_bias, 2),
        machine.hidden_bias, "binary",
    )  # fmt: skip
    v = rng.random((6, 5))
    np.testing.assert_allclose(machine.hidden(v), twice.hidden(np.hstack([v, v])))
    np.testing.assert_allclose(
        machine.free_energy(v), twice.free_energy(np.hstack([v, v]))
    )
    h = rng.random((6, 4))
    np.testing.assert_allclose(machine.reconstruct(h), twice.reconstruct(h)[:, :5])


def test_composition_halves_what_both_machines_say_of_a_layer():
    rng = np.random.default_rng(0)
    machines = [
        RBM.initial(5, 4, "binary", 1.0, rng, copies=copies_of(0, 2)),
        RBM.initial(4, 3, "binary", 1.0, rng, copies=copies_of(1, 2)),
    ]
    for machine in machines:
        machine.hidden_bias[:] = rng.random(len(machine.hidden_bias))
        machine.visible_bias[:] = rng.random(len(machine.visible_bias))
    together = DeepBoltzmannMachine.compose(machines, n_steps=1)
    v, h2 = rng.random((1, 5)), rng.random((1, 3))

    def logit(p):
        return np.log(p / (1 - p))

    halves = logit(machines[0].hidden(v)) + logit(machines[1].reconstruct(h2))
    total = v @ together.weights[0] + together.biases[0] + h2 @ together.weights[1].T
    np.testing.assert_allclose(total, halves / 2, rtol=1e-5)


def test_the_unrolled_net_begins_as_one_more_mean_field_step():
    machine = random_machine()
    machine.n_steps = 200  # settled: one more step changes nothing
    rows = np.random.default_rng(1).random((6, SIZES[0]))
    unrolled = UnrolledMachine.of(machine)
    for own, expected in zip(
        unrolled.activations(rows), machine.activations(rows), strict=True
    ):
        np.testing.assert_allclose(own, expected, atol=1e-5)


def test_a_deep_boltzmann_machine_is_learned_and_unrolled():
    rng = np.random.RandomState(0)
    y = np.arange(16) % 2
    loadings = rng.randn(2, 6)  # one for each class
    clips = [rng.randn(40, 1) * loadings[label] + 0.1 * rng.randn(40, 6) for label in y]
    learner = DBNFeatureLearner(
        (20, 10), pretraining="dbm", layers="all", max_epochs=20, joint_epochs=20,
        finetune_epochs=5, random_state=0, verbose=False,
    ).fit(clips)  # fmt: skip
    errors = learner.reconstruction_errors_
    assert [len(curve) for curve in errors] == [20, 20, 20]
    assert errors[-1][-1] < 0.8 and learner.feedback_weights_ == []
    assert learner.transform(clips)[0].shape == (40, 30)
    unusual = [clip * 3 for clip in clips]
    assert learner.score_samples(clips).mean() > learner.score_samples(unusual).mean()
    restored = learner.inverse_transform(learner.transform(clips))
    assert (
        np.corrcoef(np.concatenate(restored).ravel(), np.concatenate(clips).ravel())[
            0, 1
        ]
        > 0.3
    )

    before = learner.transform(clips)
    learner.set_params(finetune_epochs=30).fit(clips, y)
    assert [f.shape for f in learner.feedback_weights_] == [(10, 20)]
    assert learner.loss_curve_[-1] < 0.8 * learner.loss_curve_[0]
    assert np.abs(learner.transform(clips)[0] - before[0]).max() > 0.05
    learner.partial_fit(clips)
    assert learner.feedback_weights_ == []
    # What it was before labels were used, and one pass more.
    assert np.abs(learner.transform(clips)[0] - before[0]).max() < 0.2


def test_later_passes_of_a_stream_train_all_layers_together():
    rng = np.random.RandomState(0)
    clips = [rng.randn(50, 4) for _ in range(6)]
    learner = DBNFeatureLearner((5, 3), pretraining="dbm", random_state=0)
    for _ in range(3):
        learner.partial_fit(clips)
    assert [len(curve) for curve in learner.reconstruction_errors_] == [1, 1, 3]
