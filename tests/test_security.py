"""Files and names from elsewhere run nothing and are escaped; see SECURITY.md.

Hostile models, archives and names in reports are figures 16 to 18 of the table.
"""

import numpy as np
import pytest
from reliability._hostile_names import NAMES, faults_of
from reliability.hostile_files import watched
from sklearn.dummy import DummyClassifier

from skdeepmir import compare
from skdeepmir._printable import printable
from skdeepmir.metrics import chord_report
from skdeepmir.plotting import ProjectionDisplay

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("pictures")]


def test_stores_and_checkpoints_unpickle_nothing(tmp_path):
    found = watched("stores", tmp_path)
    assert found["events"] == [] and found["is_awake"]
    assert found["others"] == []
    assert sum(found["outcomes"].values()) == 2 * (1 + found["n_payloads"])


@pytest.mark.parametrize(
    "what, text",
    [
        ("Markdown", "| a | b|c | | | | |"),
        ("Markdown", "| <b | <img src=x> | | | | |"),
        ("Markdown", "| [x](y) | | | | | |"),
        ("repr", "red\x1b[31m"),
        ("HTML of a pipeline", "<script>alert(1)</script>"),
    ],
)
def test_what_is_not_escaped_is_found(what, text):
    assert faults_of(what, text)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_printable_names_are_one_line_without_control_characters(name):
    text = printable(name)
    assert not faults_of("text", text) and "\n" not in text
    text.encode()
    if name.isprintable():
        assert text == name


def test_legends_show_labels_that_begin_with_an_underscore():
    labels = np.array(["_a", "$b_{$", "c"])
    display = ProjectionDisplay({"x": np.eye(3)[:, :2]}, labels).plot()
    (legend,) = display.figure_.legends
    shown = [text.get_text() for text in legend.get_texts()]
    assert shown == ["$b_{$", "_a", "c"]
    assert not any(text.get_parse_math() for text in legend.get_texts())


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_errors_show_hostile_labels_on_one_line(name):
    with pytest.raises(ValueError) as caught:
        chord_report([[[0, 1]], [name]], [[[0, 1]], ["C:maj"]])
    assert not faults_of("error", str(caught.value))
    with pytest.raises(ValueError) as caught:
        compare({"a": DummyClassifier()}, [[0.0]], [0], baseline=f"{name}?")
    assert not faults_of("error", str(caught.value))
