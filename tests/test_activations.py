"""What excerpts of clips hold, and when."""

import numpy as np
import pytest
from attention_tagger import AttentionTagger
from sklearn.base import clone
from small_nets import assert_same_weights, clips_and_labels

from skdeepmir import (
    ConvRegressor,
    ConvTagger,
    SpectrogramExtractor,
    load,
    make_pipeline,
    save,
)
from skdeepmir.chords import frame_intervals

SHORT = {"excerpt_length": 16, "max_epochs": 2, "random_state": 0, "verbose": False}
ESTIMATORS = [
    ConvTagger((4,), **SHORT),
    ConvRegressor((4,), **SHORT),
    AttentionTagger(8, **SHORT),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_excerpts_have_times_in_seconds(estimator):
    clips, y = clips_and_labels()
    clips[1] = clips[1][:5]  # shorter than an excerpt
    timed = clone(estimator).set_params(frame_rate=8).fit(clips, y)
    assert_same_weights(timed, clone(estimator).fit(clips, y))
    activations, times = timed.predict_activations(clips, return_times=True)
    for found, expected in zip(
        activations, timed.predict_activations(clips), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    assert [len(t) for t in times] == [len(a) for a in activations]
    first = [[0, 15.5], [7.5, 23.5], [13.5, 29.5]]  # of 30 frames
    np.testing.assert_allclose(times[0], np.array(first) / 8)
    np.testing.assert_allclose(times[1], [[0, 4.5 / 8]])
    for clip, of_clip in zip(clips, times, strict=True):
        edges, _ = frame_intervals(["x"] * len(clip), 8)  # as in annotations
        assert of_clip.min() == edges[0, 0] and of_clip.max() == edges[-1, 1]


def test_seconds_are_those_of_the_waveform():
    rate, seconds = 8000, 4.0
    extractor = SpectrogramExtractor(
        "log_mel", sample_rate=rate, n_fft=256, hop_length=80, n_mels=12, verbose=False
    )
    t = np.arange(int(rate * seconds)) / rate
    late = np.where(t > 3, np.sin(2000 * t), 0.001 * np.sin(500 * t))
    waveforms = [late, 0.001 * np.sin(500 * t)] * 6
    tags = np.array([[1, 0], [0, 1]] * 6)
    clips = extractor.fit_transform(waveforms)
    parameters = {**SHORT, "max_epochs": 30, "learning_rate": 0.01}
    net = ConvTagger((8,), **parameters, frame_rate=extractor.frame_rate)
    activations, times = net.fit(clips, tags).predict_activations(
        clips[:1], return_times=True
    )
    assert times[0].max() == pytest.approx(seconds, abs=0.01)
    heard = times[0][activations[0][:, 0] > 0.9]
    assert heard.min() > 2.8 and heard.max() == times[0].max()
    audio = make_pipeline(extractor, net.set_params(frame_rate=None))
    audio.fit(waveforms, tags)  # it knows the rate
    _, again = audio.predict_activations(waveforms[:1], return_times=True)
    np.testing.assert_array_equal(again[0], times[0])


def test_without_a_rate_there_are_no_seconds(tmp_path):
    clips, y = clips_and_labels()
    fitted = clone(ESTIMATORS[0]).fit(clips, y)
    assert fitted.frame_rate_ is None
    with pytest.raises(ValueError, match=r"frame_rate.*None.*every 8 frames"):
        fitted.predict_activations(clips, return_times=True)
    del fitted.frame_rate_  # as of a model that was saved before there were times
    with pytest.raises(ValueError, match="frame_rate"):
        fitted.predict_activations(clips, return_times=True)
    fitted.set_params(frame_rate=4.0).fit(clips, y).set_params(frame_rate=None)
    save(fitted, tmp_path / "net")
    for estimator in (fitted, load(tmp_path / "net")):
        _, times = estimator.predict_activations(clips[:1], return_times=True)
        assert times[0][0].tolist() == [0, 15.5 / 4]
    with pytest.raises(ValueError, match="'frame_rate' parameter"):
        fitted.set_params(frame_rate=0).fit(clips, y)


def test_a_regressor_gives_numbers_over_time():
    clips, y = clips_and_labels()
    regressor = clone(ESTIMATORS[1])
    for targets in (y.astype(float), np.stack([y, 2.0 * y], axis=1)):
        activations = regressor.fit(clips, targets).predict_activations(clips)
        assert [a.shape for a in activations[:2]] == [
            (3, *targets.shape[1:]),
            (4, *targets.shape[1:]),
        ]
        means = [a.mean(axis=0) for a in activations]
        np.testing.assert_allclose(regressor.predict(clips), means)
