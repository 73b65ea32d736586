"""Compile every kernel ahead of time."""

import itertools


def warm_up() -> None:
    """Compile the kernels for every kind of matrix and penalty, and keep them on disk.

    For container images and continuous integration: processes that find the kernels on disk load
    them in some tens of milliseconds. Without it each kernel is compiled at its first use, once
    per machine.

    Examples
    --------
    >>> import sparsekit
    >>> sparsekit.warm_up()  # doctest: +SKIP
    """
    # Imported here, so that `import sparsekit` alone stays light.
    import numpy as np
    from scipy import sparse

    from sparsekit.losses import Quadratic
    from sparsekit.matrix import as_design
    from sparsekit.penalties import L1, ElasticNet, Positive
    from sparsekit.solvers import Problem, fold_products, solve
    from sparsekit.solvers._choose import STEPS
    from sparsekit.solvers._iterate import Iterate

    rng = np.random.default_rng(0)
    rows = np.arange(8)
    for dtype in (np.float64, np.float32):
        X = rng.standard_normal((8, 3)).astype(dtype)
        y = np.asarray(X[:, 0] - X[:, 1], dtype=np.float64)
        designs = [as_design(M) for M in (X, np.asfortranarray(X), sparse.csc_array(X))]
        penalties = L1(0.01), ElasticNet(0.01), Positive(L1(0.01)), Positive(ElasticNet(0.01))
        for design, penalty, fit_intercept in itertools.product(designs, penalties, (True, False)):
            problem = Problem(design, y, Quadratic(), penalty, fit_intercept=fit_intercept)
            solve(problem)
            for step in STEPS:
                step(Iterate(problem), penalty, design.all_features, 0.0)
        for design in designs:
            problem = Problem(design, y, Quadratic(), L1(0.01))
            fold_products(problem, [(rows[2:], rows[:2])])
