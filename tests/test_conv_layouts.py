"""Convolutional nets of any frames, with random or pre-trained weights."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV

from skdeepmir import (
    ConvDBNFeatureLearner,
    ConvTagger,
    DropoutMLPClassifier,
    load,
    save,
)
from skdeepmir.nets import ConvNet, Pool


def tones():
    """Return clips of two classes, which differ in the band that is loud."""
    rng = np.random.RandomState(0)
    y = np.arange(12) % 2
    clips = [rng.rand(40 + i, 5) for i in range(12)]
    for clip, label in zip(clips, y, strict=True):
        clip[:, 1 + label] += 1
    return clips, y


def quick(*args, **options):
    defaults = {
        "excerpt_length": 30,
        "max_epochs": 30,
        "learning_rate": 0.01,
        "output_dropout": 0.0,
        "random_state": 0,
        "verbose": False,
    }
    return ConvTagger(*args, **defaults | options)


def net_of(**options):
    generator = torch.Generator().manual_seed(0)
    options = {"channels": (4, 3), "filters": "time", **options}
    return ConvNet(5, 2, generator=generator, **options).eval()


@pytest.mark.parametrize("filters", ["square", "time", "musical"])
@pytest.mark.parametrize("n_frames", [1, 2, 13])
def test_frames_of_filters_strides_and_pooling_are_as_told(filters, n_frames):
    net = net_of(
        filters=filters, filter_length=(6, 2), stride=(2, 1), pool_length=(3, 4)
    )
    shapes = []
    for pool in net.pools:
        pool.register_forward_hook(lambda _, inputs, out: shapes.append(out.shape[2]))
    assert net(torch.randn(2, n_frames, 5)).shape == (2, 2)
    after_stride = -(-n_frames // 2)
    first = -(-after_stride // 3)
    assert shapes == [first, -(-first // 4)]


@pytest.mark.parametrize("length", [1, 2, 5, 6])
def test_a_filter_sees_frames_around_its_own(length):
    net = net_of(channels=(1,), filter_length=length, pool_length=1, batch_norm=False)
    (convolution,) = net.convolutions
    x = torch.zeros(1, 20, 5)
    x[0, 10] = 1
    outputs = []
    net.pools[0].register_forward_hook(lambda _, inputs, out: outputs.append(inputs[0]))
    with torch.no_grad():
        convolution.weight.fill_(1)
        net(x)
    heard = np.flatnonzero(outputs[0][0, 0, :, 0])
    # Frame 10 is seen from (L - 1) // 2 frames after it to L // 2 before it.
    expected = np.arange(10 - length // 2, 10 + (length - 1) // 2 + 1)
    np.testing.assert_array_equal(heard, expected)


@pytest.mark.parametrize("size", [1.0, 1000.0])
def test_probabilistic_pooling_is_the_share_of_states_with_a_unit_on(size):
    pool = Pool("probabilistic", length=3)
    x = size * torch.randn(2, 4, 7, 1, dtype=torch.float64)
    x.requires_grad_()
    found = pool(x)
    assert found.shape == (2, 4, 3, 1)
    blocks = torch.nn.functional.pad(x, (0, 0, 0, 2), value=-torch.inf)
    blocks = blocks.unflatten(2, (3, 3))
    states = torch.cat([blocks, torch.zeros_like(blocks[:, :, :, :1])], 3).softmax(3)
    torch.testing.assert_close(found, states[:, :, :, :3].sum(3))
    found.sum().backward()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filter_length": (3,)}, "filter_length=.*2 blocks"),
        ({"pool_length": 0}, "pool_length=0"),
        ({"stride": (1, 1.5)}, "stride=.*1.5"),
        ({"pooling": "probabilistic"}, "logistic"),
    ],
)
def test_impossible_frames_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        net_of(**options)


def test_a_net_without_batch_normalisation_learns_and_is_saved(tmp_path):
    clips, y = tones()
    tagger = quick((8,), filters="time", filter_length=4, pool_length=4, stride=2)
    tagger.set_params(batch_norm=False).fit(clips, y)
    assert tagger.score(clips, y) > 0.9
    assert "convolutions.0.bias" in tagger.weights_
    save(tagger, tmp_path / "tagger")
    again = load(tmp_path / "tagger")
    np.testing.assert_array_equal(
        again.predict_proba(clips), tagger.predict_proba(clips)
    )


@pytest.fixture(scope="module")
def conv_learner():
    clips, _ = tones()
    return ConvDBNFeatureLearner(
        (6, 4),
        filter_length=(4, 3),
        pool_length=(3, 2),
        n_components=5,
        max_epochs=2,
        excerpt_length=32,
        random_state=0,
        verbose=False,
    ).fit(clips)


LIKE_LEARNER = {
    "channels": (6, 4),
    "filters": "time",
    "filter_length": (4, 3),
    "pool_length": (3, 2),
    "activation": "logistic",
    "pooling": "probabilistic",
    "batch_norm": False,
}


def test_a_net_begins_with_the_features_of_a_learner(conv_learner):
    clips, y = tones()
    tagger = quick(**LIKE_LEARNER, pretrained=conv_learner, learning_rate=1e-12)
    tagger.set_params(max_epochs=1).fit(clips, y)
    outputs = []
    net = tagger.module_
    net.pools[-1].register_forward_hook(lambda _, inputs, out: outputs.append(out))
    frames = (clips[0].astype(np.float64) - tagger.mean_) / tagger.scale_
    net(torch.from_numpy(frames[np.newaxis]))
    expected = conv_learner.transform([clips[0].astype(np.float64)])[0]
    np.testing.assert_allclose(outputs[0][0, :, :, 0].T.detach(), expected, atol=1e-5)
    np.testing.assert_array_equal(tagger.mean_, conv_learner.mean_)


def test_a_search_compares_random_and_learned_beginnings(conv_learner):
    clips, y = tones()
    frozen = FrozenEstimator(conv_learner)
    search = GridSearchCV(
        quick(**LIKE_LEARNER, max_epochs=2), {"pretrained": [None, frozen]}, cv=2
    )
    search.fit(clips, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    one, two = (
        clone(search.estimator).set_params(pretrained=p).fit(clips, y)
        for p in (None, frozen)
    )
    assert not np.allclose(
        one.weights_["convolutions.0.weight"], two.weights_["convolutions.0.weight"]
    )


def test_a_net_unlike_the_learner_is_told_what_it_needs(conv_learner):
    clips, y = tones()
    with pytest.raises(ValueError, match=r"channels=\(6, 4\), filters='time'") as info:
        quick(pretrained=conv_learner).fit(clips, y)
    assert "batch_norm=False" in str(info.value)
    with pytest.raises(ValueError, match="FrozenEstimator"):
        quick(**LIKE_LEARNER, pretrained=clone(conv_learner)).fit(clips, y)
    with pytest.raises(ValueError, match="not a ConvDBNFeatureLearner"):
        quick(**LIKE_LEARNER, pretrained=DropoutMLPClassifier()).fit(clips, y)
    other = [clip[:, :3] for clip in clips]
    with pytest.raises(ValueError, match="3"):
        quick(**LIKE_LEARNER, pretrained=conv_learner).fit(other, y)
