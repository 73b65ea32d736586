"""scikit-learn's callbacks, which are shown a model in the middle of its fit."""

from functools import partial

import numpy as np
import pytest

from sparsekit._sklearn import HAS_CALLBACKS
from sparsekit.factorization import (
    BayesianFactorization,
    ImplicitFactorization,
    MatrixFactorization,
    RankingFactorization,
)
from sparsekit.model_selection import SparseEntries

pytestmark = pytest.mark.skipif(
    not HAS_CALLBACKS, reason="this scikit-learn has no callback interface"
)


class Listener:
    """Keeps what each hook would have been fitted, had the fit ended there."""

    def __init__(self):
        self.predicted = []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        if fitted_estimator is not None:
            self.predicted.append(fitted_estimator.predict_entries(X).data)


@pytest.mark.parametrize("cls", [MatrixFactorization, ImplicitFactorization])
def test_scikit_learns_callbacks_see_a_model_of_each_sweep(cls, plays, row_features):
    listener = Listener()
    given = {"row_features": row_features}
    model = cls(3, tol=None, max_iter=4, random_state=0)
    model.set_callbacks(listener).fit(plays, **given)
    assert len(listener.predicted) == 5
    for n_sweeps, predicted in enumerate(listener.predicted[:4], start=1):
        until_then = cls(3, tol=None, max_iter=n_sweeps, random_state=0).fit(plays, **given)
        np.testing.assert_allclose(predicted, until_then.predict_entries(plays).data)
    np.testing.assert_array_equal(listener.predicted[4], model.predict_entries(plays).data)


OTHERS = {
    "ranking": partial(RankingFactorization, 3, max_iter=6, random_state=0),
    "ranking early": partial(
        RankingFactorization, 3, max_iter=6, early_stopping=True, random_state=0
    ),
    "draws": partial(BayesianFactorization, 3, max_iter=6, burn_in=3, random_state=0),
    "draws, unbiased": partial(
        BayesianFactorization, 3, max_iter=6, burn_in=0, fit_bias=False, random_state=0
    ),
}


class Completeness(Listener):
    """Uses a model that had ended there for all that a model is for."""

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        entries = SparseEntries(X)
        codes = fitted_estimator.transform(X)
        self.predicted += [
            fitted_estimator.predict_entries(entries).data,
            fitted_estimator.predict_entries(X).data,
            fitted_estimator.inverse_transform(codes),
            fitted_estimator.recommend(X, n=2)[0],
            fitted_estimator.similar_items(0, n=2)[1],
        ]


@pytest.mark.parametrize("name", OTHERS)
def test_a_model_in_the_middle_of_a_fit_is_whole(name, plays):
    listener = Completeness()
    model = OTHERS[name]().set_callbacks(listener).fit(plays)
    assert len(listener.predicted) == 5 * (model.n_iter_ + 1)
    assert all(np.isfinite(values).all() for values in listener.predicted)
    np.testing.assert_array_equal(listener.predicted[-4], model.predict_entries(plays).data)


def test_a_posterior_in_the_middle_of_a_fit_is_that_of_the_draws_kept_so_far(plays):
    listener = Listener()
    sampler = partial(BayesianFactorization, 3, burn_in=0, random_state=0)
    sampler(max_iter=6).set_callbacks(listener).fit(plays)
    for n, predicted in enumerate(listener.predicted[:6], start=1):
        until_then = sampler(max_iter=n).fit(plays).predict_entries(plays)
        np.testing.assert_array_equal(predicted, until_then.data)
