"""One side in a process of its own: the peak of the memory that a network in training takes."""

import argparse
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path

from sklearn.neural_network import MLPClassifier

from benchmarks._measure import PeakMemory, some_threads
from benchmarks._pruning_data import load_text
from benchmarks._pruning_rows import ROWS, Row
from benchmarks._pruning_training import N_EPOCHS, never_dense
from benchmarks._tables import OURS

ROOT = Path(__file__).resolve().parents[1]


def measure_alone(row: Row, side: str, tiny: bool) -> dict:
    """Return the record of a side, measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks._pruning_alone", row.name, side]
    command += ["--tiny"] if tiny else []
    # The environment says how many threads there are.
    done = subprocess.run(
        command, cwd=ROOT, env=some_threads(row.threads), capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError((done.stderr.strip() or f"ended by {done.returncode}").splitlines()[-1])
    return json.loads(done.stdout.splitlines()[-1])


def _dense(row: Row) -> MLPClassifier:
    return MLPClassifier(row.sizes[1:-1], max_iter=N_EPOCHS, batch_size=200, random_state=0)


NETWORKS = {OURS: never_dense, "sklearn": _dense}


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("row")
    parser.add_argument("side")
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    row = ROWS[arguments.row]
    small = row.tiny()
    row = small if arguments.tiny else row
    with warnings.catch_warnings():
        # Two epochs are too few, as they say.
        warnings.simplefilter("ignore")
        X, y = load_text(small)
        NETWORKS[arguments.side](small).fit(X, y)
        X, y = load_text(row)
        peak, begun = PeakMemory(), time.process_time()
        NETWORKS[arguments.side](row).fit(X, y)
        seconds = time.process_time() - begun
        print(json.dumps({"memory": peak.above_base(), "seconds": seconds / N_EPOCHS}), flush=True)


if __name__ == "__main__":
    main()
