"""Parameters are told once, and seen in full everywhere."""

import copy
import inspect
import pickle
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from test_common import ESTIMATORS

from skdeepmir._parameters import Count, RandomState, Sizes, parameter, parameters
from skdeepmir._sklearn import HasMethods, parameters_of

TYPES = sorted({type(e) for e in ESTIMATORS}, key=lambda kind: kind.__name__)
SHARED = [kind for kind in TYPES if hasattr(kind, "__dataclass_fields__")]


@parameters
class Base(BaseEstimator):
    """Do something.

    More of it.

    Attributes
    ----------
    n_ : int
        A number.
    """

    sizes: Sizes = parameter("Sizes of layers.", default=(3, 2), kw_only=False)
    kind: Literal["a", "b"] = parameter("Which kind.", default="a")
    n: Count | None = parameter(
        """
        How many:

        - two lines of text.
        """,
        default=None,
    )
    random_state: RandomState = parameter("Draws.", default=None)


@parameters
class Derived(Base):
    """Do more."""

    own: bool = parameter("Its own.", default=True)
    inner: Annotated[object, HasMethods(["fit"])] = parameter(
        "An estimator.", default=None, kind="estimator"
    )
    n: Count | None = parameter(default=7)


def test_own_parameters_come_first_after_those_by_position():
    assert [*inspect.signature(Derived).parameters] == [
        *("sizes", "own", "inner", "kind", "n", "random_state")
    ]
    kinds = {p.kind for p in [*inspect.signature(Derived).parameters.values()][1:]}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}
    assert Derived((1,)).sizes == (1,) and Derived().n == 7 and Base().n is None


def test_the_docstring_has_a_section_with_all_of_them():
    before, after = Base.__doc__.split("Parameters\n----------\n")
    assert before == "Do something.\n\nMore of it.\n\n"
    assert after.startswith(
        "sizes : tuple of int, default=(3, 2)\n    Sizes of layers.\n"
        'kind : {"a", "b"}, default="a"\n    Which kind.\n'
        "n : int or None, default=None\n    How many:\n\n    - two lines of text.\n"
        "random_state : int, RandomState instance or None, default=None\n    Draws.\n\n"
        "Attributes\n"
    )
    assert "n : int or None, default=7\n    How many:" in Derived.__doc__


@pytest.mark.parametrize(
    "name, bad, good",
    [
        ("sizes", 3, [1, 2]),
        ("kind", "c", "b"),
        ("n", -1, np.int64(3)),
        ("random_state", "x", np.random.RandomState(0)),
        ("own", "yes", False),
        ("inner", 3, Base),
    ],
)
def test_constraints_follow_from_the_types(name, bad, good):
    Base.fit = lambda self: self
    try:
        Derived(**{"inner": Base, name: good})._validate_params()
        with pytest.raises(ValueError, match=f"The {name!r} parameter"):
            Derived(**{"inner": Base, name: bad})._validate_params()
    finally:
        del Base.fit


def test_a_class_without_a_docstring_documents_its_parameters_alone():
    @parameters
    class Silent(Base):
        own: bool = parameter("Its own.", default=True)

    assert Silent.__doc__.split("\n")[:3] == ["", "Parameters", "----------"]
    assert "own : bool, default=True\n    Its own." in Silent.__doc__


@pytest.mark.parametrize("default", [3, parameter(default=3)], ids=["plain", "field"])
def test_a_new_parameter_needs_a_text(default):
    with pytest.raises(TypeError, match="Untold has parameters without a text: own"):

        @parameters
        class Untold(Base):
            """Do more."""

            own: int = default


@pytest.mark.parametrize("value", [None, 3, "a", [1]], ids=str)
def test_a_parameter_of_any_type_takes_all(value):
    @parameters
    class Open(Base):
        """Do more."""

        own: Any = parameter("Whatever.", default=None)

    Open(own=value)._validate_params()
    assert "own : object, default=None" in Open.__doc__


def test_a_subclass_may_take_fewer_parameters():
    class Narrow(Derived):
        def __init__(self, n=5, *, gain=2.0):
            super().__init__(n=n, own=False)
            self.gain = gain

    narrow = clone(Narrow(gain=np.float32(0.5)))
    assert narrow.get_params() == {"n": 5, "gain": 0.5}
    assert vars(parameters_of(narrow)) == {
        **{"n": 5, "gain": 0.5, "own": False},
        **{"inner": None, "sizes": (3, 2), "kind": "a", "random_state": None},
    }


def test_estimators_are_copied_and_compared_as_others():
    estimator = Derived((1,), kind="b")
    for other in (clone(estimator), copy.deepcopy(estimator)):
        assert other.get_params() == estimator.get_params() and other != estimator
    assert {estimator, estimator} == {estimator}  # hashable
    assert repr(estimator) == "Derived(kind='b', sizes=(1,))"


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
def test_signatures_and_docstrings_agree(kind):
    documented = kind.__doc__.partition("Parameters\n")[2]
    for name, described in inspect.signature(kind).parameters.items():
        assert f"{name} : " in documented or f"{name}, " in documented, name
        assert described.default is not inspect.Parameter.empty or name in (
            *("estimator", "module", "steps", "transformer", "variants"),
        )
    assert "see DropoutMLPClassifier" not in kind.__doc__.lower()


@pytest.mark.parametrize("kind", SHARED, ids=lambda kind: kind.__name__)
def test_fitted_estimators_are_pickled_with_all_parameters(kind):
    estimator = next(e for e in ESTIMATORS if type(e) is kind)
    copied = pickle.loads(pickle.dumps(estimator))
    assert copied.get_params() == estimator.get_params()
    assert vars(estimator).keys() == inspect.signature(kind).parameters.keys()
