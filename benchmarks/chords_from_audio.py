"""Chords of one recording: a ``.lab`` file, a list with times, and a picture.

    python benchmarks/chords_from_audio.py SONG
    python benchmarks/chords_from_audio.py SONG --train labels.csv   # path,annotation

Without ``--train`` a bidirectional LSTM learns from synthesised progressions, which
takes some minutes once; annotated recordings of your kind of music teach it better.
The fitted recogniser is kept in ``--model``.
"""

import argparse
import sys
from pathlib import Path

import joblib
import matplotlib
from boulanger_2013_chords import blstm, constant_q

from skdeepmir import load, make_pipeline, save
from skdeepmir.chords import write_lab
from skdeepmir.datasets import load_manifest, make_chord_clips
from skdeepmir.plotting import ChordDisplay


def learn(args):
    """Return a pipeline fitted to a table of recordings, or to synthesised ones."""
    if args.train is None:
        print("Synthesising songs to learn from.", flush=True)
        songs = make_chord_clips(n_clips=80, vocabulary="tetrads", random_state=0)
    else:
        where = dict(pair.split("=", 1) for pair in args.where)
        songs = load_manifest(args.train, where=where, annotations=args.annotations)
    spectra = constant_q()
    net = blstm(spectra, max_epochs=args.max_epochs, verbose=True)
    return make_pipeline(spectra, net).fit(songs.data, songs.target)


def main():
    """Recognise, print, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("song", type=Path)
    parser.add_argument("--train", help="CSV of annotated recordings")
    parser.add_argument("--annotations", default="annotation", help="column of labels")
    parser.add_argument("--where", nargs="*", default=[], metavar="COLUMN=VALUE")
    parser.add_argument("--max-epochs", type=int, default=60)
    parser.add_argument("--model", type=Path, help="default: one in the folder --out")
    parser.add_argument("--out", type=Path, default=Path("results"))
    args = parser.parse_args()
    if not args.song.is_file():
        parser.error(f"there is no file {args.song}")
    args.out.mkdir(parents=True, exist_ok=True)
    table = args.train and str(Path(args.train).resolve())
    key = (table, args.annotations, args.where, args.max_epochs)
    name = joblib.hash(key)[:8]
    model = args.model or args.out / f"chords_{name}.skdeepmir"
    if model.exists():
        print(f"Using the model {model}; delete it to fit again.", file=sys.stderr)
        pipeline = load(model)
    else:
        pipeline = learn(args)
        save(pipeline, model)
    spectra, recognizer = pipeline[0].transform([args.song]), pipeline[-1]
    intervals, labels = recognizer.predict_intervals(spectra)[0]
    for (start, end), label in zip(intervals, labels, strict=True):
        print(f"{start:8.2f} {end:8.2f}  {label}")
    lab = args.out / f"{args.song.stem}.lab"
    write_lab(lab, intervals, labels)
    matplotlib.use("agg")
    picture = lab.with_suffix(".png")
    display = ChordDisplay.from_estimator(recognizer, spectra[0])
    display.figure_.savefig(picture, dpi=150)
    print(f"\nChords, picture and model: {lab}, {picture}, {model}")


if __name__ == "__main__":
    main()
