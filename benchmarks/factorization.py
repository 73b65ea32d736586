"""Time sparsekit's factorisations and kernels beside implicit, cmfrec, MKL, scikit-learn, others.

    python benchmarks/factorization.py                                  every row, an hour or two
    python benchmarks/factorization.py --rows als-gowalla,spmm          two families
    python benchmarks/factorization.py --rows slim --json new.json --reuse old.json
    python benchmarks/factorization.py --quick                          tiny, to see that it runs

All sides of a row run in one process, round by round, and are judged by figures computed here in
float64; memory and quality are measured in processes of their own. Peers need ``pip install
"sparsekit[bench]"``; absent ones are left out.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks._command import Benchmark, run_benchmark  # noqa: E402
from benchmarks._factorization_report import markdown  # noqa: E402
from benchmarks._factorization_rows import ROWS  # noqa: E402
from benchmarks._measure import some_threads  # noqa: E402

VERSIONS = ("sparsekit", "implicit", "cmfrec", "libmf", "scikit-surprise", "myfm")
VERSIONS += ("sparse_dot_mkl", "mkl", "scikit-learn", "numpy", "scipy", "numba")


def _environment(threads):
    """Return the environment of a worker; MKL's wheel lies where its wrapper does not look."""
    environment = some_threads(threads)
    libraries = sorted(Path(sys.prefix, "lib").glob("libmkl_rt.so*"))
    environment |= {"MKL_RT": str(libraries[-1])} if libraries else {}
    # A progress bar of a peer.
    return environment | {"TQDM_DISABLE": "1"}


BENCHMARK = Benchmark(
    rows=ROWS,
    worker="benchmarks._factorization_worker",
    markdown=markdown,
    versions=VERSIONS,
    environment=_environment,
)

if __name__ == "__main__":
    sys.exit(run_benchmark(BENCHMARK, __doc__))
