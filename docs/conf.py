"""Configuration of the site: ``make docs`` builds it."""

import os
import sys
import warnings
from pathlib import Path

import skdeepmir

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "skdeepmir"
author = "The skdeepmir developers"
version = release = skdeepmir.__version__

extensions = [
    "api_pages",
    "gallery_pages",
    "mathml",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_ext", "auto_examples/*.py", "auto_examples/*.ipynb"]
templates_path = ["_templates"]
default_role = "py:obj"
nitpicky = True  # a reference to a name of ours that leads nowhere is an error
suppress_warnings = ["config.cache"]

autodoc_typehints = "none"  # numpydoc's sections say what is taken and returned
autodoc_member_order = "bysource"
autosummary_generate = True
autosummary_imported_members = True
numpydoc_show_class_members = False
python_maximum_signature_line_length = 80
toc_object_entries_show_parents = "hide"
smartquotes = False  # in types, quotes are Python's
add_module_names = False

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "skdeepmir"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/logo.svg"
html_copy_source = False
html_show_sourcelink = False
html_context = {"default_mode": "auto"}  # light or dark, as the reader's machine is
html_theme_options = {
    "logo": {
        "text": "skdeepmir",
        "image_light": "_static/logo.svg",
        "image_dark": "_static/logo.svg",
        "alt_text": "",
    },
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc", "sg_download_links"],
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
}
copyright = "The skdeepmir developers (BSD 3-Clause licence)"
copybutton_exclude = ".linenos, .gp, .go"

# `make docs FOLDER=my_music` runs the examples on recordings of the reader.
if os.environ.get("SKDEEPMIR_FOLDER"):
    os.environ["SKDEEPMIR_FOLDER"] = str(
        Path(os.environ["SKDEEPMIR_FOLDER"]).expanduser().resolve()
    )
# loky replaces a worker whose memory has grown, as that of examples does, and warns.
warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"\.py$",
    "ignore_pattern": r"/_",
    "backreferences_dir": "api/backreferences",
    "doc_module": ("skdeepmir",),
    "parallel": 2,
    "within_subsection_order": "gallery_pages.by_first",
    "reset_modules": ("matplotlib", "gallery_pages.fail_on_warnings"),
    "reset_modules_order": "both",
    "show_signature": False,
    "show_memory": False,
    "write_computation_times": False,
    "min_reported_time": 1,
    "capture_repr": ("_repr_html_",),
    "matplotlib_animations": False,
}
