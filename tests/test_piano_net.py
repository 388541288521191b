"""``PianoNet``: clips among others, blocks of frames, and transposition."""

import pytest
import torch

from skdeepmir.nets import PianoNet, SequenceBatch, _piano

N_KEYS, BINS = 30, 3


@pytest.fixture(scope="module")
def net():
    generator = torch.Generator().manual_seed(0)
    net = PianoNet(
        *(N_KEYS * BINS, N_KEYS * 3), channels=4, n_units=3, generator=generator
    )
    for norm in net.norms:  # as after training
        norm.running_mean.uniform_(0, 0.2, generator=generator)
        norm.running_var.uniform_(0.5, 2, generator=generator)
    return net.double().eval()


@pytest.fixture
def frames():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 40, N_KEYS * BINS, generator=generator, dtype=torch.double)


def logits(net, frames, lengths=None):
    lengths = torch.tensor(lengths or [frames.shape[1]] * len(frames))
    with torch.no_grad():
        return net(SequenceBatch(frames, lengths=lengths)).unflatten(2, (N_KEYS, 3))


def test_clips_of_a_batch_do_not_know_of_each_other(net, frames):
    together = logits(net, frames)
    for i in range(2):
        alone = logits(net, frames[i : i + 1])
        torch.testing.assert_close(together[i : i + 1], alone)


def test_blocks_of_frames_equal_the_whole(net, frames, monkeypatch):
    whole = logits(net, frames)
    monkeypatch.setattr(_piano, "FRAMES_AT_ONCE", 7)  # 40 is not a multiple
    torch.testing.assert_close(logits(net, frames), whole)


def test_keys_move_with_their_bins(net):
    # Silence around some bins, so that only the outermost keys miss a neighbour.
    generator = torch.Generator().manual_seed(2)
    frames = torch.zeros(1, 12, N_KEYS * BINS, dtype=torch.double)
    frames[0, 3:8, 40:50] = torch.randn(5, 10, generator=generator, dtype=torch.double)
    here = logits(net, frames)[:, :, 1:-2]
    moved = logits(net, frames.roll(BINS, dims=2))[:, :, 2:-1]
    assert (here[:, 1:] - here[:, :-1]).abs().amax((0, 1, 3)).gt(1e-4).sum() > 10
    torch.testing.assert_close(moved, here)


def test_a_key_sees_the_bins_of_its_partials_and_silence_beyond_the_last():
    net, seen = PianoNet(310, channels=2, n_units=2).eval(), []
    net.partials.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    frames = torch.arange(1.0, 311).repeat(1, 3, 1)
    with torch.no_grad():
        net(SequenceBatch(frames, lengths=torch.tensor([3])))
    stacked = seen[0][0, :, 0, 1:-1].unflatten(1, (88, 3))
    # Of an octave below to three above, at 36 bins of an octave.
    places = torch.tensor([-36, 0, 36, 57, 72, 84, 93, 101, 108])
    expected = places[:, None, None] + torch.arange(1, 265).reshape(88, 3)
    expected[(expected < 1) | (expected > 310)] = 0
    torch.testing.assert_close(stacked, expected.float())
