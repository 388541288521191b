"""Annotations of chords that are wrong, or say little."""

import re
import warnings

import numpy as np
import pytest
from chord_songs import (
    LEARNERS,
    RATE,
    assert_same_probabilities,
    blstm,
    chroma_of,
    in_seconds,
    learners,
    make_songs,
    previous_chord_net,
)
from sklearn.base import clone

from skdeepmir import GaussianChordRecognizer, TemplateChordRecognizer
from skdeepmir.chords import label_frames


def two_songs():
    clips = [chroma_of(["C:maj"] * 20 + ["A:min"] * 20, seed=i) for i in range(2)]
    return clips, ([[0, 2], [2, 4]], ["C:maj", "A:min"])


@LEARNERS
@pytest.mark.parametrize(
    "annotation, message",
    [
        (["C:maj"] * 39 + ["H:dur"], "y: clip 1: 'H:dur' .*'B:maj'"),
        (([[0, 4]], ["Cmaj"]), "y: clip 1: row 0: 'Cmaj' .*'C:maj'"),
        (([[0, 3], [2, 4]], ["C", "G"]), "y: clip 1: row 1 .*before row 0 .*overlap"),
        (([[2, 4], [0, 2]], ["C", "G"]), "y: clip 1: row 1 .*before row 0;.*order"),
        (
            ([[0, 88200], [88200, 176400]], ["C", "G"]),
            "y: clip 1: .*176400.0.*sample indices",
        ),
        (([[0, 4]], ["C", "G"]), "y: clip 1: .*1 intervals .*2 labels"),
        (([[5, 9]], ["C"]), "y: clip 1: .*5.0 s.* 4.0 s"),
        (["C:maj"] * 39, r"y: clip 1 .*\(39,\).* 40 frames"),
        ([1] * 40, "y: clip 1 .* 1;"),
    ],
)
def test_annotations_that_are_wrong_name_their_clip(recognizer, annotation, message):
    clips, good = two_songs()
    with pytest.raises(ValueError, match=message):
        clone(recognizer).fit(clips, [good, annotation])


@LEARNERS
def test_files_that_are_wrong_are_named_with_their_clip(recognizer, tmp_path):
    clips, good = two_songs()
    bad = {
        "empty": ("", "': .*empty"),
        "typo": ("0 4 H:dur\n", "': line 1: 'H:dur' "),
        "samples": ("0 88200 C:maj\n", "': .*88200.0.*sample indices"),
        "later": ("5 9 C:maj\n", r"'\): .*5.0 s"),
    }
    for name, (text, message) in bad.items():
        path = tmp_path / f"{name}.lab"
        path.write_text(text)
        with pytest.raises(ValueError, match=f"^y: clip 1.*{name}.lab{message}"):
            clone(recognizer).fit(clips, [good, path])
    with pytest.raises(FileNotFoundError, match=r"^y: clip 1: .*missing\.lab"):
        clone(recognizer).fit(clips, [good, str(tmp_path / "missing.lab")])


FAULTS = {
    "overlap": ("0 3 C:maj\n2 4 A:min\n", "row 1 .*before row 0 .*overlap"),
    "typo": ("0 4 H:dur\n", "line 1: 'H:dur' "),
    "order": ("2 4 A:min\n0 2 C:maj\n", "row 1 .*before row 0;.*order"),
    "empty": ("", "empty"),
}


def write_faults(folder):
    paths = []
    for name, (text, _) in FAULTS.items():
        paths.append(folder / f"{name}.lab")
        paths[-1].write_text(text)
    return paths


@LEARNERS
def test_all_files_that_are_wrong_are_named_at_once(recognizer, tmp_path):
    clips, good = two_songs()
    paths, recognizer = write_faults(tmp_path), clone(recognizer)
    y = [good, *paths, good]
    with pytest.raises(ValueError, match="^y: 4 of 6 annotations") as caught:
        recognizer.fit([clips[0]] * 6, y)
    lines = re.split(r" \(\d+\) (?=y: )", str(caught.value))[1:]
    for i, (line, (name, (_, fault))) in enumerate(
        zip(lines, FAULTS.items(), strict=True), start=1
    ):
        assert re.search(f"y: clip {i}: .*{name}.lab.*{fault}", line)
    recognizer.fit(clips, [good, good])
    with pytest.raises(ValueError, match="^4 annotations") as caught:
        recognizer.score([clips[0]] * 6, y)
    for i, (name, (_, fault)) in enumerate(FAULTS.items(), start=1):
        assert re.search(rf"y_true\[{i}\]: .*{name}.lab.*{fault}", str(caught.value))


def test_of_many_files_that_are_wrong_the_first_are_named_and_all_counted(tmp_path):
    clips, good = two_songs()
    y = [good] * 30
    for i in range(5, 30):
        y[i] = tmp_path / f"{i}.lab"
    with pytest.raises(FileNotFoundError, match="^y: 25 of 30") as caught:
        GaussianChordRecognizer(frame_rate=RATE).fit([clips[0]] * 30, y)
    message = str(caught.value)
    assert "(1) y: clip 5: " in message and "(10) y: clip 14: " in message
    assert "15.lab" not in message and message.endswith("... and 15 more.")


@LEARNERS
def test_targets_that_are_wrong_as_a_whole(recognizer):
    clips, good = two_songs()

    def refused(y, message, **parameters):
        with pytest.raises(ValueError, match=message):
            clone(recognizer).set_params(**parameters).fit(clips, y)

    refused("song.lab", "y .*'song.lab'.*list")
    refused([good], "y has 1 .*X has 2 ")
    refused(None, "requires y to be passed")
    refused([["X"] * 40] * 2, "^y .*vocabulary='majmin'")
    refused([["C:sus4"] * 40] * 2, "^y .*vocabulary='majmin'")
    refused([good] * 2, "frame_rate=None", frame_rate=None)
    refused([good] * 2, "The 'vocabulary' parameter", vocabulary="triads")
    recognizer = clone(recognizer).set_params(frame_rate=None)
    recognizer.fit(clips, [["C:maj"] * 40] * 2)
    with pytest.raises(ValueError, match="frame_rate=None"):
        recognizer.predict_intervals(clips)
    with pytest.raises(ValueError, match="frame_rate is None"):
        recognizer.score(clips, [good] * 2)
    with pytest.raises(ValueError, match="y has 1 .*X has 2 "):
        recognizer.score(clips, [good])


@LEARNERS
def test_gaps_are_not_learned_from(recognizer):
    clips, _ = two_songs()
    with_gap = ([[0, 1.55], [2.45, 3.95]], ["C:maj", "A:min"])
    frames = label_frames(*with_gap, 40, RATE)
    assert frames.tolist() == ["C:maj"] * 16 + ["X"] * 9 + ["A:min"] * 15
    by_seconds = clone(recognizer).fit(clips, [with_gap] * 2)
    by_frames = clone(recognizer).fit(clips, [frames] * 2)
    assert_same_probabilities(by_seconds, by_frames, clips)
    wrong_there = [np.where(frames == "X", "F#:maj", frames).astype(object)] * 2
    learned = clone(recognizer).fit(clips, wrong_there)
    p, q = (fitted.predict_proba(clips)[0] for fitted in (by_frames, learned))
    f_sharp = list(learned.classes_).index("F#:maj")
    assert p[20, f_sharp] < q[20, f_sharp]


@LEARNERS
def test_annotations_that_outlast_the_audio_are_cut(recognizer):
    clips, good = two_songs()
    longer = ([[0, 2], [2, 4], [4, 9]], ["C:maj", "A:min", "G:maj"])
    with pytest.warns(UserWarning, match="1 of 2 .*clip 1: 9.0 s.* 4.0 s"):
        cut = clone(recognizer).fit(clips, [good, longer])
    assert_same_probabilities(cut, clone(recognizer).fit(clips, [good] * 2), clips)


@pytest.mark.parametrize(
    "recognizer",
    [
        *learners(),
        TemplateChordRecognizer(frame_rate=RATE),
        GaussianChordRecognizer(frame_rate=RATE, transpose=True),
        previous_chord_net(),
    ],
)
def test_songs_of_one_chord(recognizer):
    clips = [chroma_of(["E:min"] * n, seed=n) for n in (30, 40)]
    recognizer.fit(clips, [([[0, 3]], ["E:min"]), ["E:min"] * 40])
    assert [set(labels) for labels in recognizer.predict(clips)] == [{"E:min"}] * 2
    ((intervals, labels), _) = recognizer.predict_intervals(clips)
    np.testing.assert_allclose(intervals, [[0, 2.95]])
    assert labels.tolist() == ["E:min"]
    only = clone(recognizer).set_params(vocabulary=("E:min",))
    if not only.get_params().get("transpose"):
        assert set(only.fit(clips, [["E:min"] * 30, ["E:min"] * 40]).predict(clips)[0])


def test_templates_need_no_labels_and_no_octave_but_whole_semitones():
    labels = ["C:maj"] * 20 + ["A:min"] * 20
    clip = chroma_of(labels)
    wide = np.repeat(np.concatenate([clip, clip], axis=1), 3, axis=1)
    recognizer = TemplateChordRecognizer(bins_per_octave=36).fit([wide])
    assert recognizer.predict([wide])[0].tolist() == labels
    silent = recognizer.predict([np.zeros_like(wide)])[0]
    assert set(silent) == {"N"}
    with pytest.raises(ValueError, match="bins_per_octave=13 .*12"):
        TemplateChordRecognizer(bins_per_octave=13).fit([clip])


def test_gaussians_leave_out_chords_that_are_too_rare():
    clips, y = make_songs()
    y[0][0] = "D:maj"
    recognizer = GaussianChordRecognizer(min_frames=5).fit(clips, y)
    counts = dict(zip(recognizer.classes_, recognizer.class_count_, strict=True))
    assert counts["D:maj"] == 0 < counts["C:maj"]
    d_major = [chroma_of(["D:maj"] * 10)]
    assert "D:maj" not in recognizer.predict(d_major)[0]
    assert "D:maj" in GaussianChordRecognizer(min_frames=1).fit(clips, y).classes_


@LEARNERS
def test_a_frame_rate_of_other_clips_is_noticed(recognizer):
    clips, y = make_songs(4)
    annotations = in_seconds(y)
    with pytest.warns(UserWarning, match="4 of 4 .*0.7.*frame_rate"):
        clone(recognizer).set_params(frame_rate=RATE / 2).fit(clips, annotations)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        short = [(times[:1], labels[:1]) for times, labels in annotations[:2]]
        clone(recognizer).fit(clips, [*short, *annotations[2:]])


def test_paths_and_waveforms_are_not_frames():
    clips, y = make_songs(2)
    net = blstm(max_epochs=1).fit(clips, y)
    with pytest.raises(ValueError, match="X .*'a.wav'.*pipeline"):
        net.predict_intervals(["a.wav", "b.wav"])
    with pytest.raises(ValueError, match="waveforms"):
        net.predict([np.zeros(50), np.zeros(60)])
