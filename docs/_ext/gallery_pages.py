"""What the gallery is built with: order, strictness, and Markdown for notebooks."""

import hashlib
import os
import re
import shutil
import warnings
from pathlib import Path

from sphinx_gallery import notebook

FIRST = [
    "compare_pipelines.py",
    "spectrograms.py",
    "timescales.py",
    "groups_and_leaks.py",
    "train_here_test_there.py",
    "learned_features.py",
    "conv_tagger.py",
    "tags_over_time.py",
    "chords_from_audio.py",
    "onsets_from_audio.py",
    "transcribe_piano.py",
    "your_own_net.py",
    "search_a_net.py",
    "save_and_load.py",
    "bad_files.py",
]
# What Python itself does not show outside of scripts.
SILENT = (
    DeprecationWarning,
    PendingDeprecationWarning,
    ImportWarning,
    ResourceWarning,
)
_filters = []
_to_markdown = notebook.rst2md
ROLE = re.compile(r":(?P<role>(?!math)[a-z]+):`(?P<text>~?[^`]+)`")


def by_first(name):
    """Return by what examples are sorted: a few first, the others by their names."""
    return FIRST.index(name) if name in FIRST else len(FIRST), name


def fail_on_warnings(gallery_conf, name, when):
    """Make warnings errors while an example runs, in whichever process it does.

    An example that shows a warning on purpose catches it
    (``warnings.catch_warnings(record=True)``) and prints its text. What a reader's own
    recordings bring about is shown on the page.
    """
    if os.environ.get("SKDEEPMIR_FOLDER"):
        return
    if when == "before":
        _filters[:] = warnings.filters
        warnings.simplefilter("error")
        for category in SILENT:
            warnings.simplefilter("ignore", category)
    else:
        warnings.filters[:] = _filters


def without_roles(text):
    """Return text of an example whose names are code, as notebooks can show them."""

    def write(found):
        text = found["text"].removeprefix("sphx_glr_auto_examples_")
        if found["role"] == "sup":
            return f"<sup>{text}</sup>"
        return f"`{text.rpartition('.')[2] if text.startswith('~') else text}`"

    return ROLE.sub(write, text.replace("\\\n", "").replace("\\ ", ""))


def to_markdown(text, *args):
    """Convert text of an example for its notebook, in whichever process it runs."""
    return _to_markdown(without_roles(text), *args)


notebook.rst2md = to_markdown  # here: examples run in workers, which only import this


def forget_old_pages(app, config):
    """Begin anew where an example is gone or all ran on other recordings.

    Also where this file changed. Otherwise only those run that were changed.
    """
    conf = config.sphinx_gallery_conf
    gallery = Path(app.srcdir, conf["gallery_dirs"])
    examples = Path(app.srcdir, conf["examples_dirs"])
    is_gone = any(not (examples / path.name).exists() for path in gallery.glob("*.py"))
    folder = os.environ.get("SKDEEPMIR_FOLDER", "")
    digest = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    stamp, made_of = gallery / ".stamp", f"{digest} {folder}"
    if is_gone or not stamp.is_file() or stamp.read_text("utf-8") != made_of:
        shutil.rmtree(gallery, ignore_errors=True)
    gallery.mkdir(exist_ok=True)
    stamp.write_text(made_of, encoding="utf-8")


def setup(app):
    """Connect what is above."""
    app.connect("config-inited", forget_old_pages)
    return {"parallel_read_safe": True}
