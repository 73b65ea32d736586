"""What a fresh process pays: import, first call without and with a kernel cache, later calls."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
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
{data}
def call():
    return {call}
spent = []
for _ in range(4):
    start = time.process_time()
    call()
    spent.append(time.process_time() - start)
print(json.dumps([imported, spent[0], min(spent[1:])]))
"""


def first_calls(
    kinds: dict[str, dict[str, tuple[str, str]]], data: str, side: str
) -> dict[str, dict[str, float]]:
    """Return, per kind of call, the CPU seconds of the moments of two fresh processes.

    Parameters
    ----------
    kinds : dict
        From the name of a kind to those who make the call, and from these to two lines of Python:
        the import and the call.
    data : str
        Lines of Python that make what is called with, from `np` and `sparse`.
    side : str
        Who makes the calls.
    """
    report = {}
    for kind in (kind for kind in kinds if side in kinds[kind]):
        module, call = kinds[kind][side]
        code = SCRIPT.format(module=module, data=data, call=call)
        with tempfile.TemporaryDirectory() as cache:
            environment = {"NUMBA_CACHE_DIR": cache}
            _, cold, _ = last_line_of(code, environment)
            imported, second, steady = last_line_of(code, environment)
        report[kind] = dict(zip(MOMENTS, (imported, cold, second, steady), strict=True))
    return report


def last_line_of(code: str, environment: dict[str, str]) -> object:
    """Return what a fresh Python process prints last, as JSON."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {**one_thread(), **environment, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout.splitlines()[-1])


def start_table(sides: dict[str, dict], data: str) -> Iterable[str]:
    """Yield the table of first calls; `data` says in words what is called with."""
    yield from ("", "### First calls", "")
    yield "CPU seconds of fresh processes: import; first call with an empty kernel cache, and in"
    yield f"the next process; then the best of three later calls. {data}."
    yield ""
    yield f"| call | side | {' | '.join(MOMENTS)} |"
    yield f"| --- | --- |{' --- |' * len(MOMENTS)}"
    kinds = dict.fromkeys(kind for side in sides.values() for kind in side.get("start", {}))
    for kind in kinds:
        for name, side in sides.items():
            if kind in side.get("start", {}):
                cells = " | ".join(f"{side['start'][kind][moment]:.3g}" for moment in MOMENTS)
                yield f"| {kind} | {name} | {cells} |"
    for name, side in sides.items():
        if "error" in side:
            yield f"| | {name} failed ({side['error'][:80]}) |{' |' * len(MOMENTS)}"
