"""Transcription of piano music beside its peers, on one core.

``transcription.py accuracy FOLDER``: FOLDER holds audio files, each beside its notes in
a ``.tsv``. Piece i of the sorted names is in fold i % 4; each is transcribed once, by a
fit to the other folds. Accuracy and F of frames (of 10 ms) and F of notes (onsets
within 50 ms) are those of all pieces together; p is of the mean difference over pieces,
by flipping signs. Notes are kept in ``--out``, where rows are not made again, so that
they can be made by several runs: ``--systems`` chooses rows. ``--synth N`` is for those
that learn from synthesised pieces, first or only. ``--curve`` has learning curves of
the support vector machines instead.

Settings of the systems of 2011 (units, epochs, sparsity, decay, rates) were chosen on
24 pieces of 15 s of ``make_piano_clips``, all played by one piano of ``render_notes``:
18 to learn from, 6 to judge by. Thresholds and what evidence counts are tuned in each
fit, on training pieces that it holds out: 30 % of them. With the default of 10 %, in a
first run on FOLDER, what was tuned on two pieces did not suit others; so it was on the
synthesised pieces, by which 30 % were chosen. Nothing else has seen scores of FOLDER.

Those of conv_rnn (its defaults) were chosen on the first twelve pieces of one FOLDER, 8
to learn from and 4 to judge by: of that one the others alone are new. Its thresholds,
0.4 so that no piece is held out, suit synthesised pieces that were not learned from.

``transcription.py speed``: from a file of three minutes to a MIDI file, by each net.

``transcription.py epoch``: epochs of "conv_rnn" beside a loop written by hand, on the
same net, for as many excerpts.

``transcription.py viterbi``: ten minutes of 88 notes at 100 frames per second, each on
or off, decoded at once and note by note, by librosa and by the general algorithm.
"""

from _rounds import measure  # first: it pins the threads

import argparse
import copy
import json
import tempfile
import time
from functools import cache
from pathlib import Path

import librosa
import numpy as np
import soundfile
import torch
from sklearn.frozen import FrozenEstimator

from skdeepmir import DBNFeatureLearner, PianoTranscriber, make_piano_pipeline
from skdeepmir.datasets import make_piano_clips
from skdeepmir.decoding import binary_transitions, viterbi, viterbi_binary
from skdeepmir.metrics import frame_accuracy, frame_scores, note_f1
from skdeepmir.model_selection import sign_flip_test
from skdeepmir.nets import PianoNet, SequenceBatch
from skdeepmir.notes import (
    NEAR_OFFSET,
    NEAR_ONSET,
    OFFSET,
    ONSET,
    SOUNDING,
    note_targets,
    read_notes,
    write_notes,
)

N_NOTES = 88
SMOOTHING = {"": None, ", hmm": "hmm"}  # what is added to the name of a row
SPECTRUM, FEATURES = "spectrogram + svm", "features + svm"
MULTI_NOTE = "features, multi-note"
TODAY, FIRST, ONLY = (
    "conv_rnn",
    "conv_rnn, synthesised first",
    "conv_rnn, synthesised only",
)
OF_2011, OF_TODAY = (SPECTRUM, FEATURES, MULTI_NOTE), (TODAY, FIRST, ONLY)
CONV_RNN = {"onset_threshold": 0.4, "frame_threshold": 0.4}
PIECES = {"duration": (10.0, 14.0), "random_state": 0}  # synthesised
QUIET = {"random_state": 0, "verbose": False, "n_threads": 1}
AUDIO = (".wav", ".flac", ".ogg", ".mp3")
EVERY = 2  # windows of 128 ms every 20 ms are enough to learn features from
LEARNER = {"batch_size": 50, "max_epochs": 10, "finetune_epochs": 0}
UNITS = {"features + svm": (1024,), "features, multi-note": (512,)}
COMMON = {
    "validation_fraction": 0.3,  # evidence that is tuned on two pieces suits them alone
    "shift_level": 0.0,
    "batch_size": 2,
}
SVM = {**COMMON, "learning_rate": 1e-2, "max_epochs": 10}
SPECTRUM_DECAY, FEATURES_DECAY = 1e-3, 0.03
MULTI = {**COMMON, "learning_rate": 3e-3, "max_epochs": 20, "dropout": 0.3}


def make_odds(seconds, frame_rate=100):
    """Return the log odds of a classifier of frames, and the true roll."""
    rng = np.random.RandomState(0)
    n_frames = round(seconds * frame_rate)
    is_switched = rng.rand(n_frames, N_NOTES) < 0.01
    roll = np.cumsum(is_switched, axis=0) % 4 == 1
    return 2 * np.where(roll, 1.0, -1.0) + 2 * rng.randn(n_frames, N_NOTES), roll


def measure_viterbi(args):
    odds, roll = make_odds(args.seconds)
    start, on, off = binary_transitions([roll])
    steps = np.array([[1 - on, on], [off, 1 - off]]).transpose(2, 0, 1)

    def at_once():
        return viterbi_binary(odds, p_start=start, p_on=on, p_off=off)

    def by_librosa():
        probability = 1 / (1 + np.exp(-odds.T))
        paths = [
            librosa.sequence.viterbi_binary(p, step, p_state=0.5, p_init=first)
            for p, step, first in zip(probability, steps, start, strict=True)
        ]
        return np.vstack(paths).T

    def note_by_note():
        scores = np.zeros((len(odds), 2))
        paths = []
        for note in range(N_NOTES):
            scores[:, 1] = odds[:, note]
            first = np.log([1 - start[note], start[note]])
            paths.append(viterbi(scores, np.log(steps[note]), first))
        return np.column_stack(paths)

    paths = at_once()
    alone, decoded = np.mean((odds > 0) == roll), np.mean(paths == roll)
    print(f"states that are right: {alone:.4f} by themselves, {decoded:.4f} decoded")
    for other in (by_librosa, note_by_note):
        print(f"states that differ {other.__name__}: {np.sum(other() != paths)}")
    contenders = {
        "viterbi_binary": at_once,
        "librosa, 88 calls": by_librosa,
        "viterbi, 88 calls": note_by_note,
    }
    measure(contenders, n_rounds=args.rounds)


def measure_speed(args):
    torch.set_num_threads(1)
    clips = make_piano_clips(n_clips=3, random_state=0)
    long = make_piano_clips(n_clips=1, duration=180.0, random_state=1)
    pipelines = {
        net: make_piano_pipeline(
            PianoTranscriber(net, max_epochs=3, **QUIET), n_jobs=1, verbose=False
        )
        for net in ("conv_rnn", "multi_note", "svm")
    }
    with tempfile.TemporaryDirectory() as folder:
        song, midi = Path(folder, "song.flac"), Path(folder, "song.mid")
        soundfile.write(song, long.data[0], long.sample_rate)
        files = [Path(folder, f"{i}.flac") for i in range(len(clips.data))]
        for path, clip in zip(files, clips.data, strict=True):
            soundfile.write(path, clip, clips.sample_rate)
        for pipeline in pipelines.values():
            pipeline.fit(files, clips.target)
        contenders = {
            net: lambda pipeline=pipeline: pipeline.to_midi([song], [midi])
            for net, pipeline in pipelines.items()
        }
        print("The song lasts 180,000 ms.\n")
        measure(contenders, n_rounds=args.rounds)


def measure_epoch(args):
    torch.set_num_threads(1)
    clips = make_piano_clips(n_clips=12, duration=10.0, random_state=0)
    pipeline = make_piano_pipeline(verbose=False)
    frames = pipeline[0].fit_transform(clips.data)
    rate, n_epochs = pipeline[0].frame_rate, 3
    still = {"transpose": 0, "shift_level": 0.0, "equalize": 0.0}
    chosen = {"onset_threshold": 0.4, "frame_threshold": 0.4}  # no clip is held out

    def fit(**moved):
        PianoTranscriber(
            max_epochs=n_epochs, frame_rate=rate, **chosen, **moved, **QUIET
        ).fit(frames, clips.target)

    contenders = {
        "by hand": lambda: train_by_hand(frames, clips.target, rate, n_epochs),
        "conv_rnn, nothing moved": lambda: fit(**still),
        "conv_rnn": fit,
    }
    measure(contenders, n_rounds=args.rounds)


def train_by_hand(clips, target, rate, n_epochs, length=160, context=8):
    """Train the net of "conv_rnn" as one would without an estimator."""
    own = PianoTranscriber().get_params()
    rng = np.random.RandomState(0)
    net = PianoNet(
        clips[0].shape[1],
        channels=own["channels"],
        n_units=own["n_units"],
        dropout=own["dropout"],
        generator=torch.Generator().manual_seed(0),
    ).train()
    optimizer = torch.optim.Adam(net.parameters(), lr=own["learning_rate"])
    rows = np.concatenate(clips)
    mean, scale = rows.mean(axis=0), rows.std()
    x = [torch.from_numpy((clip - mean) / scale).float() for clip in clips]
    y = []
    for clip, notes in zip(clips, target, strict=True):
        bits = note_targets(notes, len(clip), rate)
        pairs = ((ONSET, NEAR_ONSET), (SOUNDING, 0), (OFFSET, NEAR_OFFSET))
        heads = [
            np.maximum((bits & sure) > 0, own["near_target"] * ((bits & near) > 0))
            for sure, near in pairs
        ]
        y.append(torch.from_numpy(np.stack(heads, axis=-1)).float())
    weights = torch.tensor([own["onset_weight"], 1.0, own["offset_weight"]])
    parts = np.repeat(np.arange(len(x)), [-(-len(clip) // length) for clip in x])
    size = own["batch_size"]
    for _ in range(n_epochs):
        order = rng.permutation(parts)
        for batch in np.split(order, range(size, len(order), size)):
            starts = [rng.randint(len(x[i]) - length - 2 * context) for i in batch]
            stop = length + 2 * context
            pairs = list(zip(batch, starts, strict=True))
            inputs = torch.stack([x[i][k : k + stop] for i, k in pairs])
            told = torch.stack(
                [y[i][k + context : k + context + length] for i, k in pairs]
            )
            lengths = torch.full((len(batch),), stop)
            logits = net(SequenceBatch(inputs, lengths)).unflatten(2, (-1, 3))
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                logits[:, context:-context], told, weight=weights
            )
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), own["gradient_clipping"])
            optimizer.step()


class Systems:
    """The rows of the table, of which a fold has its own.

    Parameters
    ----------
    files, target : list
        Audio files of all pieces, and their notes.
    args : argparse.Namespace
        Options of the command line.
    """

    def __init__(self, files, target, args):
        self.files, self.target, self.args = files, target, args
        self.learner = cache(self._learn_features)
        self.synthesised = cache(self._fit_synthesised)

    def pipeline(self, net, features=None):
        """Return a transcriber that keeps the features of files."""
        return make_piano_pipeline(
            net, features=features, cache_dir=self.args.cache_dir, verbose=False
        )

    def fit(self, name, train, labelled=None):
        """Return a row fitted to pieces, some of which may have no labels."""
        rows = train if labelled is None else labelled
        X, y = [self.files[i] for i in rows], [self.target[i] for i in rows]
        if name == ONLY:
            return self.synthesised()
        if name == FIRST:
            pipeline = copy.deepcopy(self.synthesised())
            epochs = self.args.tuning_epochs
            pipeline[-1].set_params(warm_start=True, max_epochs=epochs, transpose=3)
            return pipeline.fit(X, y)
        return self._make(name, train).fit(X, y)

    def _make(self, name, train):
        if name == TODAY:
            return self.pipeline(self._today(self.args.max_epochs))
        decay = SPECTRUM_DECAY if name == SPECTRUM else FEATURES_DECAY
        svm = PianoTranscriber("svm", weight_decay=decay, **SVM, **QUIET)
        if name == SPECTRUM:
            return self.pipeline(svm)
        learner = FrozenEstimator(self.learner(tuple(train), UNITS[name]))
        if name == FEATURES:
            return self.pipeline(svm, learner)
        given = {"hidden_layer_sizes": UNITS[name], "pretrained": learner}
        return self.pipeline(PianoTranscriber("multi_note", **given, **MULTI, **QUIET))

    def _learn_features(self, train, sizes):
        """Return features that were learned from pieces without labels."""
        learner = DBNFeatureLearner(sizes, **LEARNER, **QUIET)
        files = [self.files[i] for i in train]
        spectra = self.pipeline("svm")[:2].fit_transform(files)
        return learner.fit([clip[::EVERY] for clip in spectra])

    def _today(self, max_epochs, **options):
        given = {**CONV_RNN, "max_epochs": max_epochs, **options}
        return PianoTranscriber("conv_rnn", **given, **QUIET)

    def _fit_synthesised(self):
        """Return today's net, learned from synthesised pieces."""
        clips = make_piano_clips(n_clips=self.args.synth, **PIECES)
        net = self._today(self.args.synth_epochs, transpose=2)
        return self.pipeline(net).fit(clips.data, clips.target)


def folds_of(files, n_folds):
    """Yield the numbers of the pieces to train and to test on."""
    fold = np.arange(len(files)) % n_folds
    for k in range(n_folds):
        yield np.flatnonzero(fold != k), np.flatnonzero(fold == k)


def read_pieces(folder):
    """Return audio files and the files of their notes."""
    notes = sorted(Path(folder).glob("*.tsv"))
    audio = {p.stem: p for p in Path(folder).iterdir() if p.suffix in AUDIO}
    return [str(audio[p.stem]) for p in notes], notes


def kept_notes(out, name, files):
    """Return the notes that a row has found in each piece, or None."""
    paths = [out / name / f"{Path(file).stem}.tsv" for file in files]
    if not all(path.exists() for path in paths):
        return None
    return [read_notes(path) for path in paths]


def names_of_rows(system):
    """Return the rows that one fit gives."""
    if system in OF_TODAY:
        return {system: None}
    return {system + tail: smoothing for tail, smoothing in SMOOTHING.items()}


def transcribe_folds(system, systems, files, out, n_folds):
    """Keep the notes of each piece, and the seconds that each fold took."""
    seconds = {"fit": 0.0, **dict.fromkeys(names_of_rows(system), 0.0)}
    for train, test in folds_of(files, n_folds):
        start = time.perf_counter()
        pipeline = systems.fit(system, train)
        seconds["fit"] += time.perf_counter() - start
        for name, smoothing in names_of_rows(system).items():
            start = time.perf_counter()
            pipeline[-1].set_params(smoothing=smoothing)
            found = pipeline.predict([files[i] for i in test])
            seconds[name] += time.perf_counter() - start
            (out / name).mkdir(parents=True, exist_ok=True)
            for i, notes in zip(test, found, strict=True):
                write_notes(out / name / f"{Path(files[i]).stem}.tsv", notes)
    for name in names_of_rows(system):
        times = {"fit": seconds["fit"], "predict": seconds[name]}
        (out / name / "seconds.json").write_text(json.dumps(times))


def print_table(target, found, out):
    print("| system | frame accuracy | frame F | note F | fit (s) | predict (s) |")
    print("| --- |" + " --- |" * 5)
    for name, notes in found.items():
        frames = frame_scores(target, notes)
        scores = frames.accuracy, frames.f, note_f1(target, notes)
        times = json.loads((out / name / "seconds.json").read_text())
        cells = [f"{score:.3f}" for score in scores]
        cells += [f"{times[part]:.0f}" for part in ("fit", "predict")]
        print(f"| {name} | {' | '.join(cells)} |")


def print_tests(target, found):
    """Print how rows differ in the scores of single pieces."""
    pairs = [(name + ", hmm", name) for name in OF_2011]
    pairs += [(FEATURES + tail, SPECTRUM + tail) for tail in SMOOTHING]
    pairs += [(MULTI_NOTE + tail, SPECTRUM + tail) for tail in SMOOTHING]
    pairs += [(a, b + tail) for a in OF_TODAY for b in OF_2011 for tail in SMOOTHING]
    print("\n| | and | frame accuracy | p | note F | p |\n| --- |" + " --- |" * 5)
    for pair in pairs:
        if not found.keys() >= set(pair):
            continue
        cells = []
        for score in (frame_accuracy, note_f1):
            a, b = (
                np.array([score([t], [n]) for t, n in zip(target, notes, strict=True)])
                for notes in (found[name] for name in pair)
            )
            test = sign_flip_test((a - b) / len(a))
            cells += [f"{100 * test.difference:+.1f}", f"{test.p_value:.2g}"]
        print(f"| {' | '.join([*pair, *cells])} |")


def measure_accuracy(args):
    files, paths = read_pieces(args.folder)
    target, out = [read_notes(path) for path in paths], Path(args.out)
    systems = Systems(files, target, args)
    if args.curve:
        return print_curve(systems, files, target, args)
    chosen = args.systems or [*OF_2011, TODAY, *([FIRST, ONLY] if args.synth else [])]
    for name in chosen:
        if any(kept_notes(out, row, files) is None for row in names_of_rows(name)):
            transcribe_folds(name, systems, files, out, args.folds)
    rows = [row for name in (*OF_2011, *OF_TODAY) for row in names_of_rows(name)]
    found = {row: kept_notes(out, row, files) for row in rows}
    found = {row: notes for row, notes in found.items() if notes is not None}
    print_table(target, found, out)
    print_tests(target, found)
    return None


def print_curve(systems, files, target, args):
    """Print the frame accuracy after learning from few pieces with labels."""
    names = (SPECTRUM, FEATURES)
    print("| pieces with labels | " + " | ".join(names) + " | gain |")
    print("| --- |" + " --- |" * 3, flush=True)
    for n in args.curve:
        found = {name: [None] * len(files) for name in names}
        for train, test in folds_of(files, args.folds):
            some = np.random.RandomState(0).permutation(train)[:n]
            for name in names:
                pipeline = systems.fit(name, train, labelled=some)
                notes = pipeline.predict([files[i] for i in test])
                for i, of_piece in zip(test, notes, strict=True):
                    found[name][i] = of_piece
        a, b = (100 * frame_accuracy(target, found[name]) for name in names)
        print(f"| {n} | {a:.1f} | {b:.1f} | {b - a:+.1f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sections = parser.add_subparsers(required=True)
    accuracy = sections.add_parser("accuracy")
    accuracy.set_defaults(run=measure_accuracy)
    accuracy.add_argument("folder")
    accuracy.add_argument("--systems", nargs="*", choices=[*OF_2011, *OF_TODAY])
    accuracy.add_argument("--folds", type=int, default=4)
    accuracy.add_argument("--synth", type=int, default=0, metavar="N")
    accuracy.add_argument("--max-epochs", type=int, default=15, help="of conv_rnn")
    accuracy.add_argument("--synth-epochs", type=int, default=6, help="before pieces")
    accuracy.add_argument("--tuning-epochs", type=int, default=10, help="after these")
    accuracy.add_argument("--curve", type=int, nargs="*", help="numbers of pieces")
    accuracy.add_argument("--out", default="results/transcription")
    accuracy.add_argument("--cache-dir", default="results/features")
    for name, run in (("speed", measure_speed), ("epoch", measure_epoch)):
        section = sections.add_parser(name)
        section.set_defaults(run=run)
        section.add_argument("--rounds", type=int, default=5)
    paths = sections.add_parser("viterbi")
    paths.set_defaults(run=measure_viterbi)
    paths.add_argument("--seconds", type=float, default=600.0)
    paths.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
