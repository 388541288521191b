"""Archives and tables that try to read or write outside, or to fill the disk."""

import bz2
import csv
import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile

from skdeepmir.datasets import load_gtzan, load_magnatagatune, load_manifest
from skdeepmir.datasets import load_mtg_jamendo as load_jamendo

MAX_BYTES, MAX_FILES = 1_000_000, 100  # what they are extracted with
BOMB = bytes(3 * MAX_BYTES)
LINK = tarfile.SYMTYPE


def hostile_archives():
    """Return (content, what the error says) by name."""
    return {**_zips(), **_tars()}


def _zips():
    plain = make_zip({"good.txt": b"good", "b?.txt": b"b"})
    kinds = {
        "link": stat.S_IFLNK,
        "device": stat.S_IFCHR,
        "fifo": stat.S_IFIFO,
    }
    damaged = bytearray(make_zip({"a.txt": b"0123456789" * 9}))
    damaged[38] ^= 1
    renamed = plain.replace(b"good.txt", b"evil.txt", 1)  # unlike in the directory
    return {
        "zip, ..": (make_zip({"../out.txt": b""}), "outside the folder"),
        "zip, .. inside": (make_zip({"a/../../out.txt": b""}), "outside the folder"),
        "zip, folder ..": (make_zip({"../out/": b""}), "outside the folder"),
        "zip, absolute": (make_zip({"/tmp/out.txt": b""}), "absolute name"),
        "zip, drive": (make_zip({"C:/out.txt": b""}), "absolute name"),
        "zip, drive only": (make_zip({"C:out.txt": b""}), "absolute name"),
        "zip, colon": (make_zip({"sub/C:evil.txt": b""}), "colon in its name"),
        "zip, colon and ..": (make_zip({"x/c:../y": b""}), "colon in its name"),
        "zip, dot": (make_zip({"a./b": b""}), "ends with a dot or a space"),
        "zip, space": (make_zip({"a/.. /b": b""}), "ends with a dot or a space"),
        "zip, backslash": (make_zip({"..\\out.txt": b""}), "backslash"),
        "zip, NUL": (plain.replace(b"b?.txt", b"b\0.txt"), r"b\\x00.*control char"),
        "zip, escape": (make_zip({"red\x1b[31m": b""}), r"red\\x1b.*control char"),
        "zip, new line": (make_zip({"a\nb": b""}), "control characters"),
        "zip, CON": (make_zip({"a/con.tar.gz": b""}), "device on Windows"),
        "zip, LPT1": (make_zip({"lpt1/x": b""}), "device on Windows"),
        "zip, no name": (make_zip({"a//b": b""}), "empty name"),
        "zip, long name": (make_zip({"n" * 300: b""}), "too long a name"),
        "zip, deep": (make_zip({"n/" * 900 + "x": b""}), "too long a name"),
        "zip, twice": (make_zip([("a", b"1"), ("a", b"2")]), "'a' comes twice"),
        "zip, file as folder": (make_zip({"a": b"", "a/b": b""}), "file and a folder"),
        "zip, .": (make_zip({".": b""}), "file and a folder"),
        "zip, empty": (make_zip({}), "it has no files"),
        "zip, password": (_with_flag(plain), "needs a password"),
        "zip, LZMA": (make_zip({"a": BOMB}, zipfile.ZIP_LZMA), "expected deflate"),
        "zip, bzip2": (make_zip({"a": BOMB}, zipfile.ZIP_BZIP2), "expected deflate"),
        "zip, bomb": (make_zip({"a": BOMB}), "may be a bomb"),
        "zip, bombs": (make_zip({f"{i}": BOMB[:40_000] for i in range(60)}), "bomb"),
        "zip, files": (make_zip({f"{i}": b"" for i in range(101)}), "max_files=100"),
        "zip, size": (_with_size(make_zip({"a": BOMB}), 10), "damaged"),
        "zip, damaged": (bytes(damaged), "damaged"),
        "zip, renamed": (renamed, "damaged"),
        "zip, cut": (plain[:-30], "damaged"),
        **{
            f"zip, {kind}": (make_zip({"a": b"/etc/passwd"}, mode=mode), "a link or a")
            for kind, mode in kinds.items()
        },
    }


def _tars():
    good = make_tar([("good.txt", b"good")])
    two = make_tar([("a.txt", b"a"), ("b.txt", b"b")])
    damaged = bytearray(two)
    damaged[1024 + 150] ^= 1  # the checksum of the second header
    packed = gzip.compress(two)
    through = [("a", LINK, ".."), ("a/out.txt", b"")]
    huge = make_tar([("a", b"")], {"comment": "x" * (2 << 20)})
    sparse = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1"}
    sparse |= {"GNU.sparse.size": "9" * 12, "GNU.sparse.map": "0,1"}
    return {
        "tar, ..": (make_tar([("../out.txt", b"")]), "outside the folder"),
        "tar, absolute": (make_tar([("/tmp/out.txt", b"")]), "absolute name"),
        "tar, folder ..": (make_tar([("a/../..", tarfile.DIRTYPE, "")]), "outside"),
        "tar, link": (make_tar([("a", LINK, "/etc/passwd")]), "link or a device"),
        "tar, through a link": (make_tar(through), "link or a device"),
        "tar, hard link": (
            make_tar([("a", tarfile.LNKTYPE, "/etc/passwd")]),
            "link or a device",
        ),
        "tar, device": (make_tar([("a", tarfile.CHRTYPE, "")]), "link or a device"),
        "tar, fifo": (make_tar([("a", tarfile.FIFOTYPE, "")]), "link or a device"),
        "tar, pax NUL": (make_tar([("a", b"")], {"path": "a\0b"}), "control charact"),
        "tar, pax ..": (make_tar([("a", b"")], {"path": "../out"}), "outside the fold"),
        "tar, backslash": (make_tar([("..\\out", b"")]), "backslash"),
        "tar, NUL device": (make_tar([("nul", b"")]), "device on Windows"),
        "tar, twice": (make_tar([("a", b"1"), ("a", b"2")]), "comes twice"),
        "tar, twice, other case of slash": (
            make_tar([("a/b", b"1"), ("a/./b", b"2")]),
            "comes twice",
        ),
        "tar, long header": (huge, "header of"),
        "tar, sparse": (make_tar([("a", b"x")], sparse), "may be a bomb"),
        "tar, gz bomb": (gzip.compress(make_tar([("a", BOMB)])), "may be a bomb"),
        "tar, bz2 bomb": (bz2.compress(make_tar([("a", BOMB)])), "may be a bomb"),
        "tar, xz bomb": (
            lzma.compress(make_tar([("a", BOMB)]), preset=0),
            "may be a bomb",
        ),
        "tar, gz end": (
            gzip.compress(two + bytes(20_000_000), compresslevel=1),
            "may be a bomb",
        ),
        "tar, files": (make_tar([(f"{i}", b"") for i in range(101)]), "max_files=100"),
        "tar, header": (bytes(damaged), "it has no end"),
        "tar, cut": (two[:1300], "damaged"),
        "tar, cut between": (two[:1024], "it has no end"),
        "tar, gz cut": (packed[:-30], "damaged"),
        "tar, gz sum": (packed[:-8] + b"????" + packed[-4:], "damaged"),
        "tar, bz2 noise": (b"BZh9" + good, "damaged"),
        "tar, xz noise": (b"\xfd7zXZ\0" + good, "damaged"),
        "nothing": (b"", "damaged"),
        "tar, zeros": (bytes(10240), "it has no files"),
        "a page": (b"<html>404</html>" * 100, "not a ZIP or tar"),
    }


def make_zip(files, method=zipfile.ZIP_DEFLATED, mode=stat.S_IFREG):
    """Return a ZIP of files by name, or of pairs, with these modes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items() if isinstance(files, dict) else files:
            info = zipfile.ZipInfo(name)
            info.external_attr = (mode | 0o600) << 16
            info.compress_type = method
            if name not in archive.namelist():
                archive.writestr(info, content)
            else:  # zipfile warns
                archive.filelist, kept = [], archive.filelist
                archive.NameToInfo.pop(name)
                archive.writestr(info, content)
                archive.filelist = kept + archive.filelist
    return buffer.getvalue()


def _with_flag(data):
    """Say in the directory that members are encrypted."""
    changed = bytearray(data)
    changed[data.index(b"PK\1\2") + 8] |= 1
    return bytes(changed)


def _with_size(data, size):
    """Say in the directory that a member is smaller."""
    changed = bytearray(data)
    place = data.index(b"PK\1\2") + 24
    changed[place : place + 4] = size.to_bytes(4, "little")
    return bytes(changed)


def make_tar(members, pax=None):
    """Return a tar of (name, content) and (name, type, link)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, *more in members:
            info = tarfile.TarInfo(name)
            info.pax_headers = pax or {}
            if len(more) == 2:
                info.type, info.linkname = more
                archive.addfile(info)
            else:
                info.size = len(more[0])
                archive.addfile(info, io.BytesIO(more[0]))
    return buffer.getvalue()


def hostile_tables(folder):
    """Yield (name, call, what the error says): tables that name files elsewhere."""
    root = folder / "root"
    root.mkdir()
    names = {
        "..": ("../a.wav", "leads out"),
        ".. inside": ("a/../../b.wav", "leads out"),
        "absolute": ("/etc/passwd", "leads out"),
        "drive": ("C:\\a.wav", "absolute path of Windows"),
        "share": ("\\\\host\\a.wav", "absolute path of Windows"),
        "backslashes": ("..\\a.wav", "leads out"),
        "NUL": ("a\0.wav", "holds a NUL"),
        "none": ("", "line 2 gives no path"),
    }
    if os.name == "nt":
        names["device"] = ("stems/aux.wav", "device on Windows")
    for kind, (name, message) in names.items():
        table = _write_table(folder / f"{len(kind)}{kind}.csv", name)
        yield f"table, {kind}", lambda t=table: load_manifest(t, root=root), message
    table = _write_table(folder / "annotations.csv", "a.wav", "../b.lab")
    yield (
        "table, annotation",
        lambda t=table: load_manifest(t, root=root, annotations="label"),
        "leads out",
    )
    texts = {
        "field": (b"path,label\n" + b"x" * 200_000 + b",a\n", "cell of more than"),
        "encoding": (b"path,label\n\xff\xfe,a\n", "not valid UTF-8"),
        "short row": (b"path,label\na.wav\n", "gives no label"),
    }
    for kind, (text, message) in texts.items():
        (folder / f"{kind}.csv").write_bytes(text)
        path = folder / f"{kind}.csv"
        yield f"table, {kind}", lambda p=path: load_manifest(p), message

    for part in ("train", "valid", "test"):
        (root / f"{part}_filtered.txt").write_text("../x.wav\n")
    (root / "valid_filtered.txt").write_text("blues/y.wav\n")
    (root / "test_filtered.txt").write_text("blues/z.wav\n")
    yield "GTZAN", lambda: load_gtzan(root), "lists of GTZAN lists .*leads out"

    (root / "data/splits/split-0").mkdir(parents=True)
    columns = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\n"
    for i, part in enumerate(("train", "validation", "test")):
        row = f"track_{i}\ta\tb\t../../{i}.mp3\t1\tgenre---rock\n"
        path = root / f"data/splits/split-0/autotagging_top50tags-{part}.tsv"
        path.write_text(columns + row)
    yield "MTG-Jamendo", lambda: load_jamendo(root), "Jamendo lists .*leads out"

    annotations = "clip_id\tguitar\tmp3_path\n1\t1\t0/../../a.mp3\n"
    (root / "annotations_final.csv").write_text(annotations)
    (root / "clip_info_final.csv").write_text("clip_id\tartist\n1\tx\n")
    yield (
        "MagnaTagATune",
        lambda: load_magnatagatune(root, setting="folders"),
        "annotations_final.csv' lists .*leads out",
    )


def _write_table(path, name, label="a"):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([("path", "label"), (name, label)])
    return path
