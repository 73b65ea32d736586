"""Sphinx configuration; every warning is an error in `.ci/run`."""

import tomllib
import warnings
from pathlib import Path

import matplotlib

import sparsekit

ROOT = Path(__file__).resolve().parents[1]
matplotlib.use("Agg")
# An example that warns must fail.
warnings.simplefilter("error", category=UserWarning)

project = "sparsekit"
author = "The sparsekit developers"
project_copyright = "2026, the sparsekit developers"
version = release = sparsekit.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates", "gallery/**/*.ipynb", "gallery/**/*.py"]
templates_path = ["_templates"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3

# Docstrings name parameters in single backticks, as scikit-learn's do; terms of its glossary come
# in with the properties that estimators inherit from it.
default_role = "literal"
suppress_warnings = ["ref.term"]

html_theme = "pydata_sphinx_theme"
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False}
html_show_sourcelink = False

autosummary_generate = True
autosummary_imported_members = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"
numpydoc_show_class_members = False
with (ROOT / "pyproject.toml").open("rb") as file:
    numpydoc_validation_checks = set(tomllib.load(file)["tool"]["numpydoc_validation"]["checks"])
# What the methods of the nouns take and return is stated once, by the protocol in their _base.py.
# An Enum shows the signature of its own machinery.
numpydoc_validation_exclude = {
    r"^sparsekit\.(matrix|losses|penalties|coding|solvers)\.\w+\.\w+$",
    r"^sparsekit\.pruning\.(?!Criterion|Granularity|Schedule|MLP|SparseMLP|Tree)\w+"
    r"\.(score|sizes|spread|steps|units)$",
    r"\.Status$",
}

sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "examples"),
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "show_memory": False,
    "remove_config_comments": True,
}


def skip_what_others_document(app, what, name, member, skip, options):
    """Leave out the members that scikit-learn gives to an estimator; its own site has them."""
    owner = getattr(member, "fget", member)
    module = getattr(owner, "__module__", None) or ""
    return skip or not module.startswith("sparsekit")


def setup(app):
    """Connect the hooks of this file."""
    app.connect("autodoc-skip-member", skip_what_others_document)
