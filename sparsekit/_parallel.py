"""Threads over independent pieces of work; the kernels release the interpreter lock."""

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple

from joblib import effective_n_jobs
from threadpoolctl import ThreadpoolController

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

    initializer = _enter_for_good if _inside_single_blas_thread() else None
    with ThreadPoolExecutor(n_threads, initializer=initializer) as pool:
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


class _SharedLimit:
    """One BLAS thread while anyone in the process needs it so; then what the user had set.

    For libraries whose number of threads belongs to the process: of several threads that need the
    limit the first sets it, and the last lifts it.
    """

    def __init__(self):
        self.lock, self.users, self.limit = threading.Lock(), 0, None

    def enter(self):
        """Set the limit if nobody has."""
        with self.lock:
            if self.users == 0:
                _let_any_thread_limit()
                self.limit = _libraries().of_process.limit(limits=1)
            self.users += 1

    def leave(self):
        """Lift the limit if nobody else needs it."""
        with self.lock:
            self.users -= 1
            if self.users == 0:
                _let_any_thread_limit()
                self.limit.restore_original_limits()
                _let_any_thread_limit()


_process_limit = _SharedLimit()


class _Libraries(NamedTuple):
    of_process: ThreadpoolController
    of_thread: ThreadpoolController


@cache
def _libraries() -> _Libraries:
    """Return the linear algebra libraries, apart by whose their number of threads is."""
    every, paths = ThreadpoolController().select(user_api="blas"), ([], [])
    for library in every.lib_controllers:
        layer = getattr(library, "threading_layer", None)
        of_thread = library.internal_api == "mkl" or layer == "openmp"
        paths[of_thread].append(library.filepath)
    return _Libraries(*(every.select(filepath=found) for found in paths))


def _let_any_thread_limit():
    """Take from threadpoolctl 3.8 that only one thread may set, and lift, a process's limit.

    Others' calls would do nothing, without a word, until that thread ends or lifts its own.
    """
    for library in _libraries().of_process.lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)


@contextmanager
def single_blas_thread() -> Iterator[None]:
    """Keep the linear algebra below numpy and scipy to one thread.

    Its threads wait for one another by spinning, which makes the small systems here many times
    slower where another process wants the core; and its sums depend on their number.
    """
    if _inside_single_blas_thread():
        yield
        return
    _process_limit.enter()
    try:
        with _libraries().of_thread.limit(limits=1):
            _here.one_blas_thread = True
            yield
    finally:
        _here.one_blas_thread = False
        _process_limit.leave()


def _inside_single_blas_thread() -> bool:
    return getattr(_here, "one_blas_thread", False)


def _enter_for_good():
    """Keep a thread that a thread inside `single_blas_thread` waits for to one BLAS thread."""
    _libraries().of_thread.limit(limits=1)
    _here.one_blas_thread = True


def blas_threads() -> dict[str, int]:
    """Return the number of threads of each linear algebra library, by its name."""
    infos = [*_libraries().of_process.info(), *_libraries().of_thread.info()]
    return {info["internal_api"]: info["num_threads"] for info in infos}
