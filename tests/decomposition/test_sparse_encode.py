"""sparse_encode and SparseCoder: the door to the encoders."""

import warnings
from unittest import SkipTest

import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import sparse_encode as sklearn_encode
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import orthogonal_mp
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator

from sparsekit.datasets import load_sms_spam
from sparsekit.decomposition import SparseCoder, sparse_encode
from sparsekit.decomposition._encoders import ALGORITHMS

rng = np.random.default_rng(11)
X = rng.standard_normal((40, 15))
D = rng.standard_normal((25, 15))
UNIT = D / np.linalg.norm(D, axis=1, keepdims=True)
GREEDY = {"omp", "ormp", "nn_omp", "top_k", "iht"}


@pytest.mark.parametrize("algorithm", ["lasso", "lasso_lars", "lasso_cd", "fista"])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("atoms", [UNIT, D], ids=["unit", "any length"])
def test_lasso_codes_are_those_of_scikit_learn(algorithm, positive, atoms):
    options = {"alpha": 0.4, "positive": positive}
    if algorithm == "fista":
        options |= {"tol": 1e-12, "max_iter": 20_000}
    ours = sparse_encode(X, atoms, algorithm=algorithm, **options)
    theirs = sklearn_encode(X, atoms, algorithm="lasso_lars", alpha=0.4, positive=positive)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("stop", [{"n_nonzero_coefs": 4}, {}])
def test_omp_codes_of_unit_atoms_are_those_of_scikit_learn(stop):
    ours = sparse_encode(X, UNIT, algorithm="omp", **stop).toarray()
    theirs = sklearn_encode(X, UNIT, algorithm="omp", **stop)
    np.testing.assert_allclose(ours, theirs, atol=1e-10)


@pytest.mark.parametrize("name", ["alpha", "tol"])
def test_a_residual_stops_omp_where_it_stops_scikit_learns(name):
    # Its sparse_encode documents `alpha` as this tolerance, and its orthogonal_mp has it.
    ours = sparse_encode(X, UNIT, algorithm="omp", **{name: 3.0}).toarray()
    np.testing.assert_allclose(ours, orthogonal_mp(UNIT.T, X.T, tol=3.0).T, atol=1e-10)


@pytest.mark.parametrize("algorithm", ["lars", "threshold"])
def test_other_codes_of_unit_atoms_are_those_of_scikit_learn(algorithm):
    options = {"n_nonzero_coefs": 4} if algorithm == "lars" else {"alpha": 0.3}
    ours = sparse_encode(X, UNIT, algorithm=algorithm, **options)
    np.testing.assert_allclose(
        ours, sklearn_encode(X, UNIT, algorithm=algorithm, **options), atol=1e-10
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("wanted", ["auto", True, False])
def test_the_format_depends_on_the_parameters_alone(algorithm, wanted):
    codes = sparse_encode(X, D, algorithm=algorithm, sparse_output=wanted)
    expected = algorithm in GREEDY if wanted == "auto" else wanted
    assert sparse.issparse(codes) is expected
    assert sparse_encode(X[:1], D, algorithm=algorithm, sparse_output=wanted).shape == (1, 25)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_an_algorithm_does_not_take_is_refused_by_name(algorithm):
    values = {
        "n_nonzero_coefs": 2,
        "alpha": 0.1,
        "tol": 0.1,
        "l1_ratio": 0.5,
        "feature_weights": np.ones(25),
    }
    for name, value in values.items():
        if name not in ALGORITHMS[algorithm].takes:
            with pytest.raises(ValueError, match=f"does not take `{name}`.*choose one of"):
                sparse_encode(X, D, algorithm=algorithm, **{name: value})


def test_a_residual_stops_a_pursuit():
    for algorithm in ("omp", "ormp"):
        codes = sparse_encode(X, D, algorithm=algorithm, tol=2.0).toarray()
        left = ((X - codes @ D) ** 2).sum(axis=1)
        assert (left <= 2.0).all()
        counts = (codes != 0).sum(axis=1)
        assert counts.min() < counts.max()


def test_two_names_of_one_tolerance_are_refused():
    with pytest.raises(ValueError, match="another name of `tol`"):
        sparse_encode(X, D, algorithm="omp", alpha=0.1, tol=0.1)


def test_more_atoms_than_features_are_capped_with_one_warning():
    with pytest.warns(UserWarning, match="n_nonzero_coefs=20 exceeds the number of features, 15"):
        codes = sparse_encode(X, D, algorithm="omp", n_nonzero_coefs=20)
    np.testing.assert_allclose(codes @ D, X, atol=1e-8)


def test_more_atoms_than_there_are_is_no_reason_to_fail():
    codes = sparse_encode(X, D[:3], algorithm="omp", n_nonzero_coefs=10)
    expected = np.linalg.lstsq(D[:3].T, X.T, rcond=None)[0].T
    np.testing.assert_allclose(codes.toarray(), expected, atol=1e-10)


def test_positive_is_refused_where_it_cannot_be():
    with pytest.raises(ValueError, match="'ormp' cannot keep codes positive"):
        sparse_encode(X, D, algorithm="ormp", positive=True)


@pytest.mark.parametrize("algorithm", sorted(set(ALGORITHMS) - {"ormp", "lars"}))
def test_positive_codes_are_positive(algorithm):
    codes = sparse_encode(X, D, algorithm=algorithm, positive=True, sparse_output=False)
    assert codes.min() >= 0 and codes.max() > 0


def test_nan_is_refused_unless_it_means_missing():
    holes = X.copy()
    holes[0, 0] = np.nan
    with pytest.raises(ValueError, match="contains NaN. Pass `missing_values=nan`"):
        sparse_encode(holes, D)
    codes = sparse_encode(holes, D, missing_values=np.nan)
    expected = sparse_encode(X[:1, 1:], D[:, 1:])
    np.testing.assert_allclose(codes[:1], expected, atol=1e-10)
    np.testing.assert_allclose(codes[1:], sparse_encode(X[1:], D), atol=1e-12)
    with pytest.raises(ValueError, match="contains NaN"):
        sparse_encode(sparse.csr_array(holes), D, missing_values=np.nan)


def test_features_must_be_those_of_the_dictionary():
    with pytest.raises(ValueError, match="X has 14 features, but the atoms .* have 15"):
        sparse_encode(X[:, 1:], D)


@pytest.mark.parametrize(
    ("name", "value"),
    [("alpha", -1), ("n_nonzero_coefs", 0), ("algorithm", "lsd"), ("l1_ratio", 0.0)],
)
def test_bad_options_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=name):
        sparse_encode(X, D, **{name: value})


def test_the_coder_is_the_function_with_other_names():
    options = {"l1_ratio": 0.5, "feature_weights": np.linspace(0, 1, 25)}
    coder = SparseCoder(
        D, transform_algorithm="lasso", transform_alpha=0.3, positive_code=True, **options
    )
    expected = sparse_encode(X, D, alpha=0.3, positive=True, **options)
    np.testing.assert_array_equal(coder.fit_transform(X), expected)
    np.testing.assert_array_equal(coder.transform(X), expected)
    tight = SparseCoder(D, transform_tol=2.0).transform(X)
    assert (tight != sparse_encode(X, D, algorithm="omp", tol=2.0)).nnz == 0


def test_an_option_is_refused_under_the_name_the_coder_has_for_it():
    coder = SparseCoder(D, transform_algorithm="lasso", transform_n_nonzero_coefs=2)
    with pytest.raises(ValueError, match="does not take `transform_n_nonzero_coefs`"):
        coder.transform(X)


def test_codes_without_fit_keep_no_state():
    coder = SparseCoder(D)
    coder.transform(X)
    assert not hasattr(coder, "n_features_in_")
    assert coder.fit(X).n_features_in_ == 15


@pytest.mark.parametrize("as_sparse", [True, False])
def test_split_signs_and_back(as_sparse):
    coder = SparseCoder(D, split_sign=True, sparse_output=as_sparse).fit(X)
    codes = coder.transform(X)
    assert sparse.issparse(codes) is as_sparse
    dense = codes.toarray() if as_sparse else codes
    plain = SparseCoder(D).transform(X).toarray()
    np.testing.assert_array_equal(dense, np.hstack([plain.clip(0), (-plain).clip(0)]))
    np.testing.assert_allclose(coder.inverse_transform(codes), plain @ D, atol=1e-12)
    assert len(coder.get_feature_names_out()) == 50


def test_codes_must_have_the_width_of_codes_to_go_back():
    with pytest.raises(ValueError, match="one column per coefficient, 25; got 15"):
        SparseCoder(D).inverse_transform(X)


def test_a_data_frame_comes_back_with_names():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(15)])
    coder = SparseCoder(D).set_output(transform="pandas").fit(frame)
    assert list(coder.transform(frame).columns[:2]) == ["sparsecoder0", "sparsecoder1"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SparseCoder(D).transform(frame)


def test_sparse_text_is_coded_in_a_pipeline_without_being_made_dense():
    texts = load_sms_spam().data[:300]
    tfidf = TfidfVectorizer(min_df=2)
    rows = tfidf.fit_transform(texts)
    atoms = rows[:20].toarray()
    pipeline = make_pipeline(tfidf, SparseCoder(atoms, transform_n_nonzero_coefs=3))
    codes = pipeline.fit_transform(texts)
    assert sparse.issparse(codes) and codes.shape == (300, 20)
    expected = sparse_encode(rows.toarray(), atoms, algorithm="omp", n_nonzero_coefs=3)
    np.testing.assert_allclose(codes.toarray(), expected.toarray(), atol=1e-10)


# The checks bring X of these widths, and a dictionary fits one width only.
WIDTHS = (3, 2, 5, 10, 20, 1, 4)


@pytest.mark.parametrize(
    "check", [check for _, check in estimator_checks_generator(SparseCoder(np.eye(3)))]
)
@pytest.mark.parametrize("algorithm", ["omp", "lasso"])
def test_scikit_learns_checks_pass_on_a_dictionary_of_their_width(check, algorithm):
    failures = []
    for width in WIDTHS:
        atoms = np.random.default_rng(0).standard_normal((5, width))
        try:
            check(SparseCoder(atoms, transform_algorithm=algorithm))
        except SkipTest as reason:
            pytest.skip(str(reason))
        except Exception as error:
            failures.append(error)
        else:
            return
    raise ExceptionGroup("no width passes", failures)


@pytest.mark.parametrize("positive", [False, True])
def test_the_exact_path_survives_equal_and_opposite_atoms(positive):
    twins = np.vstack([D, D[:4], -D[4:8], 1e-6 * D[8:10]])
    path = sparse_encode(X, twins, algorithm="lasso_lars", alpha=0.2, positive=positive)
    best = sparse_encode(X, twins, algorithm="lasso", alpha=0.2, positive=positive)
    misfits = [0.5 * ((X - C @ twins) ** 2).sum() + 0.2 * abs(C).sum() for C in (path, best)]
    np.testing.assert_allclose(*misfits, rtol=1e-9)
    assert not positive or path.min() >= 0


@pytest.mark.parametrize("positive", [False, True])
def test_fista_ends_near_the_minimum_where_atoms_have_no_penalty(positive):
    weights = np.linspace(0, 2, 25)
    weights[:3] = 0
    options = {"alpha": 0.7, "feature_weights": weights, "positive": positive}
    best, near = (
        sparse_encode(X, D, algorithm=name, **options, **more)
        for name, more in (("lasso", {}), ("fista", {"max_iter": 20_000}))
    )
    misfits = [
        0.5 * ((X - C @ D) ** 2).sum() + 0.7 * (abs(C) @ weights).sum() for C in (near, best)
    ]
    np.testing.assert_allclose(*misfits, rtol=1e-5)


@pytest.mark.parametrize("missing_values", [None, np.nan])
@pytest.mark.parametrize(
    ("algorithm", "options"), [("fista", {"alpha": 0.1}), ("iht", {"n_nonzero_coefs": 3})]
)
def test_codes_that_a_limit_of_steps_cuts_short_are_counted(algorithm, options, missing_values):
    rng = np.random.default_rng(4)
    dictionary = rng.standard_normal((30, 20)) + 1.0
    X = rng.standard_normal((12, 20))
    X[:3] = 0.0  # Their codes are done at once.
    if missing_values is not None:
        X[5:, 0] = np.nan
    options |= {"algorithm": algorithm, "missing_values": missing_values}
    with pytest.warns(ConvergenceWarning, match="9 of 12 codes.*Increase `max_iter`"):
        sparse_encode(X, dictionary, max_iter=2, **options)
    sparse_encode(X, dictionary, max_iter=20_000, **options)
