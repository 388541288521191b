"""A class or function that was changed is noticed, wherever it was written."""

import functools
import os
import subprocess
import sys

import pytest

from skdeepmir._sources import sources_of

CODE = """
class Base:
    scale = 2

    def __call__(self, x):
        return x * self.scale

class Net(Base):
    kinds = ("a", "b")

    def __init__(self, n_features, n_outputs, depth=1):
        self.depth = depth

    @staticmethod
    def helps(name):
        return name in {"one", "two", "three"}

    @property
    def width(self):
        return [part for part in (1, 2)]

    @classmethod
    def small(cls, n_features, n_outputs):
        return cls(n_features, n_outputs)

def factory(n_features, n_outputs, *, depth=1):
    return Net(n_features, n_outputs)
"""
CHANGES = {
    "constant": ("scale = 2", "scale = 3"),
    "method": ("depth = depth", "depth = n_outputs"),
    "base": ("x * self.scale", "x + self.scale"),
    "tuple": ('"a", "b"', '"a", "c"'),
    "static method": ("name in", "name not in"),
    "set": ('"three"', '"four"'),
    "property": ("part for", "-part for"),
}


def console(code=CODE):
    """Run code that has no file, as in a console or notebook."""
    space = {"__name__": "__main__"}
    exec(compile(code, "<stdin>", "exec"), space)
    return space


@pytest.mark.parametrize("change", CHANGES)
def test_changes_of_classes_without_a_file_are_seen(change):
    before, after = console(), console(CODE.replace(*CHANGES[change]))
    assert sources_of(before["Net"]) != sources_of(after["Net"])
    assert sources_of(before["factory"]) == sources_of(after["factory"])
    for ways in (
        lambda net: functools.partial(net, depth=2),
        lambda net: net.small,
        lambda net: net(1, 2),
    ):
        before_way, after_way = (sources_of(ways(m["Net"])) for m in (before, after))
        assert before_way != after_way
        assert before_way == sources_of(before["Net"])


def test_changes_of_functions_without_a_file_are_seen():
    given = CODE.replace("*, depth=1", "*, depth=2")
    other = CODE.replace("return Net(n_features", "return Net(1")
    found = [sources_of(console(code)["factory"]) for code in (CODE, given, other)]
    assert all(found.count(each) == 1 for each in found)


def test_the_same_code_is_the_same_in_every_process():
    script = f"from skdeepmir._sources import sources_of\n{CODE}\n"
    script += "print(sources_of(Net), sources_of(factory))"
    command = [sys.executable, "-c", script]
    run = functools.partial(subprocess.run, capture_output=True, text=True, check=True)
    found = [
        run(command, env={**os.environ, "PYTHONHASHSEED": seed}).stdout for seed in "12"
    ]
    assert found[0] == found[1] and "Net" in found[0]


def test_sources_of_files_hold_the_bases_but_not_what_libraries_wrote():
    from own_nets import ClipNet
    from torch import nn

    (source, *_) = sources_of(ClipNet)
    assert source.startswith("class ClipNet")
    assert not any(part.startswith("class Module") for part in sources_of(ClipNet))
    assert sources_of(nn.Linear) == sources_of(len) == []
