"""The cache of compiled kernels: found by the next process, missed after an edit, done without."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sparsekit._compile import called_files
from sparsekit.coding._feature_sign import lasso_rows
from sparsekit.solvers._coordinate import descend
from sparsekit.thresholding._formulas import SHRINK
from tests.house._source import PACKAGE, find_modules, imports

PREPARE = """
import sys, warnings
from numba.core import event

recording = event.install_recorder("numba:compile")
compiled = recording.__enter__()

import numpy as np
from sparsekit.losses import Quadratic
from sparsekit.matrix import as_design
from sparsekit.penalties import L1
from sparsekit.solvers import Problem, solve

def fit(alpha=0.25, writeable=True):
    X = np.asfortranarray(np.array([[1.0, 0.5], [-1.0, 0.25], [2.0, -1.0], [0.0, 1.0]]))
    X.setflags(write=writeable)
    y = X[:, 0] * 2.0
    return solve(Problem(as_design(X), y, Quadratic(), L1(alpha)), tol=1e-9).coef

def report(*words):
    print(*words, sum(e.is_start for _, e in compiled.buffer))
"""


def run(script, folder, cache, **environment):
    """Run `script` in a process of its own and return the words it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", PREPARE + script],
        cwd=folder,
        env={
            **os.environ,
            "NUMBA_CACHE_DIR": str(cache),
            "PYTHONPATH": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def files(cache):
    """Return what lies in the cache, with the time of each file's last change."""
    return {path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A private copy of the package whose kernels for one fit are compiled, and their number."""
    folder = tmp_path_factory.mktemp("copy")
    ignored = shutil.ignore_patterns("__pycache__", "sms_spam*")
    shutil.copytree(PACKAGE, folder / "sparsekit", ignore=ignored)
    coef, n_compiled = run("report(fit()[0])", folder, folder / "cache")
    return folder, float(coef), int(n_compiled)


def test_importing_the_package_compiles_nothing(warm, tmp_path):
    folder, _, _ = warm
    packages = sorted(name for name in find_modules() if name.count(".") == 1)
    packages = [name for name in packages if not name.split(".")[1].startswith("_")]
    (n_compiled,) = run(f"import {', '.join(packages)}\nreport()", folder, tmp_path)
    assert int(n_compiled) == 0
    assert not files(tmp_path)


def test_a_second_process_finds_every_kernel(warm):
    folder, coef, n_compiled = warm
    assert n_compiled > 0
    before = files(folder / "cache")
    again, n_again = run("report(fit()[0])", folder, folder / "cache")
    assert (float(again), int(n_again)) == (coef, 0)
    assert files(folder / "cache") == before


@pytest.mark.parametrize("call", ["fit(np.float32(0.25)), fit(1)", "fit(writeable=False)"])
def test_numbers_of_any_kind_and_closed_arrays_meet_the_same_kernels(warm, call):
    folder, _, _ = warm
    (n_compiled,) = run(f"{call}\nreport()", folder, folder / "cache")
    assert int(n_compiled) == 0


EDITS = {
    "the prox of a penalty": (
        "penalties/_convex.py",
        "soft_threshold(v, self.alpha * step)",
        "soft_threshold(v, 0.5 * self.alpha * step)",
    ),
    "a formula that penalties share": (
        "penalties/_base.py",
        "where(v > threshold, v - threshold,",
        "where(v > threshold, v - 0.5 * threshold,",
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_formula_misses_the_cache(warm, name, tmp_path):
    folder, coef, _ = warm
    # numba tells packages apart by their path: the edited one must stand where the first stood.
    path = folder / "sparsekit" / EDITS[name][0]
    source = path.read_text(encoding="utf-8")
    edited = source.replace(*EDITS[name][1:])
    assert edited != source
    cache = tmp_path / "cache"
    shutil.copytree(folder / "cache", cache)
    path.write_text(edited, encoding="utf-8")
    try:
        new, n_compiled = run("report(fit(1.0)[0])", folder, cache)
    finally:
        path.write_text(source, encoding="utf-8")
    (old, _) = run("report(fit(1.0)[0])", folder, folder / "cache")
    assert float(new) > float(old)
    assert int(n_compiled) > 0


def test_without_a_cache_kernels_work_and_one_warning_says_so(warm, tmp_path):
    folder, coef, _ = warm
    package = tmp_path / "sparsekit"
    shutil.copytree(folder / "sparsekit", package, ignore=shutil.ignore_patterns("__pycache__"))
    # A file where a folder should be stops every user, root included.
    for directory in [package, *(path for path in package.rglob("*") if path.is_dir())]:
        (directory / "__pycache__").touch()
    (tmp_path / "closed").touch()
    nowhere = str(tmp_path / "closed" / "cache")
    script = """
from sparsekit._compile import cache_directory
with warnings.catch_warnings(record=True) as later:
    warnings.simplefilter("always")
    print(as_design(np.eye(2)).dot(np.array([2.0, 3.0]), np.zeros(2)))
print(cache_directory(), len(later), *[w.category.__name__ for w in caught])
"""
    caught = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import sparsekit.matrix, sparsekit.solvers
"""
    done = subprocess.run(
        [sys.executable, "-c", caught + PREPARE + script],
        cwd=tmp_path,
        env={
            **os.environ,
            "NUMBA_CACHE_DIR": nowhere,
            "HOME": nowhere,
            "XDG_CACHE_HOME": nowhere,
            "PYTHONPATH": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["[2.", "3.]", "None", "0", "KernelCacheWarning"]


# What a stamp covers: for a kernel every file whose compiled functions it calls by their names, for
# a record its file and `_base.py`.


COMPILED = {"kernel", "helper", "reduction", "record"}
ALWAYS_ALLOWED = {"sparsekit._compile.where"}


def decorated(tree):
    """Return the functions and classes that numba compiles, with the decorator's name."""
    return [
        (node, decorator.id)
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Name) and decorator.id in COMPILED
    ]


def called_names(node):
    """Return the plain names that a function, or any method of a class, calls."""
    calls = (call.func for call in ast.walk(node) if isinstance(call, ast.Call))
    return {function.id for function in calls if isinstance(function, ast.Name)}


@pytest.mark.parametrize("module", find_modules())
def test_compiled_code_calls_nothing_that_its_stamp_does_not_cover(module):
    path = find_modules()[module]
    origin = {
        name.rpartition(".")[2]: name
        for name, _, late in imports(path, module)
        if name.startswith("sparsekit") and not late
    }
    base = f"{module.rpartition('.')[0]}._base"
    for node, decorator in decorated(ast.parse(path.read_text(encoding="utf-8"))):
        foreign = {origin[name] for name in called_names(node) & set(origin)} - ALWAYS_ALLOWED
        if decorator == "record":
            foreign = {name for name in foreign if name.rpartition(".")[0] != base}
        else:
            foreign = {name for name in foreign if not is_compiled(name)}
        assert not foreign, f"{module}.{node.name} compiles {sorted(foreign)}"


def test_the_index_knows_every_file_that_a_kernel_reaches():
    assert {Path(file).name for file in called_files(lasso_rows.py_func)} == {"_largest.py"}
    # One kernel for each formula, which it holds as a closure.
    assert {Path(file).name for file in called_files(SHRINK["soft"].py_func)} == {
        "_base.py",
        "_compile.py",
    }
    assert called_files(descend.py_func) == set()


def is_compiled(name):
    """Return whether a dotted name is a function that the file it comes from compiles."""
    module, _, function = name.rpartition(".")
    tree = ast.parse(find_modules()[module].read_text(encoding="utf-8"))
    return function in {node.name for node, _ in decorated(tree)}
