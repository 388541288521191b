"""Where nets are trained and predict: the choice of a device, and what is on it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from small_nets import clips_and_labels, net, problem

from skdeepmir import (
    ConvTagger,
    MultiTimescaleTagger,
    OnsetDetector,
    PianoTranscriber,
    load,
    save,
)
from skdeepmir._training import _devices
from skdeepmir._training._devices import choose_device, predicting_device

FLOATS = torch.float32, torch.float64


def machine(monkeypatch, *gpus, cuda=None, mps_is_built=False):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in gpus)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in gpus)
    monkeypatch.setattr(torch.backends.mps, "is_built", lambda: mps_is_built)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.version, "hip", None)


def test_auto_takes_cuda_then_mps_then_the_processor(monkeypatch):
    for gpus, expected in [
        (("cuda", "mps"), "cuda"),
        (("cuda",), "cuda"),
        (("mps",), "mps"),
        ((), "cpu"),
    ]:
        machine(monkeypatch, *gpus)
        assert choose_device("auto") == expected
        assert choose_device("cpu") == "cpu"


def test_a_device_that_is_there_is_taken(monkeypatch):
    machine(monkeypatch, "cuda", "mps")
    assert [choose_device(name) for name in ("cuda", "mps")] == ["cuda", "mps"]


@pytest.mark.parametrize(
    ("name", "gpus", "built", "facts"),
    [
        ("cuda", (), {}, ("device='cuda'", torch.__version__, "without CUDA", "'cpu'")),
        ("cuda", ("mps",), {}, ("without CUDA", "Use 'mps' or 'cpu'")),
        ("cuda", (), {"cuda": "12.6"}, ("built for CUDA 12.6", "driver")),
        ("mps", (), {}, ("device='mps'", "Apple", "without MPS")),
        ("mps", ("cuda",), {"mps_is_built": True}, ("Use 'cuda' or 'cpu'", "driver")),
    ],
)
def test_a_missing_device_is_named_with_what_is_there(
    monkeypatch, name, gpus, built, facts
):
    machine(monkeypatch, *gpus, **built)
    X, y = problem()
    with pytest.raises(ValueError) as error:
        net(device=name).fit(X, y)
    assert all(fact in str(error.value) for fact in facts)


def test_what_has_no_float64_is_not_used_for_it(monkeypatch):
    machine(monkeypatch, "mps")
    with pytest.raises(ValueError, match="device='mps'.*precision='float64'.*float32"):
        choose_device("mps", "float64")
    assert choose_device("auto", "float64") == "cpu"
    for name in ("mps", "auto"):
        chosen = [predicting_device(name, dtype).type for dtype in FLOATS]
        assert chosen == ["mps", "cpu"]


def test_predictions_are_made_where_the_training_was(monkeypatch):
    machine(monkeypatch, "cuda")
    for name, expected in (("cuda", "cuda"), ("auto", "cuda"), ("cpu", "cpu")):
        chosen = {predicting_device(name, dtype).type for dtype in FLOATS}
        assert chosen == {expected}


def test_a_net_from_a_gpu_predicts_on_a_machine_without_one(monkeypatch, tmp_path):
    machine(monkeypatch)
    X, y = problem()
    trained = net().fit(X, y)
    expected = trained.predict_proba(X)
    save(trained.set_params(device="cuda"), tmp_path / "net.skdeepmir")
    loaded = load(tmp_path / "net.skdeepmir")
    assert loaded.device == "cuda"
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)


def test_partial_fit_goes_on_elsewhere_without_the_draws_of_a_gpu():
    X, y = problem()
    there = net().partial_fit(X, y, classes=np.unique(y))
    there._training_state["generator"] = np.zeros(16, dtype=np.uint8)  # as of CUDA
    there._training_state["device"] = "cuda"
    assert len(there.partial_fit(X, y).loss_curve_) == 2


def test_every_net_predicts_on_another_device():
    """On a stand-in for a GPU that refuses tensors from the processor."""
    script = Path(__file__).with_name("far_device.py")
    run = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) == 10


@pytest.mark.gpu
@pytest.mark.parametrize("name", _devices.GPUS)
def test_nets_learn_and_predict_on_a_gpu_as_on_the_processor(name):
    if not _devices.is_there(name):
        pytest.skip(f"needs a GPU: torch sees no device {name!r}")
    clips, y = clips_and_labels(40)
    settings = {"max_epochs": 20, "random_state": 0, "verbose": False, "device": name}
    for tagger in (
        ConvTagger((8,), excerpt_length=16, learning_rate=0.01, **settings),
        MultiTimescaleTagger((5, 10), **settings),
    ):
        tagger.fit(clips, y)
        assert tagger.score(clips, y) == 1
        there = tagger.predict_proba(clips)
        here = tagger.set_params(device="cpu").predict_proba(clips)
        np.testing.assert_allclose(there, here, rtol=1e-3, atol=1e-4)


@pytest.mark.gpu
@pytest.mark.parametrize("net", ["conv", "rnn", "causal_rnn"])
@pytest.mark.parametrize("name", _devices.GPUS)
def test_onsets_are_learned_and_found_on_a_gpu_as_on_the_processor(name, net):
    if not _devices.is_there(name):
        pytest.skip(f"needs a GPU: torch sees no device {name!r}")
    rng = np.random.RandomState(0)
    clips, times = [rng.rand(150, 12) for _ in range(8)], [[0.3, 0.9, 1.2]] * 8
    for clip in clips:
        clip[[30, 90, 120]] += 4
    settings = {"max_epochs": 60, "random_state": 0, "verbose": False, "device": name}
    detector = OnsetDetector(net, n_units=8, frame_rate=100.0, batch_size=2, **settings)
    assert detector.fit(clips, times).score(clips, times) > 0.9
    there = detector.predict_activations(clips)
    here = detector.set_params(device="cpu").predict_activations(clips)
    for a, b in zip(there, here, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.gpu
@pytest.mark.parametrize("net", ["conv_rnn", "multi_note", "svm"])
@pytest.mark.parametrize("name", _devices.GPUS)
def test_notes_are_learned_and_found_on_a_gpu_as_on_the_processor(name, net):
    if not _devices.is_there(name):
        pytest.skip(f"needs a GPU: torch sees no device {name!r}")
    rng = np.random.RandomState(0)
    clips, notes = [rng.rand(150, 88) for _ in range(8)], [[(0.3, 0.9, 60)]] * 8
    for clip in clips:
        clip[30:90, 60 - 21] += 4
    transcriber = PianoTranscriber(
        net,
        bins_per_octave=12,
        channels=8,
        frame_rate=100.0,
        batch_size=2,
        max_epochs=60,
        random_state=0,
        verbose=False,
        device=name,
    )
    assert transcriber.fit(clips, notes).score(clips, notes) > 0.9
    there = transcriber.predict_activations(clips)
    here = transcriber.set_params(device="cpu").predict_activations(clips)
    for a, b in zip(there, here, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
