"""MagnaTagATune, in the three settings in which results are published."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from skdeepmir._disk import user_path
from skdeepmir._errors import check_choice
from skdeepmir._groups import is_missing
from skdeepmir.datasets._collections import (
    PARTS,
    describe_parts,
    find_missing,
    split_indices,
)
from skdeepmir.datasets._loaders import list_paths
from skdeepmir.datasets._tables import read_table, read_text

SOURCE = "https://mirg.city.ac.uk/codeapps/the-magnatagatune-dataset"
N_TAGS = {"top50": 50, "all160": 160, "folders": 50}
# What files of lists are called, and where they come from.
LISTS = {
    "top50": (
        "{part}.npy",
        "https://github.com/minzwon/sota-music-tagging-models/tree/master/split/mtat",
    ),
    "all160": (
        "{part}_160.txt",
        "the authors of the papers that use this split (Hamel et al. 2011, Nam et al. "
        "2015); no public copy is known",
    ),
}
PUBLISHED = {
    "top50": "train 15244, valid 1529, test 4332",
    "all160": "train 14600, valid 1629, test 6499",
    "folders": "folders 0-b, c and d-f",
}
FOLDERS = dict.fromkeys("0123456789ab", "train") | {"c": "valid"}
FOLDERS |= dict.fromkeys("def", "test")
EMPTY = {
    "6/norine_braun-now_and_zen-08-gently-117-146.mp3",
    "8/jacob_heringman-josquin_des_prez_lute_settings-19-gintzler__pater_noster"
    "-204-233.mp3",
    "9/american_baroque-dances_and_suites_of_rameau_and_couperin-25-le_petit_rien"
    "_xiveme_ordre_couperin-88-117.mp3",
}
N_FOLDS = 10
# Spellings, plurals and wordings of one thing, from Choi's list without those that may
# mean another: "electric", "hard rock", "silence", "operatic", "instrumental".
SYNONYMS = {
    "beat": ["beats"],
    "chant": ["chanting"],
    "choir": ["choral"],
    "classical": ["classic", "clasical"],
    "drums": ["drum"],
    "electronic": ["electro", "electronica"],
    "fast": ["fast beat", "quick"],
    "female": [
        "female singer",
        "female singing",
        "female vocal",
        "female vocals",
        "female voice",
        "woman",
        "woman singing",
        "women",
    ],
    "flute": ["flutes"],
    "funk": ["funky"],
    "guitar": ["guitars"],
    "harpsichord": ["harpsicord"],
    "horn": ["horns"],
    "indian": ["india"],
    "jazz": ["jazzy"],
    "male": [
        "male singer",
        "male vocal",
        "male vocals",
        "male voice",
        "man",
        "man singing",
        "men",
    ],
    "metal": ["heavy metal"],
    "no vocals": ["no vocal", "no voice", "no voices", "no singer", "no singing"],
    "orchestra": ["orchestral"],
    "singing": ["singer"],
    "space": ["spacey"],
    "strings": ["string"],
    "synth": ["synthesizer"],
    "violin": ["violins"],
    "vocals": ["vocal", "voice", "voices"],
    "weird": ["strange"],
}


def load_magnatagatune(
    folder: str | os.PathLike[str],
    *,
    setting: str = "top50",
    split: str = "usual",
    merge_synonyms: bool = False,
    audio: str | os.PathLike[str] | None = None,
    missing: str = "raise",
) -> Bunch:
    r"""List MagnaTagATune [1]_: 25,863 clips of 29 seconds with 188 tags.

    Scores of different settings, splits or tags cannot be compared. ``setting``,
    ``split`` and ``DESCR`` of the result say which were chosen.

    Parameters
    ----------
    folder : str or PathLike
        The folder with annotations_final.csv and clip_info_final.csv.
    setting : {"top50", "all160", "folders"}, default="top50"
        Which clips and tags, and their usual split:

        - "top50": the 50 most frequent tags; clips with at least one of them and more
          than 29.1 seconds [2]_. Usually 15,244 / 1,529 / 4,332 clips for training,
          validation and test, from the lists train.npy, valid.npy and test.npy.
        - "all160": the 160 most frequent tags [3]_. Usually 14,600 / 1,629 / 6,499
          clips, from the lists train_160.txt, valid_160.txt and test_160.txt, with the
          path of an mp3 in each line.
        - "folders": the 50 most frequent tags, and all clips, also those without any of
          these tags. Usually split into folders 0 to b, c, and d to f; no lists are
          needed.

        Lists are read from ``folder``.
    split : {"usual", "artist"}, default="usual"
        The usual split of the setting, where most artists in test are in training too;
        or one where no artist is in two parts, about 70, 10 and 20 percent of the
        clips, with nearly the same share of each tag. The latter needs no lists: it has
        the clips with at least one of the tags, or all with "folders". It is always the
        same, but is not in the literature.
    merge_synonyms : bool, default=False
        Whether to merge tags that are variants of one, such as "female vocal",
        "female voice" and "woman" [4]_, before the most frequent are chosen. A clip has
        the merged tag if it has any of the variants.
    audio : str or PathLike, default=None
        The folder that holds the folders 0 to f of mp3s. None is ``folder``.
    missing : {"raise", "drop"}, default="raise"
        Whether clips without a file are an error, or are left out with a warning.

    Returns
    -------
    bunch : Bunch
        - data : ndarray of shape (n_clips,), dtype=object. Paths, in the order of
          annotations_final.csv.
        - target : ndarray of shape (n_clips, n_tags). 0 and 1.
        - target_names : ndarray of str. Tags, the most frequent first.
        - groups : ndarray of shape (n_clips,), dtype=object. Artists.
        - folds : ndarray of shape (n_clips,), dtype=object. Folders "0" to "f".
        - splits : dict of str to ndarray of int. Indices of the clips in "train",
          "valid" and "test".
        - setting, split : str. As given.
        - DESCR : str.

    Raises
    ------
    ValueError
        If a table or list is missing, they do not match, or a clip has no file.

    Warns
    -----
    UserWarning
        If clips are left out because their files are empty, with their names; the
        published archive has three. If ``missing="drop"`` leaves clips out. If a part
        of the split by artist lacks a tag.

    See Also
    --------
    skdeepmir.model_selection.MultilabelStratifiedGroupKFold : Splits the artists.

    Notes
    -----
    Tags are what players of a game agreed on: an absent tag does not mean that the
    sound is absent. Report the area under the precision-recall curve beside that under
    the ROC curve.

    References
    ----------
    .. [1] E. Law, K. West, M. Mandel, M. Bay and J. S. Downie, "Evaluation of
       algorithms using games: The case of music tagging", ISMIR 2009.
    .. [2] J. Lee, J. Park, K. L. Kim and J. Nam, "Sample-level deep convolutional
       neural networks for music auto-tagging using raw waveforms", SMC 2017.
    .. [3] P. Hamel, S. Lemieux, Y. Bengio and D. Eck, "Temporal pooling and multiscale
       learning for automatic annotation and ranking of music audio", ISMIR 2011.
    .. [4] K. Choi, https://github.com/keunwoochoi/magnatagatune-list.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from skdeepmir.datasets import load_magnatagatune
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tags = ["clip_id\tguitar\tbeat\tbeats\tmp3_path"]
    ...     clips = ["clip_id\tartist\tmp3_path"]
    ...     for n, name in enumerate(["0/a.mp3", "c/b.mp3", "f/c.mp3"]):
    ...         tags.append(f"{n}\t1\t0\t{n % 2}\t{name}")
    ...         clips.append(f"{n}\tartist {n}\t{name}")
    ...         path = pathlib.Path(folder, name)
    ...         path.parent.mkdir()
    ...         _ = path.write_text("not empty")
    ...     path = pathlib.Path(folder)
    ...     _ = (path / "annotations_final.csv").write_text("\n".join(tags))
    ...     _ = (path / "clip_info_final.csv").write_text("\n".join(clips))
    ...     bunch = load_magnatagatune(folder, setting="folders", merge_synonyms=True)
    >>> bunch.target_names, bunch.splits["test"]
    (array(['guitar', 'beat'], dtype='<U6'), array([2]))
    >>> bunch.target
    array([[1, 0],
           [1, 1],
           [1, 0]])
    """
    check_choice("setting", setting, N_TAGS)
    check_choice("split", split, ("usual", "artist"))
    root = Path(user_path(folder))
    ids, tags, target, names = _read_annotations(root / "annotations_final.csv")
    artists = _read_artists(root / "clip_info_final.csv", ids)
    if merge_synonyms:
        tags, target = _merge_synonyms(tags, target)
    order = np.argsort(-target.sum(axis=0), kind="stable")[: N_TAGS[setting]]
    tags, target = tags[order], target[:, order]
    if split == "artist":
        chosen = np.logical_or(target.any(axis=1), setting == "folders")
        parts = _artist_parts(target, artists, np.flatnonzero(chosen))
    elif setting == "folders":
        parts = np.array([FOLDERS[name.split("/")[0]] for name in names])
    else:
        parts = _listed_parts(root, setting, names)
    keep = np.flatnonzero(parts != "")
    paths = list_paths(
        root if audio is None else Path(user_path(audio)),
        names,
        source=f"{str(root / 'annotations_final.csv')!a}",
    )
    keep = keep[_has_sound(paths[keep], [names[row] for row in keep])]
    keep = keep[
        find_missing(paths[keep], missing, "Pass audio= with the folder of 0 to f.")
    ]
    if split == "artist":
        _warn_of_absent_tags(tags, target[keep], parts[keep])
    return Bunch(
        data=paths[keep],
        target=target[keep],
        target_names=tags,
        groups=artists[keep],
        folds=np.array([names[row].split("/")[0] for row in keep], dtype=object),
        splits=split_indices(parts[keep]),
        setting=setting,
        split=split,
        DESCR=_describe(
            setting, split, merge_synonyms, tags, parts[keep], artists[keep]
        ),
    )


def _read_annotations(
    path: Path,
) -> tuple[list[str], np.ndarray, np.ndarray, list[str]]:
    """Return clip_ids, tags, 0 or 1 for each clip and tag, and paths of the mp3s."""
    # The cells of a row are counted below, with the values of its tags.
    table = read_table(path, delimiter="\t", source=SOURCE, is_ragged=True)
    header, rows = table.header, table.rows
    if header[0] != "clip_id" or header[-1] != "mp3_path" or len(header) < 3:
        raise ValueError(
            f"{str(path)!a} has columns {header[:3]}...{header[-1:]}; expected "
            "clip_id, the tags and mp3_path, separated by tabs."
        )
    for number, row in zip(table.lines, rows, strict=True):
        fault = _fault(row, len(header))
        if fault:
            raise ValueError(f"{str(path)!a}, line {number} {fault}.")
    # As bytes it takes a quarter of the memory.
    target = np.array([row[1:-1] for row in rows], dtype="S1").astype(int)
    tags = np.array(header[1:-1])
    ids, names = table.column("clip_id"), table.raw_column("mp3_path")
    table.rows_by(ids, "the clip_id")
    table.rows_by(names, "the mp3_path")
    return ids, tags, target, names


def _fault(row: list[str], n_columns: int) -> str:
    if len(row) != n_columns:
        return f"has {len(row)} columns; expected {n_columns}, as in the header"
    if not {"0", "1"}.issuperset(row[1:-1]):
        return "has tags that are neither 0 nor 1"
    if row[-1].split("/")[0] not in FOLDERS or "/" not in row[-1]:
        return f"has mp3_path {row[-1]!a}; expected one in a folder from 0 to f"
    return ""


def _read_artists(path: Path, ids: list[str]) -> np.ndarray:
    # Titles may have quotes in them.
    table = read_table(
        path,
        ("clip_id", "artist"),
        delimiter="\t",
        source=SOURCE,
        is_strict=False,
    )
    artists = table.column("artist")
    row_of = table.rows_by(table.column("clip_id"), "the clip_id")
    artist_of = {key: artists[row] for key, row in row_of.items()}
    unknown = [key for key in ids if is_missing(artist_of.get(key))]
    if unknown:
        raise ValueError(
            f"{str(path)!a} has no artist for {len(unknown)} of {len(ids)} clips of "
            f"annotations_final.csv, such as clip_id {unknown[0]!a}. Download both "
            f"again from {SOURCE}."
        )
    return np.array([artist_of[key] for key in ids], dtype=object)


def _merge_synonyms(
    tags: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    main = {variant: tag for tag, variants in SYNONYMS.items() for variant in variants}
    new_names = [main.get(tag, tag) for tag in tags.tolist()]
    merged = list(dict.fromkeys(new_names))
    column = {tag: number for number, tag in enumerate(merged)}
    new = np.zeros((len(target), len(merged)), dtype=target.dtype)
    for old, tag in enumerate(new_names):
        new[:, column[tag]] |= target[:, old]
    return np.array(merged), new


def _listed_parts(root: Path, setting: str, names: list[str]) -> np.ndarray:
    """Return the part of each clip by the published lists, "" for none."""
    pattern, source = LISTS[setting]
    files = {part: root / pattern.format(part=part) for part in PARTS}
    absent = [path for path in files.values() if not os.path.isfile(path)]
    if absent:
        raise ValueError(
            f"setting={setting!r} with the usual split needs the list "
            f"{str(absent[0])!a}, which is missing; it comes from {source}. "
            "setting='folders' and split='artist' need no lists."
        )
    row_of = {_stem(name): row for row, name in enumerate(names)}
    parts = np.full(len(names), "", dtype="<U5")
    for part, path in files.items():
        for entry in _read_list(path):
            row = row_of.get(_stem(entry))
            if row is None:
                raise ValueError(
                    f"{str(path)!a} lists {entry!a}, which is not in "
                    "annotations_final.csv; expected paths such as 'f/name.mp3'."
                )
            if parts[row] not in ("", part):
                raise ValueError(f"{entry!a} is listed for {parts[row]} and {part}.")
            parts[row] = part
    return parts


def _read_list(path: Path) -> list[str]:
    """Return paths of mp3s; entries may have a number and a tab before."""
    if path.suffix == ".npy":
        try:
            entries = np.load(path, allow_pickle=False).ravel().tolist()
        except ValueError as error:
            raise ValueError(
                f"{str(path)!a} cannot be read as an array of text; expected the file "
                f"of that name from {LISTS['top50'][1]}."
            ) from error
    else:
        entries = read_text(path).split("\n")
    entries = [str(entry).split("\t")[-1].strip() for entry in entries]
    return [entry for entry in entries if entry]


def _stem(name: str) -> str:
    # Lists name the mp3s, or what was computed from them, such as "f/name.npy".
    return name.rpartition(".")[0]


def _artist_parts(
    target: np.ndarray, artists: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Return parts of the clips `rows` that share no artist, "" for other clips."""
    from skdeepmir.model_selection._splitters import MultilabelStratifiedGroupKFold

    n_artists = len(set(artists[rows]))
    if n_artists < N_FOLDS:
        raise ValueError(
            f"split='artist' needs at least {N_FOLDS} artists, but the clips have "
            f"{n_artists}. Use split='usual'."
        )
    parts = np.full(len(target), "", dtype="<U5")
    folds = MultilabelStratifiedGroupKFold(N_FOLDS, shuffle=False)
    with warnings.catch_warnings():
        # It speaks of folds, which aren't seen; we warn of parts.
        message = r".* tags occur in fewer groups than the"
        warnings.filterwarnings("ignore", message, UserWarning)
        tests = [test for _, test in folds.split(rows, target[rows], artists[rows])]
    for part, test in zip(["test"] * 2 + ["valid"] + ["train"] * 7, tests, strict=True):
        parts[rows[test]] = part
    return parts


def _warn_of_absent_tags(
    tags: np.ndarray, target: np.ndarray, parts: np.ndarray
) -> None:
    for part in PARTS:
        absent = tags[~target[parts == part].any(axis=0)]
        if len(absent):
            warnings.warn(
                f"No clip in {part!r} has the tags {absent.tolist()}: too few artists "
                "have them.",
                stacklevel=3,
            )


def _has_sound(paths: np.ndarray, names: list[str]) -> np.ndarray:
    """Return which files are not empty, and warn of those that are."""
    empty = []
    for path, name in zip(paths, names, strict=True):
        size = os.path.getsize(path) if os.path.isfile(path) else None
        # Many copies lack the published empty files.
        empty.append(size == 0 or (size is None and name in EMPTY))
    if any(empty):
        warnings.warn(
            f"{sum(empty)} clips are left out because their files are empty: "
            f"{', '.join(paths[empty])}.",
            stacklevel=3,
        )
    return ~np.array(empty, dtype=bool)


def _describe(
    setting: str,
    split: str,
    merged: bool,
    tags: np.ndarray,
    parts: np.ndarray,
    artists: np.ndarray,
) -> str:
    test = parts == "test"
    shared = set(artists[test]) & set(artists[parts == "train"])
    share = np.isin(artists[test], list(shared)).mean() if test.any() else 0.0
    usual = f" (published: {PUBLISHED[setting]})" if split == "usual" else ""
    return (
        f"MagnaTagATune, setting {setting!r}, split {split!r}: {describe_parts(parts)} "
        f"clips{usual}. {len(tags)} tags{', synonyms merged' if merged else ''}. "
        f"{len(shared)} of {len(set(artists[test]))} artists in test, with "
        f"{100 * share:.1f} % of its clips, are in train too."
    )
