"""Run in a process of its own: loads hostile files, and counts what they set off.

``python _watched.py models FOLDER SEED N_MUTANTS SECONDS`` and ``python _watched.py
stores FOLDER`` print JSON.
"""

import io
import json
import os
import pickle
import subprocess
import sys
import time
import warnings
from contextlib import redirect_stdout
from itertools import chain, islice
from pathlib import Path

import numpy as np

WATCHED = {
    "compile", "ctypes", "exec", "glob", "import", "marshal", "os", "pickle", "shutil",
    "socket", "subprocess", "tempfile", "urllib", "webbrowser",
}  # fmt: skip
RUNNING = {"ctypes", "marshal", "os.exec", "os.posix_spawn", "os.system", "pickle"}
RUNNING |= {"subprocess"}  # what a payload would set off: torch imports and compiles
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
HARMLESS = {"os.listdir", "os.scandir"}


class Watch:
    """Collects the audit events of the blocks that it is entered for."""

    def __init__(self, watched=WATCHED):
        self.watched, self.events, self.is_on = watched, [], False
        sys.addaudithook(self.see)

    def see(self, event, arguments):
        """Keep an event that code from a file could have set off."""
        if not self.is_on or event in HARMLESS:
            return
        # NumPy parses the headers of arrays, without running them.
        parses = event == "compile" and arguments[1] == "<unknown>"
        writes = event == "open" and bool((arguments[2] or 0) & WRITING)
        is_watched = {event, event.split(".")[0]} & self.watched
        if (is_watched and not parses) or (writes and "os" in self.watched):
            self.events.append(f"{event} {str(arguments)[:200]}")

    def __enter__(self):
        self.is_on = True

    def __exit__(self, *_):
        self.is_on = False


def watch_models(folder, seed, n_mutants, seconds):
    """Load models with payloads, and mutants, for so many seconds at most."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from reliability import _hostile_models
    from skdeepmir.persistence import ModelFileError, load

    paths = _hostile_models.save_models(folder)
    models = [path.read_bytes() for path in paths]
    path = folder / "a.skdeepmir"
    counts = dict.fromkeys(["payloads", "misfits", "damaged", "forged"], 0)
    loaded, failed = dict.fromkeys(counts, 0), []
    others = []
    watch = Watch()
    rows = np.random.RandomState(seed).rand(2000, 4)
    clips = [rows[i : i + 3] for i in range(0, 30, 3)]

    def predict(model):
        """Only a crash of the process is wrong: other numbers may mean anything."""
        try:
            model.predict(clips if hasattr(model, "steps") else rows)
        except Exception:  # which is counted
            failed.append(type(model))

    def attempt(kind, name, data):
        path.write_bytes(data)
        counts[kind] += 1
        try:
            with watch:
                model = load(path)
        except ModelFileError:
            return
        except BaseException as error:
            others.append(f"{name}: {type(error).__name__}: {str(error)[:200]}")
        else:
            loaded[kind] += 1
            if kind != "forged":
                others.append(f"{name} was loaded")
            predict(model)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for original in paths:
            load(original)  # imports what is needed
        for _, data in islice(_hostile_models.hostile_models(models[0]), 20):
            path.write_bytes(data)
            try:
                load(path)
            except ModelFileError:
                pass
        for name, data in _hostile_models.hostile_models(models[0]):
            attempt("payloads", name, data)
        for name, data in chain.from_iterable(map(_hostile_models.misfits, paths)):
            attempt("misfits", name, data)
        end = time.monotonic() + seconds
        mutants = _hostile_models.mutants(models, np.random.RandomState(seed))
        for number, (kind, data) in enumerate(mutants):
            if number >= n_mutants or time.monotonic() > end:
                break
            attempt(kind, f"mutant {number}", data)
    return {
        "counts": counts,
        "loaded": loaded,
        "n_predicted": sum(loaded.values()) - len(failed),
        "others": others,
        "events": watch.events[:20],
        "n_events": len(watch.events),
        "is_awake": _is_awake(watch),
    }


def watch_stores(folder):
    """Use a feature store and checkpoints whose files hold payloads."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import hashlib

    from reliability._hostile_models import payloads
    from skdeepmir import DropoutMLPClassifier, FeatureStore

    watch = Watch(RUNNING)
    source = folder / "a.wav"
    source.write_bytes(b"not read")
    os.utime(source, (10**9, 10**9))
    store = FeatureStore(folder / "features")
    features = np.ones((3, 2), dtype=np.float32)
    X, y = np.random.RandomState(0).rand(20, 3), [0, 1] * 10
    fits = folder / "fits"
    net = DropoutMLPClassifier(
        (2,), max_epochs=2, random_state=0, checkpoint_dir=fits, early_stopping=False
    )
    expected = net.fit(X, y).predict_proba(X)
    others, outcomes = [], {"computed again": 0, "refused": 0}

    def use():
        found = store.fetch(source, {"a": 1}, lambda: [features])
        if not np.array_equal(found, features):
            others.append("the store gave other features")
        store.entries()
        outcomes["computed again"] += 1
        try:
            same = np.array_equal(net.fit(X, y).predict_proba(X), expected)
        except (pickle.UnpicklingError, RuntimeError) as error:
            outcomes["refused"] += 1
            if "weights_only" not in str(error) and "archive" not in str(error):
                others.append(f"{type(error).__name__}: {error}")
        else:
            outcomes["computed again"] += same
            if not same:
                others.append("a fit went on from a payload")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        use()
        payload_files = {**payloads(), **_torch_payloads()}
        for content in payload_files.values():
            for is_signed in (False, True):
                for path in [p for p in folder.rglob("*") if p.is_file()]:
                    if path == source or "locks" in path.parts:
                        continue
                    signature = b""
                    if is_signed and path.suffix == ".pt":
                        named = path.name.encode() + content
                        signature = hashlib.sha256(named).digest()
                    path.write_bytes(signature + content)
                    if is_signed and path.suffix == ".features":
                        digest = hashlib.sha256(content).digest()
                        path.write_bytes(content + digest)
                with watch:
                    use()
    return {
        "n_payloads": 2 * len(payload_files),
        "outcomes": outcomes,
        "others": others,
        "events": list(watch.events),
        "is_awake": _is_awake(watch),
    }


def _torch_payloads():
    """Return contents from which torch.load would run code."""
    import torch

    from reliability._hostile_models import Payload

    new, old = io.BytesIO(), io.BytesIO()
    torch.save({"kept": Payload()}, new)
    torch.save({"kept": Payload()}, old, _use_new_zipfile_serialization=False)
    return {"torch": new.getvalue(), "old torch": old.getvalue()}


def _is_awake(watch):
    """Tell whether the hook sees a pickle and a file that is written."""
    n_before = len(watch.events)
    with watch:
        pickle.loads(pickle.dumps(Path("a")))
        subprocess.run([sys.executable, "-c", ""], check=True)
    return len(watch.events) >= n_before + 2


if __name__ == "__main__":
    what, place, *numbers = sys.argv[1:]
    watch = {"models": watch_models, "stores": watch_stores}[what]
    with redirect_stdout(io.StringIO()):
        found = watch(Path(place), *map(int, numbers))
    print(json.dumps(found))
