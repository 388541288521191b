"""Callbacks of skorch in every learner by a net, on clips of unequal lengths."""

import numpy as np
import pytest
import skorch.callbacks as sc
from own_nets import ClipNet, MaskedNet
from sklearn.metrics import accuracy_score, log_loss, make_scorer, roc_auc_score
from small_nets import assert_same_weights

from skdeepmir import (
    BLSTMChordRecognizer,
    ConvRegressor,
    ConvTagger,
    DBNFeatureLearner,
    DropoutMLPClassifier,
    MultiTimescaleTagger,
    NetFrameClassifier,
    NetTagger,
    OnsetDetector,
    PianoTranscriber,
)
from skdeepmir.metrics import get_scorer

RNG = np.random.RandomState(0)
N = 24
THREE = np.arange(N) % 3
CLIPS = [
    (RNG.randn(20 + 3 * i, 12) + label).astype(np.float32)
    for i, label in enumerate(THREE)
]
ROWS = np.stack([clip.mean(axis=0) for clip in CLIPS])
TAGS = np.stack([THREE == 0, THREE < 2], axis=1).astype(int)
CHORDS = [np.resize(["C:maj", "X", "G:maj", "N"], len(clip)) for clip in CLIPS]
NOTES = [[(0.4, 1.2, 60), (0.8, 1.6, 64 + i % 3)] for i in range(N)]
TIMES = [np.arange(0.5, len(clip) / 10, 0.7) for clip in CLIPS]
SETTINGS = {
    "max_epochs": 3,
    "random_state": 0,
    "verbose": False,
    "batch_size": 10,
    "learning_rate_schedule": "constant",
}
CONV = {"excerpt_length": 16, **SETTINGS}
MIXED = {"mixup": 0.5, "mask_bands": 3, **CONV}
SEQUENCES = {"n_units": 4, **CONV}
PIANO = {"frame_rate": 10.0, "channels": 1, "bins_per_octave": 12, **SEQUENCES}
ONSETS = {"frame_rate": 10.0, "channels": (2, 4), **SEQUENCES}


def dbn(**options):
    same = {name: SETTINGS[name] for name in ("max_epochs", "random_state", "verbose")}
    return DBNFeatureLearner((5,), finetune_epochs=3, **same, **options)


LEARNERS = {
    "rows": (lambda **k: DropoutMLPClassifier((6,), **SETTINGS, **k), ROWS, THREE),
    "two": (lambda **k: DropoutMLPClassifier((6,), **SETTINGS, **k), CLIPS, THREE > 0),
    "tags": (lambda **k: DropoutMLPClassifier((6,), **SETTINGS, **k), ROWS, TAGS),
    "conv": (lambda **k: ConvTagger((4,), **CONV, **k), CLIPS, THREE),
    "conv two": (lambda **k: ConvTagger((4,), **MIXED, **k), CLIPS, THREE > 0),
    "mixed": (lambda **k: ConvTagger((4,), **MIXED, **k), CLIPS, THREE),
    "mixed tags": (lambda **k: ConvTagger((4,), **MIXED, **k), CLIPS, TAGS),
    "numbers": (lambda **k: ConvRegressor((4,), **MIXED, **k), CLIPS, THREE * 1.0),
    "windows": (
        lambda **k: MultiTimescaleTagger((5, 10), **SETTINGS, **k),
        CLIPS,
        THREE,
    ),
    "frames": (lambda **k: BLSTMChordRecognizer(**SEQUENCES, **k), CLIPS, CHORDS),
    "frames before": (
        lambda **k: BLSTMChordRecognizer(sees_previous=True, **SEQUENCES, **k),
        CLIPS,
        CHORDS,
    ),
    "onsets": (lambda **k: OnsetDetector(**ONSETS, **k), CLIPS, TIMES),
    "live onsets": (
        lambda **k: OnsetDetector("causal_rnn", **ONSETS, **k),
        CLIPS,
        TIMES,
    ),
    "piano": (lambda **k: PianoTranscriber(**PIANO, **k), CLIPS[:9], NOTES[:9]),
    "own": (lambda **k: NetTagger(ClipNet, **MIXED, **k), CLIPS, THREE),
    "own frames": (
        lambda **k: NetFrameClassifier(MaskedNet, **CONV, **k),
        CLIPS,
        [np.arange(len(clip)) % 2 for clip in CLIPS],
    ),
    "belief net": (dbn, CLIPS, THREE),
}


class Scores(sc.Callback):
    """Keeps the history of the last training, and the mode of the net in batches."""

    def on_train_begin(self, net, **kwargs):
        self.history_, self.modes_ = net.history, set()

    def on_batch_begin(self, net, batch, training, **kwargs):
        self.modes_.add((training, net.module_.training))


def fit(name, *callbacks, **options):
    make, X, y = LEARNERS[name]
    scores = Scores()
    learner = make(callbacks=[*callbacks, scores], **options)
    learner.fit(X, y, X_val=X[:9], y_val=y[:9])
    assert scores.modes_ <= {(True, True), (False, False)}
    return learner, scores.history_


def own_scoring(net, X, y):
    predicted = net.predict(X)
    assert np.shape(predicted) == np.shape(y)
    return float(np.mean(predicted == y))


SCORING = {"tags": "f1_macro", "mixed tags": "f1_macro", "numbers": "r2"}
PASSING = sc.PassthroughScoring
OTHERS = [
    lambda: [sc.ProgressBar(detect_notebook=False)],
    lambda: [sc.PrintLog(sink=lambda line: None), sc.EpochTimer()],
    lambda: [sc.GradientNormClipping(0.1)],
    lambda: [sc.BatchScoring(None, name="score"), PASSING("score")],
]


@pytest.mark.parametrize("name", LEARNERS)
def test_scores_are_recorded_in_every_learner(name):
    scoring = SCORING.get(name, "accuracy")
    names, callbacks = [], []
    for what in (scoring, None, own_scoring):
        if what is own_scoring and name == "belief net":
            continue  # predicts nothing in pre-training
        for kind in (sc.EpochScoring, sc.BatchScoring):
            for on_train in (False, True):
                names.append(f"{kind.__name__} {what} {on_train}")
                callbacks.append(kind(what, on_train=on_train, name=names[-1]))
    names.append("again")
    callbacks.append(sc.EpochScoring(scoring, name="again", use_caching=False))
    _, history = fit(name, *callbacks)
    assert len(history) == 3
    for row in history:
        assert np.isfinite([row[n] for n in names]).all()
        # The net does not change while it is validated.
        assert row["again"] == pytest.approx(row[f"EpochScoring {scoring} False"])


@pytest.mark.parametrize("name", LEARNERS)
def test_scoring_changes_nothing(name):
    scoring = SCORING.get(name, "accuracy")
    plain, _ = fit(name)
    scored, _ = fit(
        name,
        sc.EpochScoring(scoring, on_train=True, use_caching=False),
        sc.BatchScoring(scoring, on_train=True, use_caching=False, name="batches"),
    )
    if name == "belief net":
        np.testing.assert_array_equal(plain.weights_[0], scored.weights_[0])
    else:
        assert_same_weights(plain, scored)


@pytest.mark.parametrize("name", LEARNERS)
def test_other_callbacks_work_in_every_learner(name, tmp_path):
    scoring = sc.EpochScoring(SCORING.get(name, "accuracy"), lower_is_better=False)
    scoring.set_params(name="valid_acc")
    rise = {"threshold": 9, "threshold_mode": "abs", "lower_is_better": False}
    stop = sc.EarlyStopping("valid_acc", patience=1, **rise)
    others = OTHERS
    if name == "belief net":  # pre-training has no such score, and sets its rate
        others = OTHERS[:3]
        _, history = fit(name, scoring, *(c for make in others for c in make()))
        assert all("valid_acc" in row for row in history)
        return
    saved = sc.Checkpoint("valid_acc_best", dirname=tmp_path)
    rates = sc.LRScheduler("StepLR", step_size=1, gamma=0.5)
    found = [callback for make in others for callback in make()]
    learner, history = fit(name, scoring, stop, saved, rates, *found)
    assert learner.n_iter_ == 2  # no epoch gains nine
    assert list(tmp_path.glob("*.pt"))
    assert rates.lr_scheduler_.last_epoch == 2


def test_a_score_without_caching_is_that_of_the_net_after_the_epoch():
    make, X, y = LEARNERS["rows"]
    scoring = sc.EpochScoring("accuracy", on_train=True, use_caching=False)
    scores = Scores()
    trained = make(dropout=0.5, callbacks=[scoring, scores]).fit(X, y)
    assert scores.history_[-1]["accuracy"] == trained.score(X, y)


def test_frames_without_a_label_are_not_scored():
    seen = {}

    def count(net, X, y):
        seen["y"], seen["shape"] = y, net.predict_proba(X).shape
        return 0.0

    fit("frames", sc.EpochScoring(count, name="count"))
    n_labelled = sum(int((labels != "X").sum()) for labels in CHORDS[:9])
    assert seen["y"].shape == (n_labelled,)
    assert seen["shape"] == (n_labelled, 25)
    assert (seen["y"] >= 0).all()


@pytest.mark.parametrize(
    ("name", "scoring", "measure"),
    [
        ("rows", "roc_auc_ovr", lambda y, p: roc_auc_score(y, p, multi_class="ovr")),
        ("two", "roc_auc", lambda y, p: roc_auc_score(y, p[:, 1])),
        ("tags", "average_precision", None),
        ("rows", make_scorer(accuracy_score), None),
        ("two", "neg_log_loss", lambda y, p: -log_loss(y, p)),
        ("two", "f1", None),
        ("mixed", "balanced_accuracy", None),
    ],
)
def test_scorers_of_scikit_learn_find_what_they_need(name, scoring, measure):
    learner, history = fit(name, sc.EpochScoring(scoring, name="score"))
    X, y = LEARNERS[name][1:]
    if measure is None or name == "two":  # there, rows of clips are scored
        assert 0 <= abs(history[-1]["score"]) <= 1.5
    else:
        expected = measure(y[:9], learner.predict_proba(X[:9]))
        assert history[-1]["score"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["auc_tag", "precision_at_1"])
def test_names_of_the_field_are_scores_of_callbacks(name):
    learner, history = fit("tags", sc.EpochScoring(name, lower_is_better=False))
    X, y = LEARNERS["tags"][1:]
    expected = get_scorer(name)(learner, X[:9], y[:9])
    assert history[-1][name] == pytest.approx(expected, rel=1e-5)


def test_names_that_score_no_frames_are_refused_before_training():
    with pytest.raises(ValueError, match=r"'wcsr_majmin'\).*scores songs"):
        fit("frames", sc.EpochScoring("wcsr_majmin"))
    with pytest.raises(ValueError, match="'auc_tags'.*Did you mean 'auc_tag'"):
        fit("tags", sc.EpochScoring("auc_tags"))


def test_scores_that_nothing_can_be_compared_with_are_refused():
    make, X, y = LEARNERS["rows"]
    for callback in (sc.EpochScoring("f1_macro"), sc.PassthroughScoring("f1_macro")):
        with pytest.raises(ValueError, match=r"'f1_macro'.*X_val.*on_train=True"):
            make(callbacks=[callback]).fit(X, y)
    scoring = sc.EpochScoring("accuracy", on_train=True)
    with pytest.raises(ValueError, match=r"EpochScoring\('accuracy'\).*Pass y"):
        dbn(callbacks=[scoring]).fit(CLIPS)
    scoring = sc.EpochScoring(get_scorer("auc_tag"), on_train=True)
    with pytest.raises(ValueError, match="EpochScoring.*Pass y"):
        dbn(callbacks=[scoring]).fit(CLIPS)
    with pytest.raises(AttributeError, match="pre-training"):
        dbn(callbacks=[sc.EpochScoring(own_scoring, on_train=True)]).fit(CLIPS)


def test_a_function_may_score_what_is_learned_without_labels():
    seen = []

    def n_units(net, X, y):
        seen.append((y, len(X)))
        return 5.0

    dbn(callbacks=[sc.EpochScoring(n_units, on_train=True)]).fit(CLIPS)
    assert {y is None for y, _ in seen} == {True} and len(seen) == 3
