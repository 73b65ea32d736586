"""The loop of sweeps: when it ends, what it tells, and from where it begins."""

import copy
import warnings

import numpy as np
import pytest
from scipy import sparse

from sparsekit.factorization import ImplicitFactorization, MatrixFactorization, _fitting
from sparsekit.factorization._alternate import Alternation
from sparsekit.metrics import ndcg_at_k
from tests.transformers._estimators import assert_same_state, state

CLASSES = [MatrixFactorization, ImplicitFactorization]
both = pytest.mark.parametrize("cls", CLASSES)


@both
def test_a_fit_ends_once_a_sweep_lowers_the_objective_by_little(cls, plays):
    for tol in (1e-1, 1e-2, 1e-3):
        model = cls(3, tol=tol, max_iter=500, random_state=0).fit(plays)
        curve = model.loss_curve_
        assert len(curve) == model.n_iter_ < 500
        falls = -np.diff(curve) / curve[:-1]
        assert (falls[:-1] > tol).all() and falls[-1] <= tol


@both
def test_without_a_tolerance_all_sweeps_are_made(cls, plays):
    model = cls(3, tol=None, max_iter=40, random_state=0).fit(plays)
    assert model.n_iter_ == len(model.loss_curve_) == 40


@both
def test_no_sweep_begins_after_the_time_is_over(cls, plays):
    model = cls(3, tol=None, max_iter=10**6, max_time=0.05, random_state=0).fit(plays)
    assert 1 <= model.n_iter_ < 10**5
    assert cls(3, tol=None, max_time=1e-9, random_state=0).fit(plays).n_iter_ == 1


@both
def test_a_callback_is_told_and_may_end_the_fit(cls, plays):
    told = []

    def listen(progress):
        told.append(progress)
        return progress["n_iter"] == 3

    model = cls(3, tol=None, callback=listen, random_state=0).fit(plays)
    assert [progress["n_iter"] for progress in told] == [1, 2, 3]
    assert {*told[0]} == {"estimator", "n_iter", "objective", "components", "elapsed"}
    assert all(progress["estimator"] is model for progress in told)
    np.testing.assert_array_equal([progress["objective"] for progress in told], model.loss_curve_)
    assert (np.diff([progress["elapsed"] for progress in told]) >= 0).all()
    np.testing.assert_array_equal(told[-1]["components"], model.components_)
    assert model.n_iter_ == 3


@both
def test_a_callback_that_fails_leaves_the_last_fit(cls, plays):
    def fail(progress):
        raise KeyboardInterrupt

    model = cls(3, callback=fail, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(plays)
    assert not state(model)
    model.set_params(callback=None).fit(plays)
    before = copy.deepcopy(model)
    for method in (model.fit, model.fit_transform):
        with pytest.raises(KeyboardInterrupt):
            model.set_params(callback=fail)
            method(plays[:20])
        assert_same_state(model, before)


@both
def test_each_sweep_is_printed_where_asked(cls, plays, capsys):
    model = cls(3, verbose=1, random_state=0).fit(plays)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == model.n_iter_
    name = cls.__name__
    assert lines[1] == f"[{name}] sweep 2: objective {model.loss_curve_[1]:.6g}"
    model.set_params(early_stopping=True).fit(plays)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith(f", validation score {model.validation_scores_[0]:.6g}")
    model.set_params(verbose=0).fit(plays)
    assert capsys.readouterr().out == ""


# Early stopping


def held_out(cls, X, **options):
    """Return what the fit learns from and what it holds out, and scores as a listener sees them."""
    seen = []
    original = cls._validate

    def spy(self, model, rows, columns, held, chosen):
        score = original(self, model, rows, columns, held, chosen)
        seen.append((rows.X, held, rows.codes.copy(), columns.copy(), model, score))
        return score

    cls._validate = spy
    try:
        fitted = cls(3, early_stopping=True, random_state=0, **options).fit(X)
    finally:
        cls._validate = original
    return fitted, seen


@both
def test_a_share_of_each_row_is_held_out(cls, plays):
    _, seen = held_out(cls, plays, validation_fraction=0.3)
    kept, held = seen[0][:2]
    np.testing.assert_array_equal((kept + held).toarray(), plays.toarray())
    assert kept.nnz + held.nnz == plays.nnz
    counts = np.diff(plays.indptr)
    some = counts > 1
    np.testing.assert_array_equal(np.diff(held.indptr)[some], np.ceil(0.3 * counts[some]))
    assert not np.diff(held.indptr)[~some].any()


def test_ratings_are_validated_by_the_error_of_what_was_held_out(ratings):
    fitted, seen = held_out(MatrixFactorization, ratings)
    for _, held, rows, columns, model, score in seen:
        predicted = model.loss.mean + rows[:, :-1] @ columns[:, :-1].T
        predicted += rows[:, [-1]] + columns[:, -1]
        errors = held.data - predicted[held.tocoo().coords]
        assert score == pytest.approx(-np.sqrt(np.mean(errors**2)), rel=1e-10)
    np.testing.assert_array_equal(fitted.validation_scores_, [item[-1] for item in seen])


def test_plays_are_validated_by_how_they_are_ranked(plays):
    fitted, seen = held_out(ImplicitFactorization, plays)
    for kept, held, rows, columns, _, score in seen:
        scores = rows @ columns.T
        scores[kept.tocoo().coords] = -np.inf
        order = np.argsort(-scores, axis=1, kind="stable")[:, :10]
        order = np.where(np.take_along_axis(scores, order, axis=1) == -np.inf, -1, order)
        some = np.diff(held.indptr) > 0
        assert score == pytest.approx(ndcg_at_k(held[some], order[some], 10), rel=1e-10)
    np.testing.assert_array_equal(fitted.validation_scores_, [item[-1] for item in seen])


def test_of_many_rows_some_are_ranked(plays, monkeypatch):
    monkeypatch.setattr(_fitting, "RANKED_ROWS", 7)
    seen = []
    monkeypatch.setattr(
        ImplicitFactorization, "_validate", lambda self, *given: seen.append(given) or len(seen)
    )
    ImplicitFactorization(3, early_stopping=True, max_iter=3, random_state=0).fit(plays)
    chosen = [given[-1] for given in seen]
    held = seen[0][-2]
    assert len(set(chosen[0])) == 7 and np.diff(held.indptr)[chosen[0]].all()
    for rows in chosen:
        np.testing.assert_array_equal(rows, chosen[0])


@both
def test_the_fit_ends_after_so_many_sweeps_without_a_better_score(cls, ratings):
    X = abs(ratings)
    for patience in (1, 4):
        model = cls(
            20,
            alpha=1e-4,
            early_stopping=True,
            n_iter_no_change=patience,
            tol=None,
            max_iter=300,
            random_state=0,
        ).fit(X)
        scores = model.validation_scores_
        assert len(scores) == len(model.loss_curve_) == model.n_iter_ < 300
        assert model.best_iter_ == np.argmax(scores) + 1 == model.n_iter_ - patience


@both
def test_the_best_sweep_is_what_is_kept(cls, ratings):
    X = abs(ratings)
    options = {"alpha": 1e-4, "early_stopping": True, "tol": None, "random_state": 0}
    model = cls(20, max_iter=300, **options).fit(X)
    assert model.best_iter_ < model.n_iter_
    until_then = cls(20, max_iter=model.best_iter_, **options).fit(X)
    np.testing.assert_array_equal(model.components_, until_then.components_)
    np.testing.assert_array_equal(model.row_factors_, until_then.row_factors_)
    # The rows are folded in with all that is known of them.
    np.testing.assert_array_equal(model.row_factors_, model.transform(X))


@both
def test_of_equal_scores_the_first_is_the_best(cls, plays, monkeypatch):
    monkeypatch.setattr(cls, "_validate", lambda self, *arguments: 0.5)
    options = {"early_stopping": True, "tol": None, "random_state": 0}
    model = cls(3, n_iter_no_change=4, **options).fit(plays)
    assert model.best_iter_ == 1 and model.n_iter_ == 5
    first = cls(3, max_iter=1, **options).fit(plays)
    np.testing.assert_array_equal(model.components_, first.components_)


@both
def test_scores_of_an_earlier_fit_are_forgotten(cls, plays):
    model = cls(3, early_stopping=True, random_state=0).fit(plays)
    model.set_params(early_stopping=False).fit(plays)
    assert_same_state(model, cls(3, random_state=0).fit(plays))


@both
def test_nothing_to_hold_out_is_said(cls):
    one_each = sparse.csr_array(np.eye(6))
    with pytest.raises(ValueError, match="holds out no entry of the 6 of X.*early_stopping=False"):
        cls(2, early_stopping=True).fit(one_each)


# Where a fit begins


@both
def test_a_seed_gives_the_same_fit_again(cls, plays):
    model = cls(3, random_state=4).fit(plays)
    assert_same_state(cls(3, random_state=np.random.RandomState(4)).fit(plays), model)
    assert not np.array_equal(cls(3, random_state=5).fit(plays).components_, model.components_)


@both
def test_a_warm_start_goes_on_where_the_last_fit_ended(cls, plays):
    model = cls(3, solver="cholesky", max_iter=4, tol=None, warm_start=True, random_state=0)
    first = model.fit(plays).loss_curve_
    second = model.fit(plays).loss_curve_
    at_once = model.set_params(max_iter=8, warm_start=False).fit(plays).loss_curve_
    np.testing.assert_allclose(np.r_[first, second], at_once, rtol=1e-9)


@both
def test_a_warm_start_in_another_shape_begins_anew(cls, plays):
    model = cls(3, warm_start=True, random_state=0).fit(plays)
    for options, X in (({"n_components": 2}, plays), ({}, plays[:30]), ({}, plays[:, :9])):
        model.set_params(**options).fit(X)
        expected = cls(model.n_components, random_state=0).fit(X)
        np.testing.assert_array_equal(model.components_, expected.components_)


@both
def test_a_fit_that_diverges_says_so_and_leaves_nothing(cls, plays, monkeypatch):
    model = cls(3)
    monkeypatch.setattr(Alternation, "sweep", lambda self: np.nan)
    with pytest.raises(ValueError, match="diverged: the objective of sweep 1 is nan.*`alpha`"):
        model.fit(plays)
    assert not state(model)


@both
def test_threads_do_not_change_a_bit_of_a_fit(cls, plays):
    X = sparse.csr_array(sparse.vstack([plays] * 50))
    options = {"max_iter": 3, "tol": None, "early_stopping": True, "random_state": 0}
    one = cls(3, n_jobs=1, **options).fit(X)
    for n_jobs in (2, 3):
        assert_same_state(cls(3, n_jobs=n_jobs, **options).fit(X), one)


@both
def test_a_fit_does_not_warn(cls, plays):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cls(3, max_iter=1).fit(plays)
