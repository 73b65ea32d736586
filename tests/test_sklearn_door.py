"""The one door to scikit-learn's private names."""

import numpy as np
import pytest
import sklearn
from scipy import sparse

from sparsekit._sklearn import (
    HAS_CALLBACKS,
    NullCallbackContext,
    as_configured_sparse,
    open_callback_context,
)
from tests._door import Door


def test_sparse_results_follow_the_setting():
    X = sparse.csr_array(np.eye(3))
    assert isinstance(as_configured_sparse(X), sparse.spmatrix)
    if "sparse_interface" not in sklearn.get_config():
        return
    with sklearn.config_context(sparse_interface="sparray"):
        assert isinstance(as_configured_sparse(sparse.csc_matrix(X)), sparse.csc_array)


def test_callback_context_is_silent_where_nobody_listens():
    context = open_callback_context(Door(), max_subtasks=2)
    assert isinstance(context, NullCallbackContext)
    with context.subcontext(task_name="step").propagate_callback_context(Door()):
        assert context.call_on_fit_task_end(estimator=None, X=None) is False


@pytest.mark.skipif(not HAS_CALLBACKS, reason="this scikit-learn has no callbacks")
def test_callback_context_is_scikit_learns_where_a_callback_is_set():
    from sparsekit._sklearn import CallbackSupportMixin

    class Listening(CallbackSupportMixin, Door):
        pass

    class Callback:
        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context):
            return True

    door = Listening().set_callbacks(Callback())
    context = open_callback_context(door, task_name="fit", max_subtasks=1)
    assert context.subcontext(task_name="step").call_on_fit_task_end(estimator=door) is True
