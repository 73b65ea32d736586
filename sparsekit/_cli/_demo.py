"""The demo: which few words tell spam from other text messages?"""

import numpy as np

from sparsekit._cli._cache import describe_cache
from sparsekit._cli._pictures import save_pictures
from sparsekit._cli._report import curve_table, quality_table, word_list
from sparsekit._cli._spam import (
    ALPHA,
    N_FOLDS,
    Curve,
    Messages,
    Path,
    fit_path,
    measure,
    read_curve,
    read_messages,
    search_by_grid,
    search_by_path,
    search_dense,
    timed,
)
from sparsekit._parallel import single_blas_thread
from sparsekit.model_selection import PathGridSearchCV

ALPHAS = np.geomspace(3e-3, 2e-5, 16)


def run_demo() -> None:
    """Fit, choose, compare and draw; print each result when it is there."""
    # Seconds of one thread each can be compared, whatever else the machine does.
    with single_blas_thread():
        _tell(read_messages())


def _tell(messages: Messages) -> None:
    """Tell the story of one question."""
    print(_question(messages))
    path = _first_fit(messages)
    search, seconds = timed(search_by_path, messages, ALPHAS)
    curve = read_curve(search)
    print(
        f"\nCross-validation on {N_FOLDS} folds; min: least log loss, 1-SE: fewest words within "
        f"one standard\nerror of it (the one chosen here)\n\n{curve_table(ALPHAS, path, curve)}"
    )
    print(f"\nThe {path.n_nonzero[curve.one_se]} words chosen\n")
    print(word_list(path.words, path.coefs[:, [curve.one_se]].toarray().ravel()))
    _compare_quality(messages, path, curve, search)
    _compare_seconds(messages, search, seconds)
    print(f"\n{save_pictures(ALPHAS, path, curve)}")


def _question(messages: Messages) -> str:
    """Return what is asked, of which data."""
    n_train, n_test = len(messages.train), len(messages.test)
    share = np.concatenate([messages.y_train, messages.y_test]).mean()
    return (
        "Which few words tell spam from other text messages?\n\n"
        f"Data    SMS Spam Collection (CC BY 4.0): {n_train + n_test} distinct messages, "
        f"{share:.0%} spam; {n_test} held out\n"
        "Model   Pipeline(TfidfVectorizer, SparseLogisticRegression)\n"
        f"Search  PathGridSearchCV over {len(ALPHAS)} values of alpha"
    )


def _first_fit(messages: Messages) -> Path:
    """Fit the path twice: what the first one takes longer is the start of the kernels."""
    path, first = timed(fit_path, messages, ALPHAS)
    path, second = timed(fit_path, messages, ALPHAS)
    kept = describe_cache()
    where = f"kept in {kept}" if kept else "not kept, for no cache directory is writable"
    print(
        f"Start   {first:.1f} s for the first path on {len(path.words)} words, {second:.1f} s "
        f"for the second;\n        compiled kernels are {where}"
    )
    return path


def _compare_quality(
    messages: Messages, path: Path, curve: Curve, search: PathGridSearchCV
) -> None:
    """Measure both alphas and scikit-learn's dense model on the held-out messages."""
    dense = search_dense(messages)
    strength = dense.best_params_["logisticregression__C"]
    rows = [
        measure("sparsekit, alpha of 1-SE", search.best_estimator_, messages),
        measure("sparsekit, alpha of min", path.models[curve.best], messages),
        measure(
            f"scikit-learn LogisticRegression (C={strength:g})", dense.best_estimator_, messages
        ),
    ]
    print(f"\nOn the {len(messages.test)} messages held out\n\n{quality_table(rows)}")


def _compare_seconds(messages: Messages, search: PathGridSearchCV, seconds: float) -> None:
    """Search the same grid by GridSearchCV, and say what it takes and how far the scores differ."""
    stock, stock_seconds = timed(search_by_grid, messages, ALPHAS)
    scores = (run.cv_results_["mean_test_score"] for run in (search, stock))
    difference = np.max(np.abs(np.subtract(*scores)))
    n_fits = len(search.cv_results_[f"param_{ALPHA}"]) * N_FOLDS
    print(
        f"\nSeconds for the {n_fits} fits of the search, one thread\n\n"
        f"  PathGridSearchCV (sparsekit)  {seconds:8.2f}\n"
        f"  GridSearchCV (same model)     {stock_seconds:8.2f}   "
        f"{stock_seconds / seconds:.1f} times as long\n\n"
        f"  Mean scores within {difference:.0e} of each other: words that always occur together "
        "may share\n  their weight in any way, so the best model is not unique."
    )
