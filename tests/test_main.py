"""``python -m sparsekit``: the three commands, each in a process of its own."""

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from sparsekit.__main__ import main

ROOT = Path(__file__).parents[1]


def run(command, folder, **environment):
    """Run one command in `folder`, warnings being errors, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "sparsekit", command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_help_names_the_commands(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    printed = capsys.readouterr().out
    assert stop.value.code == 0
    assert all(f"{name}  " in printed for name in ("demo", "info", "warmup"))


@pytest.mark.parametrize("arguments", [[], ["party"]])
def test_without_a_known_command_the_usage_is_printed(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: python -m sparsekit" in capsys.readouterr().err


def test_info_tells_the_versions(capsys):
    assert main(["info"]) == 0
    facts = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert facts["python"].startswith(platform.python_version())
    for name in ("numpy", "scipy", "scikit-learn", "numba"):
        assert facts[name] == version(name)


def test_info_tells_the_cache_that_the_environment_asks_for(tmp_path):
    printed = run("info", tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "kernels"))
    (line,) = (line for line in printed.splitlines() if line.startswith("kernel cache"))
    assert line.endswith(str(tmp_path / "kernels"))


def test_warmup_fills_the_cache_and_says_where(tmp_path):
    kernels = tmp_path / "kernels"
    printed = run("warmup", tmp_path, NUMBA_CACHE_DIR=str(kernels))
    assert printed.startswith("Kernels ready after") and printed.rstrip().endswith(str(kernels))
    assert list(kernels.rglob("*.nbc"))
