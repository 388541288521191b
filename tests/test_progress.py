"""What is seen of a fit while it lasts: our bars, and scikit-learn's callbacks."""

import inspect
import threading
import time
import warnings
from collections import Counter

import numpy as np
import pytest
from joblib import parallel_config
from rich.live import Live
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_nets import Stop, clips_and_labels, net, problem

import skdeepmir
from skdeepmir import (
    BandShifter,
    ClipNormalizer,
    ClipVotingClassifier,
    ConvTagger,
    DBNFeatureLearner,
    DropoutMLPClassifier,
    FrameStacker,
    FrameTransformer,
    GroupBaggingClassifier,
    MultiTimescalePooler,
    SpectrogramExtractor,
    _progress,
    _sklearn,
)
from skdeepmir.testing._material import patience

callback = pytest.importorskip("sklearn.callback")
CLIPS = [np.random.RandomState(i).randn(6000) for i in range(8)]
LABELS = np.arange(8) % 2
ESTIMATORS = {
    name: found
    for name in skdeepmir.__all__
    if inspect.isclass(found := getattr(skdeepmir, name))
    and issubclass(found, BaseEstimator)
}


class Hears:
    """A callback that writes down what it is told."""

    max_propagation_depth = None

    def __init__(self):
        self.begun, self.ended = Counter(), Counter()

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.begun[context.estimator_name, context.task_name] += 1

    def on_fit_task_end(self, estimator, context):
        self.ended[context.estimator_name, context.task_name] += 1

    def teardown(self, estimator, context):
        pass


class Bar:
    """A bar that keeps what it was shown."""

    def __init__(self, **options):
        self.options, self.n, self.shown = options, options.get("done", 0), []
        self.is_closed = False

    def set_postfix(self, values, refresh):
        self.shown.append(values)

    def update(self):
        self.n += 1

    def close(self):
        self.is_closed = True


@pytest.fixture
def bars(monkeypatch):
    made = []
    monkeypatch.setattr(
        _sklearn,
        "progress_bar",
        lambda **options: made.append(Bar(**options)) or made[-1],
    )
    return made


def audio_pipeline(*steps):
    extractor = SpectrogramExtractor("mfcc", n_fft=512)
    final = DropoutMLPClassifier((4,), max_epochs=3, random_state=0)
    return make_pipeline(extractor, *steps, MultiTimescalePooler(), final)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_supports_callbacks(name):
    assert issubclass(ESTIMATORS[name], callback.CallbackSupportMixin)


def test_callbacks_hear_of_every_step_of_a_pipeline_from_audio():
    hears = Hears()
    pipeline = audio_pipeline(
        ClipNormalizer(),
        FrameStacker(),
        BandShifter(1),
        FrameTransformer(StandardScaler()),
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*does not support callbacks")
        pipeline.set_callbacks(hears).fit(CLIPS, LABELS)
    assert hears.begun == hears.ended
    expected = {
        ("SpectrogramExtractor", "fit"): 1,
        ("SpectrogramExtractor", "extract"): len(CLIPS),
        ("ClipNormalizer", "fit"): 1,
        ("FrameStacker", "fit"): 1,
        ("BandShifter", "fit"): 1,
        ("StandardScaler", "fit"): 1,
        ("MultiTimescalePooler", "fit"): 1,
        ("DropoutMLPClassifier", "epoch"): 3,
    }
    assert expected.items() <= hears.ended.items()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_callbacks_hear_of_each_classifier_that_is_averaged(n_jobs):
    X, y = problem()
    hears = Hears()
    bagging = GroupBaggingClassifier(
        net(max_epochs=2), n_estimators=3, n_jobs=n_jobs, random_state=0
    )
    with parallel_config("threading"):
        bagging.set_callbacks(hears).fit(X, y)
    assert hears.ended["GroupBaggingClassifier", "fit"] == 1
    assert hears.ended["DropoutMLPClassifier", "fit"] == 3
    assert hears.ended["DropoutMLPClassifier", "epoch"] == 6
    plain = GroupBaggingClassifier(net(max_epochs=2), n_estimators=3, random_state=0)
    np.testing.assert_array_equal(
        plain.fit(X, y).predict_proba(X), bagging.predict_proba(X)
    )


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_the_bars_of_scikit_learn_show_all_of_a_search(backend, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    shown = []
    monkeypatch.setattr(_progress, "_bar", lambda items=None, **k: shown.append(k))
    grid = {"dropoutmlpclassifier__dropout": [0.0, 0.5]}
    search = GridSearchCV(audio_pipeline(), grid, cv=2, n_jobs=2)
    search.set_callbacks(callback.ProgressBar(max_propagation_depth=None))
    with warnings.catch_warnings(), parallel_config(backend):
        warnings.filterwarnings("error", message=".*does not support callbacks")
        search.fit(CLIPS, LABELS)
    lines = capsys.readouterr().out.splitlines()
    for name in (
        "SpectrogramExtractor",
        "MultiTimescalePooler",
        "DropoutMLPClassifier",
    ):
        seen = [line for line in lines if f"{name} - fit" in line]
        assert len(seen) == 5 and all("100%" in line for line in seen)
    assert not shown  # ours would be written over them


def test_our_bars_leave_the_screen_to_others():
    end = time.monotonic() + patience(20)  # a display of another test may still end
    while not _progress._has_room(True) and time.monotonic() < end:
        time.sleep(0.01)
    assert _progress._has_room(True)
    assert not _progress._has_room(False)
    with Live(auto_refresh=True):
        assert not _progress._has_room(True)
    found = []
    thread = threading.Thread(target=lambda: found.append(_progress._has_room(True)))
    thread.start()
    thread.join()
    assert found == [False] and _progress._has_room(True)


def test_a_bar_shows_the_losses_of_each_epoch(bars):
    X, y = problem()
    trained = net(verbose=True).fit(X, y, X_val=X[:30], y_val=y[:30])
    (bar,) = bars
    assert bar.options["total"] == bar.n == 4 and bar.is_closed
    assert [shown["loss"] for shown in bar.shown] == trained.loss_curve_.tolist()
    losses = [-shown["val_loss"] for shown in bar.shown]
    assert losses == trained.validation_scores_.tolist()
    net(verbose=True).fit(X, y)
    assert set(bars[-1].shown[0]) == {"loss"}


def test_the_bar_of_a_fit_that_goes_on_begins_where_it_ended(bars, tmp_path):
    X, y = problem()
    settings = {"checkpoint_dir": tmp_path, "verbose": True, "max_epochs": 5}
    with pytest.raises(KeyboardInterrupt):
        net(callbacks=[Stop(3, KeyboardInterrupt())], **settings).fit(X, y)
    hears = Hears()
    net(**settings).set_callbacks(hears).fit(X, y)
    again = bars[-1]
    # The epoch that was interrupted at its end was not saved.
    assert again.options["done"] == 2 and again.options["total"] == again.n == 5
    assert hears.ended["DropoutMLPClassifier", "epoch"] == 3


def test_the_bar_of_a_belief_net_counts_the_layers_before(bars, tmp_path):
    clips, y = clips_and_labels()
    settings = {
        "max_epochs": 2,
        "finetune_epochs": 2,
        "random_state": 0,
        "checkpoint_dir": tmp_path,
    }
    stop = Stop(2, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        DBNFeatureLearner((4, 3), callbacks=[stop], **settings).fit(clips, y)
    DBNFeatureLearner((4, 3), **settings).fit(clips, y)
    assert bars[-1].options["done"] == 1
    assert bars[-1].options["total"] == bars[-1].n == 6


def test_a_bar_that_stops_early_is_closed(bars):
    X, y = problem()
    stopped = net(verbose=True, callbacks=[Stop(2)]).fit(X, y)
    assert stopped.n_iter_ == bars[-1].n == 2 and bars[-1].is_closed


def test_a_vote_hands_callbacks_on():
    clips, y = clips_and_labels()
    hears = Hears()
    ClipVotingClassifier(net(max_epochs=2)).set_callbacks(hears).fit(clips, y)
    assert hears.ended["DropoutMLPClassifier", "epoch"] == 2
    tagger = ConvTagger((4,), excerpt_length=16, max_epochs=2, random_state=0)
    tagger.set_callbacks(hears).fit(clips, y)
    assert hears.ended["ConvTagger", "epoch"] == 2
