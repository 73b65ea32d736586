"""The demo's work: models of spam on real text, searched twice, measured on held-out messages."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline

from sparsekit.datasets import load_sms_spam
from sparsekit.linear_model import SparseLogisticRegression
from sparsekit.model_selection import PathGridSearchCV

ALPHA = "sparselogisticregression__alpha"
N_FOLDS = 5
# Below the default, so that the two searches differ only where the minimum is not unique.
TOL = 1e-5
SEARCH = {"scoring": "neg_log_loss", "cv": N_FOLDS}
DENSE_STRENGTHS = (10.0, 100.0, 1000.0)


@dataclass(frozen=True)
class Messages:
    """Texts and labels (1 is spam) to learn from and to be measured on."""

    train: np.ndarray
    y_train: np.ndarray
    test: np.ndarray
    y_test: np.ndarray


@dataclass(frozen=True)
class Path:
    """One coefficient vector per alpha, fitted on all messages to learn from."""

    words: np.ndarray
    coefs: sparse.csc_array
    models: list[Pipeline]

    @property
    def n_nonzero(self) -> np.ndarray:
        """Number of words used at each alpha."""
        return np.diff(self.coefs.indptr)


@dataclass(frozen=True)
class Curve:
    """Cross-validated log loss of each alpha, and the two alphas to choose from."""

    fold_losses: np.ndarray
    best: int
    one_se: int

    @property
    def mean(self) -> np.ndarray:
        """Mean over the folds."""
        return self.fold_losses.mean(axis=1)

    @property
    def standard_error(self) -> np.ndarray:
        """Standard error of that mean."""
        return self.fold_losses.std(axis=1, ddof=1) / np.sqrt(self.fold_losses.shape[1])


@dataclass(frozen=True)
class Quality:
    """What a model gets right on messages that it has not seen, and with how many words."""

    name: str
    n_words: int
    accuracy: float
    f1: float


def timed(function: Callable, *args: Any) -> tuple[Any, float]:
    """Return what ``function(*args)`` returns, and the seconds it took."""
    begin = perf_counter()
    result = function(*args)
    return result, perf_counter() - begin


def read_messages() -> Messages:
    """Return the distinct messages, a quarter of them held out."""
    texts, labels = load_sms_spam(return_X_y=True)
    # A message that occurs twice could be learnt by heart and then met again in the test.
    distinct = np.sort(np.unique(texts, return_index=True)[1])
    train, test, y_train, y_test = train_test_split(
        texts[distinct], labels[distinct], test_size=0.25, stratify=labels[distinct], random_state=0
    )
    return Messages(train, y_train, test, y_test)


def spam_model() -> Pipeline:
    """Return the model of the demo, not fitted."""
    return make_pipeline(TfidfVectorizer(), SparseLogisticRegression(tol=TOL))


def fit_path(messages: Messages, alphas: np.ndarray) -> Path:
    """Fit the model for every alpha on all messages to learn from."""
    vectorizer, classifier = spam_model()
    X = vectorizer.fit_transform(messages.train)
    fitted = list(classifier.fit_path(X, messages.y_train, alphas))
    coefs = sparse.vstack([sparse.csr_array(model.coef_) for model in fitted])
    models = [make_pipeline(vectorizer, model) for model in fitted]
    return Path(vectorizer.get_feature_names_out(), coefs.T.tocsc(), models)


def search_by_path(messages: Messages, alphas: np.ndarray) -> PathGridSearchCV:
    """Search the penalty along one path per fold."""
    search = PathGridSearchCV(spam_model(), {ALPHA: alphas}, cv_rule="1se", **SEARCH)
    return search.fit(messages.train, messages.y_train)


def search_by_grid(messages: Messages, alphas: np.ndarray) -> GridSearchCV:
    """Search the same grid the stock way."""
    search = GridSearchCV(spam_model(), {ALPHA: alphas}, **SEARCH)
    return search.fit(messages.train, messages.y_train)


def search_dense(messages: Messages) -> GridSearchCV:
    """Search scikit-learn's own model, whose penalty leaves no coefficient zero."""
    model = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))
    grid = {"logisticregression__C": DENSE_STRENGTHS}
    return GridSearchCV(model, grid, **SEARCH).fit(messages.train, messages.y_train)


def read_curve(search: PathGridSearchCV) -> Curve:
    """Return the log loss on every fold, and which alphas the two rules take."""
    folds = [search.cv_results_[f"split{k}_test_score"] for k in range(search.n_splits_)]
    return Curve(-np.stack(folds, axis=1), search.best_index_min_, search.best_index_1se_)


def measure(name: str, model: Any, messages: Messages) -> Quality:
    """Return how well a fitted pipeline labels the held-out messages."""
    labels = model.predict(messages.test)
    return Quality(
        name,
        int(np.count_nonzero(model[-1].coef_)),
        accuracy_score(messages.y_test, labels),
        f1_score(messages.y_test, labels),
    )
