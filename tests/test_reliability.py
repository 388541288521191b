"""The reliability table, quickly: every figure counts faults that it injects."""

import pytest
from reliability.__main__ import all_figures, measure

pytestmark = pytest.mark.faults
FIGURES = all_figures()


def test_there_are_twenty_figures():
    assert [figure.number for figure in FIGURES] == list(range(1, 21))


@pytest.mark.parametrize("figure", FIGURES, ids=lambda f: f"{f.number}: {f.name}")
def test_figure_is_reached(figure):
    found, reached = measure(figure, seed=0, is_full=False)
    assert reached, found
