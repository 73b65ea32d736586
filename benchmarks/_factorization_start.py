"""What a fresh process pays: import, first call without and with a kernel cache, later calls."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks._coding_start import MOMENTS
from benchmarks._measure import one_thread

ROOT = Path(__file__).resolve().parents[1]

# Import, first call, the best of three later ones.
SCRIPT = """
import json, time, warnings
warnings.simplefilter("ignore")
import numpy as np
from scipy import sparse
start = time.process_time()
{module}
imported = time.process_time() - start
X = sparse.random(500, 200, 0.05, format="csr", rng=np.random.default_rng(0), dtype=np.float32)
T = X.tocoo()
def call():
    return {call}
spent = []
for _ in range(4):
    start = time.process_time()
    call()
    spent.append(time.process_time() - start)
print(json.dumps([imported, spent[0], min(spent[1:])]))
"""

OURS = "from sparsekit.factorization import {0}; from sparsekit.decomposition import SparseSVD"
ALS = "from implicit.als import AlternatingLeastSquares"
BPR = "from implicit.bpr import BayesianPersonalizedRanking"
# kind -> per side: the import and the call
KINDS = {
    "implicit factorisation": {
        "sparsekit": ("ImplicitFactorization", "ImplicitFactorization(16, random_state=0).fit(X)"),
        "implicit": (ALS, "AlternatingLeastSquares(16).fit(X, show_progress=False)"),
        "cmfrec": ("from cmfrec import CMF_implicit", "CMF_implicit(16, nthreads=1).fit(T)"),
    },
    "ratings": {
        "sparsekit": ("MatrixFactorization", "MatrixFactorization(16, random_state=0).fit(X)"),
        "cmfrec": ("from cmfrec import CMF", "CMF(16, nthreads=1).fit(T)"),
    },
    "recommend": {
        "sparsekit": (
            "ImplicitFactorization",
            "ImplicitFactorization(16, max_iter=1).fit(X).recommend(X)",
        ),
    },
    "BPR": {
        "sparsekit": (
            "RankingFactorization",
            "RankingFactorization(16, n_negatives=1, max_iter=50, random_state=0).fit(X)",
        ),
        "implicit": (
            BPR,
            "BayesianPersonalizedRanking(16, iterations=50).fit(X, show_progress=False)",
        ),
    },
    "SLIM": {"sparsekit": ("SparseLinearMethod", "SparseLinearMethod().fit(X)")},
    "EASE": {"sparsekit": ("EASE", "EASE().fit(X)")},
    "truncated SVD": {
        "sparsekit": ("EASE", "SparseSVD(16, random_state=0).fit(X)"),
        "sklearn": (
            "from sklearn.decomposition import TruncatedSVD",
            "TruncatedSVD(16, random_state=0).fit(X)",
        ),
    },
}


def first_calls(side: str, tiny: bool = False) -> dict[str, dict[str, float]]:
    """Return, per kind of call, the CPU seconds of the moments of two fresh processes.

    Parameters
    ----------
    side : {"sparsekit", "implicit", "cmfrec", "sklearn"}
    tiny : bool, default=False
        Measure one kind only.
    """
    report = {}
    for kind in list(KINDS)[:1] if tiny else KINDS:
        if side not in KINDS[kind]:
            continue
        module, call = KINDS[kind][side]
        module = OURS.format(module) if side == "sparsekit" else module
        code = SCRIPT.format(module=module, call=call)
        with tempfile.TemporaryDirectory() as cache:
            environment = {"NUMBA_CACHE_DIR": cache}
            _, cold, _ = _run(code, environment)
            imported, second, steady = _run(code, environment)
        report[kind] = dict(zip(MOMENTS, (imported, cold, second, steady), strict=True))
    return report


def _run(code, environment):
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {**one_thread(), **environment, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout.splitlines()[-1])
