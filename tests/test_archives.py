import functools
import hashlib
import http.server
import os
import shutil
import stat
import threading

import pytest
from reliability._hostile_archives import (
    MAX_BYTES,
    MAX_FILES,
    hostile_archives,
    hostile_tables,
    make_tar,
    make_zip,
)

from skdeepmir.datasets import (
    _archives,
    extract_archive,
    fetch_archive,
    load_manifest,
)

FILES = {"a.txt": b"first", "sub/b.txt": b"second", "sub/é 音.wav": bytes(10_000)}
ARCHIVES = hostile_archives()


def pack(files, suffix):
    if suffix == ".zip":
        return make_zip(files)
    data = make_tar(list(files.items()))
    compress = {
        ".tar": bytes,
        ".tar.gz": _archives.gzip.compress,
        ".tar.bz2": _archives.bz2.compress,
        ".tar.xz": _archives.lzma.compress,
    }
    return compress[suffix](data)


def read_tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "data.zip"
    path.write_bytes(make_zip(FILES))
    return path


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz"])
def test_all_kinds_give_the_files(suffix, tmp_path):
    path = tmp_path / "archive-of-any-name"
    path.write_bytes(pack(FILES, suffix))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    folder = extract_archive(path, tmp_path / "data", sha256=digest.upper())
    assert folder == tmp_path / "data" and read_tree(folder) == FILES
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name, "data"]


def test_folders_and_dots_in_names_are_fine(tmp_path):
    path = tmp_path / "a.tar"
    folder = _archives.tarfile.DIRTYPE
    members = [(".", folder, ""), ("./empty", folder, ""), ("./a/..b..c", b"x")]
    path.write_bytes(make_tar(members))
    extract_archive(path, tmp_path / "data")
    assert (tmp_path / "data" / "empty").is_dir()
    assert read_tree(tmp_path / "data") == {"a/..b..c": b"x"}


def test_permissions_are_not_taken_over(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(make_zip({"run": b"#!"}, mode=stat.S_IFREG | 0o4777))
    extract_archive(path, tmp_path / "data")
    assert not (tmp_path / "data" / "run").stat().st_mode & 0o7111


@pytest.mark.faults
@pytest.mark.parametrize("name", ARCHIVES)
def test_hostile_archives_write_nothing(name, tmp_path, monkeypatch):
    content, message = ARCHIVES[name]
    path = tmp_path / "below" / "hostile.zip"
    path.parent.mkdir()
    path.write_bytes(content)
    written = []

    def remove(folder):
        written.append(sum(map(len, read_tree(folder).values())))
        shutil.rmtree(folder)

    monkeypatch.setattr(_archives, "shutil", type("", (), {"rmtree": remove}))
    with pytest.raises(ValueError, match=f"(?s)hostile.zip' is.*{message}") as caught:
        extract_archive(
            path, path.parent / "data", max_bytes=MAX_BYTES, max_files=MAX_FILES
        )
    assert str(caught.value).isprintable()
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]
    assert list(path.parent.iterdir()) == [path]
    assert written[0] <= MAX_BYTES


def test_there_are_enough_hostile_archives_and_tables(tmp_path):
    assert len(ARCHIVES) + len(list(hostile_tables(tmp_path))) >= 30


@pytest.mark.faults
def test_tables_that_name_files_elsewhere_are_refused(tmp_path):
    for name, call, message in hostile_tables(tmp_path):
        with pytest.raises(ValueError, match=f"(?s){message}") as caught:
            call()
            print(f"{name} was not refused")
        assert str(caught.value).isprintable()


def test_tables_of_ones_own_may_name_files_anywhere(tmp_path):
    table = tmp_path / "tables" / "a.csv"
    table.parent.mkdir()
    other = os.path.abspath(tmp_path / "b.wav")
    table.write_text(f"path,label\n../a.wav,x\n{other},y\n")
    bunch = load_manifest(table)
    assert [os.path.normpath(path) for path in bunch.data] == [
        str(tmp_path / "a.wav"),
        other,
    ]


@pytest.mark.parametrize("name", ["a/../b.wav", "a..b/c.wav", "A: b/c.wav", "{root}/c"])
def test_paths_that_stay_below_the_root_are_fine(name, tmp_path):
    table = tmp_path / "a.csv"
    table.write_text(f"path,label\n{name.format(root=tmp_path)},x\n")
    (path,) = load_manifest(table, root=tmp_path).data
    assert os.path.normpath(path).startswith(f"{tmp_path}{os.sep}")


def test_ratio_is_limited_whatever_max_bytes_allows(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(make_zip({"zeros": bytes(17_000_000)}))
    with pytest.raises(ValueError, match=r"max_ratio.* 1.6e\+07 bytes"):
        extract_archive(path, tmp_path / "data")
    extract_archive(path, tmp_path / "data", max_ratio=2000)
    assert (tmp_path / "data" / "zeros").stat().st_size == 17_000_000


@pytest.mark.parametrize(
    "sha256, message",
    [("0" * 64, "has the SHA-256 [0-9a-f]{64}; expected 0000"), ("abc", "64 hexa")],
)
def test_checksum_comes_first(sha256, message, tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(b"anything")
    with pytest.raises(ValueError, match=message):
        extract_archive(path, tmp_path / "data", sha256=sha256)
    assert list(tmp_path.iterdir()) == [path]


def test_existing_folders_are_not_touched(archive):
    folder = archive.with_name("data")
    folder.mkdir()
    extract_archive(archive, folder)  # an empty one
    before = read_tree(folder)
    with pytest.raises(FileExistsError, match="data' exists"):
        extract_archive(archive, folder)
    assert read_tree(folder) == before == FILES
    link = archive.with_name("link")
    link.symlink_to(archive.with_name("elsewhere"))
    with pytest.raises(FileExistsError, match="link' exists"):
        extract_archive(archive, link)


def test_missing_places_are_named(archive):
    with pytest.raises(FileNotFoundError, match="folder .*nowhere'"):
        extract_archive(archive, archive.parent / "nowhere" / "data")
    with pytest.raises(FileNotFoundError, match="archive .*other.zip'"):
        extract_archive(archive.with_name("other.zip"), archive.parent / "data")


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left")])
def test_interrupted_extraction_leaves_nothing(error, archive, monkeypatch):
    def interrupt(self, data):
        if self.budget.used > 5:
            raise error
        self.budget.used += len(data)

    monkeypatch.setattr(_archives._Counted, "write", interrupt)
    with pytest.raises(type(error) if isinstance(error, OSError) else error):
        extract_archive(archive, archive.with_name("data"))
    assert list(archive.parent.iterdir()) == [archive]


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serve a folder; yields the address and the folder."""
    served = tmp_path / "served"
    served.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=served)
    monkeypatch.setattr(_archives, "SCHEMES", ("https", "http"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", served
        running.shutdown()
        thread.join()


def test_fetch_downloads_once(server, tmp_path):
    url, served = server
    (served / "my data.zip").write_bytes(make_zip(FILES))
    digest = hashlib.sha256((served / "my data.zip").read_bytes()).hexdigest()
    home = tmp_path / "home"
    home.mkdir()
    folder = fetch_archive(f"{url}/my%20data.zip", home / "data", sha256=digest)
    assert read_tree(folder) == FILES
    assert sorted(p.name for p in home.iterdir()) == ["data", "my data.zip"]
    (served / "my data.zip").unlink()
    fetch_archive(f"{url}/my%20data.zip", home / "again", sha256=digest)
    assert read_tree(home / "again") == FILES


@pytest.mark.parametrize(
    "change, message",
    [
        ({"sha256": "0" * 64}, "does not match the known hash"),
        ({"max_bytes": 100}, r"data.zip' .*max_bytes.* 100 bytes"),
    ],
)
def test_failed_downloads_leave_nothing(change, message, server, tmp_path):
    url, served = server
    (served / "data.zip").write_bytes(make_zip(FILES))
    digest = hashlib.sha256((served / "data.zip").read_bytes()).hexdigest()
    home = tmp_path / "home"
    home.mkdir()
    with pytest.raises(ValueError, match=message):
        fetch_archive(f"{url}/data.zip", home / "data", **{"sha256": digest, **change})
    assert list(home.iterdir()) == []


def test_fetch_does_not_replace_a_file_of_that_name(tmp_path):
    (tmp_path / "data.zip").write_bytes(b"my own")
    with pytest.raises(ValueError, match="data.zip' has the SHA-256"):
        fetch_archive("https://example.org/data.zip", tmp_path / "d", sha256="0" * 64)
    assert (tmp_path / "data.zip").read_bytes() == b"my own"


@pytest.mark.parametrize(
    "url, message",
    [
        ("http://example.org/data.zip", "url=.* https://"),
        ("file:///etc/passwd", "url=.* https://"),
        ("https:///data.zip", "url=.* https://"),
        ("https://example.org/", "url=.* name of a file"),
        ("https://example.org/..", "url=.* name of a file"),
        ("https://example.org/a%2F..%5Cb", "url=.* name of a file"),
        ("https://example.org/a%00.zip", "url=.* name of a file"),
        ("https://example.org/data", "folder=.* name of the archive"),
    ],
)
def test_fetch_takes_https_and_a_plain_name_only(url, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        fetch_archive(url, tmp_path / "data", sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_fetch_needs_a_checksum(tmp_path):
    with pytest.raises(TypeError, match="sha256=None"):
        fetch_archive("https://example.org/a.zip", tmp_path / "data", sha256=None)
