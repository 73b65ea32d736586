"""What threads promise: order, the first error, an end to what is no longer wanted, one result."""

import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from scipy import sparse
from threadpoolctl import threadpool_limits

from sparsekit._parallel import (
    blas_threads,
    check_cancelled,
    run_blocks,
    run_tasks,
    single_blas_thread,
)
from sparsekit.matrix import as_design
from sparsekit.matrix._blocks import cut

SECONDS = 10.0


def wait_until_cancelled(begun=None):
    """Work as a kernel loop does, and fail if nobody ends it."""
    if begun is not None:
        begun.set()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        check_cancelled()
        time.sleep(0.001)
    raise AssertionError("nobody cancelled this task")


@pytest.mark.parametrize("n_jobs", [None, 1, 2, -1])
def test_results_keep_the_order_of_the_tasks(n_jobs):
    def slow_first(task):
        time.sleep(0.01 * (3 - task))
        return task * task

    assert run_tasks(slow_first, range(4), n_jobs) == [0, 1, 4, 9]


def test_no_tasks_give_no_results():
    assert run_tasks(abs, [], 2) == []


def test_one_thread_is_the_callers_own():
    assert run_tasks(lambda _: threading.get_ident(), range(3), 1) == [threading.get_ident()] * 3


def test_tasks_run_side_by_side():
    meeting = threading.Barrier(2, timeout=SECONDS)
    assert sorted(run_tasks(lambda _: meeting.wait(), range(2), 2)) == [0, 1]


def test_joblib_s_setting_decides_where_n_jobs_is_not_given():
    meeting = threading.Barrier(2, timeout=SECONDS)
    with joblib.parallel_config(n_jobs=2):
        assert sorted(run_tasks(lambda _: meeting.wait(), range(2))) == [0, 1]


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_a_task_s_exception_reaches_the_caller(n_jobs, kind):
    def fail_at_one(task):
        if task == 1:
            raise kind("task one")
        return task

    with pytest.raises(kind, match="task one"):
        run_tasks(fail_at_one, range(4), n_jobs)


@pytest.mark.parametrize("failing", [0, 1])
def test_a_failure_ends_the_tasks_at_work_and_drops_those_not_begun(failing):
    begun, seen = threading.Event(), []

    def work(task):
        seen.append(task)
        if task == failing:
            assert begun.wait(SECONDS)
            raise ValueError("the one to hear of")
        wait_until_cancelled(begun)

    with pytest.raises(ValueError, match="the one to hear of"):
        run_tasks(work, range(20), 2)
    assert sorted(seen) == [0, 1]


def test_a_cancelled_batch_does_not_touch_the_next():
    with pytest.raises(ValueError):
        run_tasks(lambda task: int("x"), range(4), 2)
    assert run_tasks(lambda task: check_cancelled() or task, range(4), 2) == [0, 1, 2, 3]


def test_an_inner_batch_ends_with_the_outer_one():
    begun, ended = threading.Event(), []

    def outer(task):
        if task == 0:
            assert begun.wait(SECONDS)
            raise ValueError("outer")
        try:
            run_tasks(lambda _: wait_until_cancelled(begun), range(2), 1)
        except CancelledError:
            ended.append(task)
            raise

    with pytest.raises(ValueError, match="outer"):
        run_tasks(outer, range(2), 2)
    assert ended == [1]


def test_outside_a_batch_nothing_is_cancelled():
    check_cancelled()


def test_blocks_cover_everything_whatever_the_number_of_threads():
    for n_jobs in (None, 1, 2, 3):
        seen = np.zeros(1000)

        def add(start, stop, seen=seen):
            seen[start:stop] += 1

        run_blocks(add, cut(1000, 1e8, n_jobs), n_jobs)
        assert (seen == 1).all()


@pytest.mark.parametrize("kind", [np.asfortranarray, np.ascontiguousarray, sparse.csc_array])
def test_threads_do_not_change_a_pass_over_the_matrix(kind, monkeypatch):
    monkeypatch.setattr("sparsekit.matrix._blocks.THREAD_WORK", 0)
    rng = np.random.default_rng(0)
    X = kind(rng.standard_normal((60, 40)) * (rng.random((60, 40)) < 0.4))
    h, r, coef = rng.random(60), rng.standard_normal(60), rng.standard_normal(40)
    results = []
    for n_jobs in (1, 2):
        design = as_design(X, n_jobs)
        mean, curvature, product = design.moments(h, r, center=True)
        eta = np.zeros(60)
        design.accumulate(design.all_features, mean, coef, eta)
        results.append([mean, curvature, product, design.dot(r, mean), eta])
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


def test_one_blas_thread_inside_and_the_users_number_after():
    before = blas_threads()
    with ThreadPoolExecutor(2) as pool:

        def look(_):
            with single_blas_thread():
                return set(blas_threads().values())

        assert all(found == {1} for found in pool.map(look, range(20)))
    assert blas_threads() == before


def in_turn(*steps):
    """Run each step of two threads' generators, `(thread, ...)`, one after another."""
    results = []
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        for thread, step in steps:
            results.append((first, second)[thread].submit(step).result(SECONDS))
    return results


@pytest.mark.parametrize("first_to_leave", [0, 1])
def test_the_last_of_two_threads_lifts_the_limit(first_to_leave):
    before, limits = blas_threads(), (single_blas_thread(), single_blas_thread())
    steps = [(0, limits[0].__enter__), (1, limits[1].__enter__)]
    for thread in (first_to_leave, 1 - first_to_leave):
        steps += [(0, blas_threads), (thread, lambda one=limits[thread]: one.__exit__(*[None] * 3))]
    seen = in_turn(*steps)
    assert set(seen[2].values()) == set(seen[4].values()) == {1}
    assert blas_threads() == before


def test_a_limit_of_the_user_s_holds_before_and_after():
    before = blas_threads()
    with threadpool_limits(limits=2, user_api="blas"):
        outer = blas_threads()
        with ThreadPoolExecutor(1) as pool, single_blas_thread():
            assert set(blas_threads().values()) == {1}
            assert set(pool.submit(blas_threads).result().values()) == {1}
        assert blas_threads() == outer
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(inner_threads).result() == {1}
        assert blas_threads() == outer
    assert blas_threads() == before


def inner_threads():
    """Return the numbers of threads seen by the threads of a batch that needs one each."""
    with single_blas_thread():
        seen = run_tasks(lambda _: set(blas_threads().values()), range(4), 2)
    return set().union(*seen)
