"""Threads over independent pieces of work; the kernels release the interpreter lock."""

import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor

from joblib import effective_n_jobs

_here = threading.local()


def check_cancelled():
    """Raise CancelledError in a thread whose sisters have failed or were interrupted."""
    cancelled = getattr(_here, "cancelled", None)
    if cancelled is not None and cancelled.is_set():
        raise CancelledError


def run_blocks(function, blocks, n_jobs=None):
    """Call ``function(start, stop)`` on every block, on up to `n_jobs` threads.

    For kernels that write apart from one another, so that the threads do not change the result.
    In a thread that `run_tasks` started the blocks run one after another.
    """
    inside = getattr(_here, "cancelled", None) is not None
    run_tasks(lambda block: function(*block), blocks, 1 if inside else n_jobs)


def run_tasks(function, tasks, n_jobs=None):
    """Call ``function(task)`` for every task on up to `n_jobs` threads; results keep their order.

    No result depends on the number of threads. An exception (Ctrl-C included) drops the tasks
    that have not begun, and ends the others where they next call `check_cancelled`.
    """
    tasks = list(tasks)
    n_threads = min(effective_n_jobs(n_jobs), len(tasks))
    if n_threads <= 1:
        results = []
        for task in tasks:
            check_cancelled()
            results.append(function(task))
        return results
    cancelled = threading.Event()

    def call(task):
        _here.cancelled = cancelled
        try:
            check_cancelled()
            return function(task)
        except BaseException:
            cancelled.set()
            raise

    with ThreadPoolExecutor(n_threads) as pool:
        futures = [pool.submit(call, task) for task in tasks]
        try:
            errors = [future.exception() for future in futures]
        except BaseException:
            cancelled.set()
            raise
    # What went wrong first, not the sisters that stopped because of it.
    for error in sorted(filter(None, errors), key=lambda e: isinstance(e, CancelledError)):
        raise error
    return [future.result() for future in futures]
