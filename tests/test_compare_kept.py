"""Finished parts of comparisons on disk: what goes on, and what is computed again."""

import io
import os
import threading
from typing import ClassVar

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skdeepmir import ClipLookup, compare
from skdeepmir._disk import checksum_of
from skdeepmir.baselines import chroma_hmm
from skdeepmir.datasets import make_chord_clips
from skdeepmir.model_selection._kept import PartStore

RNG = np.random.RandomState(0)
Y = np.arange(60) % 3
X = RNG.randn(60, 4) + Y[:, np.newaxis] * 0.5
GROUPS = np.arange(60) // 4


class Counted(LogisticRegression):
    """Counts its fits, and is interrupted at one of them."""

    fits: ClassVar[list] = []
    ends_at: ClassVar[int] = 10**9

    def fit(self, X, y):
        self.fits.append(len(X))
        if len(self.fits) == self.ends_at:
            raise KeyboardInterrupt
        return super().fit(X, y)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that compares with a folder, and tells the number of fits."""

    def run(pipelines=None, X=X, y=Y, **options):
        Counted.fits.clear()
        options = {"cv": KFold(3), "verbose": False, "cache_dir": tmp_path, **options}
        result = compare(pipelines or {"a": Counted()}, X, y, **options)
        return result, len(Counted.fits)

    monkeypatch.setattr(Counted, "ends_at", 10**9)
    return run


def parts(folder):
    return sorted(folder.glob("*.part"))


def test_a_finished_comparison_is_not_computed_again(run):
    first, n_fits = run()
    again, n_again = run()
    assert (n_fits, n_again) == (3, 0)
    assert again.folds.equals(first.folds)
    for column in ("true", "predicted"):
        assert again.predictions[column].equals(first.predictions[column])
    scores = (result.predictions["scores"].tolist() for result in (first, again))
    np.testing.assert_array_equal(*scores)


def test_a_comparison_that_was_interrupted_goes_on(run, monkeypatch):
    monkeypatch.setattr(Counted, "ends_at", 5)
    pipelines = {"a": Counted(), "b": Counted(C=0.1)}
    with pytest.raises(KeyboardInterrupt):
        run(pipelines)
    monkeypatch.setattr(Counted, "ends_at", 10**9)
    result, n_fits = run(pipelines)
    assert n_fits == 2
    whole, _ = run(pipelines, cache_dir=None)
    assert result.folds["accuracy"].equals(whole.folds["accuracy"])


def test_only_what_is_missing_is_computed(run):
    splits = list(KFold(3).split(X))
    run(cv=splits[:2])
    assert run(cv=splits)[1] == 1  # another fold
    assert run({"b": Counted(C=9), "renamed": Counted()}, cv=splits)[1] == 3
    assert run(scoring=["f1_macro", "roc_auc_ovr"], cv=splits)[1] == 0
    assert run(scoring={"again": "f1_macro"}, cv=splits)[1] == 0


def test_scores_of_kept_predictions_are_those_of_a_new_fit(run):
    names = ["f1_macro", "roc_auc_ovr", "neg_log_loss", "accuracy"]
    run()
    kept, n_fits = run(scoring=names)
    assert n_fits == 0
    fresh, _ = run(scoring=names, cache_dir=None)
    assert kept.folds[names].equals(fresh.folds[names])


def scorer_of_coefficients(estimator, X, y):
    return float(np.abs(estimator.coef_).max())


def test_scorers_that_look_at_the_estimator_need_a_fit_once(run):
    run()
    first, n_fits = run(scoring=scorer_of_coefficients)
    assert n_fits == 3
    again, n_fits = run(scoring=scorer_of_coefficients)
    assert n_fits == 0 and again.folds.equals(first.folds)


def test_a_response_that_was_not_kept_needs_a_fit(run):
    options = {"y": Y > 0}
    run(scoring="neg_log_loss", **options)  # of probabilities
    assert run(scoring="roc_auc", **options)[1] == 3  # of the decision function
    assert run(scoring="average_precision", **options)[1] == 0
    assert run(scoring="neg_log_loss", **options)[1] == 0  # these are kept in any case


CHANGES = {
    "parameter": {"pipelines": {"a": Counted(C=2)}},
    "label": {"y": np.r_[Y[:-1], 0]},
    "value": {"X": np.r_[X[:-1], X[:1]]},
    "order": {"X": X[::-1], "y": Y[::-1]},
    "split": {"cv": KFold(3, shuffle=True, random_state=1)},
    "step": {"pipelines": {"a": make_pipeline(FunctionTransformer(), Counted())}},
    "search": {"pipelines": {"a": GridSearchCV(Counted(), {"C": [1.0]}, cv=2)}},
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_a_fit_is_seen(run, change):
    run()
    assert run(**CHANGES[change])[1] >= 3


def test_functions_are_told_apart_by_what_they_hold(run):
    def shifted(by):
        return make_pipeline(FunctionTransformer(lambda X: X + by), Counted())

    run({"a": shifted(1)})
    assert run({"a": shifted(1)})[1] == 0
    assert run({"a": shifted(2)})[1] == 3


def test_functions_of_one_line_are_told_apart(run):
    twice, thrice = (lambda X: 2 * X), (lambda X: 3 * X)
    a, b = (make_pipeline(FunctionTransformer(f), Counted()) for f in (twice, thrice))
    assert run({"a": a, "b": b})[1] == 6
    assert run({"a": b, "b": a})[1] == 0


def test_classes_are_told_apart_by_the_function_that_made_them(run):
    def made(C, solver="lbfgs"):
        class Made(Counted):
            def fit(self, X, y):
                self.C = C
                return super().fit(X, y)

        return type("Named", (Made,), {"solver_of_all": solver})

    run({"a": made(1.0)()})
    assert run({"a": made(1.0)()})[1] == 0
    assert run({"a": made(2.0)()})[1] == 3
    assert run({"a": made(2.0, "saga")()})[1] == 3


def test_another_base_of_a_class_is_seen(run):
    bases = [type("Base", (Counted,), {"added": n}) for n in (1, 1, 2)]
    names = {"__module__": __name__, "__qualname__": "Own"}
    pipelines = [{"a": type("Own", (base,), names)()} for base in bases]
    assert [run(pipeline)[1] for pipeline in pipelines] == [3, 0, 3]


@pytest.mark.filterwarnings("ignore:clips of one group")
def test_inner_groups_matter_only_to_searches(run):
    search = GridSearchCV(Counted(), {"C": [1.0]}, cv=StratifiedGroupKFold(2))
    for pipeline, n_again in ((Counted(), 0), (search, 9)):
        run({"a": pipeline}, groups=GROUPS)
        assert run({"a": pipeline}, groups=GROUPS)[1] == 0
        assert run({"a": pipeline}, groups=GROUPS[::-1] % 12)[1] == n_again


def test_what_only_changes_the_time_is_not_seen(run):
    search = GridSearchCV(Counted(), {"C": [1.0]}, cv=2)
    _, n_fits = run({"a": search})
    other = GridSearchCV(Counted(verbose=0), {"C": [1.0]}, cv=2, n_jobs=1, verbose=0)
    other.estimator.n_jobs = 1
    assert n_fits == 9 and run({"a": other}, n_jobs=1)[1] == 0


def lengths(paths):
    return np.array([[float(os.path.getsize(path))] for path in paths])


@pytest.mark.filterwarnings("ignore:files with the same bytes")
@pytest.mark.parametrize("by_number", [False, True])
def test_files_are_known_by_their_bytes(run, tmp_path, by_number):
    steps = FunctionTransformer(lengths), Counted()
    n_fits = []
    for folder, last in (("one", 59), ("two", 59), ("two", 7)):
        (tmp_path / folder).mkdir(exist_ok=True)
        clips = [str(tmp_path / folder / f"{i}.txt") for i in range(60)]
        for path, size in zip(clips, [*range(59), last], strict=True):
            with open(path, "w") as file:
                file.write("x" * size)
        lookup = ClipLookup(clips)
        pipeline = make_pipeline(*([lookup] if by_number else []), *steps)
        given = lookup.rows if by_number else clips
        n_fits.append(run({"a": pipeline}, X=given, cache_dir=tmp_path)[1])
    assert n_fits == [3, 0, 3]


def cut(content):
    return content[: len(content) // 2]


def flip(content):
    return content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]


@pytest.mark.faults
@pytest.mark.parametrize("damage", [cut, flip, lambda content: b""])
def test_damaged_parts_are_computed_again_and_told_of(run, tmp_path, damage):
    first, _ = run()
    path = parts(tmp_path)[1]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(UserWarning, match=f"cache_dir: .*{path.name}.*damaged"):
        again, n_fits = run()
    assert n_fits == 1
    assert again.folds["accuracy"].equals(first.folds["accuracy"])
    assert run()[1] == 0


@pytest.mark.faults
def test_a_part_under_the_name_of_another_is_not_taken_for_it(run, tmp_path):
    run()
    one, other, _ = parts(tmp_path)
    other.write_bytes(one.read_bytes())
    with pytest.warns(UserWarning, match=f"{other.name}.*damaged"):
        assert run()[1] == 1


@pytest.mark.faults
def test_a_forged_part_runs_no_code(run, tmp_path):
    run()
    path = parts(tmp_path)[0]
    buffer = io.BytesIO()
    np.savez(buffer, tree=np.array([print], dtype=object))
    body = buffer.getvalue()
    path.write_bytes(checksum_of(path, body) + body)
    with pytest.warns(UserWarning, match=f"{path.name}.*another format"):
        assert run()[1] == 1


class Fails(Counted):
    """Never learns."""

    def fit(self, X, y):
        self.fits.append(len(X))
        raise RuntimeError("no")


def test_fits_that_fail_are_tried_again(run):
    for _ in range(2):
        with pytest.warns(FitFailedWarning, match="'a' failed in fold"):
            assert run({"a": Fails(), "b": DummyClassifier()})[1] == 3


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_file_in_place_of_the_folder_is_refused(run, tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"cache_dir=.*file"):
        run(cache_dir=tmp_path / place)


def test_a_folder_that_cannot_be_written_costs_a_warning(run, monkeypatch):
    def refuse(self, key, part):
        self.problem = OSError(28, "No space left on device")

    monkeypatch.setattr(PartStore, "write", refuse)
    with pytest.warns(UserWarning, match="cache_dir=.*No space left") as told:
        result, n_fits = run()
    assert n_fits == 3 and len(told) == 1
    assert result.folds["accuracy"].notna().all()


def test_two_at_once_compute_each_part_once(tmp_path):
    barrier = threading.Barrier(2, timeout=60)
    Counted.fits.clear()
    options = {"cv": KFold(3), "verbose": False, "cache_dir": tmp_path}
    results = []

    def go():
        barrier.wait()
        results.append(compare({"a": Counted()}, X, Y, **options))

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Counted.fits) == 3 and len(results) == 2
    assert results[0].folds["accuracy"].equals(results[1].folds["accuracy"])


def test_workers_keep_their_parts(tmp_path):
    options = {"cv": KFold(3), "verbose": False, "cache_dir": tmp_path}
    two = compare({"a": LogisticRegression()}, X, Y, n_jobs=2, **options)
    assert len(parts(tmp_path)) == 3
    one = compare({"a": LogisticRegression()}, X, Y, **options)
    assert one.folds.equals(two.folds)


def test_tags_by_forests_and_chords_are_kept_as_they_are(tmp_path):
    tags = RNG.randint(0, 2, (60, 3))
    forest = {"a": RandomForestClassifier(3, random_state=0)}
    songs = make_chord_clips(n_clips=4, duration=3.0, random_state=0)
    chords = {"a": chroma_hmm(verbose=False)}
    for pipelines, clips, y, scoring in (
        (forest, X, tags, ["auc_tag", "precision_at_2", "accuracy"]),
        (chords, songs.data, list(songs.target), ["wcsr_majmin", "chord_seg"]),
    ):
        options = {"scoring": scoring, "cv": KFold(2), "verbose": False}
        first = compare(pipelines, clips, y, cache_dir=tmp_path, **options)
        again = compare(pipelines, clips, y, cache_dir=tmp_path, **options)
        assert again.folds.equals(first.folds)
        assert again.clip_scores.equals(first.clip_scores)
        assert again.confusion("a").equals(first.confusion("a"))
    assert len(parts(tmp_path)) == 4
