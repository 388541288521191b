"""RecurrentNet by hand, padding, the batches that it is trained on."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_nets import seeded
from torch import nn

from skdeepmir._training._excerpts import Augmentation
from skdeepmir._training._gradient import FrameSoftmaxLoss
from skdeepmir._training._sequences import (
    SequenceClips,
    SequenceFeed,
    stack_sequences,
)
from skdeepmir.chord_recognition._coding import Transposition
from skdeepmir.chords import VOCABULARIES
from skdeepmir.frames import length_buckets
from skdeepmir.nets import RecurrentNet, SequenceBatch, _front_end

LENGTHS = torch.tensor([23, 40, 1, 17])


def net(**parameters):
    made = RecurrentNet(9, 6, 7, generator=seeded(), **parameters)
    return made.double().eval()


def random_batch(made, seed=1):
    shape = (len(LENGTHS), int(LENGTHS.max()), 9)
    frames = torch.randn(shape, generator=seeded(seed), dtype=torch.float64)
    previous = None
    if made.sees_previous:
        previous = torch.randint(7, shape[:2], generator=seeded(seed))
    return SequenceBatch(frames, LENGTHS, previous)


def alone(batch, i):
    n = int(batch.lengths[i])
    previous = None if batch.previous is None else batch.previous[i : i + 1, :n]
    return SequenceBatch(
        batch.frames[i : i + 1, :n], batch.lengths[i : i + 1], previous
    )


KINDS = [
    {},
    {"n_layers": 3},
    {"bidirectional": False},
    {"cell": "rnn"},
    {"cell": "dense"},
    {"channels": (3, 2)},
    {"sees_previous": True},
    {"sees_previous": True, "cell": "rnn", "n_layers": 1},
]


@pytest.mark.parametrize("parameters", KINDS, ids=str)
def test_padding_and_neighbours_change_nothing(parameters):
    made = net(**parameters)
    batch = random_batch(made)
    logits = made(batch)
    for i, n in enumerate(LENGTHS.tolist()):
        torch.testing.assert_close(
            made(alone(batch, i))[0], logits[i, :n], rtol=0, atol=1e-12
        )
    spoilt = batch.frames.clone()
    for i, n in enumerate(LENGTHS.tolist()):
        spoilt[i, n:] = 1e3
    again = made(SequenceBatch(spoilt, LENGTHS, batch.previous))
    for i, n in enumerate(LENGTHS.tolist()):
        torch.testing.assert_close(again[i, :n], logits[i, :n], rtol=0, atol=1e-12)


@pytest.mark.parametrize("parameters", KINDS, ids=str)
def test_padding_changes_no_gradient(parameters):
    made = net(**parameters)
    batch = random_batch(made)
    y = torch.randint(6, batch.frames.shape[:2], generator=seeded(2))
    y[torch.arange(40) >= LENGTHS[:, None]] = -1
    FrameSoftmaxLoss()(made(batch), y, None).backward()
    together = {name: p.grad.clone() for name, p in made.named_parameters()}
    made.zero_grad()
    for i, n in enumerate(LENGTHS.tolist()):
        loss = FrameSoftmaxLoss()(made(alone(batch, i)), y[i : i + 1, :n], None)
        (loss * n / int(LENGTHS.sum())).backward()
    for name, p in made.named_parameters():
        torch.testing.assert_close(p.grad, together[name], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("cell", ["lstm", "rnn"])
def test_layers_equal_torch_on_packed_sequences(cell):
    made = net(cell=cell, n_layers=2)
    theirs = {"lstm": nn.LSTM, "rnn": nn.RNN}[cell](9, 7, 2, bidirectional=True)
    state = {}
    for i, layer in enumerate(made.layers):
        for direction, suffix in enumerate(("", "_reverse")):
            state[f"weight_ih_l{i}{suffix}"] = layer.inputs[direction]
            state[f"weight_hh_l{i}{suffix}"] = layer.recurrent[direction]
            state[f"bias_ih_l{i}{suffix}"] = layer.bias[direction]
            state[f"bias_hh_l{i}{suffix}"] = 0 * layer.bias[direction]
    theirs = theirs.double()
    theirs.load_state_dict(state)
    batch = random_batch(made)
    packed = nn.utils.rnn.pack_padded_sequence(
        batch.frames, LENGTHS, batch_first=True, enforce_sorted=False
    )
    outputs, _ = nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)
    expected, found = made.output(outputs), made(batch)
    for i, n in enumerate(LENGTHS.tolist()):
        torch.testing.assert_close(found[i, :n], expected[i, :n], rtol=0, atol=1e-12)


def test_one_direction_does_not_see_the_future_and_two_do():
    for bidirectional in (True, False):
        made = net(bidirectional=bidirectional)
        batch = random_batch(made)
        before = made(batch)[1, :20]
        batch.frames[1, 30] += 1
        changed = (made(batch)[1, :20] != before).any()
        assert bool(changed) == bidirectional


@pytest.mark.parametrize("cell", ["lstm", "rnn", "dense"])
def test_steps_equal_the_whole_sequence(cell):
    made = net(sees_previous=True, cell=cell, n_layers=2)
    batch = alone(random_batch(made), 1)
    inputs, state = made.below_last(batch), None
    for t, expected in enumerate(made(batch)[0]):
        logits, state = made.step(inputs[t], batch.previous[:, t], state)
        torch.testing.assert_close(logits[0], expected, rtol=0, atol=1e-12)


def test_noise_is_on_weights_while_training_only_and_drawn_anew():
    made = net(weight_noise=0.1)
    batch = random_batch(made)
    torch.testing.assert_close(made(batch), made(batch), rtol=0, atol=0)
    made.train()
    assert not torch.equal(made(batch), made(batch))
    quiet = made.output.weight.clone()
    made(batch)
    assert torch.equal(made.output.weight, quiet)  # noise is never left behind


def test_the_label_before_is_hidden_by_dropout():
    made = net(sees_previous=True, dropout=0.9)
    made.train()
    made.drop.p = made.drop_input.p = 0.0
    labels = torch.randint(6, (500, 20), generator=seeded())
    hidden = made._hidden_at_random(labels)
    share = (hidden == 6).double().mean()
    assert 0.87 < share < 0.93
    assert torch.equal(hidden[hidden != 6], labels[hidden != 6])


def test_first_weights_are_orthogonal_and_forget_gates_open():
    made = net()
    layer = made.layers[0]
    for block in layer.recurrent[1].split(7):
        eye = torch.eye(7, dtype=torch.float64)
        torch.testing.assert_close(block @ block.T, eye, rtol=0, atol=1e-6)
    assert (layer.bias[:, 7:14] == 1).all() and (layer.bias[:, 14:] == 0).all()
    uniform = net(initialization="uniform").layers[0].recurrent
    assert 0.09 < uniform.abs().max() <= 0.1


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"cell": "gru"}, "cell='gru'"),
        ({"initialization": "he"}, "initialization='he'"),
        ({"n_layers": 0}, "n_layers=0"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        net(**parameters)


def test_bad_sequences_are_refused():
    made = net()
    with pytest.raises(ValueError, match="expected .n_sequences, n_frames, 9."):
        made(SequenceBatch(torch.zeros(2, 3, 4), torch.tensor([3, 3])))
    with pytest.raises(ValueError, match="previous"):
        net(sees_previous=True)(random_batch(made))


def test_frames_without_a_label_have_no_loss():
    logits = torch.randn(2, 5, 3, generator=seeded())
    y = torch.tensor([[0, -1, 2, -1, -1], [1, 1, -1, -1, -1]])
    found = FrameSoftmaxLoss()(logits, y, None)
    scored = y >= 0
    expected = nn.functional.cross_entropy(logits[scored], y[scored])
    torch.testing.assert_close(found, expected)
    nothing = FrameSoftmaxLoss()(logits, torch.full((2, 5), -1), None)
    assert nothing == 0


def dataset(batch_size=4, training=True, **parameters):
    rng = np.random.RandomState(0)
    lengths = [50, 8, 31]
    clips = [
        np.arange(n)[:, None] + 1000 * i + np.zeros((1, 24))
        for i, n in enumerate(lengths)
    ]
    labels = [rng.randint(-1, 25, n) for n in lengths]
    feed = SequenceFeed(
        np.float64,
        10,
        Augmentation(),
        sees_previous=True,
        n_classes=25,
        mean=np.zeros(24),
        scale=np.ones(24),
    )
    feed = replace(feed, **parameters)
    data = SequenceClips(feed, clips, labels, batch_size, seeded(), training=training)
    return data, labels


def sequences(data):
    """Yield what the net is called with for each batch."""
    for batch in data:
        yield batch.inputs[0]


def test_excerpts_cover_clips_with_their_own_labels():
    data, labels = dataset()
    n_excerpts = 0
    for (batch,), y, weight, n_labelled in data:
        assert weight is None and n_labelled == (y >= 0).sum()
        n_excerpts += len(y)
        for frames, n, own, before in zip(
            batch.frames, batch.lengths, y, batch.previous, strict=True
        ):
            clip, start = divmod(int(frames[0, 0]), 1000)
            expected = labels[clip][start : start + n]
            assert own[:n].tolist() == expected.tolist()
            assert (own[n:] == -1).all()
            first = labels[clip][start - 1] if start else -1
            known = [first, *expected[:-1]]
            assert before[:n].tolist() == [25 if k < 0 else k for k in known]
    assert n_excerpts == 5 + 1 + 4
    starts = {int(b.inputs[0].frames[0, 0, 0]) for _ in range(5) for b in data}
    assert len(starts) > 5  # drawn anew in each pass


def test_batches_hold_one_length_where_they_can():
    data, _ = dataset(batch_size=1)
    lengths = sorted(int(batch.lengths[0]) for batch in sequences(data))
    assert lengths == [8] + 9 * [10]
    data, _ = dataset(batch_size=9)
    padding = [batch.lengths.tolist() for batch in sequences(data)]
    assert sorted(map(len, padding)) == [1, 9]


def test_in_validation_clips_are_whole_and_not_moved():
    data, _ = dataset(training=False)
    n_frames = sum(len(batch) for batch in sequences(data))
    assert n_frames == 50 + 8 + 31


def test_transposed_excerpts_have_transposed_labels():
    transposition = Transposition.of(VOCABULARIES["majmin"], 24, 24)
    data, _ = dataset(transposition=transposition, sees_previous=False)
    ramp = np.arange(24.0)
    data.inputs = [ramp + np.zeros((n, 1)) for n in (50, 8, 31)]
    data.targets = [np.zeros(n, dtype=int) for n in (50, 8, 31)]  # C:maj
    seen = set()
    for _ in range(10):
        for (batch,), y, _, _ in data:
            for frames, n, own in zip(batch.frames, batch.lengths, y, strict=True):
                k = int(own[0])
                seen.add(k)
                expected = np.roll(ramp, 2 * k)
                assert np.array_equal(frames[0].numpy(), expected)
                assert (own[:n] == k).all()
    assert seen == set(range(12))


def test_a_shift_does_not_go_round_unless_features_are_one_octave():
    frames = np.arange(1.0, 31.0)[None]
    transposition = Transposition.of(VOCABULARIES["majmin"], 30, 24)
    assert transposition.shift(frames, 2)[0].tolist() == [0] * 4 + [*range(1, 27)]
    assert transposition.shift(frames, -1)[0].tolist() == [*range(3, 31), 0, 0]
    with pytest.raises(ValueError, match="X has 3 features"):
        Transposition.of(VOCABULARIES["majmin"], 3, 12)
    narrow = Transposition(1, False, transposition.classes)
    assert narrow.shift(frames[:, :3], 5)[0].tolist() == [0, 0, 0]
    assert narrow.shift(frames[:, :3], -4)[0].tolist() == [0, 0, 0]
    assert transposition.relabel(np.array([0, 11, 12, 24, -1]), 1).tolist() == [
        1,
        0,
        13,
        24,
        -1,
    ]


def test_buckets_hold_every_sequence_once_and_bound_the_frames():
    lengths = np.random.RandomState(0).randint(1, 300, 50)
    lengths[7] = 5000
    buckets = length_buckets(lengths, batch_size=8, n_frames=1000)
    assert sorted(np.concatenate(buckets)) == [*range(50)]
    for bucket in buckets:
        assert len(bucket) <= 8
        assert len(bucket) == 1 or len(bucket) * lengths[bucket].max() <= 1000
    assert len(length_buckets(lengths)) < len(buckets)


def test_stacked_sequences_are_padded_by_zeros():
    batch = stack_sequences([np.ones((2, 3)), np.ones((4, 3))])
    assert batch.frames.shape == (2, 4, 3) and batch.frames.sum() == 18
    assert batch.lengths.tolist() == [2, 4] and len(batch) == 6


def test_masks_are_drawn_in_training_only():
    options = {"mean": -np.ones(24), "augmentation": Augmentation(0, 6, 4)}
    data, _ = dataset(**options)
    assert any((batch.frames[:, :8] == 0).any() for batch in sequences(data))
    data, _ = dataset(**options, training=False)
    inside = [
        batch.frames[k, :n]
        for batch in sequences(data)
        for k, n in enumerate(batch.lengths)
    ]
    assert all((frames > 0).all() for frames in inside)


def test_a_front_end_in_blocks_equals_one_over_all_frames(monkeypatch):
    made = net(channels=(3, 2, 2))
    batch = random_batch(made)
    whole = made(batch)
    monkeypatch.setattr(_front_end, "FRAMES_AT_ONCE", 7)
    torch.testing.assert_close(made(batch), whole, rtol=0, atol=1e-12)


def test_ends_of_clips_are_learned_from_as_much_as_the_rest():
    data, _ = dataset(batch_size=64)
    data.inputs = [np.arange(100)[:, None] + np.zeros((1, 24))]
    data.targets = [np.zeros(100)]
    data.n_frames = np.array([100])
    seen = np.zeros(100)
    for _ in range(400):
        for batch in sequences(data):
            np.add.at(seen, batch.frames[..., 0].long().numpy().ravel(), 1)
    assert seen[0] > 0.4 * seen.mean() and seen[-1] > 0.4 * seen.mean()


def test_batches_count_frames_with_labels():
    data, labels = dataset(training=False)
    n_labelled = sum((part >= 0).sum() for part in labels)
    assert sum(batch.n for batch in data) == n_labelled < 50 + 8 + 31
