"""Jobs that run in processes of their own, to be killed, and how to start them."""

import contextlib
import json
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path
from pkgutil import iter_modules

import joblib
import numpy as np
import soundfile
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skdeepmir
from skdeepmir import (
    BLSTMChordRecognizer,
    ConvRegressor,
    ConvTagger,
    DropoutMLPClassifier,
    FeatureStore,
    MultiTimescalePooler,
    MultiTimescaleTagger,
    OnsetDetector,
    PianoTranscriber,
    SpectrogramExtractor,
    load,
    save,
)
from skdeepmir._training import _estimator
from skdeepmir._training._checkpoints import Checkpoint

from ._clock import pauses

FITTED = ("weights_", "loss_curve_", "validation_scores_", "n_iter_")
FITTED += ("thresholds_", "threshold_")  # of tags, of onsets
RATE = 22050
NOBODY = 65534  # a user without rights
INTERRUPTED = 130  # the exit code after Ctrl-C
# What the process that forks the others has imported; it never computes anything.
PRELOADED = [
    *("torch", "torch._dynamo", "skorch.callbacks", "librosa", "librosa.filters"),
    *("scipy.signal", "skops.io", "sklearn.model_selection", "numba", "filelock"),
    *("pandas", "matplotlib.pyplot", "mir_eval", "skdeepmir._training._estimator"),
    *(f"skdeepmir.{room.name}" for room in iter_modules(skdeepmir.__path__)),
]


# Processes


def start(job, *args, **options):
    """Start ``job(*args, **options)`` in a process and a process group of its own.

    It is forked from a process that only has imported what jobs need, which takes a
    hundredth of the time that Python and its imports take.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    process = context.Process(target=_run, args=(job, *args), kwargs=options)
    process.start()
    while process.is_alive() and not _leads_a_group(process.pid):
        time.sleep(0.002)
    return process


def _leads_a_group(pid):
    try:
        return os.getpgid(pid) == pid
    except ProcessLookupError:  # it has ended meanwhile
        return True


def _run(job, *args, **options):
    try:
        os.setsid()
        # What a shell starts in the background ignores it, with all its children.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        job(*args, **options)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is done
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def finish(job, *args, **options):
    """Run a job to its end; raise an error unless it ends well."""
    process = start(job, *args, **options)
    end(process)
    if process.exitcode != 0:
        raise RuntimeError(f"{job.__name__}{args} ended with {process.exitcode}.")


def end(process, seconds=120):
    """Wait for a process; raise an error if it hangs."""
    for pause in pauses(seconds):
        process.join(pause)
        if process.exitcode is not None:
            return
    os.killpg(process.pid, signal.SIGKILL)
    raise RuntimeError(f"{process} hangs.")


def interrupt(process, delay, number=signal.SIGKILL, to_group=False):
    """Send a process a signal after a delay; return whether it broke off."""
    process.join(delay)
    if process.exitcode is None:
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            (os.killpg if to_group else os.kill)(process.pid, number)
        end(process)
    if process.exitcode not in (0, -signal.SIGKILL, INTERRUPTED):
        raise RuntimeError(f"{process} ended with {process.exitcode}.")
    return process.exitcode != 0


def members(group):
    """Return the processes of a group that are alive."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended
            name, rest = path.read_text().rsplit(")", 1)
            state, _, of_group = rest.split()[:3]
            if int(of_group) == group and state != "Z":
                found.append(name)
    return found


# The log


def note(folder, *words):
    """Append a line to the log of a folder, at once and whole."""
    line = " ".join(map(str, words)) + "\n"
    log = os.open(Path(folder) / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(log, line.encode())
    os.close(log)


def noted(folder, word):
    """Return the lines of the log that begin with a word, without it."""
    log = Path(folder) / "log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [line.split(" ", 1)[1] for line in lines if line.split(" ", 1)[0] == word]


def die_once(folder):
    """Kill this process, unless another one has died here before."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(Path(folder) / "died", os.O_CREAT | os.O_EXCL))
        os.kill(os.getpid(), signal.SIGKILL)


class Recorder:
    """Let this process note the files it computes and the fits it trains.

    Parameters
    ----------
    folder : Path
        Of the log.
    dies_in : {"file", "fit"} or None
        Where the first process that gets there kills itself.
    """

    installed = None

    def __init__(self, folder, dies_in=None):
        self.folder, self.dies_in = folder, dies_in
        self.fetch, self.train = FeatureStore.fetch, _estimator.train
        self.save, self.n_saved = Checkpoint.save, 0

    @classmethod
    def install(cls, folder, dies_in=None):
        """Begin to note, once in each process."""
        if cls.installed is not None:
            return
        recorder = cls.installed = cls(folder, dies_in)
        FeatureStore.fetch = lambda *args: recorder.noting_fetch(*args)
        _estimator.train = recorder.noting_train
        Checkpoint.save = lambda *args: recorder.noting_save(*args)

    def noting_fetch(self, store, path, key, compute):
        def noting():
            note(self.folder, "file", Path(path).name)
            for block in compute():
                yield block
                if self.dies_in == "file":
                    die_once(self.folder)

        return self.fetch(store, path, key, noting)

    def noting_train(self, settings, module, *args, **options):
        note(self.folder, "fit", options["checkpoint"]._path.name)
        return self.train(settings, module, *args, **options)

    def noting_save(self, checkpoint, state):
        self.save(checkpoint, state)
        self.n_saved += 1
        note(self.folder, "epoch", checkpoint._path.name, state["progress"]["n_epochs"])
        if self.dies_in == "fit" and self.n_saved == 3:
            die_once(self.folder)


class Watch(TransformerMixin, BaseEstimator):
    """First step of a pipeline: has the process record what the others do."""

    def __init__(self, folder, dies_in=None):
        self.folder = folder
        self.dies_in = dies_in

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        Recorder.install(self.folder, self.dies_in)
        return X

    def __sklearn_is_fitted__(self):
        return True


# Jobs


def make_files(folder, n_files, seconds=1.0):
    """Write sound files of two kinds; return their paths and labels."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.RandomState(0)
    times = np.arange(int(seconds * RATE)) / RATE
    paths, labels = [], np.arange(n_files) % 2
    for k, label in enumerate(labels):
        pitch = rng.uniform(200, 400) * (1 + label)
        wave = np.sin(2 * np.pi * pitch * times) + 0.5 * rng.randn(len(times))
        path = folder / f"{k}.wav"
        soundfile.write(path, 0.2 * wave, RATE)
        os.utime(path, (1e9, 1e9))  # old enough for its digest to be remembered
        paths.append(str(path))
    return paths, labels


def digest(estimator):
    """Return a hash of what a fit ended with."""
    return joblib.hash([getattr(estimator, name, None) for name in FITTED])


def extract(folder, paths, n_jobs=None):
    """Extract frames; write their hash to ``result``."""
    folder = Path(folder)
    Recorder.install(folder)
    extractor = SpectrogramExtractor(
        "log_mel", cache_dir=folder / "features", n_jobs=n_jobs, verbose=False
    )
    write_result(folder, joblib.hash(extractor.fit_transform(paths)))


def search(
    folder,
    paths,
    labels,
    n_jobs=None,
    *,
    backend="loky",
    dies_in=None,
    disk_limit=None,
    max_epochs=40,
):
    """Search over a grid; write scores and a hash of the best net to ``result``."""
    folder = Path(folder)
    if disk_limit:
        limit_files(disk_limit)
        warnings.simplefilter("ignore")
    pipeline = make_pipeline(
        "passthrough" if disk_limit else Watch(folder, dies_in),
        SpectrogramExtractor("mfcc", cache_dir=folder / "features", verbose=False),
        MultiTimescalePooler(("median",)),  # needs no compiler
        StandardScaler(),
        DropoutMLPClassifier(
            (32, 16),
            batch_size=4,
            max_epochs=max_epochs,
            checkpoint_dir=folder / "fits",
            random_state=0,
            verbose=False,
        ),
    )
    grid = {"dropoutmlpclassifier__dropout": [0.2, 0.5]}
    searched = GridSearchCV(pipeline, grid, cv=3, n_jobs=n_jobs)
    with contextlib.ExitStack() as stack:
        if backend == "dask":
            import distributed

            cluster = distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=None
            )
            stack.enter_context(cluster)
            client = stack.enter_context(distributed.Client(cluster))

            class Recording(distributed.WorkerPlugin):
                """Have workers note what they do that were restarted, too.

                Dask spreads what a task itself runs in parallel over all workers, also
                over those that were never given a step that would see to it.
                """

                def setup(self, worker):
                    Recorder.install(folder, dies_in)

            client.register_plugin(Recording())
            stack.enter_context(joblib.parallel_config("dask"))
        try:
            searched.fit(paths, labels)
        except joblib.externals.loky.process_executor.TerminatedWorkerError:
            note(folder, "error", "TerminatedWorkerError")
            return
        if n_jobs and backend == "loky":  # a process waits for its children
            joblib.externals.loky.get_reusable_executor().shutdown(kill_workers=True)
    scores = [searched.cv_results_[f"split{k}_test_score"].tolist() for k in range(3)]
    write_result(folder, [scores, digest(searched.best_estimator_[-1])])


def limit_files(n_bytes):
    """Let this process write no larger files, as if the disk were full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, resource.RLIM_INFINITY))


def write_result(folder, result):
    """Write the result of a job."""
    limit_files(resource.RLIM_INFINITY)
    path = Path(folder) / "result"
    path.write_text(json.dumps(result))


def result_of(folder):
    """Return what a job wrote, None if it did not end."""
    path = Path(folder) / "result"
    return json.loads(path.read_text()) if path.exists() else None


def make_net(name, seed, **parameters):
    """Return a small net with clips and labels to fit it to."""
    rng = np.random.RandomState(100 + seed)
    clips = [rng.randn(rng.randint(20, 30), 6).astype(np.float32) for _ in range(16)]
    y = np.arange(16) % 2
    common = {"max_epochs": 12, "random_state": seed, "verbose": False, **parameters}
    if name == "DropoutMLPClassifier":
        net = DropoutMLPClassifier((12, 8), batch_size=64, **common)
    elif name == "ConvTagger":
        net = ConvTagger((4, 4), excerpt_length=16, batch_size=8, **common)
        y = np.stack([y, np.arange(16) % 3 == 0], axis=1).astype(int)
    elif name == "ConvRegressor":
        net = ConvRegressor((4, 4), excerpt_length=16, batch_size=8, **common)
        y = y + 0.1 * rng.randn(16)
    elif name == "MultiTimescaleTagger":
        net = MultiTimescaleTagger(windows=[1, 4], n_units=8, batch_size=8, **common)
    elif name == "OnsetDetector":
        net = OnsetDetector("rnn", n_units=4, frame_rate=10.0, batch_size=8, **common)
        y = [np.sort(rng.uniform(0, len(clip) / 10, 4)) for clip in clips]
    elif name == "PianoTranscriber":
        net = PianoTranscriber("svm", frame_rate=10.0, batch_size=8, **common)
        y = [[(t, t + 0.5, 60 + k)] for k, t in enumerate(rng.uniform(0, 1.4, 16))]
    else:
        net = BLSTMChordRecognizer(n_units=4, n_layers=1, batch_size=8, **common)
        chords = ["C:maj", "A:min", "G:maj"]
        y = [[chords[k] for k in rng.randint(3, size=len(clip))] for clip in clips]
    return net, clips, y


NETS = (
    "DropoutMLPClassifier",
    "ConvTagger",
    "BLSTMChordRecognizer",
    "MultiTimescaleTagger",
    "ConvRegressor",
    "OnsetDetector",
    "PianoTranscriber",
)


def fit(folder, name, seed, parameters, dies_after=None):
    """Fit a net; write a hash of what was learned to ``result``.

    The process kills itself when so many epochs are saved.
    """
    folder = Path(folder)
    net, clips, y = make_net(name, seed, **parameters)
    net.set_params(checkpoint_dir=folder / "fits")
    saving, saved = Checkpoint.save, []

    def save_and_die(checkpoint, state):
        saving(checkpoint, state)
        saved.append(state["progress"]["n_epochs"])
        if len(saved) == dies_after:
            os.kill(os.getpid(), signal.SIGKILL)

    Checkpoint.save = save_and_die
    net.fit(clips, y)
    write_result(folder, {"fitted": digest(net), "epochs": saved})


def read_only(folder, paths, parameters):
    """Use read-only folders; write messages and results to ``result``."""
    folder = Path(folder)
    with tempfile.TemporaryDirectory() as other:  # imports what root alone may read
        SpectrogramExtractor("log_mel", cache_dir=other).transform(paths)
        net, clips, y = make_net("DropoutMLPClassifier", 0, checkpoint_dir=other)
        net.fit(clips, y)
    if os.getuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    Recorder.install(folder)
    extractor = SpectrogramExtractor(
        "log_mel", cache_dir=folder / "features", cache_size=1e-6, verbose=False
    )
    results, messages = [], []
    for part in (paths[:-1], paths):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            results.append(joblib.hash(extractor.fit_transform(part)))
        messages.append([str(w.message) for w in caught])
    for options in parameters:
        net, clips, y = make_net("DropoutMLPClassifier", 0, **options)
        net.set_params(checkpoint_dir=folder / "fits")
        with warnings.catch_warnings(record=True) as caught:
            record_all_but_short_fits()
            results.append(digest(net.fit(clips, y)))
        messages.append([str(w.message) for w in caught])
    write_result(folder, {"results": results, "messages": messages})


def fill_store(folder, path, seed, n_keys, seconds):
    """Fetch all keys of a store in random order; note what is computed or wrong."""
    folder = Path(folder)
    store = FeatureStore(folder / "features")
    warnings.simplefilter("ignore")
    for number in np.random.RandomState(seed).permutation(n_keys):
        number = int(number)

        def compute(number=number):
            note(folder, "computes", number)
            yield np.full((20, 8), number, np.float32)
            time.sleep(seconds)
            yield np.full((20, 8), number, np.float32)

        frames = store.fetch(path, {"number": number}, compute)
        if frames.shape != (40, 8) or not (frames == number).all():
            note(folder, "wrong", number)
    note(folder, "filled", seed)


def write_forever(folder, seed):
    """Save a model and the checkpoints of a fit, again and again, until killed."""
    folder = Path(folder)
    model, clips, y = fitted_model(seed)
    save(model, folder / "model")
    saving = Checkpoint.save

    def save_both(checkpoint, state):
        saving(checkpoint, state)
        save(model, folder / "model")

    Checkpoint.save = save_both
    note(folder, "begins", seed)
    endless_net(folder, seed).fit(clips, y)


def write_to_full_disk(folder, seed, limit):
    """Do so twice where no file gets larger than ``limit`` bytes."""
    folder = Path(folder)
    model, clips, y = fitted_model(seed)
    limit_files(limit)
    try:
        save(model, folder / "model")
    except OSError:
        model_is_refused = True
    else:
        model_is_refused = False
    with warnings.catch_warnings(record=True) as caught:
        record_all_but_short_fits()
        make_net("DropoutMLPClassifier", seed, checkpoint_dir=folder / "fits")[0].fit(
            clips, y
        )
    messages = [str(w.message) for w in caught]
    write_result(folder, {"refused": model_is_refused, "messages": messages})


def record_all_but_short_fits():
    """Record all warnings, but not that a fit of some epochs ends too soon."""
    warnings.simplefilter("always")
    warnings.filterwarnings("ignore", "Training ended after max_epochs")


def fitted_model(seed):
    """Return a fitted net, and what it was fitted to."""
    net, clips, y = make_net("DropoutMLPClassifier", seed, max_epochs=2)
    return net.fit(clips, y), clips, y


def endless_net(folder, seed):
    """Return a net whose fit does not end."""
    parameters = {"max_epochs": 10**6, "checkpoint_dir": folder / "fits"}
    return make_net("DropoutMLPClassifier", seed, **parameters)[0]


def read_back(folder, seed):
    """Read the model and the checkpoint that are there; note the epoch."""
    folder = Path(folder)
    _, clips, y = make_net("DropoutMLPClassifier", seed)
    warnings.simplefilter("error")
    load(folder / "model").predict(clips)

    def stop(settings, module, *args, checkpoint, **options):
        note(folder, "read", checkpoint.state["progress"]["n_epochs"])
        raise KeyboardInterrupt

    _estimator.train = stop
    with contextlib.suppress(KeyboardInterrupt):
        endless_net(folder, seed).fit(clips, y)
