"""Each page whose code is run finds Python as the one before it found it."""

import sys
import warnings
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def page_of_its_own():
    """Forget the modules that a page wrote, and where it had them looked for."""
    path, modules = [*sys.path], {*sys.modules}
    with warnings.catch_warnings():
        yield
    sys.path[:] = path
    folders = {Path(folder).resolve() for folder in path}
    for name in {*sys.modules} - modules:
        file = Path(getattr(sys.modules[name], "__file__", None) or "")
        place = file.parent.parent if file.name == "__init__.py" else file.parent
        is_single = file.is_absolute() and "." not in name
        if is_single and place.resolve() not in folders:
            del sys.modules[name]
