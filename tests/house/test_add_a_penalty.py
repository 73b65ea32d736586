"""The page "how to add a penalty" works as printed."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from scipy.optimize import minimize

from tests.house._source import ROOT

PAGE = (ROOT / "docs" / "add_a_penalty.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
PENALTY = next(block for block in BLOCKS if "@record" in block)
USE = next(block for block in BLOCKS if "solve(" in block)
ALPHA, BOUND = 0.1, 0.5

DATA = """
import numpy as np
random = np.random.default_rng(0)
X = np.asfortranarray(random.standard_normal((40, 8)))
y = X @ np.array([2.0, -2.0, 0.3, 0, 0, 0, 0, 0]) + 0.1 * random.standard_normal(40)
"""
PATH = """
import json
from sparsekit.solvers import solve_path
problem = Problem(as_design(X), y, Quadratic(), BoundedL1(1.0, 0.5))
*_, last = solve_path(problem, np.array([1.0, 0.3, 0.1]), tol=1e-8)
for found in solution, last:
    print(json.dumps([found.status.name, found.objective, abs(found.coef).max()]))
"""
PLAIN = """
from sparsekit.linear_model import Lasso
print(Lasso(0.1).fit(X, y).coef_.shape)
"""


def run(program, folder, cache):
    """Run a program in its folder, with kernels kept in `cache`; return what it printed."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "NUMBA_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture(scope="module")
def answers(tmp_path_factory, cache):
    """Return status, objective and largest coefficient of a fit and of a path's end."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "bounded.py").write_text(PENALTY, encoding="utf-8")
    program = f"{DATA}\nfrom bounded import BoundedL1\n{USE}{PATH}"
    return [json.loads(line) for line in run(program, folder, cache).splitlines()]


@pytest.fixture(scope="module")
def smallest_objective():
    """Return the minimum, by splitting each coefficient into two bounded parts."""
    names = {}
    exec(DATA, names)
    X, y = names["X"] - names["X"].mean(axis=0), names["y"] - names["y"].mean()
    p = X.shape[1]

    def objective(parts):
        residual = X @ (parts[:p] - parts[p:]) - y
        slope = X.T @ residual / len(y)
        value = residual @ residual / (2 * len(y)) + ALPHA * parts.sum()
        return value, np.concatenate([slope, -slope]) + ALPHA

    bounds = [(0.0, BOUND)] * (2 * p)
    options = {"ftol": 1e-15, "gtol": 1e-12}
    return minimize(objective, np.zeros(2 * p), jac=True, bounds=bounds, options=options).fun


@pytest.mark.parametrize("place", [0, 1], ids=["one fit", "path"])
def test_the_solver_finds_the_minimum_with_it(answers, smallest_objective, place):
    status, objective, largest = answers[place]
    assert status == "CONVERGED"
    assert largest == BOUND
    assert objective == pytest.approx(smallest_objective, rel=1e-7)


@pytest.mark.usefixtures("answers")
def test_programs_that_do_not_know_it_share_its_kernel_cache(tmp_path, cache):
    assert run(DATA + PLAIN, tmp_path, cache) == "(8,)\n"
