"""What this installation consists of, and what it finds on this machine."""

import os
import platform
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from sparsekit._cli._cache import describe_cache
from sparsekit._cli._gpu import describe_gpu
from sparsekit._parallel import blas_threads

BASE = ("numpy", "scipy", "scikit-learn", "numba")
USER_EXTRAS = ("plot", "rich", "gpu")
NO_CACHE = "none: no directory is writable, so every process compiles anew; set NUMBA_CACHE_DIR"


def describe_installation(own_version: str) -> str:
    """Return one line per fact: versions, extras, threads, kernel cache, GPU."""
    return "\n".join(f"{name:<14}{value}" for name, value in facts(own_version))


def facts(own_version: str) -> Iterator[tuple[str, str]]:
    """Yield name and value of every fact."""
    yield "sparsekit", f"{own_version} in {Path(__file__).parents[1]}"
    yield "python", f"{platform.python_version()} on {platform.platform()}"
    for name in BASE:
        yield name, _version(name) or "missing"
    extras = _extras()
    for extra, packages in extras.items():
        yield f"extra {extra}", _state_of_extra(extra, packages)
    if not extras:
        yield "extras", "unknown, because sparsekit is imported from a source tree, not installed"
    yield "threads", _threads()
    yield "kernel cache", describe_cache() or NO_CACHE
    yield "GPU", describe_gpu()


def _version(distribution: str) -> str | None:
    """Return the installed version of a distribution, or None."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _extras() -> dict[str, list[str]]:
    """Return the packages of each extra that users (not developers) install."""
    try:
        requirements = requires("sparsekit") or []
    except PackageNotFoundError:
        return {}
    extras: dict[str, list[str]] = {}
    for requirement in requirements:
        found = re.match(r"([\w.-]+).*;.*\bextra\s*==\s*['\"]([\w-]+)['\"]", requirement)
        if found and found[2] in USER_EXTRAS:
            extras.setdefault(found[2], []).append(found[1])
    return extras


def _state_of_extra(extra: str, packages: list[str]) -> str:
    """Return the versions of an extra's packages, and how to get what is missing."""
    versions = {name: _version(name) for name in packages}
    state = ", ".join(f"{name} {found or 'missing'}" for name, found in versions.items())
    if all(versions.values()):
        return state
    return f'{state}; install it with: pip install "sparsekit[{extra}]"'


def _threads() -> str:
    """Return how many processors there are to use, and who uses how many."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    blas = ", ".join(f"{name} {n_threads}" for name, n_threads in blas_threads().items())
    return (
        f"{usable} processors to use; sparsekit takes `n_jobs` (1 by default); {blas or 'no BLAS'}"
    )
