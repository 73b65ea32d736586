"""Some rows in one process; prints one JSON record per row."""

import argparse
import json

from benchmarks._coding_tasks import Effort
from benchmarks._factorization_rows import ROWS
from benchmarks._factorization_tasks import run_row


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("rows")
    parser.add_argument("sides")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--budget", type=float, default=60.0)
    arguments = parser.parse_args()
    effort = Effort(arguments.tiny, arguments.repeat, arguments.budget)
    wanted = set(arguments.sides.split(","))
    for name in arguments.rows.split(","):
        row = ROWS[name]
        record = run_row(row, [side for side in row.sides if side in wanted], effort)
        print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
