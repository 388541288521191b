"""Sequence models beside their peers, on one core: ``sequence.py [SECTION ...]``.

- viterbi: the best path through 3,000 frames, beside librosa's.
- lstm: a training step of a deep bidirectional LSTM on songs of unequal length, beside
  ``nn.LSTM`` on packed and on padded sequences, and an epoch with and without buckets.
- song: a three-minute song from its file to a ``.lab`` file, stage by stage.
"""

from _rounds import measure  # first: it pins the threads

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import librosa
import numpy as np
import soundfile
import torch
from scipy.special import log_softmax, softmax
from torch import nn

from skdeepmir import BLSTMChordRecognizer, SpectrogramExtractor, audio
from skdeepmir._training._excerpts import Augmentation
from skdeepmir._training._gradient import FrameSoftmaxLoss
from skdeepmir._training._sequences import SequenceClips, SequenceFeed
from skdeepmir.chords import frame_intervals, write_lab
from skdeepmir.datasets import make_chord_clips
from skdeepmir.decoding import scale_self_transition, viterbi
from skdeepmir.nets import RecurrentNet


def total_score(path, log_prob, log_transition):
    emitted = log_prob[np.arange(len(path)), path].sum(dtype=np.float64)
    return emitted + log_transition[path[:-1], path[1:]].sum(dtype=np.float64)


def measure_viterbi():
    rng = np.random.default_rng(0)
    for n_states in (25, 170):
        logits = rng.normal(size=(3000, n_states)).astype(np.float32)
        any_switch = rng.dirichlet(np.ones(n_states), size=n_states)
        same_switch = np.full((n_states, n_states), 1 / n_states)
        for title, transition in (
            ("any transitions", scale_self_transition(any_switch, 20)),
            ("all switches cost the same", scale_self_transition(same_switch, 20)),
        ):
            print(f"### {n_states} states, {title}\n")
            _beside_librosa(logits, transition)


def _beside_librosa(logits, transition):
    # librosa takes probabilities, states first; ours logarithms, frames first.
    log_prob, log_transition = log_softmax(logits, axis=1), np.log(transition)
    prob = np.ascontiguousarray(softmax(logits, axis=1).T)
    paths = {
        "librosa": librosa.sequence.viterbi(prob, transition),
        "ours": viterbi(log_prob, log_transition),
        "ours, logits": viterbi(logits, log_transition),
    }
    for name, path in paths.items():
        score = total_score(path, log_prob.astype(np.float64), log_transition)
        same = np.mean(path == paths["librosa"])
        changes = np.count_nonzero(np.diff(path))
        print(f"{name}: score {score:.4f}, {changes} switches, {same:.2%} as librosa")
    print()
    measure(
        {
            "librosa, from probabilities": lambda: librosa.sequence.viterbi(
                prob, transition
            ),
            "ours, from log-probabilities": lambda: viterbi(log_prob, log_transition),
            "librosa, from logits": lambda: librosa.sequence.viterbi(
                softmax(logits, axis=1).T, transition
            ),
            "ours, from logits": lambda: viterbi(logits, log_transition),
            "ours, from probabilities": lambda: viterbi(
                np.log(prob.T), np.log(transition)
            ),
        },
        n_rounds=15,
    )


class TorchNet(nn.Module):
    """``nn.LSTM`` with an output layer, on padded or packed sequences."""

    def __init__(self, packs):
        super().__init__()
        self.packs = packs
        self.lstm = nn.LSTM(84, 128, 2, bidirectional=True)
        self.output = nn.Linear(256, 25)

    def forward(self, sequences):
        """Return logits (n_sequences, n_frames, 25)."""
        x = sequences.frames.transpose(0, 1)
        if self.packs:
            x = nn.utils.rnn.pack_padded_sequence(
                x, sequences.lengths, enforce_sorted=False
            )
            x = nn.utils.rnn.pad_packed_sequence(self.lstm(x)[0])[0]
        else:
            x = self.lstm(x)[0]
        return self.output(x).transpose(0, 1)


def measure_lstm():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    nets = {
        "nn.LSTM, packed": TorchNet(packs=True),
        "nn.LSTM, padded (wrong at the ends)": TorchNet(packs=False),
        "RecurrentNet": RecurrentNet(84, 25, generator=torch.Generator()),
    }
    loss = FrameSoftmaxLoss()

    def step(net, batch):
        net.zero_grad(set_to_none=True)
        loss(net(*batch.inputs), batch.targets, batch.weight).backward()

    lengths = np.linspace(500, 1000, 8).astype(int)
    batch = next(iter(_songs(lengths, batch_size=8)))
    print("### a training step: 8 songs of 500 to 1,000 frames, 2 layers of 128\n")
    measure({n: lambda net=net: step(net, batch) for n, net in nets.items()}, 5)
    lengths = np.random.default_rng(0).integers(200, 1500, 24)

    def epoch(net, batch_size=8, in_buckets=True):
        songs = _songs(lengths, batch_size)
        for batch in songs if in_buckets else _in_random_order(songs, batch_size):
            step(net, batch)

    print("### an epoch: 24 songs of 200 to 1,500 frames, batches of 8\n")
    measure(
        {
            "nn.LSTM, packed, random order": lambda: epoch(
                nets["nn.LSTM, packed"], in_buckets=False
            ),
            "nn.LSTM, packed, buckets": lambda: epoch(nets["nn.LSTM, packed"]),
            "RecurrentNet, random order": lambda: epoch(
                nets["RecurrentNet"], in_buckets=False
            ),
            "RecurrentNet, buckets": lambda: epoch(nets["RecurrentNet"]),
        },
        3,
    )


def _songs(lengths, batch_size):
    rng = np.random.default_rng(0)
    feed = SequenceFeed(
        np.float32,
        None,
        Augmentation(),
        sees_previous=False,
        n_classes=25,
        mean=np.zeros(84, dtype=np.float32),
        scale=np.ones(84, dtype=np.float32),
    )
    clips = [rng.normal(size=(n, 84)).astype(np.float32) for n in lengths]
    labels = [rng.integers(25, size=n) for n in lengths]
    return SequenceClips(
        feed, clips, labels, batch_size, torch.Generator(), training=True
    )


def _in_random_order(songs, batch_size):
    """Yield batches of songs that are not sorted by length."""
    order = np.random.default_rng(1).permutation(len(songs))
    for first in range(0, len(order), batch_size):
        part = _songs(songs.n_frames[order[first : first + batch_size]], None)
        yield from part


def measure_song(n_rounds=7):
    clips = make_chord_clips(n_clips=8, random_state=0)
    spectra = SpectrogramExtractor(**CQT, verbose=False)
    net = BLSTMChordRecognizer(
        frame_rate=spectra.frame_rate, max_epochs=1, random_state=0, verbose=False
    ).fit(spectra.transform(clips.data), clips.target)
    times = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "song.ogg")
        song = np.concatenate(clips.data)[: 180 * clips.sample_rate]
        song = np.resize(song, 180 * clips.sample_rate)
        with soundfile.SoundFile(path, "w", clips.sample_rate, channels=2) as file:
            for part in np.array_split(song, 180):  # libsndfile crashes on long ones
                file.write(np.stack([part, part], axis=1))
        for _ in range(n_rounds):
            for name, seconds in _stages(path, spectra, net):
                times.setdefault(name, []).append(seconds)
    medians = {name: statistics.median(own) for name, own in times.items()}
    total = sum(medians.values())
    print("| stage | s | share |\n| --- | --- | --- |")
    for name, seconds in medians.items():
        print(f"| {name} | {seconds:.3f} | {seconds / total:.0%} |")
    print(f"| all | {total:.3f} | |\n")


def _stages(path, spectra, net):
    start = time.perf_counter()
    y, _ = audio.read_audio(path, sample_rate=spectra.sample_rate)
    decoded = time.perf_counter()
    yield "decoding an Ogg Vorbis file", decoded - start
    frames = spectra.transform([y])
    transformed = time.perf_counter()
    yield "constant-Q transform", transformed - decoded
    log_prob = np.log(net.predict_proba(frames)[0])
    predicted = time.perf_counter()
    yield "net", predicted - transformed
    path_of_states = viterbi(log_prob, np.log(net.transition_))
    found = time.perf_counter()
    yield "Viterbi", found - predicted
    labels = net.classes_[path_of_states]
    write_lab(path.with_suffix(".lab"), *frame_intervals(labels, net.frame_rate))
    yield "intervals and file", time.perf_counter() - found


CQT = {
    "kind": "cqt",
    "hop_length": 2048,
    "bins_per_octave": 24,
    "n_bins": 168,
    "log": True,
    "amin": 1e-4,
}
SECTIONS = {"viterbi": measure_viterbi, "lstm": measure_lstm, "song": measure_song}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="all if none")
    chosen = parser.parse_args().sections or list(SECTIONS)
    unknown = sorted(set(chosen) - set(SECTIONS))
    if unknown:
        parser.error(f"no section {unknown[0]!r}; there are {', '.join(SECTIONS)}")
    for section in chosen:
        print(f"## {section}\n")
        SECTIONS[section]()


if __name__ == "__main__":
    main()
