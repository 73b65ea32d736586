"""Time compiled, pruned networks beside NumPy, scikit-learn, ONNX Runtime, SciPy, MKL and torch.

    python benchmarks/pruning.py                                  every row, half an hour
    python benchmarks/pruning.py --rows random-90,blocks          two families
    python benchmarks/pruning.py --rows accuracy --json new.json --reuse old.json
    python benchmarks/pruning.py --quick                          tiny, to see that it runs

All sides of a row run in one process, round by round; outputs are compared with those computed in
float64, predictions judged on test data. Networks that rows need trained are trained once and kept
in the cache folder. Peers need ``pip install "sparsekit[bench]"``; absent ones are left out.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks._command import Benchmark, run_benchmark  # noqa: E402
from benchmarks._measure import some_threads  # noqa: E402
from benchmarks._pruning_report import markdown  # noqa: E402
from benchmarks._pruning_rows import ROWS  # noqa: E402

VERSIONS = ("sparsekit", "scikit-learn", "onnxruntime", "torch", "sparse_dot_mkl", "mkl")
VERSIONS += ("numpy", "scipy", "numba")


def _environment(threads):
    """Return the environment of a worker; MKL's wheel lies where its wrapper does not look."""
    environment = some_threads(threads)
    libraries = sorted(Path(sys.prefix, "lib").glob("libmkl_rt.so*"))
    return environment | ({"MKL_RT": str(libraries[-1])} if libraries else {})


BENCHMARK = Benchmark(
    rows=ROWS,
    worker="benchmarks._pruning_worker",
    markdown=markdown,
    versions=VERSIONS,
    environment=_environment,
)

if __name__ == "__main__":
    sys.exit(run_benchmark(BENCHMARK, __doc__))
