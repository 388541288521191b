"""The net of the recogniser of chords, and how it is trained."""

import itertools

import numpy as np
import pytest
import torch
from chord_songs import (
    PROGRESSION,
    assert_same_probabilities,
    blstm,
    in_seconds,
    make_songs,
    previous_chord_net,
)
from joblib import Parallel, delayed
from scipy.special import log_softmax
from sklearn.base import clone
from small_nets import Stop

from skdeepmir.chords import encode, transposition_table
from skdeepmir.nets import SequenceBatch

# The net


@pytest.mark.parametrize(
    "parameters",
    [
        {"weight_noise": 0.02, "batch_size": 1, "max_epochs": 8},
        {"channels": (4,), "max_epochs": 30},
        {"cell": "rnn"},
        {"cell": "dense"},
        {"bidirectional": False},
        {"n_layers": 2, "dropout": 0.2, "input_dropout": 0.1, "max_epochs": 30},
        {"excerpt_length": None},
        {"initialization": "uniform", "max_epochs": 30},
        {"precision": "float64"},
    ],
    ids=str,
)
def test_kinds_of_nets_learn(parameters):
    clips, y = make_songs()
    recognizer = blstm(**parameters).fit(clips, y)
    assert recognizer.score(clips, y) > 0.9
    assert recognizer.loss_curve_[-1] < 0.5 * recognizer.loss_curve_[0]
    assert_same_probabilities(recognizer, recognizer, clips)  # no noise is left
    for name, weights in recognizer.module_.state_dict().items():
        np.testing.assert_array_equal(weights.numpy(), recognizer.weights_[name])


@pytest.mark.parametrize(
    "parameters, seen",
    [
        ({}, {"before", "at", "after"}),
        ({"bidirectional": False}, {"before", "at"}),
        ({"cell": "dense"}, {"at"}),
    ],
)
def test_what_a_frame_depends_on(parameters, seen):
    clips, y = make_songs(3)
    recognizer = blstm(max_epochs=2, **parameters).fit(clips, y)
    before = recognizer.predict_proba(clips[:1])[0]
    other = clips[0].copy()
    other[20] += 1
    differs = (recognizer.predict_proba([other])[0] != before).any(axis=1)
    assert differs[20]
    assert differs[:20].any() == ("after" in seen)
    assert differs[21:].any() == ("before" in seen)


def test_excerpts_of_whole_clips():
    clips, y = make_songs()
    whole, long = (
        blstm(excerpt_length=n, max_epochs=3).fit(clips, y) for n in (None, 1000)
    )
    short = blstm(excerpt_length=5, max_epochs=3).fit(clips, y)
    assert_same_probabilities(whole, long, clips)
    assert whole.loss_curve_[0] != short.loss_curve_[0]


def test_neighbours_in_a_batch_change_nothing():
    clips, y = make_songs()
    recognizer = blstm(max_epochs=3, precision="float64").fit(clips, y)
    together = recognizer.predict_proba(clips)
    for clip, part in zip(clips, together, strict=True):
        alone = recognizer.predict_proba([clip])[0]
        np.testing.assert_allclose(alone, part, atol=1e-12)


def test_the_mean_over_keys_moves_with_a_clip():
    clips, y = make_songs()
    recognizer = blstm(n_units=24, transpose=True, max_epochs=40, precision="float64")
    recognizer.fit(clips, y)
    moves = transposition_table("majmin")

    def deviation():
        """Return how much probabilities depend on the key of a clip."""
        p = recognizer.predict_proba(clips[:1])[0]
        moved = [np.roll(clips[0], k, axis=1) for k in range(12)]
        found = recognizer.predict_proba(moved)
        back = [q[:, moves[k]] for k, q in enumerate(found)]
        return np.abs(back - p).max()

    assert deviation() > 1e-3
    recognizer.set_params(average_transpositions=True)
    assert deviation() < 1e-12
    assert recognizer.score(clips, y) > 0.9


def test_the_mean_over_keys_is_for_nets_that_learned_all_keys():
    clips, y = make_songs(2)
    recognizer = blstm(average_transpositions=True, max_epochs=1)
    with pytest.raises(ValueError, match="average_transpositions.*transpose=True"):
        recognizer.fit(clips, y).predict(clips)


@pytest.mark.parametrize("channels", [(0,), (2.5,), (True,), ("4",)])
def test_bad_channels_are_named(channels):
    clips, y = make_songs(2)
    with pytest.raises(ValueError, match="channels="):
        blstm(channels=channels).fit(clips, y)


# Nets that see the chord before


def test_a_net_that_sees_the_chord_before_is_decoded_in_three_ways():
    clips, y = make_songs()
    recognizer = previous_chord_net().fit(clips, y)
    likelihoods = {}
    for decoder in ("argmax", "viterbi", "beam"):
        recognizer.set_params(decoder=decoder)
        assert recognizer.score(clips, y) > 0.9
        predicted, likelihoods[decoder] = recognizer.predict(clips), []
        for labels, p in zip(predicted, recognizer.predict_proba(clips), strict=True):
            assert p.shape == (len(labels), 25)
            np.testing.assert_allclose(p.sum(axis=1), 1)
            codes = encode(labels, "majmin")
            likelihoods[decoder].append(np.log(p[np.arange(len(p)), codes]).sum())
            if decoder == "argmax":  # greedy: the best label of each step
                assert (p.argmax(axis=1) == codes).all()
    assert np.sum(likelihoods["beam"]) >= np.sum(likelihoods["argmax"]) - 1e-6
    del recognizer.transition_  # is not needed
    assert recognizer.score(clips, y) > 0.9


def test_a_beam_that_holds_all_paths_is_exhaustive():
    clips, y = make_songs(chords=["C:maj", "A:min"])
    recognizer = previous_chord_net(
        "beam", vocabulary=("C:maj", "A:min"), beam_width=2**5, max_epochs=10
    ).fit(clips, y)
    module = recognizer.module_.float()
    found = []
    for seed in range(5):
        clip = 2 * np.random.RandomState(seed).rand(5, 12)
        paths = np.array(list(itertools.product(range(2), repeat=5)))
        before = np.column_stack([np.full(len(paths), 2), paths[:, :-1]])
        frames = torch.tensor((clip - recognizer.mean_) / recognizer.scale_).float()
        batch = SequenceBatch(
            frames.expand(len(paths), -1, -1),
            torch.full((len(paths),), 5),
            torch.from_numpy(before),
        )
        with torch.inference_mode():
            scores = log_softmax(module(batch).double().numpy(), axis=2)
        totals = np.take_along_axis(scores, paths[:, :, None], axis=2).sum(axis=(1, 2))
        best = recognizer.classes_[paths[totals.argmax()]]
        assert (recognizer.predict([clip])[0] == best).all()
        found += best.tolist()
    assert len(set(found)) == 2


# Training


def test_bands_and_frames_are_masked_in_training_alone():
    clips, y = make_songs()
    plain, bands, frames, both = (
        blstm(mask_bands=n, mask_frames=m, max_epochs=30).fit(clips, y)
        for n, m in ((0, 0), (4, 0), (0, 8), (4, 8))
    )
    losses = [net.loss_curve_[-1] for net in (plain, bands, frames, both)]
    assert len(set(losses)) == 4 and losses[0] == min(losses)
    for net in (bands, frames, both):
        assert net.score(clips, y) > 0.9
        assert_same_probabilities(net, net, clips)


def test_masked_frames_are_not_seen():
    # Of the excerpts of one frame half are masked.
    clips, y = make_songs()
    rows = [clip[i : i + 1] for clip in clips for i in range(len(clip))]
    labels = [song[i : i + 1] for song in y for i in range(len(song))]
    plain, masked = (
        blstm(
            cell="dense",
            mask_frames=n,
            dropout=0,
            input_dropout=0,
            batch_size=32,
            max_epochs=10,
        ).fit(rows, labels)
        for n in (0, 1)
    )
    spread = np.log(len(PROGRESSION))  # the loss where nothing is seen
    assert plain.loss_curve_[-1] < 0.1 * spread
    assert 0.4 * spread < masked.loss_curve_[-1] < 0.65 * spread
    assert masked.score(clips, y) > 0.9


def test_a_warm_start_goes_on():
    clips, y = make_songs()
    recognizer = blstm(warm_start=True, max_epochs=5).fit(clips, y)
    first = vars(recognizer).copy()
    recognizer.fit([clip + 0.1 for clip in clips[1:]], y[1:])
    assert recognizer.loss_curve_[0] < 0.5 * first["loss_curve_"][0]
    for name in ("mean_", "scale_", "transition_"):
        np.testing.assert_array_equal(getattr(recognizer, name), first[name])
    recognizer.set_params(vocabulary="sevenths")
    with pytest.raises(ValueError, match="there are 61 classes now .* had 25"):
        recognizer.fit(clips, y)


def test_early_stopping_on_other_songs_in_seconds():
    clips, y = make_songs()
    val, y_val = make_songs(2, seed=50)
    recognizer = blstm(early_stopping=True, n_iter_no_change=2, tol=1, max_epochs=20)
    recognizer.fit(clips, in_seconds(y), X_val=val, y_val=in_seconds(y_val))
    assert recognizer.n_iter_ == len(recognizer.validation_scores_) < 20
    same = clone(recognizer).fit(clips, y, X_val=val, y_val=y_val)
    assert_same_probabilities(recognizer, same, val)
    by_fraction = clone(recognizer).set_params(validation_fraction=0.3).fit(clips, y)
    assert by_fraction.n_iter_ == len(by_fraction.validation_scores_) < 20
    with pytest.raises(ValueError, match="y_val: clip 1 has labels of shape"):
        clone(recognizer).fit(clips, y, X_val=val, y_val=[y_val[0], y_val[1][1:]])


@pytest.mark.parametrize(
    "parameters",
    [
        {"dropout": 0.3, "n_layers": 2, "transpose": True},
        {"sees_previous": True, "weight_noise": 0.01, "dropout": 0.3},
    ],
    ids=str,
)
def test_a_fit_that_was_killed_goes_on(parameters, tmp_path):
    clips, y = make_songs()
    parameters = {"max_epochs": 6, **parameters}
    whole = blstm(**parameters).fit(clips, y)
    with pytest.raises(RuntimeError, match="killed"):
        stop = [Stop(4, RuntimeError("killed"))]
        blstm(checkpoint_dir=tmp_path, callbacks=stop, **parameters).fit(clips, y)
    assert list(tmp_path.iterdir())
    resumed = blstm(checkpoint_dir=tmp_path, **parameters).fit(clips, y)
    assert_same_probabilities(whole, resumed, clips)
    np.testing.assert_array_equal(whole.loss_curve_, resumed.loss_curve_)


def test_the_same_seed_gives_the_same_bits_in_all_processes():
    clips, y = make_songs()
    recognizer = blstm(
        n_layers=2, dropout=0.3, weight_noise=0.01, transpose=True, max_epochs=3
    )
    fits = [
        fitted
        for n_jobs in (1, 2)
        for fitted in Parallel(n_jobs=n_jobs)(
            delayed(clone(recognizer).fit)(clips, y) for _ in range(2)
        )
    ]
    for other in fits[1:]:
        for name, weights in fits[0].weights_.items():
            np.testing.assert_array_equal(weights, other.weights_[name])
    other_seed = clone(recognizer).set_params(random_state=1).fit(clips, y)
    assert other_seed.loss_curve_[0] != fits[0].loss_curve_[0]
