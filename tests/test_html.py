"""Notebooks show each parameter with what the documentation says of it."""

import re

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_common import ESTIMATORS

from skdeepmir import ConvTagger

TOOLTIP = re.compile(
    r'<a class="param-doc-link"[^>]*>\s*(\w+)\s*<span class="param-doc-description"'
)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_every_parameter_is_explained(estimator):
    shown = estimator._repr_html_()
    assert {*estimator.get_params(deep=False)} <= {*TOOLTIP.findall(shown)}


def test_fitted_attributes_are_explained():
    X, y = np.random.RandomState(0).rand(6, 8), [0, 1] * 3
    tagger = ConvTagger((4,), max_epochs=1, verbose=False).fit(X, y)
    assert {"weights_", "classes_", "n_iter_"} <= {
        *TOOLTIP.findall(tagger._repr_html_())
    }


def test_steps_of_a_pipeline_are_explained():
    shown = make_pipeline(StandardScaler(), ConvTagger())._repr_html_()
    assert {"with_mean", "max_epochs"} <= {*TOOLTIP.findall(shown)}


def test_an_address_of_the_documentation_makes_links(monkeypatch):
    address = "https://localhost/{estimator_module}.{estimator_name}.html"
    monkeypatch.setattr(ConvTagger, "_doc_link_template", address)
    page = "https://localhost/skdeepmir.neural_network.ConvTagger.html"
    shown = ConvTagger()._repr_html_()
    assert f'href="{page}"' in shown and f'href="{page}#:~:text=max_epochs,' in shown


def test_estimators_of_others_link_to_no_page_of_ours(monkeypatch):
    monkeypatch.setattr(ConvTagger, "_doc_link_template", "https://localhost/")
    mine = type("Mine", (ConvTagger,), {"__module__": "mine"})
    assert "href=" not in mine()._repr_html_()
