import errno
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sound_files import assert_equal_clips

from skdeepmir import FeatureStore, MultiTimescalePooler, SpectrogramExtractor
from skdeepmir import audio as audio_module
from skdeepmir.audio import AudioError
from skdeepmir.spectrogram import _recipe

KEY = {"parameters": {"kind": "test"}, "versions": {}}


def write_clip(path, seed, n_samples=3000):
    y = 0.1 * np.random.RandomState(seed).randn(n_samples)
    soundfile.write(path, y.astype(np.float32), 22050, subtype="FLOAT")
    # As if it had been there for long: the digests of new files are not remembered.
    os.utime(path, (1e9, 1e9))


@pytest.fixture
def paths(tmp_path):
    paths = [tmp_path / f"{i}.wav" for i in range(6)]
    for seed, path in enumerate(paths):
        write_clip(path, seed)
    return paths


@pytest.fixture
def decoded(monkeypatch):
    """Return the names of all files that were decoded."""
    names = []
    stream = audio_module.stream_audio

    def counting(path, **options):
        names.append(Path(path).name)
        return stream(path, **options)

    monkeypatch.setattr(audio_module, "stream_audio", counting)
    return names


@pytest.fixture
def extractor(tmp_path):
    return SpectrogramExtractor("mfcc", cache_dir=tmp_path / "store", verbose=False)


def entry_paths(extractor):
    return [entry.path for entry in FeatureStore(extractor.cache_dir).entries()]


def test_a_grid_search_decodes_each_file_once_and_never_again(
    paths, decoded, extractor
):
    search = GridSearchCV(
        make_pipeline(extractor, MultiTimescalePooler(), LogisticRegression()),
        {"logisticregression__C": [0.1, 1], "multitimescalepooler__windows": [2, 3]},
        cv=3,
    )
    y = [0, 1, 0, 1, 0, 1]
    search.fit(paths, y)
    assert sorted(decoded) == [path.name for path in paths]
    search.fit(paths, y)
    assert len(decoded) == len(paths)


def test_stored_features_are_those_without_a_store(paths, extractor):
    expected = SpectrogramExtractor("mfcc").fit_transform(paths)
    assert_equal_clips(extractor.fit_transform(paths), expected)
    stored = extractor.fit_transform(paths)
    assert_equal_clips(stored, expected)
    assert all(frames.flags.writeable for frames in stored)


def test_only_a_changed_file_is_decoded_again(paths, decoded, extractor):
    before = extractor.fit_transform(paths)
    decoded.clear()
    write_clip(paths[2], seed=99)  # the same name, size and time of modification
    after = extractor.transform(paths)
    assert decoded == ["2.wav"]
    assert [np.array_equal(a, b) for a, b in zip(after, before, strict=True)] == [
        i != 2 for i in range(6)
    ]


def test_a_file_that_changes_within_a_clock_tick_gets_new_features(tmp_path, extractor):
    path = tmp_path / "new.wav"
    for seed in range(5):
        y = 0.1 * np.random.RandomState(seed).randn(3000).astype(np.float32)
        soundfile.write(path, y, 22050, subtype="FLOAT")
        assert_equal_clips(
            extractor.fit_transform([path]),
            SpectrogramExtractor("mfcc").fit_transform([y]),
        )


def test_content_counts_not_the_name(paths, decoded, extractor, tmp_path):
    extractor.fit_transform(paths)
    (tmp_path / "copy.wav").write_bytes(paths[0].read_bytes())
    extractor.transform([tmp_path / "copy.wav"])
    assert "copy.wav" not in decoded


@pytest.mark.parametrize(
    "parameters, n_decoded",
    [
        ({"n_mfcc": 13}, 6),
        ({"hop_length": 256}, 6),
        ({"sample_rate": 16000}, 6),
        ({"kind": "log_mel"}, 6),
        ({"amin": 1e-6}, 6),
        ({"short": "raise"}, 6),
        ({"n_bins": 60, "bins_per_octave": 24}, 0),  # nothing to an MFCC
        ({"n_jobs": 2, "verbose": True, "cache_size": 1}, 0),
        ({"fmax": 11025.0, "fmin": 0, "n_fft": (2048,)}, 0),  # as by default
    ],
    ids=str,
)
def test_only_parameters_that_matter_count(
    parameters, n_decoded, paths, decoded, extractor
):
    extractor.fit_transform(paths)
    decoded.clear()
    extractor.set_params(**parameters).fit_transform(paths)
    assert len(decoded) == n_decoded


def test_other_versions_do_not_share_features(paths, decoded, extractor, monkeypatch):
    extractor.fit_transform(paths)
    decoded.clear()
    with monkeypatch.context() as patch:
        patch.setattr(_recipe, "VERSION", -1)
        extractor.transform(paths)
        assert len(decoded) == len(paths)
    with monkeypatch.context() as patch:
        patch.setattr(soundfile, "__libsndfile_version__", "0.0")
        extractor.transform(paths)
        assert len(decoded) == 2 * len(paths)
    extractor.transform(paths)
    assert len(decoded) == 2 * len(paths)


def test_no_flipped_bit_is_served(paths, extractor):
    (expected,) = extractor.fit_transform(paths[:1])
    (entry,) = entry_paths(extractor)
    good = entry.read_bytes()
    positions = np.random.RandomState(0).permutation(8 * len(good))[:150]
    every_part = [3, 8 * 70, 8 * (len(good) - 33), 8 * (len(good) - 40), 8 * len(good)]
    for position in [*positions, *(bit - 1 for bit in every_part)]:
        damaged = bytearray(good)
        damaged[position // 8] ^= 1 << position % 8
        entry.write_bytes(damaged)
        with pytest.warns(UserWarning, match="are damaged"):
            np.testing.assert_array_equal(extractor.transform(paths[:1])[0], expected)
        assert entry.read_bytes() == good


@pytest.mark.parametrize("damage", ["empty", "half", "garbage", "another", "longer"])
def test_no_other_damage_is_served(damage, paths, extractor):
    expected = extractor.fit_transform(paths[:2])
    first, second = (entry.read_bytes() for entry in entry_paths(extractor))
    for entry in entry_paths(extractor):
        entry.write_bytes(
            {
                "empty": b"",
                "half": first[: len(first) // 2],
                "garbage": bytes(range(256)) * 30,
                "another": second if entry.read_bytes() == first else first,
                "longer": first + b"\0",
            }[damage]
        )
    with pytest.warns(UserWarning, match="are damaged"):
        assert_equal_clips(extractor.transform(paths[:2]), expected)


def test_damaged_digests_are_noticed(paths, decoded, extractor):
    expected = extractor.fit_transform(paths)
    for memo in (extractor.cache_dir / "digests").glob("*/*"):
        text = bytearray(memo.read_bytes())
        text[5] ^= 1
        memo.write_bytes(text)
    decoded.clear()
    assert_equal_clips(extractor.transform(paths), expected)
    assert not decoded


def test_stored_files_are_not_even_opened(paths, extractor, monkeypatch):
    extractor.fit_transform(paths)

    def refuse(*args, **kwargs):
        raise AssertionError("opened")

    monkeypatch.setattr(soundfile, "SoundFile", refuse)
    extractor.transform(paths)
    paths[3].unlink()
    with pytest.raises(AudioError, match="row 3: .*missing"):
        extractor.transform(paths)


def test_waveforms_are_not_stored(extractor):
    extractor.fit_transform([np.ones(3000, np.float32)])
    assert not extractor.cache_dir.exists()


def test_features_of_long_clips_are_memory_maps(tmp_path):
    store = FeatureStore(tmp_path / "store")
    write_clip(tmp_path / "a.wav", 0)
    blocks = [np.full((30_000, 20), i, np.float32) for i in range(10)]
    for _ in range(2):
        features = store.fetch(tmp_path / "a.wav", KEY, lambda: iter(blocks))
        assert isinstance(features, np.memmap) and not features.flags.writeable
        np.testing.assert_array_equal(features, np.concatenate(blocks))
    (entry,) = store.entries()
    damaged = bytearray(entry.path.read_bytes())
    damaged[10_000_000] ^= 1
    entry.path.write_bytes(damaged)
    with pytest.warns(UserWarning, match="are damaged"):
        again = store.fetch(tmp_path / "a.wav", KEY, lambda: iter(blocks))
    np.testing.assert_array_equal(again, np.concatenate(blocks))


def compute_and_log(store, path, log):
    def compute():
        with open(log, "a") as file:
            file.write(f"{path.name}\n")
        yield np.full((50, 3), int(path.stem), np.float32)

    features = store.fetch(path, KEY, compute)
    return (features == int(path.stem)).all()


def test_processes_compute_each_entry_once(paths, tmp_path):
    store = FeatureStore(tmp_path / "store")
    jobs = [path for path in paths for _ in range(8)]
    right = Parallel(n_jobs=4, batch_size=1)(
        delayed(compute_and_log)(store, path, tmp_path / "log") for path in jobs
    )
    assert all(right)
    computed = (tmp_path / "log").read_text().split()
    assert sorted(computed) == [path.name for path in paths]


def test_the_least_recently_used_entries_are_removed(paths, tmp_path):
    def compute():
        return iter([np.zeros((2500, 100), np.float32)])  # 1 MB

    store = FeatureStore(tmp_path / "store", cache_size=0.0041)
    for path in paths[:4]:
        store.fetch(path, KEY, compute)
    store.fetch(paths[0], KEY, compute)  # used again
    store = pickle.loads(pickle.dumps(store))  # as in a later run
    store.fetch(paths[4], KEY, compute)
    kept = {Path(entry.source) for entry in store.entries()}
    assert kept == {paths[i] for i in (0, 2, 3, 4)}
    assert FeatureStore(tmp_path / "store").clear(unused_for=1) == 0
    assert store.clear() == 4 and store.entries() == []


def test_unfinished_files_are_not_seen_and_go_after_a_day(paths, extractor):
    extractor.fit_transform(paths)
    (entry, *_) = entry_paths(extractor)
    stray = entry.with_name(entry.name + ".0123456789ab.part")
    stray.write_bytes(b"half")
    store = FeatureStore(extractor.cache_dir)
    assert len(store.entries()) == len(paths) and stray.exists()
    os.utime(stray, (1e9, 1e9))
    assert len(store.entries()) == len(paths) and not stray.exists()


def test_a_full_disk_is_reported_once_and_costs_no_features(paths, tmp_path):
    code = f"""
import resource, warnings
import numpy as np
from skdeepmir import SpectrogramExtractor
paths = {[str(path) for path in paths]!r}
expected = SpectrogramExtractor("magnitude").transform(paths)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
extractor = SpectrogramExtractor("magnitude", cache_dir={str(tmp_path / "store")!r})
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    frames = extractor.transform(paths)
for a, b in zip(frames, expected, strict=True):
    np.testing.assert_array_equal(a, b)
messages = [str(w.message) for w in caught]
assert len(messages) == 1 and "cannot be used" in messages[0], messages
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert not [p for p in (tmp_path / "store" / "entries").glob("*/*")]


def test_a_file_that_changes_meanwhile_is_refused(paths, tmp_path):
    def compute():
        write_clip(paths[0], seed=5)
        yield np.zeros((3, 3), np.float32)

    store = FeatureStore(tmp_path / "store")
    with pytest.raises(AudioError, match=r"\(changed\)"):
        store.fetch(paths[0], KEY, compute)
    assert store.entries() == []


def test_what_the_computation_raises_leaves_nothing_behind(paths, tmp_path):
    def compute():
        yield np.zeros((3, 3), np.float32)
        raise AudioError("truncated", "breaks off", "Fetch it again.")

    store = FeatureStore(tmp_path / "store")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(AudioError, match=r"\(truncated\)"):
            store.fetch(paths[0], KEY, compute)
    assert not list((tmp_path / "store" / "entries").glob("*/*"))


def test_entries_say_where_they_come_from(paths, extractor):
    extractor.fit_transform(paths)
    store = pickle.loads(pickle.dumps(FeatureStore(extractor.cache_dir)))
    assert "6 entries" in repr(store)
    entries = store.entries()
    assert {Path(entry.source) for entry in entries} == set(paths)
    assert entries[0].shape == (6, 20)
    assert entries[0].key["parameters"]["n_mfcc"] == 20
    assert "libsndfile" in entries[0].key["versions"]


def test_other_files_in_the_folder_are_left_alone(paths, extractor):
    names = ("notes.txt", "ab/diary.features", f"ab/{'0' * 64}.features.bak")
    mine = [extractor.cache_dir / "entries" / name for name in names]
    for file in mine:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("mine")
    with pytest.warns(UserWarning, match="cache_size=1e-06"):
        extractor.set_params(cache_size=1e-6).fit_transform(paths)
    FeatureStore(extractor.cache_dir).clear()
    assert [file.read_text() for file in mine] == ["mine"] * 3


@pytest.mark.parametrize("name", ["", "a\0b", "FILE", "FILE/below"])
def test_what_is_no_folder_is_refused_before_anything_is_done(name, paths):
    name = name.replace("FILE", str(paths[0]))
    with pytest.raises(ValueError, match="cache_dir"):
        SpectrogramExtractor(cache_dir=name).fit(paths)


def test_the_home_folder_is_found(paths, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    SpectrogramExtractor(cache_dir="~/features").fit_transform(paths)
    assert (tmp_path / "home" / "features" / "entries").is_dir()


@pytest.mark.parametrize("bad", [0, -1, "x", True, float("nan")])
def test_sizes_and_days_are_checked(bad, tmp_path):
    with pytest.raises(ValueError, match="cache_size"):
        FeatureStore(tmp_path, cache_size=bad)
    if bad not in (0, True):
        with pytest.raises(ValueError, match="unused_for"):
            FeatureStore(tmp_path).clear(bad)


def test_any_key_and_blocks_of_any_numbers_will_do(paths, tmp_path):
    store = FeatureStore(tmp_path / "store")
    for compute in (lambda: [np.ones((3, 2), int)], lambda: 1 / 0):
        features = store.fetch(paths[0], {"a": 1}, compute)
        assert features.dtype == np.float32 and features.shape == (3, 2)
    for bad in ([], [np.ones(3)], np.ones((2, 2))):
        with pytest.raises(ValueError, match="compute yielded"):
            store.fetch(paths[0], {"a": 2}, lambda bad=bad: bad)
    with pytest.raises(AudioError, match="not_a_file"):
        store.fetch(tmp_path, {"a": 1}, lambda: 1 / 0)


def test_a_fault_of_the_audio_file_is_not_one_of_the_store(paths, tmp_path):
    def compute():
        yield np.zeros((3, 3), np.float32)
        raise OSError(errno.EIO, "Input/output error", str(paths[0]))

    store = FeatureStore(tmp_path / "store")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(OSError, match=r"Input/output error: .*0\.wav"):
            store.fetch(paths[0], KEY, compute)
        store.fetch(paths[1], KEY, lambda: [np.ones((3, 3), np.float32)])
    assert len(store.entries()) == 1
