import numpy as np
import pytest
from joblib import Parallel, delayed

from skdeepmir import MultiTimescalePooler, load_clips, save_clips
from skdeepmir.frames import pack_clips, split_clips, stack_clips


def test_stack_and_split_are_inverse_for_every_container():
    ragged = [np.arange(6.0).reshape(3, 2), np.ones((1, 2)), np.zeros((4, 2))]
    for X in (ragged, np.random.RandomState(0).rand(3, 5, 2)):
        rows, layout = stack_clips(X)
        back = split_clips(rows, layout)
        assert type(back) is type(X)
        for a, b in zip(X, back, strict=True):
            np.testing.assert_array_equal(a, b)


def test_plain_rows_pass_through():
    rows = [[1.0, 2.0], [3.0, 4.0]]
    X, layout = stack_clips(rows)
    assert X is rows and not layout.has_clips


def test_containers_are_told_apart_by_type_not_length():
    equal = [np.ones((4, 2)), np.ones((4, 2))]
    assert stack_clips(equal)[1].container == "list"
    assert stack_clips(np.stack(equal))[1].container == "array"


@pytest.mark.parametrize(
    "bad, message",
    [
        (np.ones(4), "clip 1 has 1 dimension"),
        (np.ones((0, 2)), "clip 1 has no frames"),
        (np.ones((3, 5)), "clip 1 has 5 features per frame, but clip 0 has 2"),
        (np.array([[np.inf, 1.0]]), "clip 1 contains NaN or infinity: inf in frame 0"),
        (np.array([["a", "b"]]), "clip 1 has dtype"),
    ],
)
def test_a_bad_clip_is_named(bad, message):
    with pytest.raises(ValueError, match=message):
        stack_clips([np.ones((4, 2)), bad])


def test_packing_mirrors_the_container():
    clips = [np.ones((2, 3)), np.zeros((2, 3))]
    _, layout = stack_clips(np.ones((2, 5, 1)))
    assert pack_clips(clips, layout).shape == (2, 2, 3)


@pytest.mark.parametrize("dtype", ["float32", "float64", ">f4"])
def test_saved_clips_come_back_as_views_of_one_map(tmp_path, dtype):
    rng = np.random.RandomState(0)
    clips = [rng.rand(n, 3).astype(dtype) for n in (4, 1, 7)]
    save_clips(tmp_path / "clips.npy", clips)
    loaded = load_clips(tmp_path / "clips.npy")
    for clip, expected in zip(loaded, clips, strict=True):
        np.testing.assert_array_equal(clip, expected)
        assert isinstance(clip, np.memmap) and clip.base is not None
        assert clip.dtype == expected.dtype and not clip.flags.writeable
    np.testing.assert_array_equal(
        np.load(tmp_path / "clips.npy"), np.concatenate(clips)
    )


def test_saved_clips_travel_to_workers_as_names(tmp_path):
    save_clips(tmp_path / "clips.npy", np.zeros((2, 5000, 100), np.float32))
    loaded = load_clips(tmp_path / "clips.npy")
    kinds = Parallel(n_jobs=2)(delayed(is_memory_map)([clip]) for clip in loaded)
    assert kinds == [True, True]


def is_memory_map(clips):
    return isinstance(clips[0], np.memmap) or isinstance(clips[0].base, np.memmap)


def test_estimators_take_saved_clips(tmp_path):
    clips = [np.random.RandomState(n).rand(n, 3) for n in (4, 9)]
    save_clips(tmp_path / "clips.npy", clips)
    pooler = MultiTimescalePooler(("mean", "max"), windows=2)
    np.testing.assert_array_equal(
        pooler.fit_transform(load_clips(tmp_path / "clips.npy")),
        pooler.fit_transform(clips),
    )


def test_what_are_no_clips_is_not_saved_and_the_old_file_stays(tmp_path):
    path = tmp_path / "clips.npy"
    save_clips(path, [np.ones((2, 2))])
    mixed = [np.ones((2, 2)), np.ones((2, 2), np.float32)]
    for bad, message in (
        (np.ones((3, 2)), "clips is a ndarray"),
        (mixed, "dtypes float32, float64"),
        ([np.ones((2, 2)), np.ones((2, 3))], "clip 1 has 3 features"),
        ([], "0 clips"),
        ("clips.npy", "clips is a str"),
    ):
        with pytest.raises(ValueError, match=message):
            save_clips(path, bad)
    assert len(load_clips(path)) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["clips.npy"]


def test_a_file_without_clips_is_named(tmp_path):
    path = tmp_path / "clips.npy"
    save_clips(path, [np.ones((20, 2))])
    whole = path.read_bytes()
    np.save(tmp_path / "rows.npy", np.ones((3, 2)))
    plain = (tmp_path / "rows.npy").read_bytes()
    for content in (whole[:200], whole[:-8], b"", b"RIFF", plain):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="clips.npy' .*complete"):
            load_clips(path)
    with pytest.raises(FileNotFoundError):
        load_clips(tmp_path / "missing.npy")


def test_generators_are_listed_and_missing_folders_named(tmp_path):
    save_clips(tmp_path / "clips.npy", (np.ones((n, 2)) for n in (1, 2)))
    assert [len(clip) for clip in load_clips(tmp_path / "clips.npy")] == [1, 2]
    with pytest.raises(FileNotFoundError, match="folder .*nowhere'"):
        save_clips(tmp_path / "nowhere" / "clips.npy", [np.ones((1, 2))])
