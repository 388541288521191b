"""DropoutMLPClassifier: labels and tags, weights, validation, what it begins with."""

import pickle
import time

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, GroupShuffleSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from skdeepmir import DBNFeatureLearner, DropoutMLPClassifier
from skdeepmir._training._data import LabelledClips
from skdeepmir.frames import ClipLayout


def problem(n=150, n_classes=3, seed=0):
    X, y = make_classification(
        n, 8, n_informative=5, n_classes=n_classes, random_state=seed
    )
    return X, y


def net(*sizes, **parameters):
    defaults = {
        "max_epochs": 5,
        "batch_size": 32,
        "learning_rate_schedule": "constant",
        "random_state": 0,
        "verbose": False,
    }
    return DropoutMLPClassifier(sizes or (20,), **{**defaults, **parameters})


def exact(*sizes, **parameters):
    """Return a net without any randomness but its first weights."""
    options = {"dropout": 0, "input_dropout": 0, "batch_size": None}
    return net(*sizes, **{**options, "precision": "float64", **parameters})


@pytest.mark.parametrize("n_classes", [2, 3])
def test_scores_probabilities_and_labels_agree(n_classes):
    X, y = problem(n_classes=n_classes)
    names = np.array(["bass", "drums", "piano"])[y]
    classifier = net(max_epochs=100, learning_rate=0.01).fit(X, names)
    p, scores = classifier.predict_proba(X), classifier.decision_function(X)
    assert classifier.score(X, names) > 0.8
    np.testing.assert_array_equal(
        classifier.classes_[p.argmax(1)], classifier.predict(X)
    )
    np.testing.assert_allclose(p.sum(1), 1)
    np.testing.assert_allclose(np.exp(classifier.predict_log_proba(X)), p)
    if n_classes == 2:
        np.testing.assert_allclose(np.log(p[:, 1] / p[:, 0]), scores)
    else:
        assert (scores.argmax(1) == p.argmax(1)).all()


def test_tags_are_independent():
    X, Y = make_multilabel_classification(300, 10, n_classes=4, random_state=0)
    X = StandardScaler().fit_transform(X)
    Y[:, 2] = 0  # a tag that no clip has
    classifier = net(max_epochs=100, learning_rate=0.01).fit(X, Y)
    p = classifier.predict_proba(X)
    assert p.shape == Y.shape and (0 < p).all() and (p < 1).all()
    predicted = classifier.predict(X)
    assert predicted.dtype == Y.dtype
    np.testing.assert_array_equal(predicted, classifier.decision_function(X) > 0)
    assert (predicted == Y).mean() > 0.85
    assert (predicted[:, 2] == 0).all()
    np.testing.assert_allclose(np.exp(classifier.predict_log_proba(X)), p, atol=1e-12)


@pytest.mark.filterwarnings(
    "ignore:Training ended:sklearn.exceptions.ConvergenceWarning"
)
def test_log_probabilities_stay_finite_where_probabilities_vanish():
    X = np.linspace(-1, 1, 40)[:, None] * 1000
    y = (X[:, 0] > 0).astype(int)
    for labels in (y, y + (X[:, 0] > 500), np.stack([y, 1 - y], 1)):
        raw = exact(optimizer="sgd", learning_rate=1.0, standardize=False)
        classifier = raw.fit(X, labels)
        p = classifier.predict_proba(X)
        assert np.isfinite(classifier.predict_log_proba(X)).all()
        assert p.min() < 1e-15


def test_a_clip_of_rows_is_one_sample():
    rng = np.random.RandomState(0)
    clips = [rng.randn(n, 4) + 2 * (i % 2) for i, n in enumerate([5, 9, 3, 7] * 5)]
    y = np.arange(20) % 2
    classifier = net(max_epochs=100, learning_rate=0.01).fit(clips, y)
    assert classifier.score(clips, y) == 1
    rows = [classifier.decision_function([row[None]])[0] for row in clips[0]]
    assert classifier.decision_function(clips)[0] == pytest.approx(np.mean(rows))


def test_rows_carry_the_label_and_weight_of_their_clip():
    rng = np.random.RandomState(0)
    clips = [rng.randn(n, 4) for n in (2, 3, 1, 4)]
    y, w = np.array([0, 1, 1, 0]), np.array([1.0, 2.0, 0.5, 3.0])
    lengths = [len(clip) for clip in clips]
    of_clips = exact().fit(clips, y, sample_weight=w)
    of_rows = exact().fit(
        np.concatenate(clips), np.repeat(y, lengths), np.repeat(w, lengths)
    )
    np.testing.assert_allclose(of_clips.coefs_[0], of_rows.coefs_[0], rtol=1e-9)


def test_clips_of_weight_zero_do_not_count():
    X, y = problem()
    w = (np.arange(len(y)) % 3 > 0).astype(float)
    weighted = exact().fit(X, y, sample_weight=w)
    fewer = exact().fit(X[w > 0], y[w > 0])
    np.testing.assert_allclose(weighted.coefs_[0], fewer.coefs_[0], rtol=1e-9)


def test_class_weights_are_weights_of_clips():
    X, y = problem()
    y[:60] = 0
    by_class = exact(class_weight={0: 1, 1: 2, 2: 3}).fit(X, y)
    by_clip = exact().fit(X, y, sample_weight=1.0 + y)
    np.testing.assert_allclose(by_class.coefs_[0], by_clip.coefs_[0], rtol=1e-9)
    share = len(y) / (3 * np.bincount(y))
    balanced = exact(class_weight="balanced").fit(X, y)
    by_clip = exact().fit(X, y, sample_weight=share[y])
    np.testing.assert_allclose(balanced.coefs_[0], by_clip.coefs_[0], rtol=1e-9)


def test_balanced_tags_raise_rare_ones():
    rng = np.random.RandomState(0)
    X = rng.randn(400, 2)
    Y = np.stack([rng.rand(400) < 0.05, rng.rand(400) < 0.95], 1).astype(int)
    p = exact(max_epochs=200, class_weight="balanced").fit(X, Y).predict_proba(X)
    np.testing.assert_allclose(p.mean(0), 0.5, atol=0.1)
    with pytest.raises(ValueError, match="class_weight=.*tags.*balanced"):
        exact(class_weight={0: 2}).fit(X, Y)


def test_max_norm_bounds_the_weights_into_hidden_units():
    X, y = problem()
    classifier = net(20, 10, max_norm=0.5, learning_rate=0.05, max_epochs=20).fit(X, y)
    for weights in classifier.coefs_[:-1]:
        norms = np.linalg.norm(weights, axis=0)
        assert norms.max() <= 0.5 + 1e-5
        assert norms.max() > 0.49  # something was bounded
    assert np.linalg.norm(classifier.coefs_[-1], axis=0).max() > 0.5


def test_early_stopping_goes_back_to_the_best_epoch():
    X, y = problem(120)
    X_val, y_val = problem(200, seed=0)
    rng = np.random.RandomState(1)
    noisy = np.where(rng.rand(120) < 0.3, rng.randint(0, 3, 120), y)
    classifier = exact(
        200, early_stopping=True, learning_rate=0.02, max_epochs=300, batch_size=8
    ).fit(X, noisy, X_val=X_val, y_val=y_val)
    scores = classifier.validation_scores_
    assert 10 < len(scores) == classifier.n_iter_ < 300
    assert len(scores) - 1 - scores.argmax() >= 10  # n_iter_no_change
    loss = log_loss(y_val, classifier.predict_proba(X_val))
    assert -loss == pytest.approx(scores.max(), rel=1e-6)


def test_validation_clips_are_watched_without_early_stopping():
    X, y = problem()
    plain = net().fit(X, y)
    watched = net().fit(X, y, X_val=X[:20], y_val=y[:20])
    assert len(watched.validation_scores_) == 5 and len(plain.validation_scores_) == 0
    np.testing.assert_array_equal(plain.coefs_[0], watched.coefs_[0])


def test_validation_by_artist():
    X, y = problem()
    artists = np.arange(len(y)) // 5
    train, val = next(GroupShuffleSplit(1, random_state=0).split(X, y, artists))
    classifier = net(early_stopping=True)
    classifier.fit(X[train], y[train], X_val=X[val], y_val=y[val])
    assert len(classifier.validation_scores_) == classifier.n_iter_


def test_a_pipeline_transforms_validation_clips_if_told_to():
    X, y = problem()
    X = 1000 * X + 500
    classifier = net(early_stopping=True)
    with config_context(enable_metadata_routing=True):
        classifier.set_fit_request(X_val=True, y_val=True)
        pipeline = make_pipeline(
            StandardScaler(), classifier, transform_input=["X_val"]
        )
        pipeline.fit(X[:100], y[:100], X_val=X[100:], y_val=y[100:])
    scaler = StandardScaler().fit(X[:100])
    alone = net(early_stopping=True).fit(
        scaler.transform(X[:100]),
        y[:100],
        X_val=scaler.transform(X[100:]),
        y_val=y[100:],
    )
    np.testing.assert_array_equal(
        pipeline[-1].validation_scores_, alone.validation_scores_
    )


def test_the_held_out_fraction_is_of_clips_and_in_proportion():
    targets = np.repeat([0, 1, 2], [60, 30, 10])
    lengths = np.arange(100) % 3 + 1
    rows = np.repeat(np.arange(100), lengths)[:, None]
    clips = LabelledClips(rows, ClipLayout("list", lengths), targets, 1.0 + targets)
    drawn = []
    for seed in range(2):
        rest, held_out = clips.hold_out(0.2, seed)
        np.testing.assert_array_equal(np.bincount(held_out.targets), [12, 6, 2])
        assert set(rest.clips[:, 0]).isdisjoint(held_out.clips[:, 0])
        assert len(rest.clips) + len(held_out.clips) == len(rows)
        np.testing.assert_array_equal(rest.weight, 1.0 + rest.targets)
        drawn.append(set(held_out.clips[:, 0]))
    assert drawn[0] != drawn[1]
    with pytest.raises(ValueError, match=r"validation_fraction=0.9 of 3 clips"):
        net(early_stopping=True, validation_fraction=0.9).fit(np.eye(3), [0, 1, 1])


def test_monte_carlo_averages_thinned_nets():
    X, y = problem()
    scaled = net(100, dropout=0.3, input_dropout=0, max_epochs=30).fit(X, y)

    def difference(n):
        scaled.set_params(mc_samples=n)
        p = scaled.predict_proba(X)
        np.testing.assert_array_equal(p, scaled.predict_proba(X))
        np.testing.assert_allclose(p[3:5], scaled.predict_proba(X[3:5]), rtol=1e-9)
        scaled.set_params(mc_samples=0)
        return np.abs(p - scaled.predict_proba(X)).mean()

    assert 0 < difference(300) < 0.5 * difference(1)
    assert difference(300) < 0.03


def test_monte_carlo_of_a_net_without_dropout_is_the_net():
    X, y = problem()
    Y = np.stack([y == 0, y > 0], 1).astype(int)
    for labels in (y, y > 0, Y):
        classifier = net(dropout=0, input_dropout=0).fit(X, labels)
        p = classifier.predict_proba(X)
        classifier.set_params(mc_samples=3)
        np.testing.assert_allclose(classifier.predict_proba(X), p, rtol=1e-9)


def test_passes_of_partial_fit_equal_a_fit():
    X, y = problem()
    whole = net(batch_size=None).fit(X, y)
    passes = net(batch_size=None, max_epochs=1)
    for k in range(5):
        passes.partial_fit(X, y, classes=[0, 1, 2] if k == 0 else None)
        assert passes.n_iter_ == k + 1
        passes = pickle.loads(pickle.dumps(passes))
    np.testing.assert_array_equal(whole.coefs_[0], passes.coefs_[0])
    np.testing.assert_array_equal(whole.loss_curve_, passes.loss_curve_)


def test_parameters_can_be_changed_between_passes():
    X, y = problem()
    classifier = net().partial_fit(X, y, classes=[0, 1, 2])
    before = classifier.coefs_[0]
    classifier.set_params(learning_rate=1e-30).partial_fit(X, y)
    np.testing.assert_array_equal(before, classifier.coefs_[0])
    for parameters in ({"optimizer": "sgd"}, {"weight_decay": 0.1}):
        classifier.set_params(learning_rate=0.1, **parameters).partial_fit(X, y)
        assert not np.array_equal(before, classifier.coefs_[0])


def test_partial_fit_needs_all_classes_first():
    X, y = problem()
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        net().partial_fit(X, y)
    classifier = net().partial_fit(X[:2], y[:2], classes=[0, 1, 2])
    assert classifier.predict_proba(X).shape == (150, 3)
    with pytest.raises(ValueError, match=r"not among the classes.*\[7\]"):
        classifier.partial_fit(X[:2], [7, 0])
    with pytest.raises(ValueError, match="not what the first call"):
        classifier.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="balanced.*partial_fit"):
        net(class_weight="balanced").partial_fit(X, y, classes=[0, 1, 2])


def test_warm_start_begins_with_the_weights_before():
    X, y = problem()
    cold = net().fit(X, y)
    warm = net(warm_start=True).fit(X, y)
    np.testing.assert_array_equal(cold.coefs_[0], warm.coefs_[0])
    assert warm.fit(X, y).loss_curve_[0] < cold.loss_curve_[-1] + 0.05
    assert cold.fit(X, y).loss_curve_[0] > warm.loss_curve_[0] + 0.05
    with pytest.raises(ValueError, match="warm_start=True, but y has the classes"):
        warm.fit(X, y > 0)
    with pytest.raises(ValueError, match="The fit before had a net"):
        warm.set_params(hidden_layer_sizes=(5,)).fit(X, y)


def test_a_net_without_hidden_layers_is_linear():
    X, y = problem(n_classes=2)
    classifier = DropoutMLPClassifier((), dropout=0.2, input_dropout=0.1, verbose=False)
    classifier.fit(X, y)
    rows = (X - classifier.mean_) / classifier.scale_
    weights = classifier.coefs_[0][:, 0].astype(float)
    expected = rows @ weights + classifier.intercepts_[0]
    np.testing.assert_allclose(classifier.decision_function(X), expected)


def test_the_module_gives_the_logits():
    import torch

    X, y = problem()
    classifier = net(20, 10).fit(X, y)
    with torch.no_grad():
        rows = (X - classifier.mean_) / classifier.scale_
        logits = classifier.module_(torch.from_numpy(rows)).numpy()
    # Here torch may use other numbers of threads.
    np.testing.assert_allclose(classifier.decision_function(X), logits, atol=1e-12)


@pytest.mark.parametrize("kind", ["rbm", "dbm", "denoising_autoencoder"])
@pytest.mark.parametrize("frozen", [False, True])
def test_a_pretrained_net_begins_with_what_was_learned(kind, frozen):
    X, y = problem()
    learner = DBNFeatureLearner(
        (12, 7), pretraining=kind, max_epochs=3, joint_epochs=3, random_state=0
    ).fit(X)
    given = FrozenEstimator(learner) if frozen else learner
    tiny = net(
        12,
        7,
        activation="logistic",
        pretrained=given,
        learning_rate=1e-30,
        max_epochs=1,
        dropout=0.5,
    )
    classifier = tiny.fit(X, y)
    output, bias = classifier.coefs_[-1].astype(float), classifier.intercepts_[-1]
    expected = learner.transform(X) @ output + bias
    np.testing.assert_allclose(classifier.decision_function(X), expected, atol=1e-5)


def test_what_pretraining_fits_is_used():
    X, y = problem()
    options = {"activation": "logistic", "random_state": 0, "max_epochs": 1}
    classifier = net(12, pretraining="rbm", pretraining_epochs=3, **options).fit(X, y)
    learner = classifier.learner_
    assert len(learner.reconstruction_errors_[0]) == 3
    np.testing.assert_allclose(classifier.coefs_[0], learner.weights_[0], atol=0.02)
    template = DBNFeatureLearner(4, sparsity_target=0.1, max_epochs=2, verbose=False)
    other = net(12, pretraining=template, **options).fit(X, y).learner_
    assert other.weights_[0].shape == (8, 12) and other.sparsity_target == 0.1
    assert not hasattr(template, "weights_") and template.hidden_layer_sizes == 4


@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus", "logistic"])
def test_denoising_pretraining_lets_layers_restore_their_input(activation):
    rng = np.random.RandomState(0)
    X = rng.randn(300, 3) @ rng.randn(3, 8)
    y = X[:, 0] > 0
    options = {
        "activation": activation,
        "learning_rate": 1e-30,
        "max_epochs": 1,
        "dropout": 0,
        "input_dropout": 0,
    }
    learned = net(
        30, 30, pretraining="denoising_autoencoder", pretraining_epochs=60, **options
    ).fit(X, y)
    plain = net(30, 30, **options).fit(X, y)
    assert not np.allclose(learned.coefs_[0], plain.coefs_[0], atol=0.01)
    assert not np.allclose(learned.coefs_[1], plain.coefs_[1], atol=0.01)
    np.testing.assert_array_equal(learned.coefs_[-1].shape, plain.coefs_[-1].shape)


def test_a_frozen_learner_survives_cross_validation():
    X, y = problem()
    learner = DBNFeatureLearner((12,), max_epochs=2, random_state=0).fit(X)
    classifier = net(
        12, activation="logistic", pretrained=FrozenEstimator(learner), max_epochs=20
    )
    grid = {"dropout": [0.0, 0.5]}
    search = GridSearchCV(classifier, grid, cv=2, n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(
        search.best_estimator_.learner_.weights_[0], learner.weights_[0]
    )
    bare = clone(classifier).set_params(pretrained=learner)
    with pytest.raises(ValueError, match=r"FrozenEstimator\(learner\)"):
        clone(bare).fit(X, y)


def test_what_a_net_cannot_begin_with_is_named():
    X, y = problem()
    learner = DBNFeatureLearner((12,), max_epochs=1, random_state=0).fit(X)
    logistic = {"activation": "logistic"}
    for classifier, message in [
        (net(12, pretrained=learner), "activation='relu'.*logistic"),
        (net(12, 3, pretrained=learner, **logistic), r"\[12\].*\[12, 3\]"),
        (
            net(12, pretrained=StandardScaler(), **logistic),
            "StandardScaler.*DBNFeatureLearner",
        ),
        (net(12, pretrained=learner, pretraining="rbm", **logistic), "both set"),
        (
            net(12, activation="maxout", pretraining="denoising_autoencoder"),
            "activation='maxout'",
        ),
    ]:
        with pytest.raises(ValueError, match=message):
            classifier.fit(X, y)
    with pytest.raises(ValueError, match="8 features.*6 features"):
        net(12, pretrained=learner, **logistic).fit(X[:, :6], y)


def test_bad_labels_are_named():
    X, y = problem()
    for labels, message in [
        (np.zeros(150), "1 class"),
        (y[:-1], "y has 149 labels, but X has 150 clips"),
        (np.linspace(0, 1, 150), "Unknown label type"),
        (np.stack([y, y], 1), "several classes in several columns"),
    ]:
        with pytest.raises(ValueError, match=message):
            net().fit(X, labels)
    for y_val, message in [
        (np.array([0, 9]), r"y_val has labels.*\[9\]"),
        (None, "X_val and y_val must be passed together"),
    ]:
        with pytest.raises(ValueError, match=message):
            net().fit(X, y, X_val=X[:2], y_val=y_val)
    tags = np.eye(3, dtype=int)[y]
    with pytest.raises(ValueError, match=r"y_val has shape \(2, 2\)"):
        net().fit(X, tags, X_val=X[:2], y_val=tags[:2, :2])


def test_tags_are_zeros_and_ones():
    X, y = problem()
    tags = np.eye(3, dtype=int)[y]
    for bad in (tags * 2 - 1, tags + 1, tags * 2):
        with pytest.raises(ValueError, match="expected 0 or 1 for each tag"):
            net().fit(X, bad)
        with pytest.raises(ValueError, match="expected 0 or 1 for each tag"):
            net().fit(X, tags, X_val=X, y_val=bad)
    for good in (tags, tags.astype(bool), tags.astype(float), csr_array(tags)):
        np.testing.assert_array_equal(
            net().fit(X, good).coefs_[0], net().fit(X, tags).coefs_[0]
        )


def test_class_weights_are_checked():
    X, y = problem()
    for weights in ({0: -1}, {0: np.nan}, {0: 0, 1: 0, 2: 0}):
        with pytest.raises(ValueError, match="class_weight=.*from 0 up"):
            net(class_weight=weights).fit(X, y)


def test_missing_labels_are_refused():
    X, y = problem()
    labels = np.array(["a", "b", None], dtype=object)[y]
    with pytest.raises(ValueError, match="missing values"):
        net().fit(X, labels)


def test_read_only_input_is_fine(recwarn):
    X, y = problem()
    for dtype, precision in ((np.float32, "float32"), (np.float64, "float64")):
        rows = X.astype(dtype)
        rows.flags.writeable = False
        net(precision=precision).fit(rows, y).predict(rows)
    assert not [w for w in recwarn if "writable" in str(w.message)]


def test_bad_sizes_are_named():
    X, y = problem()
    for sizes in ((5, 0), (2.5,), ("a",), (5, (3,)), (True,)):
        with pytest.raises(ValueError, match="hidden_layer_sizes"):
            DropoutMLPClassifier(sizes).fit(X, y)
    assert DropoutMLPClassifier(7, max_epochs=1).fit(X, y).coefs_[0].shape == (8, 7)


def test_no_gpu_is_an_error_and_auto_does_without():
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    X, y = problem()
    with pytest.raises(ValueError, match="device='cuda'"):
        net(device="cuda").fit(X, y)
    assert net(device="auto").fit(X, y).n_iter_ == 5


def test_pickles_hold_little_more_than_the_weights():
    X, y = problem()
    classifier = net(256, 256, early_stopping=True).fit(X, y)
    size = sum(weights.nbytes for weights in classifier.weights_.values())
    assert len(pickle.dumps(classifier)) < 1.05 * size
    assert vars(classifier).keys().isdisjoint({"module_", "net_"})


def test_predicting_before_fitting_is_refused():
    X, _ = problem()
    for method in (
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
    ):
        with pytest.raises(NotFittedError):
            getattr(net(), method)(X)
    for name in ("module_", "coefs_", "intercepts_"):
        with pytest.raises(NotFittedError):
            getattr(net(), name)


def test_a_pipeline_is_cross_validated_and_routes_weights():
    X, y = problem()
    pipeline = make_pipeline(StandardScaler(), net(max_epochs=30, learning_rate=0.01))
    assert cross_val_score(pipeline, X, y, n_jobs=2).mean() > 0.6
    pipeline.fit(X, y, dropoutmlpclassifier__sample_weight=1.0 + y)


def test_quiet_when_asked(capfd):
    class Slow(Callback):
        def on_epoch_end(self, net, **kwargs):
            time.sleep(0.6)

    X, y = problem()
    for verbose in (True, False):
        DropoutMLPClassifier(
            (20,), max_epochs=5, callbacks=[Slow()], verbose=verbose
        ).fit(X, y)
        captured = capfd.readouterr()
        assert ("Training" in captured.err) == verbose
        assert captured.out == ""
