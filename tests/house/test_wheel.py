"""The wheel alone, outside the checkout, runs the main job."""

import os
import subprocess
import sys
import zipfile

import pytest

from tests.house._source import ROOT

pytest.importorskip("hatchling", reason="the build backend is not installed (extra test)")


def run(*command, cwd, **environment):
    """Run Python with `command`; return what it printed, or fail with what it complained of."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    run("-m", "pip", "wheel", *options, str(ROOT), cwd=folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def site(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_it_is_pure_python_and_carries_the_data_types_and_licence(wheel):
    assert wheel.name.endswith("-py3-none-any.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "sparsekit/py.typed" in names
    assert any(name.startswith("sparsekit/datasets/data/sms_spam") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert [name for name in names if name.startswith(("tests", "docs", "benchmarks"))] == []


def test_its_demo_runs_outside_the_checkout(site, tmp_path):
    where = run("-c", "import sparsekit; print(sparsekit.__file__)", cwd=tmp_path, PYTHONPATH=site)
    assert where.startswith(str(site))
    assert "1-SE" in run("-m", "sparsekit", "demo", cwd=tmp_path, PYTHONPATH=site)
