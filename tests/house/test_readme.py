"""The README's commands are the ones that are checked, and its ten lines of use work."""

import doctest
import re
import subprocess
import sys

import pytest

from tests.house._source import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
DEMO = "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/python -m sparsekit demo"
TESTS = (
    'python3 -m venv .venv && .venv/bin/pip install -q ".[test]" && .venv/bin/python -m pytest -q'
)


def code_blocks(language):
    """Return the text of every fenced block of the README in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("command", [DEMO, TESTS])
def test_the_command_is_printed_by_the_readme(command):
    assert f"{command}\n" in code_blocks("bash")


@pytest.mark.parametrize("command", [DEMO, TESTS])
def test_the_check_runs_the_very_command(command):
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_the_lines_of_use_work():
    (lines,) = code_blocks("python")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", lines],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "txt" in done.stdout


@pytest.mark.parametrize("session", code_blocks("pycon"), ids=["strokes", "pruned digits"])
def test_the_sessions_of_the_readme_are_true(session):
    test = doctest.DocTestParser().get_doctest(session, {}, "README", None, 0)
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed == 0
