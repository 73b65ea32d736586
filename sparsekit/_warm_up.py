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
    for dtype in ("float64", "float32"):
        for warm in WARM:
            warm(dtype)


# What they need is imported inside, so that `import sparsekit` alone stays light.


def _warm_linear_models(dtype: str) -> None:
    import numpy as np
    from scipy import sparse

    from sparsekit.losses import Quadratic
    from sparsekit.matrix import as_design
    from sparsekit.penalties import L1, ElasticNet, Positive
    from sparsekit.solvers import Problem, fold_products, solve
    from sparsekit.solvers._choose import STEPS
    from sparsekit.solvers._iterate import Iterate

    rows = np.arange(8)
    X = np.random.default_rng(0).standard_normal((8, 3)).astype(dtype)
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


def _warm_codes(dtype: str) -> None:
    import numpy as np
    from scipy import sparse

    from sparsekit.decomposition import MiniBatchDictionaryLearning, sparse_encode
    from sparsekit.decomposition._encoders import ALGORITHMS
    from sparsekit.image import extract_patches, reconstruct_from_patches

    X = np.random.default_rng(0).standard_normal((40, 6)).astype(dtype)
    for algorithm in sorted(set(ALGORITHMS) - {"lars", "lasso_lars"}):
        sparse_encode(X, X[:8], algorithm=algorithm)
    for rows in (X, sparse.csr_array(X)):
        learner = MiniBatchDictionaryLearning(8, alpha=0.1, max_iter=1, random_state=0)
        learner.fit(rows).score(rows)
    patches = extract_patches(X, (2, 2))
    reconstruct_from_patches(patches, X.shape, (2, 2))


def _warm_dictionaries(dtype: str) -> None:
    import numpy as np
    from scipy import sparse

    from sparsekit.decomposition import DictionaryLearning, SparseNMF, SparsePCA

    X = np.random.default_rng(0).random((40, 6)).astype(dtype)
    SparsePCA(2, tol=10.0, random_state=0).fit(X)
    for update in ("ksvd", "bcd"):
        learner = DictionaryLearning(
            8, fit_algorithm="omp", update=update, max_iter=1, random_state=0
        )
        learner.fit(X)
    for rows in (X, sparse.csr_array(X)):
        for loss, missing in itertools.product(
            ("frobenius", "kullback-leibler"), ("zero", "unobserved")
        ):
            model = SparseNMF(2, beta_loss=loss, missing=missing, tol=10.0, random_state=0)
            model.fit(rows)
    SparseNMF(2, beta_loss="kullback-leibler", random_state=0).partial_fit(X)


def _warm_thresholds(dtype: str) -> None:
    import numpy as np

    from sparsekit.thresholding import Thresholder

    X = np.random.default_rng(0).standard_normal((20, 6)).astype(dtype)
    for shape in ("soft", "hard", "firm", "garrote"):
        Thresholder("universal", shape).fit_transform(X)
    for rule in ("sure", "fdr", "top_k", "quantile", "energy", "ebayes"):
        for axis in (0, 1):
            count = 2 if rule == "top_k" else None
            Thresholder(rule, n_nonzero_coefs=count, axis=axis).fit_transform(X)


def _warm_factorizations(dtype: str) -> None:
    from scipy import sparse

    from sparsekit.decomposition import SparseSVD
    from sparsekit.factorization import (
        EASE,
        BayesianFactorization,
        ImplicitFactorization,
        MatrixFactorization,
        RankingFactorization,
        SparseLinearMethod,
    )

    X = sparse.random(12, 10, density=0.4, format="csr", random_state=0, dtype=dtype)
    X = sparse.csr_array(X)
    SparseSVD(2, random_state=0).fit(X)
    short = {"n_components": 2, "max_iter": 1, "random_state": 0}
    models = [
        *(MatrixFactorization(**short, solver=solver) for solver in ("pcg", "cholesky", "cd")),
        *(ImplicitFactorization(**short, solver=solver) for solver in ("pcg", "cholesky")),
        *(RankingFactorization(**short, loss=loss) for loss in ("bpr", "logistic")),
        BayesianFactorization(2, max_iter=2, burn_in=0, random_state=0),
        SparseLinearMethod(),
        EASE(),
    ]
    for model in models:
        model.fit(X).recommend(X, 2)
        model.predict_entries(X)


def _warm_networks(dtype: str) -> None:
    import numpy as np
    from scipy import sparse

    from sparsekit.pruning import CompiledMLP

    rng = np.random.default_rng(0)
    shapes = (40, 64), (64, 48), (48, 16), (16, 3)
    weights = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    X = rng.standard_normal((80, 40)).astype(dtype)
    for density, quantize in itertools.product((1.0, 0.3, 0.05), (None, "int8")):
        network = CompiledMLP.from_weights(
            [W * (rng.random(W.shape) < density) for W in weights],
            [np.zeros(W.shape[1]) for W in weights],
            quantize=quantize,
            calibration_data=X,
        )
        for rows in (X, X[:1], sparse.csr_array(X)):
            network(rows)


WARM = (
    _warm_linear_models,
    _warm_codes,
    _warm_dictionaries,
    _warm_thresholds,
    _warm_factorizations,
    _warm_networks,
)
