"""What a fresh process pays: import, first fit with an empty kernel cache, and with a full one."""

import tempfile

from benchmarks._first_calls import last_line_of

MODULES = {
    "sparsekit": "sparsekit.linear_model",
    "skglm": "skglm",
    "celer": "celer",
    "sklearn": "sklearn.linear_model",
}
KINDS = ("dense lasso", "sparse lasso", "sparse logistic")
IMPORTS = 5

IMPORT = """
import time
start = time.process_time()
import {module}
print(time.process_time() - start)
"""

FIT = """
import json, time, warnings
warnings.simplefilter("ignore")
import numpy as np
from scipy import sparse
from benchmarks._solvers import SOLVERS
import {module}
rng = np.random.default_rng(0)
X = rng.standard_normal((50, 200)) * (rng.random((50, 200)) < 0.3)
kind, loss = {kind!r}.split()
loss = "logistic" if loss == "logistic" else "quadratic"
y = X[:, :5].sum(axis=1) + 0.1 * rng.standard_normal(50)
y = np.sign(y) if loss == "logistic" else y
X = sparse.csc_matrix(X) if kind == "sparse" else np.asfortranarray(X)
solver = SOLVERS["liblinear" if {name!r} == "sklearn" and loss == "logistic" else {name!r}]
start = time.process_time()
solver.fit(X, y, 0.02, 1e-6, loss, fit_intercept={name!r} != "celer" or loss == "quadratic")
print(time.process_time() - start)
"""


def first_fit(name: str) -> dict[str, float]:
    """Return CPU seconds of the import and of each kind of first fit, cold and warm."""
    module = MODULES[name]
    last_line_of(IMPORT.format(module=module), {})
    report = {"import": min(last_line_of(IMPORT.format(module=module), {}) for _ in range(IMPORTS))}
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as cache:
            code = FIT.format(module=module, kind=kind, name=name)
            environment = {"NUMBA_CACHE_DIR": cache}
            report[f"{kind}, cold"] = last_line_of(code, environment)
            report[f"{kind}, next process"] = last_line_of(code, environment)
    return report
