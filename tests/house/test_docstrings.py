"""Public names have numpydoc docstrings whose parameters are those of the signature."""

import doctest
import enum
import inspect
import re

import pytest

from tests.house._public import public_methods, public_objects

# What the methods of these take and return is stated once, by the protocol in their `_base.py`.
NOUNS = tuple(
    f"sparsekit.{package}." for package in ("matrix", "losses", "penalties", "coding", "solvers")
)
OBJECTS = public_objects()
METHODS = {
    f"{name}.{method}": function
    for name, cls in OBJECTS.items()
    if inspect.isclass(cls)
    for method, function in public_methods(cls).items()
}
CALLABLES = {
    name: value
    for name, value in {**OBJECTS, **METHODS}.items()
    if not (inspect.isclass(value) and issubclass(value, enum.Enum | BaseException))
}
DETAILED = [name for name in CALLABLES if name in OBJECTS or not name.startswith(NOUNS)]


def section(docstring, title):
    """Return the lines of one section of a numpydoc docstring, or None if there is none."""
    found = re.search(
        rf"^{title}\n-+\n(.*?)(?=^\S[^\n]*\n-+\n|\Z)", docstring, re.MULTILINE | re.DOTALL
    )
    return found and found[1].splitlines()


def documented_parameters(docstring):
    """Return the names in the Parameters section, in order, without their stars."""
    heads = [line for line in section(docstring, "Parameters") or [] if re.match(r"\S", line)]
    names = [name for head in heads for name in head.split(" : ")[0].split(",")]
    return [name.strip().lstrip("*") for name in names]


def signature_parameters(value):
    """Return the names of the parameters that a caller may pass."""
    return [name for name in inspect.signature(value).parameters if name not in ("self", "cls")]


@pytest.mark.parametrize("name", CALLABLES)
def test_it_begins_with_a_one_line_summary(name):
    lines = inspect.getdoc(CALLABLES[name]).splitlines()
    assert lines[0].endswith(".") and lines[1:2] in ([], [""])


@pytest.mark.parametrize("name", DETAILED)
def test_the_parameters_are_those_of_the_signature(name):
    documented = documented_parameters(inspect.getdoc(CALLABLES[name]))
    assert documented == signature_parameters(CALLABLES[name])


@pytest.mark.parametrize("name", [n for n in DETAILED if inspect.isfunction(CALLABLES[n])])
def test_a_function_that_returns_something_says_what(name):
    returned = inspect.signature(CALLABLES[name]).return_annotation
    docstring = inspect.getdoc(CALLABLES[name])
    silent = returned in (None, "None")
    assert silent or section(docstring, "Returns") or section(docstring, "Yields")


@pytest.mark.parametrize("name", [n for n, v in OBJECTS.items() if ">>>" in (v.__doc__ or "")])
def test_its_example_runs(name):
    if name.startswith("sparsekit.inspection."):
        pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra plot)")
    if "avelet" in (OBJECTS[name].__doc__ or ""):
        pytest.importorskip("pywt", reason="PyWavelets is not installed (extra wavelet)")
    if "import torch" in (OBJECTS[name].__doc__ or ""):
        pytest.importorskip("torch", reason="torch is not installed (extra torch)")
    tests = doctest.DocTestFinder(recurse=False).find(OBJECTS[name], name)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    runner = doctest.DocTestRunner(optionflags=flags)
    for test in tests:
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


@pytest.mark.parametrize("name", [n for n, v in OBJECTS.items() if hasattr(v, "fit")])
def test_an_estimator_shows_an_example(name):
    assert section(inspect.getdoc(OBJECTS[name]), "Examples")


def test_sections_are_read_as_numpydoc_means_them():
    docstring = (
        "Do it.\n\nParameters\n----------\na, b : int\n    Two.\n**more : dict\n    The rest."
        "\n\nReturns\n-------\nc : int\n"
    )
    assert documented_parameters(docstring) == ["a", "b", "more"]
    assert section(docstring, "Returns") == ["c : int"]
    assert section(docstring, "Raises") is None
