"""Published collections of piano recordings with their notes, on disk."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from skdeepmir._errors import check_choice
from skdeepmir.datasets._collections import (
    annotation_bunch,
    describe_parts,
    find_missing,
    split_indices,
)
from skdeepmir.datasets._loaders import list_paths
from skdeepmir.datasets._named_files import (
    Folder,
    files_by_name,
    only_file,
    with_recordings,
)
from skdeepmir.datasets._tables import Table, read_table, read_text
from skdeepmir.datasets._walk import AUDIO_EXTENSIONS

MIDI = (".mid", ".midi")
MAPS_NAME = re.compile(r"MAPS_(ISOL|RAND|UCHO|MUS)[-_](.+)_([A-Za-z0-9]+)")
MAPS_KINDS = ("ISOL", "RAND", "UCHO", "MUS")
REAL_PIANOS = ("ENSTDkAm", "ENSTDkCl")
MAPS_ANNOTATIONS = {"midi": MIDI, "txt": (".txt",)}
MAESTRO_COLUMNS = (
    "canonical_composer",
    "canonical_title",
    "split",
    "midi_filename",
    "audio_filename",
)
PART_OF = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "test": "test",
    "testing": "test",
}


def load_maps(
    folder: str | os.PathLike[str],
    *,
    audio_folder: str | os.PathLike[str] | None = None,
    kinds: Sequence[str] = ("MUS",),
    annotations: str = "midi",
    missing: str = "raise",
) -> Bunch:
    r"""List the recordings of MAPS [1]_: nine pianos, two of which are real.

    Parameters
    ----------
    folder : str or PathLike
        Where the annotations lie, at any depth, as in
        ``ENSTDkCl/MUS/MAPS_MUS-chpn-p19_ENSTDkCl.mid``.
    audio_folder : str or PathLike, default=None
        Where the recordings lie, at any depth; None is ``folder``. They are matched by
        name, whatever the format.
    kinds : list of str, default=("MUS",)
        What to list: "MUS" (pieces, 30 for each piano), "ISOL" (single notes), "RAND"
        (random chords), "UCHO" (usual chords).
    annotations : {"midi", "txt"}, default="midi"
        Which of the two annotations of each recording is the target: MIDI has
        velocities and the pedal, text only onset, offset and pitch.
    missing : {"raise", "drop"}, default="raise"
        Whether annotations without a recording are an error, or are left out with a
        warning.

    Returns
    -------
    bunch : Bunch
        - data : ndarray of shape (n_clips,), dtype=object. Paths of recordings, in the
          order of the annotations' paths.
        - target : ndarray of shape (n_clips,), dtype=object. Paths of their notes,
          which estimators, metrics and :func:`~skdeepmir.notes.read_notes` take.
        - groups, titles : ndarray of shape (n_clips,), dtype=object. The pieces, such
          as "chpn-p19": some are played by several pianos.
        - instruments : ndarray of shape (n_clips,). The pianos, such as "ENSTDkCl".
        - kinds : ndarray of shape (n_clips,). "MUS" and so on.
        - folds : None.
        - splits : dict of str to ndarray of int. Indices of the clips in "train" and
          "test", as in [2]_: the two real pianos (ENSTDkAm, ENSTDkCl) are tested on,
          and of the seven others those pieces are trained on that the real ones do not
          play. "valid" is empty.
        - DESCR : str.

    Raises
    ------
    ValueError
        If there are no annotations of these kinds, one has no recording, or several
        files have the same name.

    Warns
    -----
    UserWarning
        If ``missing="drop"`` leaves clips out, with their number.
        If a link below a folder is broken or leads back to a folder above it, or a
        folder cannot be read or has several names, of which one counts.

    See Also
    --------
    load_maestro, load_poliner_ellis : Other collections.
    make_piano_clips : Synthetic clips.

    Notes
    -----
    Nam et al. [3]_ train on Poliner and Ellis's set and test on MAPS as well, or train,
    validate and test within MAPS, all nine pianos mixed. Their lists of pieces are not
    published, so that they are not among ``splits``: results by these cannot be
    compared with theirs.

    References
    ----------
    .. [1] V. Emiya, R. Badeau and B. David, "Multipitch estimation of piano sounds
       using a new probabilistic spectral smoothness principle", IEEE TASLP 18(6), 2010.
    .. [2] C. Hawthorne et al., "Onsets and frames: Dual-objective piano transcription",
       ISMIR 2018.
    .. [3] J. Nam, J. Ngiam, H. Lee and M. Slaney, "A classification-based polyphonic
       piano transcription approach using learned feature representations", ISMIR 2011.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from skdeepmir.datasets import load_maps
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for piano, piece in (
    ...         ("AkPnBcht", "bk_xmas1"),
    ...         ("AkPnBcht", "chpn-p19"),
    ...         ("ENSTDkCl", "chpn-p19"),
    ...     ):
    ...         for ending in ("mid", "wav"):
    ...             name = f"{piano}/MUS/MAPS_MUS-{piece}_{piano}.{ending}"
    ...             path = pathlib.Path(folder, name)
    ...             path.parent.mkdir(parents=True, exist_ok=True)
    ...             path.touch()
    ...     bunch = load_maps(folder)
    >>> bunch.groups
    array(['bk_xmas1', 'chpn-p19', 'chpn-p19'], dtype=object)
    >>> bunch.splits["train"], bunch.splits["test"]
    (array([0]), array([2]))
    """
    if isinstance(kinds, str) or not len(kinds):
        raise ValueError(
            f"kinds={kinds!r} is not a list of kinds; expected one or more of "
            f"{', '.join(map(repr, MAPS_KINDS))}, such as kinds=['MUS']."
        )
    for kind in kinds:
        check_choice("kinds", kind, MAPS_KINDS)
    check_choice("annotations", annotations, MAPS_ANNOTATIONS)
    root, audio = Folder.both(folder, audio_folder)
    suffixes = MAPS_ANNOTATIONS[annotations]
    files = files_by_name(root.find(suffixes), "annotation")
    named = {name: MAPS_NAME.fullmatch(name) for name in files}
    found = {name: match.groups() for name, match in named.items() if match}
    wanted = {name: files[name] for name in found if found[name][0] in kinds}
    if not wanted:
        others = sorted({kind for kind, _, _ in found.values()})
        raise ValueError(
            f"{str(root.path)!a} has no annotations of {', '.join(kinds)}; expected "
            f"files such as 'ENSTDkCl/MUS/MAPS_MUS-chpn-p19_ENSTDkCl{suffixes[0]}' "
            f"below it{(others and f', found those of {others}') or ''}."
        )
    recordings = files_by_name(audio.find(AUDIO_EXTENSIONS), "recording", wanted)
    tested = {
        piece
        for kind, piece, piano in found.values()
        if kind == "MUS" and piano in REAL_PIANOS
    }
    names, data = with_recordings(wanted, recordings, missing)
    rows = [found[name] for name in names]
    parts = np.array(
        [
            "test"
            if piano in REAL_PIANOS
            else ("" if kind == "MUS" and piece in tested else "train")
            for kind, piece, piano in rows
        ]
    )
    pieces = [piece for _, piece, _ in rows]
    return annotation_bunch(
        data=data,
        target=[str(wanted[name]) for name in names],
        groups=pieces,
        titles=pieces,
        description=f"MAPS, {', '.join(kinds)}: {describe_parts(parts)}.",
        kind="notes",
        group="piece",
        instruments=np.array([piano for _, _, piano in rows]),
        kinds=np.array([kind for kind, _, _ in rows]),
        splits=split_indices(parts),
    )


def load_maestro(
    folder: str | os.PathLike[str],
    *,
    audio_folder: str | os.PathLike[str] | None = None,
    missing: str = "raise",
) -> Bunch:
    r"""List the performances of MAESTRO [1]_, with its split.

    Parameters
    ----------
    folder : str or PathLike
        The folder with the table, ``maestro-v3.0.0.csv`` or, without it,
        ``maestro-v3.0.0.json``, or those of another version. Its MIDI files lie beside
        it, as the table names them: ``2018/NAME.midi``.
    audio_folder : str or PathLike, default=None
        Where the recordings lie, as the table names them; None is ``folder``. A
        recording in another format, such as ``2018/NAME.flac``, does as well.
    missing : {"raise", "drop"}, default="raise"
        Whether performances without a recording or MIDI file are an error, or are left
        out with a warning.

    Returns
    -------
    bunch : Bunch
        - data : ndarray of shape (n_clips,), dtype=object. Paths of recordings, in the
          order of the table.
        - target : ndarray of shape (n_clips,), dtype=object. Paths of their notes,
          which estimators, metrics and :func:`~skdeepmir.notes.read_notes` take.
        - groups : ndarray of shape (n_clips,), dtype=object. Composer and title: of
          some works there are several performances.
        - titles, composers : ndarray of shape (n_clips,), dtype=object.
        - folds : None.
        - splits : dict of str to ndarray of int. Indices of the clips in "train",
          "valid" and "test": 962, 137 and 177 in version 3. No work is in two parts.
        - DESCR : str.

    Raises
    ------
    ValueError
        If there is no table or more than one, it lacks a column or names another part,
        a path leads out of the folder, or a file is missing.

    Warns
    -----
    UserWarning
        If ``missing="drop"`` leaves clips out, with their number.

    See Also
    --------
    load_maps, load_poliner_ellis : Other collections.
    make_piano_clips : Synthetic clips.

    References
    ----------
    .. [1] C. Hawthorne et al., "Enabling factorized piano music modeling and generation
       with the MAESTRO dataset", ICLR 2019.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from skdeepmir.datasets import load_maestro
    >>> text = '''canonical_composer,canonical_title,split,year,midi_filename,\
    ... audio_filename,duration
    ... Alban Berg,Sonata Op. 1,train,2018,2018/a.midi,2018/a.wav,698.66
    ... Franz Liszt,Gnomenreigen,test,2018,2018/b.midi,2018/b.wav,180.1
    ... '''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "maestro-v3.0.0.csv").write_text(text)
    ...     pathlib.Path(folder, "2018").mkdir()
    ...     for name in ("a.midi", "a.wav", "b.midi", "b.wav"):
    ...         pathlib.Path(folder, "2018", name).touch()
    ...     bunch = load_maestro(folder)
    >>> bunch.groups[0], bunch.splits["test"]
    ('Alban Berg: Sonata Op. 1', array([1]))
    """
    check_choice("missing", missing, ("raise", "drop"))
    root, audio = Folder.both(folder, audio_folder)
    table = _maestro_table(root)
    parts = table.column("split")
    for row, part in enumerate(parts):
        if part not in ("train", "validation", "test"):
            raise ValueError(
                f"{table.at(row)} has the split {part!a}; expected 'train', "
                "'validation' or 'test'."
            )
    table.rows_by(table.column("audio_filename"), "the recording")
    notes = list_paths(root.path, table.raw_column("midi_filename"), source=table.name)
    data = list_paths(audio.path, table.raw_column("audio_filename"), source=table.name)
    data = np.array([_in_any_format(path) for path in data], dtype=object)
    heard = find_missing(data, missing, "Pass audio_folder= if they lie elsewhere.")
    kept = np.flatnonzero(heard)
    annotated = find_missing(
        notes[kept], missing, "They belong beside the table.", "MIDI"
    )
    kept = kept[annotated]
    composers = table.column("canonical_composer")
    titles = table.column("canonical_title")
    part_of = np.array([PART_OF[parts[i]] for i in kept])
    return annotation_bunch(
        data=data[kept],
        target=list(notes[kept]),
        groups=[f"{composers[i]}: {titles[i]}" for i in kept],
        titles=[titles[i] for i in kept],
        description=f"MAESTRO: {describe_parts(part_of)}.",
        kind="notes",
        group="work",
        composers=np.array([composers[i] for i in kept], dtype=object),
        splits=split_indices(part_of),
    )


def _maestro_table(root: Folder) -> Table:
    for suffix in (".csv", ".json"):
        tables = [
            path
            for path in root.path.glob(f"maestro-v*{suffix}")
            if not path.name.startswith(".")
        ]
        if tables:
            path = only_file(tables, "the table of MAESTRO")
            if suffix == ".csv":
                return read_table(path, MAESTRO_COLUMNS, source="MAESTRO")
            return _read_json(path)
    raise ValueError(
        f"{str(root.path)!a} has no table of MAESTRO; expected 'maestro-v3.0.0.csv' or "
        "'maestro-v3.0.0.json' in it."
    )


def _read_json(path: Path) -> Table:
    """Return the table of a JSON file: columns, as of version 2 on, or rows."""
    expected = "expected an object with a column of values for each name, or a list"
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{str(path)!a} is not valid JSON ({error}).") from error
    rows = content
    if isinstance(content, dict):
        columns = [v for v in content.values() if isinstance(v, dict)]
        if len(columns) != len(content) or len({tuple(c) for c in columns}) > 1:
            raise ValueError(f"{str(path)!a}: {expected} of performances.")
        keys = list(columns[0]) if columns else []
        rows = [{name: content[name][key] for name in content} for key in keys]
    if not (isinstance(rows, list) and rows and all(isinstance(r, dict) for r in rows)):
        raise ValueError(f"{str(path)!a}: {expected} of performances.")
    header = list(rows[0])
    table = Table(
        f"{str(path)!a}",
        header,
        [[str(row.get(name, "")) for name in header] for row in rows],
        list(range(len(rows))),
        unit="performance",
    )
    table.check_columns(MAESTRO_COLUMNS)
    return table


def _in_any_format(path: str) -> str:
    """Return the path of a recording, if need be with another extension."""
    stem = os.path.splitext(path)[0]
    others = [f"{stem}{extension}" for extension in AUDIO_EXTENSIONS]
    return next((p for p in (path, *others) if os.path.isfile(p)), path)


def load_poliner_ellis(
    folder: str | os.PathLike[str],
    *,
    audio_folder: str | os.PathLike[str] | None = None,
    missing: str = "raise",
) -> Bunch:
    """List the recordings of Poliner and Ellis's set [1]_ with their MIDI files.

    Any folder with recordings and MIDI files of the same names will do.

    Parameters
    ----------
    folder : str or PathLike
        Where the MIDI files lie, at any depth.
    audio_folder : str or PathLike, default=None
        Where the recordings lie, at any depth; None is ``folder``. They are matched by
        name or, where a name occurs in several folders, by folder and name.
    missing : {"raise", "drop"}, default="raise"
        Whether MIDI files without a recording are an error, or are left out with a
        warning.

    Returns
    -------
    bunch : Bunch
        - data : ndarray of shape (n_clips,), dtype=object. Paths of recordings, in the
          order of the MIDI files' paths.
        - target : ndarray of shape (n_clips,), dtype=object. Paths of their notes,
          which estimators, metrics and :func:`~skdeepmir.notes.read_notes` take.
        - groups, titles : ndarray of shape (n_clips,), dtype=object. Names of the
          files.
        - folds : None.
        - splits : dict of str to ndarray of int, or None. Indices of the clips in
          folders named "train", "valid" (or "validation") and "test"; None if there is
          no such folder.
        - DESCR : str.

    Raises
    ------
    ValueError
        If there are no MIDI files, one has no recording, or several files have the same
        name in the same folder.

    Warns
    -----
    UserWarning
        If ``missing="drop"`` leaves clips out, with their number.
        If a link below a folder is broken or leads back to a folder above it, or a
        folder cannot be read or has several names, of which one counts.

    See Also
    --------
    load_maps, load_maestro : Other collections.
    make_piano_clips : Synthetic clips.

    Notes
    -----
    The set has 124 synthesised pieces and 29 recordings of a player piano. Which of
    them were trained on, validated and tested on is not known to this loader: it takes
    what the folders say.

    References
    ----------
    .. [1] G. E. Poliner and D. P. W. Ellis, "A discriminative model for polyphonic
       piano transcription", EURASIP Journal on Advances in Signal Processing, 2007.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from skdeepmir.datasets import load_poliner_ellis
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("train/a.mid", "train/a.wav", "test/b.mid", "test/b.wav"):
    ...         path = pathlib.Path(folder, name)
    ...         path.parent.mkdir(exist_ok=True)
    ...         path.touch()
    ...     bunch = load_poliner_ellis(folder)
    >>> bunch.titles, bunch.splits["train"]
    (array(['b', 'a'], dtype=object), array([1]))
    """
    root, audio = Folder.both(folder, audio_folder)
    midi = root.find(MIDI)
    if not midi:
        raise ValueError(
            f"{str(root.path)!a} has no MIDI files; expected files such as "
            "'train/NAME.mid' below it."
        )
    is_unique = len({path.stem for path in midi}) == len(midi)
    annotations = files_by_name(
        midi, "MIDI file", below=None if is_unique else root.path
    )
    recordings = files_by_name(
        audio.find(AUDIO_EXTENSIONS),
        "recording",
        annotations,
        below=None if is_unique else audio.path,
    )
    names, data = with_recordings(annotations, recordings, missing)
    paths = [annotations[name] for name in names]
    parts = np.array([_part(path.relative_to(root.path)) for path in paths])
    return annotation_bunch(
        data=data,
        target=[str(path) for path in paths],
        groups=[path.stem for path in paths],
        titles=[path.stem for path in paths],
        description="Poliner and Ellis's set of piano recordings.",
        kind="notes",
        group="piece",
        splits=split_indices(parts) if np.any(parts != "") else None,
    )


def _part(path: Path) -> str:
    """Return the part that a folder above a file stands for, "" if none does."""
    names = (parent.casefold() for parent in path.parts[:-1])
    return next((PART_OF[name] for name in names if name in PART_OF), "")
