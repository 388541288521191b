"""Convolutional belief nets: their machines, how they learn, and the transformer."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from skdeepmir import (
    ConvDBNFeatureLearner,
    DBNFeatureLearner,
    FrameStacker,
)
from skdeepmir._training._data import Batch
from skdeepmir.feature_learning._conv_rbm import ConvBeliefNet, ConvRBM
from skdeepmir.feature_learning._conv_step import ConvContrastiveDivergence
from skdeepmir.feature_learning._steps import Stage


def machine_of(rng, length=4, n_channels=3, n_filters=2, pool=3, visible="gaussian"):
    return ConvRBM(
        rng.randn(length, n_channels, n_filters).astype(np.float32),
        rng.randn(n_channels).astype(np.float32),
        rng.randn(n_filters).astype(np.float32),
        visible,
        pool,
    )


def step_of(machine, seed=0, **changes):
    given = {
        "cd_steps": 1,
        "momentum": 0.0,
        "weight_decay": 0.0,
        "sparsity_target": None,
        "sparsity_cost": 1.0,
        "precision": "float32",
    }
    given = SimpleNamespace(**given | changes)
    rng = np.random.Generator(np.random.SFC64(seed))
    step = ConvContrastiveDivergence(
        machine, Stage(0, given, [1.0], None, None, rng, torch.Generator())
    )
    step.begin_epoch(0, 0)
    return step


def batch_of(frames):
    frames = torch.from_numpy(frames)
    return Batch((frames,), frames, None, len(frames))


def free_energy(v, weights, visible_bias, hidden_bias, visible, pool):
    """Return the free energy of sequences by torch's own convolution."""
    inputs = torch.nn.functional.conv1d(
        v.transpose(1, 2), weights.permute(2, 1, 0), hidden_bias
    )
    blocks = inputs.unflatten(2, (-1, pool))
    none = torch.zeros_like(blocks[..., :1])
    energy = -torch.cat([blocks, none], -1).logsumexp(-1).sum((1, 2))
    if visible == "binary":
        return energy - (v @ visible_bias).sum(1)
    return energy + 0.5 * (v - visible_bias).square().sum((1, 2))


@pytest.mark.parametrize("size", [1.0, 30.0, 800.0])
def test_pooling_equals_the_sum_over_all_states_of_a_block(global_random_seed, size):
    rng = np.random.RandomState(global_random_seed)
    machine = machine_of(rng, length=1, n_channels=1, n_filters=5, pool=3)
    inputs = size * rng.randn(2, 6, 5)
    blocks, total = inputs.reshape(2, 2, 3, 5), np.zeros((2, 2, 5))
    machine.weights[:], machine.hidden_bias[:] = 1, 0
    states = [s for s in itertools.product((0, 1), repeat=3) if sum(s) <= 1]
    energies = np.stack([np.einsum("p,nbpk->nbk", s, blocks) for s in states])
    weights = np.exp(energies - energies.max(axis=0))
    weights /= weights.sum(axis=0)
    on = np.einsum("snbk,sp->nbpk", weights, np.array(states, float))
    machine.inputs = lambda v: inputs
    found = machine.hidden(np.zeros((2, 6, 1)))
    np.testing.assert_allclose(found, on.reshape(2, 6, 5), rtol=0, atol=1e-10)
    pooled = machine.pooled(np.zeros((2, 6, 1)))
    np.testing.assert_allclose(pooled, on.sum(axis=2), rtol=0, atol=1e-10)
    log_total = np.log(np.exp(energies - energies.max(0)).sum(0)) + energies.max(0)
    v = np.zeros((2, 6, 1))
    expected = -log_total.sum(axis=(1, 2)) + 3 * float(machine.visible_bias[0]) ** 2
    np.testing.assert_allclose(machine.energy(inputs, v), expected, rtol=1e-10)
    assert total.shape == pooled.shape


def test_samples_have_the_frequencies_of_the_states(global_random_seed):
    machine = machine_of(np.random.RandomState(0), length=1, n_channels=1, n_filters=4)
    step = step_of(machine, global_random_seed)
    inputs = torch.tensor([[2.0, -1, 0, -9], [0.5, 0, 0, -9], [-1, 3, 0, -9]])
    probabilities = torch.cat([inputs, torch.zeros(1, 4)]).softmax(0)[:3]
    n = 20_000
    step._make_room(1, 3 * n)
    step._draw(probabilities.repeat(n, 1))
    drawn = step.sample[: 3 * n].view(n, 3, 4)
    assert float(drawn.sum(1).max()) == 1  # never two of a block
    # Five standard errors of a frequency.
    torch.testing.assert_close(drawn.mean(0), probabilities, rtol=0, atol=0.018)


@pytest.mark.parametrize("visible", ["binary", "gaussian"])
def test_the_gradient_is_that_of_the_difference_of_free_energies(
    global_random_seed, visible
):
    rng = np.random.RandomState(global_random_seed)
    machine = machine_of(rng, visible=visible)
    v = rng.rand(5, 4 - 1 + 12, 3).astype(np.float32)
    step = step_of(machine, global_random_seed)
    seen = []
    down = step._down
    step._down = lambda *sizes: seen.append(down(*sizes)) or seen[-1]
    arrays = [
        torch.tensor(a, dtype=torch.float64, requires_grad=True)
        for a in (machine.weights, machine.visible_bias, machine.hidden_bias)
    ]
    step(batch_of(v))
    data, model = torch.from_numpy(v).double(), seen[0].double()
    n_detectors = 5 * 12
    gap = sum(
        sign * free_energy(frames, *arrays, visible, 3).sum() / n_detectors
        for frames, sign in ((model, 1), (data, -1))
    )
    gap.backward()
    for velocity, array in zip(step.velocities, arrays, strict=True):
        np.testing.assert_allclose(velocity, array.grad, rtol=0, atol=1e-6)


def test_the_way_down_is_the_transpose_of_the_way_up(global_random_seed):
    rng = np.random.RandomState(global_random_seed)
    machine = machine_of(rng)
    v, h = rng.randn(2, 15, 3), rng.randn(2, 12, 2)
    up = ((machine.inputs(v) - machine.hidden_bias) * h).sum()
    down = ((machine.reconstruct(h) - machine.visible_bias) * v).sum()
    np.testing.assert_allclose(up, down, rtol=1e-10)


def test_long_clips_are_convolved_in_parts(monkeypatch):
    rng = np.random.RandomState(0)
    machine, v = machine_of(rng), rng.randn(2, 50, 3)
    whole = machine.pooled(v), machine.reconstruct(machine.hidden(v))
    monkeypatch.setattr("skdeepmir.feature_learning._conv_rbm.DETECTORS_AT_ONCE", 7)
    parts = machine.pooled(v), machine.reconstruct(machine.hidden(v))
    np.testing.assert_allclose(parts[0], whole[0], rtol=1e-12)
    np.testing.assert_allclose(parts[1], whole[1], rtol=1e-12)


def test_excerpts_pass_on_what_whole_clips_have_away_from_their_edges():
    rng = np.random.RandomState(0)
    net = ConvBeliefNet([machine_of(rng), machine_of(rng, n_channels=2, n_filters=5)])
    v = rng.randn(1, 120, 3)
    whole = net.activations(v)[1]
    before = 1 + 3 * 1  # what the layers see before their first detector
    inside = net.top(v[:, 9 * 4 - before : 9 * 10])
    np.testing.assert_allclose(inside, whole[:, 4 : 4 + inside.shape[1]], rtol=1e-12)
    assert inside.shape[1] >= 4


# -- The transformer


def planted(rng, n_clips=30, n_frames=60, n_channels=8):
    """Return noise in which one pattern of five frames stands at random places."""
    pattern = np.zeros((5, n_channels))
    pattern[[0, 1, 2, 3, 4], [1, 3, 5, 3, 1]] = 1
    clips = []
    for _ in range(n_clips):
        clip = 0.5 * rng.randn(n_frames, n_channels)
        for start in rng.permutation(n_frames // 10 - 1)[:3] * 10 + rng.randint(5):
            clip[start : start + 5] += 3 * pattern
        clips.append(clip)
    return clips, pattern


def best_match(filters, pattern):
    """Return the largest cosine of a filter and the pattern at any shift."""
    n = len(pattern)
    padded = np.pad(filters, ((0, 0), (n - 1, n - 1), (0, 0)))
    norms = np.linalg.norm(filters, axis=(1, 2)) * np.linalg.norm(pattern)
    cosines = [
        np.einsum("klc,lc->k", padded[:, i : i + n], pattern) / norms
        for i in range(padded.shape[1] - n + 1)
    ]
    return np.max(cosines)


def test_a_planted_pattern_is_found_where_an_ordinary_machine_finds_none(
    global_random_seed,
):
    clips, pattern = planted(np.random.RandomState(global_random_seed))
    options = {"max_epochs": 60, "random_state": global_random_seed}
    learner = ConvDBNFeatureLearner(4, filter_length=8, batch_size=2, **options).fit(
        clips
    )
    windows = FrameStacker(12).fit_transform(clips)
    rows = [clip[5:-6:12] for clip in windows]  # at places of their own
    rbm = DBNFeatureLearner((4,), batch_size=10, learning_rate=0.02, **options)
    rbm.fit(rows)
    of_windows = rbm.weights_[0].T.reshape(4, 12, -1)
    assert best_match(learner.filters_, pattern) > 0.8
    assert best_match(of_windows, pattern) < 0.65
