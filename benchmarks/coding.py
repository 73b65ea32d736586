"""Time sparsekit's coding, dictionaries, thresholds and factors beside SPAMS, scikit-learn, others.

    python benchmarks/coding.py                                  every row, an hour or two
    python benchmarks/coding.py --rows ormp-256,lasso-64         two families
    python benchmarks/coding.py --rows nmf --json new.json --reuse old.json
    python benchmarks/coding.py --quick                          tiny problems, to see that it runs

All sides of a row run in one process, round by round, and are judged by figures computed here in
float64. Peers need ``pip install "sparsekit[bench]"``; absent ones are left out.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks._coding_report import markdown  # noqa: E402
from benchmarks._coding_rows import ROWS  # noqa: E402
from benchmarks._command import Benchmark, run_benchmark  # noqa: E402

VERSIONS = ("sparsekit", "scikit-learn", "spams-bin", "PyWavelets", "dictlearn")
VERSIONS += ("numpy", "scipy", "numba")
BENCHMARK = Benchmark(
    rows=ROWS,
    worker="benchmarks._coding_worker",
    markdown=markdown,
    versions=VERSIONS,
    packages={"copy": "numpy", "copyto": "numpy"},
)

if __name__ == "__main__":
    sys.exit(run_benchmark(BENCHMARK, __doc__))
