"""What a fresh process pays: import, first call without and with a kernel cache, later calls."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks._measure import one_thread

ROOT = Path(__file__).resolve().parents[1]
MOMENTS = ("import", "cold", "next process", "steady")

# Import, first call, the best of three later ones.
SCRIPT = """
import json, time, warnings
warnings.simplefilter("ignore")
import numpy as np
from scipy import sparse
start = time.process_time()
{module}
imported = time.process_time() - start
rng = np.random.default_rng(0)
X = rng.standard_normal((500, 16))
D = rng.standard_normal((32, 16))
D /= np.linalg.norm(D, axis=1, keepdims=True)
T = sparse.random(500, 200, 0.05, format="csr", rng=rng)
def call():
    return {call}
spent = []
for _ in range(4):
    start = time.process_time()
    call()
    spent.append(time.process_time() - start)
print(json.dumps([imported, spent[0], min(spent[1:])]))
"""

CODER = "SparseCoder(dictionary=D, transform_algorithm={!r}, {}).fit(X).transform(X)"
LEARNER = "MiniBatchDictionaryLearning(32, alpha=0.5, max_iter=5, batch_size=100, {}).fit(X)"
GREEDY = "transform_n_nonzero_coefs=5"
PENALISED = "transform_alpha=0.5"
OURS = "from sparsekit.decomposition import *"
THEIRS = "from sklearn.decomposition import *"
# kind -> per side: the import and the call
KINDS = {
    "SparseCoder, omp": {
        "sparsekit": (OURS, CODER.format("omp", GREEDY)),
        "sklearn": (THEIRS, CODER.format("omp", GREEDY)),
    },
    "SparseCoder, lasso": {
        "sparsekit": (OURS, CODER.format("lasso", PENALISED)),
        "sklearn": (THEIRS, CODER.format("lasso_cd", PENALISED)),
    },
    "MiniBatchDictionaryLearning": {
        "sparsekit": (OURS, LEARNER.format("random_state=0")),
        "sklearn": (THEIRS, LEARNER.format("fit_algorithm='cd', random_state=0")),
    },
    "Thresholder": {
        "sparsekit": (
            "from sparsekit.thresholding import Thresholder",
            "Thresholder().fit(X).transform(X)",
        ),
    },
    "SparseNMF": {
        "sparsekit": (OURS, "SparseNMF(5, max_iter=20, random_state=0).fit(T)"),
        "sklearn": (THEIRS, "NMF(5, max_iter=20, random_state=0).fit(T)"),
    },
}


def first_calls(side: str, tiny: bool = False) -> dict[str, dict[str, float]]:
    """Return, per kind of call, the CPU seconds of the moments of two fresh processes.

    Parameters
    ----------
    side : {"sparsekit", "sklearn"}
    tiny : bool, default=False
        Measure one kind only.
    """
    report = {}
    for kind in list(KINDS)[3:4] if tiny else KINDS:
        if side not in KINDS[kind]:
            continue
        module, call = KINDS[kind][side]
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
