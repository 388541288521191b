"""Learned features beside tuned MFCCs, every choice made on folds inside the folds.

    python benchmarks/tuned_features.py labels.csv --where task=my_task
    python benchmarks/tuned_features.py FOLDER --groups '([^/_]+)_' --unlabelled OTHER

Recordings in the folders after --unlabelled teach the net what sound is like, without
labels; without that option, the training clips of each fold do. Files with the bytes of
a labelled one are left out. The learned pipeline chooses, on four folds of each
training set that split no group, between sparse machines on 8 or 16 levelled log-mel
frames (with and without shifted variants of the training clips), a net that is
fine-tuned on labels, and that of Hamel and Eck (2010). The MFCCs choose their slopes,
statistics and the support vector machine likewise.
"""

import argparse
import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

from _options import add_data_options, load, report
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skdeepmir import (
    AugmentedClassifier,
    BandShifter,
    ClipNormalizer,
    DBNFeatureLearner,
    FrameStacker,
    FrameTransformer,
    MultiTimescalePooler,
    Pipeline,
    SpectrogramExtractor,
    make_pipeline,
)

BASELINE = "MFCC + SVM, tuned"
LONGEST = 216  # frames: 5 s
POOLER = MultiTimescalePooler(("mean", "std", "max"))
SHIFTS = [BandShifter(-1), BandShifter(1)]
SUFFIXES = {".wav", ".flac", ".ogg", ".mp3", ".opus", ".aiff"}


def tuned(pipeline, grid):
    """Return a search that keeps groups whole."""
    return GridSearchCV(pipeline, grid, cv=StratifiedGroupKFold(4))


def tuned_mfcc(cache_dir):
    """Return the strongest MFCC pipeline that inner folds find."""
    pipeline = make_pipeline(
        SpectrogramExtractor("mfcc", amin=1e-6, cache_dir=cache_dir),
        MultiTimescalePooler(),
        StandardScaler(),
        SVC(),
    )
    four = ("mean", "std", "max", "min")
    grid = {
        "spectrogramextractor__deltas": [0, 1],
        "multitimescalepooler__functions": [four, (*four, "median")],
        "svc__C": [1, 10, 100],
        "svc__gamma": [0.001, 0.003, 0.01],
    }
    return tuned(pipeline, grid)


def sparse_machine(n_frames, n_components, n_units):
    """Return features of some frames side by side, learned without labels."""
    learner = DBNFeatureLearner(
        (n_units,),
        sparsity_target=0.05,
        sparsity_cost=3.0,
        learning_rate=0.003,
        max_epochs=5,
        finetune_epochs=0,
        random_state=0,
        verbose=False,
    )
    whiten = FrameTransformer(PCA(n_components, whiten=True, random_state=0))
    return make_pipeline(FrameStacker(n_frames), whiten, learner)


def fine_tuned(sizes, max_epochs, finetune_epochs):
    """Return a net whose layers are all fine-tuned on labels."""
    return DBNFeatureLearner(
        sizes,
        layers="all",
        max_epochs=max_epochs,
        finetune_epochs=finetune_epochs,
        random_state=0,
        verbose=False,
    )


def tuned_features(cache_dir, unlabelled, n_units, scratch):
    """Return the learned pipeline, pre-trained on unlabelled files if there are any.

    Pooled features are kept in the folder ``scratch`` while their classifier is tuned.
    """
    log_mel = SpectrogramExtractor(
        "log_mel", n_mels=64, n_fft=1024, amin=1e-6, cache_dir=cache_dir
    )
    machines = [sparse_machine(8, 120, n_units), sparse_machine(16, 200, n_units)]
    if unlabelled:
        frames = ClipNormalizer().fit_transform(log_mel.fit_transform(unlabelled))
        # Five seconds of each, so that long recordings are not all that is learned,
        # and every fourth frame of these.
        frames = [clip[:LONGEST] for clip in frames]
        for machine in machines:
            machine.set_params(framestacker__hop=4).fit(frames)
            machine.set_params(framestacker__hop=1)
        machines = [FrozenEstimator(machine) for machine in machines]
    spectra = SpectrogramExtractor(
        "magnitude", n_fft=1024, hop_length=1024, center=False, cache_dir=cache_dir
    )
    classifier = Pipeline(
        [
            ("features", Pipeline([("learn", machines[0]), ("pool", POOLER)])),
            ("scale", StandardScaler()),
            ("svc", SVC(C=10)),
        ],
        memory=scratch,
    )
    pipeline = Pipeline(
        [
            ("frames", log_mel),
            ("level", ClipNormalizer()),
            ("classify", AugmentedClassifier(classifier, [])),
        ]
    )
    learn = "classify__estimator__features__learn"
    components = FrameTransformer(PCA(40, whiten=True, random_state=0))
    grid = [
        {
            learn: machines,
            "classify__estimator__svc__gamma": [5e-5, 1.5e-4],
            "classify__variants": [[], SHIFTS],
        },
        {learn: [make_pipeline(components, fine_tuned((100, 100), 5, 10))]},
        {
            "frames": [spectra],
            "level": ["passthrough"],
            learn: [fine_tuned((50, 50, 50), 5, 50)],
        },
    ]
    return tuned(pipeline, grid)


def audio_files(folders, but):
    """Return the recordings in folders whose bytes are not those of others."""

    def digest(path):
        return hashlib.sha256(Path(path).read_bytes()).digest()

    known = {digest(path) for path in but} if folders else set()
    files = [path for folder in folders for path in sorted(Path(folder).rglob("*"))]
    audio = [path for path in files if path.suffix.lower() in SUFFIXES]
    return [path for path in audio if digest(path) not in known]


def main():
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_options(parser)
    parser.add_argument(
        "--unlabelled",
        nargs="*",
        default=[],
        metavar="FOLDER",
        help="recordings to learn from without labels",
    )
    parser.add_argument("--n-units", type=int, default=1000, help="of sparse machines")
    args = parser.parse_args()
    clips = load(args)
    files = audio_files(args.unlabelled, clips.data if args.source else [])
    with TemporaryDirectory() as scratch:
        learned = tuned_features(args.cache_dir, files, args.n_units, scratch)
        pipelines = {BASELINE: tuned_mfcc(args.cache_dir), "learned, tuned": learned}
        report(clips, pipelines, args, baseline=BASELINE, name="tuned_features")


if __name__ == "__main__":
    main()
