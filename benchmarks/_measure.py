"""Clocks, memory, machine: CPU seconds of this process, resident peak, versions."""

import gc
import math
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("sparsekit", "scikit-learn", "skglm", "celer", "numpy", "scipy", "numba")
CLOCK_STEP = 1e-3
SHORT_CALL = 0.03
BATCH = 0.1
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
)


def one_thread() -> dict[str, str]:
    """Return the environment of a process in which every pool has one thread."""
    return some_threads(1)


def some_threads(count: int) -> dict[str, str]:
    """Return the environment of a process in which every pool has `count` threads."""
    return {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(count))}


def cpu_seconds(call: Callable) -> tuple[float, object]:
    """Return the CPU seconds that `call` took in this process, and what it returned.

    A short call is made again and again and the mean returned: some systems count a process's
    time in steps of milliseconds.
    """
    return timed(call, time.process_time)


def timed(call: Callable, clock: Callable) -> tuple[float, object]:
    """Return the seconds by `clock` that `call` took, a short call's mean, and what it returned."""
    gc.collect()
    start = clock()
    result = call()
    seconds = clock() - start
    if seconds >= SHORT_CALL:
        return seconds, result
    count = math.ceil(BATCH / max(seconds, CLOCK_STEP))
    start = clock()
    for _ in range(count):
        call()
    return (clock() - start) / count, result


def best_and_median(seconds: list[float]) -> tuple[float, float]:
    """Return the smallest and the middle of some timings."""
    return min(seconds), statistics.median(seconds)


class PeakMemory:
    """Resident memory above what was resident at construction, in MiB (Linux; NaN elsewhere)."""

    def __init__(self):
        gc.collect()
        try:
            # "5" resets the high-water mark, else loading the data would hide behind it.
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            pass
        self.base = self._status("VmRSS")

    def above_base(self) -> float:
        """Return the highest resident size since construction, less the size then."""
        return self._status("VmHWM") - self.base

    @staticmethod
    def _status(field):
        try:
            lines = Path("/proc/self/status").read_text().splitlines()
        except OSError:
            return float("nan")
        sizes = {name: rest for name, _, rest in (line.partition(":") for line in lines)}
        return int(sizes[field].split()[0]) / 1024 if field in sizes else float("nan")


def machine(packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """Return processor, cores, system and the versions of some packages, in words."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in packages},
    }


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    fields = dict(line.partition(":")[::2] for line in lines if ":" in line)
    names = {key.strip(): value.strip() for key, value in fields.items()}
    detail = f" (family {names['cpu family']}, model {names['model']})" if "model" in names else ""
    return names.get("model name", "unknown") + (detail if "cpu family" in names else "")


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return _source_version(name)


def _source_version(name):
    """Return the version of a package that is importable but not installed."""
    try:
        return getattr(__import__(name.replace("-", "_")), "__version__", "from source")
    except ImportError:
        return "absent"
