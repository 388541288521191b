"""Folders, tables and data sets for the tests of loaders."""

import random
from pathlib import Path
from types import SimpleNamespace


def write(folder, *names, text="not empty"):
    """Write files with the same text, and the folders that they are in."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def manifest(folder, text, encoding="utf-8"):
    path = folder / "labels.csv"
    path.write_bytes(text.encode(encoding))
    return path


def relative(paths, folder):
    return [Path(path).relative_to(folder).as_posix() for path in paths]


class Dataset:
    """Has what load_mirdata uses of a mirdata.core.Dataset."""

    name = "tiny"

    def __init__(self, tracks, splits=None):
        self.tracks = tracks
        self.splits = splits

    @property
    def track_ids(self):
        return list(self.tracks)

    def track(self, track_id):
        return self.tracks[track_id]

    def get_track_splits(self):
        random.choice(self.track_ids)  # as mirdata does
        if self.splits is None:
            raise NotImplementedError("no official split")
        return self.splits


def mirdata_set(folder, splits=None, **attributes):
    """Return tracks "a", "b" ... with files, and values of these attributes."""
    tracks = {}
    for key, *values in zip("abcdef", *attributes.values(), strict=False):
        write(folder, f"{key}.wav")
        given = dict(zip(attributes, values, strict=True))
        path = str(folder / f"{key}.wav")
        tracks[key] = SimpleNamespace(track_id=key, audio_path=path, **given)
    return Dataset(tracks, splits)
