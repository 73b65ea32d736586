"""The problems: real sets where the data folder is there, synthetic look-alikes everywhere.

Every problem is built once, kept as uncompressed ``.npz`` in a cache folder
(``SPARSEKIT_BENCH_CACHE``, else the user's cache directory) and read back in well under a second.
"""

import gzip
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
SEED = 20240607
# Raised when a builder changes what it builds, so that a stale file is not read back.
CACHE_VERSION = 1


@dataclass(frozen=True)
class Case:
    """A design, its target and where it came from.

    Parameters
    ----------
    name : str
        Key of the problem in `PROBLEMS`.
    X : ndarray (Fortran order) or csc_matrix, float64
        The design.
    y : ndarray of shape (n_samples,), float64
        The target; -1 and +1 where it holds classes.
    source : str
        ``"real: ..."`` or ``"synthetic: ..."``.
    """

    name: str
    X: np.ndarray | sparse.csc_matrix
    y: np.ndarray
    source: str

    def describe(self) -> str:
        """Return shape and stored entries in words."""
        n_samples, n_features = self.X.shape
        if sparse.issparse(self.X):
            return f"{n_samples} x {n_features}, {self.X.nnz / 1e6:.3g}M stored"
        return f"{n_samples} x {n_features} dense"


def load_problem(name: str, tiny: bool = False) -> Case:
    """Return the problem `name`, building and caching it at the first call.

    Parameters
    ----------
    name : str
        A key of `PROBLEMS`.
    tiny : bool, default=False
        Build a small synthetic stand-in of the same kind, never cached.

    Returns
    -------
    case : Case
    """
    real, synthetic = PROBLEMS[name]
    if tiny:
        return Case(name, *synthetic(tiny=True))
    build = real if real is not None and SHARED.is_dir() else synthetic
    path = cache_directory() / f"{name}-{build.__name__.strip('_')}-v{CACHE_VERSION}.npz"
    if path.exists():
        return _read_case(name, path)
    case = Case(name, *build())
    _write_case(case, path)
    return case


def cache_directory() -> Path:
    """Return the folder of the built problems, created if need be."""
    chosen = os.environ.get("SPARSEKIT_BENCH_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    for folder in filter(None, (chosen, base / "sparsekit-benchmarks")):
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        return Path(folder)
    return Path(tempfile.mkdtemp(prefix="sparsekit-benchmarks-"))


def _read_case(name, path):
    with np.load(path) as stored:
        y, source = stored["y"], str(stored["source"])
        if "X" in stored:
            # The file keeps X.T, because numpy restores C order and the solvers want Fortran order.
            return Case(name, stored["X"].T, y, source)
        parts = (stored["data"], stored["indices"], stored["indptr"])
        return Case(name, sparse.csc_matrix(parts, shape=tuple(stored["shape"])), y, source)


def _write_case(case, path):
    held = {"y": case.y, "source": case.source}
    if sparse.issparse(case.X):
        X = case.X
        held |= {"data": X.data, "indices": X.indices, "indptr": X.indptr, "shape": X.shape}
    else:
        held["X"] = np.ascontiguousarray(case.X.T)
    # Written aside and renamed: several workers may build the same problem at once.
    aside = path.with_name(f"{path.stem}-{os.getpid()}.npz")
    np.savez(aside, **held)
    aside.replace(path)


def _as_csc(X):
    X = sparse.csc_matrix(X, dtype=np.float64)
    X.sum_duplicates()
    return X


def _tfidf(counts):
    """Return sublinear TF-IDF rows of length one, without the words that never occur."""
    X = sparse.csr_matrix(counts, dtype=np.float64)
    X = X[:, np.diff(X.tocsc().indptr) > 0]
    document_frequency = np.diff(X.tocsc().indptr)
    X.data = 1.0 + np.log(X.data)
    X.data *= (1.0 + np.log((1.0 + X.shape[0]) / (1.0 + document_frequency)))[X.indices]
    lengths = np.sqrt(np.asarray(X.multiply(X).sum(axis=1)).ravel())
    X.data /= np.repeat(np.where(lengths > 0, lengths, 1.0), np.diff(X.indptr))
    return _as_csc(X)


def _stored_csr(path):
    with np.load(path) as stored:
        parts = (stored["data"].astype(np.float64), stored["indices"], stored["indptr"])
        return sparse.csr_matrix(parts, shape=tuple(stored["shape"])), stored["y"]


def _imdb():
    """20 000 of the 25 000 training reviews, drawn once."""
    counts, y = _stored_csr(SHARED / "imdb" / "imdb_counts_train.npz")
    rows = np.sort(np.random.default_rng(SEED).permutation(counts.shape[0])[:20_000])
    return _tfidf(counts[rows]), 2.0 * y[rows] - 1.0, "real: IMDB reviews, TF-IDF"


def _rcv1():
    train, y = _stored_csr(SHARED / "rcv1_small" / "rcv1_small_train.npz")
    X = _as_csc(train)
    return _as_csc(X[:, np.diff(X.indptr) > 0]), y.astype(np.float64), "real: RCV1, 1000 documents"


def _topic_text(tiny=False):
    """Documents of Zipf-distributed words; each of 20 topics makes its own words more frequent."""
    rng = np.random.default_rng(SEED)
    sizes = (300, 800, 40, 6) if tiny else (20_000, 74_000, 125, 20)
    n_documents, n_words, length, n_topics = sizes
    frequency = 1.0 / np.arange(10, n_words + 10) ** 1.05
    topics = rng.integers(n_topics, size=n_documents)
    lengths = np.maximum(5, rng.lognormal(np.log(length), 0.7, n_documents)).astype(int)
    rows, words = [], []
    for topic in range(n_topics):
        boost = np.where(rng.random(n_words) < 0.01, 8.0, 1.0)
        law = np.cumsum(frequency * boost)
        members = np.flatnonzero(topics == topic)
        draws = rng.random(int(lengths[members].sum())) * law[-1]
        words.append(np.searchsorted(law, draws))
        rows.append(np.repeat(members, lengths[members]))
    rows, words = np.concatenate(rows), np.concatenate(words)
    counts = sparse.csr_matrix((np.ones(rows.size), (rows, words)), shape=(n_documents, n_words))
    flipped = rng.random(n_documents) < 0.03
    y = np.where((topics < n_topics // 2) ^ flipped, 1.0, -1.0)
    return _tfidf(counts), y, "synthetic: Zipf words with topics, TF-IDF"


def _standardised(X):
    X = np.asfortranarray(X, dtype=np.float64)
    X -= X.mean(axis=0)
    deviation = X.std(axis=0)
    X /= np.where(deviation > 0, deviation, 1.0)
    return X


def _golub():
    with np.load(SHARED / "golub" / "golub.npz") as stored:
        y = np.where(stored["y"] == "ALL", 1.0, -1.0)
        return _standardised(stored["X"]), y, "real: Golub leukaemia, standardised"


def _riboflavin():
    with np.load(SHARED / "riboflavin" / "riboflavin.npz") as stored:
        return _standardised(stored["X"]), stored["y"], "real: riboflavin, standardised"


def _gene_like(tiny=False):
    """Genes in modules: a few hidden factors, heavy tails, two classes that shift some modules."""
    rng = np.random.default_rng(SEED)
    n_samples, n_genes, n_modules = (40, 300, 10) if tiny else (72, 7129, 60)
    y = np.where(rng.random(n_samples) < 0.65, 1.0, -1.0)
    modules = rng.standard_normal((n_samples, n_modules))
    modules[:, : n_modules // 6] += 0.8 * y[:, None]
    loadings = rng.standard_normal((n_modules, n_genes)) * (rng.random((n_modules, n_genes)) < 0.05)
    X = modules @ loadings + rng.standard_t(5, (n_samples, n_genes))
    return _standardised(X), y, "synthetic: gene modules, standardised"


def _autoregressive(n_samples, n_features, n_active, snr):
    """Columns with correlation 0.6^|i-j|, `n_active` spread unit coefficients, noise by `snr`."""
    rng = np.random.default_rng(SEED)
    X = rng.standard_normal((n_features, n_samples))
    for j in range(1, n_features):
        X[j] = 0.6 * X[j - 1] + 0.8 * X[j]
    X = X.T
    w = np.zeros(n_features)
    w[rng.choice(n_features, n_active, replace=False)] = rng.standard_normal(n_active)
    signal = X @ w
    noise = rng.standard_normal(n_samples)
    noise *= np.linalg.norm(signal) / (snr * np.linalg.norm(noise))
    return X, signal + noise + 1.0


def _tall(tiny=False):
    shape = (2000, 30, 10) if tiny else (100_000, 500, 50)
    return *_autoregressive(*shape, snr=1.0), "synthetic: AR(0.6), 50 active, snr 1"


def _correlated(tiny=False):
    shape = (100, 400, 10) if tiny else (1000, 10_000, 100)
    return *_autoregressive(*shape, snr=3.0), "synthetic: AR(0.6), 100 active, snr 3"


def _one_hot(tiny=False):
    """Twenty categorical fields with Zipf-distributed levels, one column per level seen."""
    rng = np.random.default_rng(SEED)
    n_samples, n_fields, n_levels = (2000, 5, 40) if tiny else (300_000, 20, 1800)
    law = np.cumsum(1.0 / np.arange(1, n_levels + 1) ** 1.05)
    levels = np.searchsorted(law, rng.random((n_samples, n_fields)) * law[-1])
    indices = (levels + n_levels * np.arange(n_fields)).ravel()
    parts = (np.ones(indices.size), indices, n_fields * np.arange(n_samples + 1))
    X = _as_csc(sparse.csr_matrix(parts, shape=(n_samples, n_fields * n_levels)))
    X = _as_csc(X[:, np.diff(X.indptr) > 0])
    w = rng.standard_normal(X.shape[1]) * (rng.random(X.shape[1]) < 0.05)
    signal = X @ w
    y = signal + signal.std() * rng.standard_normal(n_samples)
    return X, y, "synthetic: one-hot Zipf levels of 20 fields"


def _random_sparse(tiny=False):
    rng = np.random.default_rng(SEED)
    n_samples, n_features = (200, 500) if tiny else (2000, 10_000)
    X = _as_csc(sparse.random(n_samples, n_features, 0.01, rng=rng, data_rvs=rng.standard_normal))
    w = np.zeros(n_features)
    w[rng.choice(n_features, n_features // 100, replace=False)] = 1.0
    signal = X @ w
    y = signal + 0.5 * signal.std() * rng.standard_normal(n_samples)
    return X, y, "synthetic: independent, 1 % stored"


# name -> (builder of the real set or None, builder of the synthetic one)
PROBLEMS: dict[str, tuple[Callable | None, Callable]] = {
    "text": (_imdb, _topic_text),
    "zipf": (None, _topic_text),
    "rcv1": (_rcv1, _topic_text),
    "genes": (_golub, _gene_like),
    "riboflavin": (_riboflavin, _gene_like),
    "tall": (None, _tall),
    "corr": (None, _correlated),
    "onehot": (None, _one_hot),
    "sparse": (None, _random_sparse),
}


def documents(n_documents: int = 2000) -> tuple[list[str], np.ndarray]:
    """Return raw documents and a -1/+1 target: SMS where the data folder is there, else made up."""
    path = SHARED / "sms_spam" / "SMSSpamCollection.tsv.gz"
    rng = np.random.default_rng(SEED)
    if not path.exists():
        vocabulary = np.array([f"w{k}" for k in range(6000)])
        law = 1.0 / np.arange(5, 6005)
        y = np.where(rng.random(n_documents) < 0.2, 1.0, -1.0)
        boosted = law * np.where(rng.random(6000) < 0.02, 20.0, 1.0)
        laws = {-1.0: law / law.sum(), 1.0: boosted / boosted.sum()}
        return [" ".join(rng.choice(vocabulary, 15, p=laws[label])) for label in y], y
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        table = [line.rstrip("\n").split("\t", 1) for line in lines]
    chosen = [table[k] for k in rng.permutation(len(table))[:n_documents]]
    y = np.array([1.0 if label == "spam" else -1.0 for label, _ in chosen])
    return [text for _, text in chosen], y
