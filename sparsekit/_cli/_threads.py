"""Threads of the linear algebra below numpy and scipy.

threadpoolctl comes with scikit-learn, which depends on it; sparsekit itself does not, so it is
imported by name and late.
"""

from contextlib import AbstractContextManager
from importlib import import_module


def blas_threads() -> dict[str, int]:
    """Return the number of threads of each loaded library, by its name."""
    pools = import_module("threadpoolctl").threadpool_info()
    return {p["internal_api"]: p["num_threads"] for p in pools if p["user_api"] == "blas"}


def single_blas_thread() -> AbstractContextManager:
    """Return a context in which these libraries take one thread each."""
    return import_module("threadpoolctl").threadpool_limits(1, user_api="blas")
