"""scikit-learn's checks on every way to code; other estimators' own tests run theirs."""

from unittest import SkipTest

import numpy as np
import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from tests.transformers._estimators import TRANSFORMERS, make

# The checks bring X of these widths, and a dictionary fits one width only.
WIDTHS = (3, 2, 5, 10, 20, 1, 4)


def coder(name, width):
    """Return a coder on a dictionary of this width."""
    own = make(name).get_params()
    fewer = {"transform_n_nonzero_coefs": 1} if own["transform_n_nonzero_coefs"] else {}
    return make(name, dictionary=np.random.default_rng(0).standard_normal((8, width)), **fewer)


def complaints(check, name):
    """Return what a check says of a dictionary of any width; nothing if one of them will do."""
    errors = []
    for width in WIDTHS:
        try:
            check(coder(name, width))
        except SkipTest:
            return []
        except Exception as error:
            errors.append(error)
        else:
            return []
    return errors


@pytest.mark.parametrize("name", [name for name in TRANSFORMERS if name.startswith("SparseCoder")])
def test_scikit_learn_finds_no_fault(name):
    checks = [check for _, check in estimator_checks_generator(coder(name, 3))]
    assert len(checks) > 40
    faults = {str(check): errors for check in checks if (errors := complaints(check, name))}
    assert not faults
