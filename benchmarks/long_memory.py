"""A bit remembered for 100 frames: LSTM and plain recurrent units, both by SGD.

    python benchmarks/long_memory.py --steps 100

The first frame of a sequence says which of two chords it is, weakly noisy frames
follow, and only the last frame has a label. Gradients through a plain recurrent net
with small random weights vanish on the way back (Bengio, Simard and Frasconi 1994);
those through the cells of an LSTM need not (Hochreiter and Schmidhuber 1997). Loops
that begin as rotations help plain units as well, at some learning rates.
"""

import argparse

import numpy as np

from skdeepmir import BLSTMChordRecognizer

CHORDS = ("C:maj", "C:min")


def make_sequences(n_sequences, n_steps, noise, seed):
    """Return sequences, their labels (only the last is known), and that label."""
    rng = np.random.RandomState(seed)
    bits = rng.randint(2, size=n_sequences)
    frames = noise * rng.randn(n_sequences, n_steps, 2).astype(np.float32)
    frames[:, 0, 0] = 2 * bits - 1
    frames[:, :, 1] = 0
    frames[:, 0, 1] = 1  # marks the frame that matters
    answers = np.array(CHORDS)[bits]
    return frames, [["X"] * (n_steps - 1) + [answer] for answer in answers], answers


def main():
    """Print the share of right answers for each cell and learning rate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=100, help="frames of a sequence")
    parser.add_argument("--noise", type=float, default=0.1)
    parser.add_argument("--max-epochs", type=int, default=80)
    parser.add_argument("--rates", type=float, nargs="+", default=[0.03, 0.1, 0.3])
    args = parser.parse_args()
    frames, labels, _ = make_sequences(1000, args.steps, args.noise, seed=0)
    unseen, _, answers = make_sequences(500, args.steps, args.noise, seed=1)
    print(
        "| cell, first weights | "
        + " | ".join(f"rate {rate:g}" for rate in args.rates)
        + " |"
    )
    print("| --- |" + " --- |" * len(args.rates))
    for cell, start in (
        ("lstm", "orthogonal"),
        ("rnn", "uniform"),
        ("rnn", "orthogonal"),
    ):
        shares = []
        for rate in args.rates:
            net = BLSTMChordRecognizer(
                CHORDS,
                cell=cell,
                initialization=start,
                n_units=20,
                n_layers=1,
                bidirectional=False,
                dropout=0,
                excerpt_length=None,
                optimizer="sgd",
                learning_rate=rate,
                batch_size=50,
                max_epochs=args.max_epochs,
                decoder="argmax",
                random_state=0,
                verbose=False,
            ).fit(frames, labels)
            last = [chords[-1] for chords in net.predict(unseen)]
            shares.append(f"{np.mean(last == answers):.3f}")
        print(f"| {cell}, {start} | " + " | ".join(shares) + " |", flush=True)


if __name__ == "__main__":
    main()
