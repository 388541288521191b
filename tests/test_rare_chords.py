"""Chords that were rare in training: weights of classes, priors, and the report."""

import itertools

import numpy as np
import pytest
import torch
from chord_songs import (
    RATE,
    assert_same_probabilities,
    blstm,
    chroma_of,
    make_songs,
    previous_chord_net,
)
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.utils.validation import check_is_fitted

import skdeepmir
from skdeepmir import GaussianChordRecognizer
from skdeepmir._training._gradient import FrameSoftmaxLoss
from skdeepmir.metrics import chord_confusion, chord_report, wcsr
from skdeepmir.nets import SequenceBatch

SMALL = ("C:maj", "C:7", "G:7", "N")


def sevenths_net(**parameters):
    return blstm(**{"vocabulary": "sevenths", "cell": "dense", **parameters})


def assert_close_probabilities(a, b, clips):
    for p, q in zip(a.predict_proba(clips), b.predict_proba(clips), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-4)


def unbalanced_songs(n_songs=6, n_rare=2, seed=0):
    """Return songs of C:maj, in each of which C:7 sounds for a few frames."""
    rng = np.random.RandomState(seed)
    clips, y = [], []
    for song in range(n_songs):
        n = rng.randint(16, 24)
        labels = np.repeat(["C:maj", "C:7", "C:maj"], [n, n_rare, n])
        clips.append(chroma_of(labels, noise=1.2, seed=seed + song))
        y.append(labels.astype(object))
    return clips, y


def share_of_sevenths(recognizer, clips):
    return np.mean(np.concatenate(list(recognizer.predict(clips))) == "C:7")


def priors(y, classes):
    labels = np.concatenate(y)
    return np.array([np.mean(labels == label) for label in classes])


# Priors


@pytest.mark.parametrize("transpose", [False, True])
def test_priors_are_the_shares_of_training_frames_in_all_keys(transpose):
    clips, y = make_songs(chords=["C:maj", "A:min", "G:maj", "N"])
    y[0][:5] = "X"
    net = blstm(transpose=transpose, max_epochs=1).fit(clips, y)
    known = [labels[labels != "X"] for labels in y]
    expected = priors(known, net.classes_)
    if transpose:
        expected[:24] = np.repeat(expected[:24].reshape(2, 12).mean(axis=1), 12)
    np.testing.assert_allclose(net.class_prior_, expected)
    n_frames = sum(map(len, known)) * (12 if transpose else 1)
    np.testing.assert_allclose(net.class_count_, expected * n_frames)


def test_priors_are_of_the_clips_that_are_trained_on():
    clips, y = make_songs(4)
    net = blstm(max_epochs=1, early_stopping=True, validation_fraction=0.5)
    assert net.fit(clips, y).class_count_.sum() < sum(map(len, y))


@pytest.mark.parametrize("average", [False, True])
def test_probabilities_are_divided_by_powers_of_priors(average):
    clips, y = make_songs()
    net = blstm(transpose=True, max_epochs=2, average_transpositions=average)
    net.fit(clips, y)
    prior = net.class_prior_ = 1 / np.arange(2, 27)
    plain = net.predict_proba(clips)
    for strength in (0.4, 1, 3.0):
        corrected = net.set_params(prior_correction=strength).predict_proba(clips)
        for p, q in zip(plain, corrected, strict=True):
            expected = p / prior**strength
            expected /= expected.sum(axis=1, keepdims=True)
            np.testing.assert_allclose(q, expected)
    net.set_params(decoder="argmax")
    for labels, q in zip(net.predict(clips), corrected, strict=True):
        assert (labels == net.classes_[q.argmax(axis=1)]).all()


@pytest.mark.parametrize("decoder", ["viterbi", "beam", "argmax"])
@pytest.mark.parametrize("sees_previous", [False, True])
def test_a_correction_finds_what_was_rare(decoder, sees_previous):
    clips, y = unbalanced_songs()
    parameters = {"cell": "rnn", "max_epochs": 12, "decoder": decoder}
    net = sevenths_net(sees_previous=sees_previous, **parameters).fit(clips, y)
    plain = net.predict_proba(clips)
    shares = []
    for strength in (0, 0.5, 1, 3):
        net.set_params(prior_correction=strength)
        shares.append(share_of_sevenths(net, clips))
    assert shares == sorted(shares) and shares[-1] > shares[0]
    again = net.set_params(prior_correction=0).predict_proba(clips)
    for p, q in zip(plain, again, strict=True):
        np.testing.assert_array_equal(p, q)


def test_a_corrected_beam_that_holds_all_paths_is_exhaustive():
    clips, y = make_songs(chords=["C:maj", "A:min"])
    net = previous_chord_net(
        "beam", vocabulary=("C:maj", "A:min"), beam_width=2**5, max_epochs=10
    ).fit(clips, y)
    net.class_prior_, strength = np.array([0.9, 0.1]), 0.8
    net.set_params(prior_correction=strength)
    paths = np.array(list(itertools.product(range(2), repeat=5)))
    before = np.column_stack([np.full(len(paths), 2), paths[:, :-1]])
    module, changed = net.module_.float(), 0
    for seed in range(8):
        clip = 2 * np.random.RandomState(seed).rand(5, 12)
        frames = torch.tensor((clip - net.mean_) / net.scale_).float()
        lengths = torch.full((len(paths),), 5)
        batch = SequenceBatch(
            frames.expand(len(paths), -1, -1), lengths, torch.from_numpy(before)
        )
        with torch.inference_mode():
            scores = log_softmax(module(batch).double().numpy(), axis=2)
        plain = np.take_along_axis(scores, paths[:, :, None], axis=2)[:, :, 0]
        corrected = plain - strength * np.log(net.class_prior_)[paths]
        best = paths[corrected.sum(axis=1).argmax()]
        assert (net.predict([clip])[0] == net.classes_[best]).all()
        changed += (best != paths[plain.sum(axis=1).argmax()]).any()
    assert changed


def test_classes_without_frames_gain_nothing():
    clips, y = unbalanced_songs()
    net = sevenths_net(max_epochs=3).fit(clips, y)
    absent = net.class_prior_ == 0
    assert absent.sum() == 59
    common = net.class_prior_.argmax()
    plain = net.predict_proba(clips)
    for strength in (1, 10):
        corrected = net.set_params(prior_correction=strength).predict_proba(clips)
        for p, q in zip(plain, corrected, strict=True):
            assert np.isfinite(q).all()
            before, after = (r[:, absent] / r[:, [common]] for r in (p, q))
            np.testing.assert_allclose(after, before)


@pytest.mark.parametrize("strength", [-0.1, 11, np.nan, np.inf, "1", None])
def test_strengths_are_checked_before_training_and_again_afterwards(strength):
    clips, y = make_songs(2)
    with pytest.raises(ValueError, match="'prior_correction' parameter"):
        blstm(prior_correction=strength).fit(clips, y)
    net = blstm(max_epochs=1).fit(clips, y).set_params(prior_correction=strength)
    for method in (net.predict, net.predict_proba):
        with pytest.raises(ValueError, match="'prior_correction' parameter"):
            method(clips)


@pytest.mark.parametrize(
    "prior, message",
    [
        (np.ones(24), r"class_prior_ has shape \(24,\).* 25 classes"),
        (np.ones((25, 25)), r"class_prior_ has shape \(25, 25\)"),
        (np.zeros(25), "class_prior_ .*not 0 alone"),
        (-np.ones(25), "class_prior_ .*from 0 up"),
        (np.full(25, np.nan), "class_prior_ contains NaN"),
    ],
)
def test_wrong_priors_are_refused(prior, message):
    clips, y = make_songs(2)
    net = blstm(max_epochs=1, prior_correction=0.5).fit(clips, y)
    net.class_prior_ = prior
    with pytest.raises(ValueError, match=message):
        net.predict(clips)


def test_a_search_chooses_the_strength_without_training_again(tmp_path):
    clips, y = unbalanced_songs(n_songs=6)
    fits = []
    net = blstm(
        vocabulary="sevenths", cell="rnn", max_epochs=12, checkpoint_dir=tmp_path
    )
    search = GridSearchCV(
        net,
        {"prior_correction": [0.0, 0.5, 1.0], "decoder": ["viterbi", "argmax"]},
        scoring=lambda net, X, y: fits.append(1) or share_of_sevenths(net, X),
        cv=KFold(2),
    ).fit(clips, np.array([*y, None], dtype=object)[:-1])
    assert search.best_params_["prior_correction"] > 0 and len(fits) == 12
    assert len(list(tmp_path.iterdir())) == 3  # two folds, and all clips
    other = clone(net).set_params(n_units=4).fit(clips, y)
    assert len(list(tmp_path.iterdir())) == 4 and other.n_units == 4


# Weights of classes


def test_weights_multiply_the_loss_of_frames():
    rng = np.random.RandomState(0)
    logits, y = rng.randn(2, 7, 3), rng.randint(-1, 3, size=(2, 7))
    weight = rng.rand(2, 7)
    losses = -np.take_along_axis(
        log_softmax(logits, axis=-1), np.maximum(y, 0)[..., None], -1
    )[..., 0]
    expected = (losses * weight)[y >= 0].sum() / (y >= 0).sum()
    tensors = [torch.from_numpy(array) for array in (logits, y, weight)]
    assert FrameSoftmaxLoss()(*tensors).item() == pytest.approx(expected)
    plain = FrameSoftmaxLoss()(*tensors[:2], None).item()
    ones = FrameSoftmaxLoss()(*tensors[:2], torch.ones(2, 7).double()).item()
    assert ones == pytest.approx(plain)


def test_heavy_classes_are_found_and_light_ones_are_not():
    clips, y = unbalanced_songs()
    shares = [
        share_of_sevenths(
            sevenths_net(class_weight=weight).fit(clips, y),
            clips,
        )
        for weight in ({"7": 0}, None, {"7": 20}, {"7": 300, "maj": 0.1})
    ]
    assert shares == sorted(shares) and shares[0] == 0 < shares[-1]


@pytest.mark.parametrize(
    "weights",
    [
        [
            {"maj": 2, "7": 6.0},
            {"C:maj": 1, "C:7": 3},
            {"C:7": 3.0},
            {"7": np.int64(3)},
        ],
        [{"7": 9.0, "C:7": 3.0}, {"7": 3.0}],  # the most specific counts
        [{"maj": 5e307, "7": 1.5e308}, {"7": 3.0}],
    ],
)
def test_weights_are_named_by_label_or_quality_on_any_scale(weights):
    clips, y = unbalanced_songs(4)
    nets = [
        sevenths_net(max_epochs=2, class_weight=weight).fit(clips, y)
        for weight in weights
    ]
    for net in nets[1:]:
        assert_close_probabilities(net, nets[0], clips)
        np.testing.assert_allclose(net.class_prior_, nets[0].class_prior_)


def test_a_quality_has_any_bass_unless_one_is_named():
    labels = ["C:maj", "C:maj/3", "C:maj/5", "C:min", "N"]
    clips, y = make_songs(chords=labels)
    weight = {"maj": 2.0, "maj/5": 5.0, "N": 0.0}
    net = blstm(vocabulary="majmin_inv", max_epochs=1, class_weight=weight).fit(
        clips, y
    )
    counts = dict(zip(net.classes_, net.class_count_, strict=True))
    shares = dict(zip(net.classes_, net.class_prior_, strict=True))
    ratios = [shares[label] / counts[label] for label in labels]
    np.testing.assert_allclose(np.divide(ratios, ratios[3]), [2, 2, 5, 1, 0])


@pytest.mark.parametrize("transpose", [False, True])
def test_balanced_classes_weigh_the_same_in_sum(transpose):
    clips, y = unbalanced_songs(4)
    parameters = {"transpose": transpose, "max_epochs": 2}
    net = sevenths_net(class_weight="balanced", **parameters).fit(clips, y)
    known = net.class_count_ > 0
    np.testing.assert_allclose(net.class_prior_[known], 1 / known.sum())
    counts = dict(zip(net.classes_, net.class_count_, strict=True))
    given = {"maj": 1 / counts["C:maj"], "7": 1 / counts["C:7"]}
    other = sevenths_net(class_weight=given, **parameters).fit(clips, y)
    assert_close_probabilities(net, other, clips)
    net.set_params(prior_correction=1.0)  # nothing is left to correct
    assert_close_probabilities(net, other, clips)


def test_numbers_of_classes_have_weights_too():
    clips, y = unbalanced_songs(4)
    numbers = [np.where(labels == "C:7", 5, 3) for labels in y]
    net = blstm(max_epochs=1, class_weight={5: 4.0}).fit(clips, numbers)
    share = np.mean(np.concatenate(numbers) == 5)
    expected = [1 - share, 4 * share]
    np.testing.assert_allclose(net.class_prior_, expected / np.sum(expected))
    with pytest.raises(ValueError, match="class_weight names 4, .* 3, 5"):
        blstm(class_weight={4: 1.0}).fit(clips, numbers)


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"class_weight": {"9": 2}}, "class_weight names '9', .*'maj', 'min'.*'C:maj'"),
        ({"class_weight": {"Bb:7": 2}}, "class_weight names 'Bb:7', .*sharps"),
        ({"class_weight": {"7": -1}}, "class_weight has -1 for '7'; .*from 0 up"),
        ({"class_weight": {"7": np.nan}}, "class_weight has nan for '7'"),
        ({"class_weight": {"7": np.inf}}, "class_weight has inf for '7'"),
        ({"class_weight": {"7": "2"}}, "class_weight has '2' for '7'"),
        ({"class_weight": {"7": 0, "maj": 0}}, "class_weight=.*no frame to train on"),
        ({"class_weight": {"C:7": 2}, "transpose": True}, "names 'C:7'.*quality, '7'"),
        ({"class_weight": "even"}, "'class_weight' parameter"),
        ({"class_weight": [1, 2]}, "'class_weight' parameter"),
    ],
    ids=str,
)
def test_wrong_weights_are_refused_and_named(parameters, message):
    clips, y = unbalanced_songs(2)
    net = sevenths_net(max_epochs=1, **parameters)
    with pytest.raises(ValueError, match=message):
        net.fit(clips, y)
    with pytest.raises(NotFittedError):
        check_is_fitted(net)


def test_weights_are_for_training_alone():
    clips, y = unbalanced_songs()
    parameters = {"X_val": clips[:2], "y_val": y[:2]}
    net = sevenths_net(max_epochs=1, class_weight={"7": 50.0})
    net.fit(clips, y, **parameters)
    losses, n = 0, 0
    for p, labels in zip(net.predict_proba(clips[:2]), y[:2], strict=True):
        columns = [list(net.classes_).index(label) for label in labels]
        losses -= np.log(p[np.arange(len(p)), columns]).sum()
        n += len(p)
    assert net.validation_scores_[0] == pytest.approx(-losses / n, rel=1e-4)


def test_a_warm_start_weighs_by_the_weights_it_is_given():
    clips, y = unbalanced_songs()
    net = sevenths_net(warm_start=True, max_epochs=8).fit(clips, y)
    plain, prior = share_of_sevenths(net, clips), net.class_prior_
    net.set_params(class_weight={"7": 300.0}).fit(clips, y)
    assert share_of_sevenths(net, clips) > plain
    assert (net.class_prior_ > prior)[list(net.classes_).index("C:7")]


# Models


@pytest.mark.parametrize("weight", [{"7": 2.0}, "balanced", None])
def test_saved_recognisers_keep_weights_and_priors(weight, tmp_path):
    clips, y = unbalanced_songs(3)
    net = blstm(
        vocabulary="sevenths", max_epochs=1, class_weight=weight, prior_correction=0.5
    )
    skdeepmir.save(net.fit(clips, y), tmp_path / "chords.skops")
    loaded = skdeepmir.load(tmp_path / "chords.skops")
    assert_same_probabilities(net, loaded, clips)
    assert loaded.get_params() == net.get_params()
    np.testing.assert_array_equal(loaded.class_prior_, net.class_prior_)


def test_models_of_earlier_versions_predict_and_say_what_they_lack():
    clips, y = unbalanced_songs(3)
    net = sevenths_net(max_epochs=1, warm_start=True).fit(clips, y)
    new = clone(net).fit(clips, y)
    for name in ("class_weight", "prior_correction", "class_count_", "class_prior_"):
        del vars(net)[name]
    assert_same_probabilities(net, new, clips)
    net.set_params(prior_correction=0.5)
    with pytest.raises(ValueError, match=r"prior_correction=0\.5 needs class_prior_"):
        net.predict(clips)
    net.class_prior_ = new.class_prior_
    assert_same_probabilities(net, new.set_params(prior_correction=0.5), clips)
    del net.class_prior_
    net.fit(clips, y)
    np.testing.assert_array_equal(net.class_prior_, new.class_prior_)


# The report


def test_the_report_by_quality_by_hand():
    reference = (
        [[0, 1], [1, 4], [4, 6], [6, 8], [8, 10]],
        ["N", "C:maj7", "G:7", "A:min/b3", "X"],
    )
    estimate = (
        [[0, 2], [2, 5], [5, 6], [6, 7], [7, 10]],
        ["N", "C:maj", "G:9", "A:min", "X"],
    )
    report = chord_report([reference], [estimate], by="quality")
    columns = ["share", "estimated", "recall", "precision", "triad", "root"]
    assert list(report.columns) == columns
    expected = {
        "maj": [0, 3, np.nan, 0, np.nan, np.nan],
        "min": [2, 1, 0.5, 1, 0.5, 0.5],
        "maj7": [3, 0, 0, np.nan, 2 / 3, 2 / 3],
        "7": [2, 1, 0.5, 1, 0.5, 0.5],
        "N": [1, 3, 1, 1 / 3, 1, 1],
    }
    assert list(report.index) == list(expected)
    rows = np.array(list(expected.values())) / [8, 8, 1, 1, 1, 1]
    np.testing.assert_allclose(report.to_numpy(), rows)
    frames = chord_report([["C:7", "X"]], [["C:7", "C:7"]], by="quality")
    assert list(frames.index) == ["7"] and (frames.to_numpy() == 1).all()


def test_recalls_by_quality_sum_to_those_of_all_chords():
    clips, y = make_songs(chords=["C:maj7", "A:min/b3", "D:sus4", "C:5", "E:7", "N"])
    y[0][:7] = "X"
    fitted = GaussianChordRecognizer("tetrads").fit(clips, y)
    noisy = [clip + np.random.RandomState(0).rand(*clip.shape) for clip in clips]
    found = list(fitted.predict(noisy))
    report = chord_report(y, found, by="quality", frame_rate=RATE)
    for column, vocabulary in (
        ("recall", "tetrads"),
        ("triad", "triads"),
        ("root", "root"),
    ):
        total = (report["share"] * report[column].fillna(0)).sum()
        expected = wcsr(y, found, vocabulary=vocabulary, frame_rate=RATE)
        assert total == pytest.approx(expected) and 0 < total < 1
    hits = (report["estimated"] * report["precision"].fillna(0)).sum()
    assert hits == pytest.approx(wcsr(y, found, vocabulary="tetrads", frame_rate=RATE))
    seconds = chord_confusion(y, found, by="quality", frame_rate=RATE)
    shares = seconds.sum(axis=1) / seconds.to_numpy().sum()
    np.testing.assert_allclose(report["share"], shares[report.index])
    assert "other" in report.index


def test_the_report_is_by_vocabulary_or_quality():
    with pytest.raises(ValueError, match="by='root'.*quality"):
        chord_report([["C:maj"]], [["C:maj"]], by="root")
