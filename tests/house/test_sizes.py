"""Files and functions stay small enough to be read in one go."""

import ast

from tests.house._source import ROOT, find_modules

FILES = [*find_modules().values(), *sorted((ROOT / "benchmarks").glob("*.py"))]
EXAMPLES = sorted((ROOT / "examples").glob("plot_*.py"))


def code_lines(function):
    """Return the number of lines of a function without its docstring."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is None:
        return lines
    text = function.body[0]
    return lines - (text.end_lineno - text.lineno + 1)


def line_count(path):
    """Return the number of lines of a file."""
    return len(path.read_text(encoding="utf-8").splitlines())


def test_files_stay_under_400_lines():
    assert {path.name: n for path in FILES if (n := line_count(path)) >= 400} == {}


def test_functions_stay_under_50_lines():
    functions = [
        (path.name, node)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]
    assert {
        f"{name}:{node.name}": n for name, node in functions if (n := code_lines(node)) >= 50
    } == {}


def test_examples_stay_under_70_lines():
    assert len(EXAMPLES) >= 3
    assert {path.name: n for path in EXAMPLES if (n := line_count(path)) >= 70} == {}
