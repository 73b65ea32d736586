"""Atoms taken from the data: those a dictionary begins with, and those that replace dead ones."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from sparsekit._validation import check_array_parameter
from sparsekit.coding._statistics import code_statistics
from sparsekit.decomposition._dictionary._update import AtomSet, solve_directions

Rows = np.ndarray | sparse.csr_array


def first_dictionary(
    X: Rows, n_components: int | None, init: Any, atom_set: AtomSet, random_state: Any
) -> np.ndarray:
    """Return the dictionary that learning starts from.

    Parameters
    ----------
    X : ndarray or csr_array of shape (n_signals, n_features)
        The signals.
    n_components : int or None
        Number of atoms; None means as many as `init` has, or as X has features.
    init : {"samples", "svd"} or array-like of shape (n_components, n_features)
        Signals chosen at random, leading singular vectors, or the atoms themselves.
    atom_set : AtomSet
        What atoms may be.
    random_state : RandomState
        Chooses.

    Returns
    -------
    dictionary : ndarray of shape (n_components, n_features)
        In the dtype of X.
    """
    if not isinstance(init, str):
        dictionary = np.array(_given(X, n_components, init), dtype=X.dtype, order="C")
        atom_set.project(dictionary)
        return dictionary
    n_components = X.shape[1] if n_components is None else n_components
    dictionary = np.ascontiguousarray(STARTS[init](X, n_components, random_state), dtype=X.dtype)
    atom_set.project(dictionary)
    # Negative signals leave nothing of positive atoms.
    lost = np.flatnonzero(~dictionary.any(axis=1))
    rows = unit_rows(np.abs(random_state.standard_normal((len(lost), X.shape[1])))).astype(X.dtype)
    atom_set.project(rows)
    dictionary[lost] = rows
    return dictionary


def dictionary_of_codes(
    X: Rows, codes: Any, dictionary: np.ndarray, atom_set: AtomSet, n_jobs: int | None
) -> None:
    """Overwrite the atoms that some codes use with those that suit the codes best.

    Parameters
    ----------
    X : ndarray or csr_array of shape (n_signals, n_features)
        The signals.
    codes : array-like of shape (n_signals, n_components)
        Their codes.
    dictionary : ndarray of shape (n_components, n_features)
        Changed in place.
    atom_set : AtomSet
        What atoms may be.
    n_jobs : int or None
        Threads.
    """
    shape = X.shape[0], len(dictionary)
    codes = check_array_parameter(codes, "code_init", accept_sparse="csr", dtype=X.dtype)
    if codes.shape != shape:
        raise ValueError(
            f"`code_init` must have shape {shape}, one row per sample and one column per atom; "
            f"got {codes.shape}."
        )
    codes = sparse.csr_array(codes)
    codes.sum_duplicates()
    solve_directions(dictionary, code_statistics(codes, X, n_jobs=n_jobs))
    atom_set.project(dictionary)


def replace_atoms(
    dictionary: np.ndarray, dead: np.ndarray, X: Rows, squares: np.ndarray, atom_set: AtomSet
) -> np.ndarray:
    """Overwrite dead atoms with the directions of the signals that are coded worst.

    Parameters
    ----------
    dictionary : ndarray of shape (n_atoms, n_features)
        Changed in place.
    dead : ndarray of int
        Places of the atoms that nothing uses.
    X : ndarray or csr_array of shape (n_signals, n_features)
        The signals.
    squares : ndarray of shape (n_signals,)
        Squared norms of what their codes leave.
    atom_set : AtomSet
        What atoms may be.

    Returns
    -------
    replaced : ndarray of int
        Places of the atoms that are new: fewer than `dead` where signals run out.
    """
    worst = np.argsort(-squares, kind="stable")[: len(dead)]
    worst = worst[squares[worst] > 0]
    atoms = unit_rows(_dense(X[worst]))
    atom_set.project(atoms)
    alive = atoms.any(axis=1)
    replaced = dead[: len(worst)][alive]
    dictionary[replaced] = atoms[alive]
    return replaced


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Return rows divided by their lengths; zero rows stay."""
    largest = np.abs(rows).max(axis=1, initial=0)[:, None]
    rows = rows / np.where(largest > 0, largest, 1)
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    return rows / np.where(lengths > 0, lengths, 1)


def _given(X: Rows, n_components: int | None, init: Any) -> np.ndarray:
    """Return the atoms that the user gave, if their shape is right."""
    atoms = check_array_parameter(init, "dict_init", dtype=X.dtype)
    shape = len(atoms) if n_components is None else n_components, X.shape[1]
    if atoms.shape != shape:
        raise ValueError(
            f"`dict_init` must have shape {shape}, (n_components, n_features); got {atoms.shape}."
        )
    return atoms


def _samples(X: Rows, n_components: int, random_state: Any) -> np.ndarray:
    """Return directions of signals other than zero, in random order, and then random ones."""
    order = random_state.permutation(X.shape[0])
    if sparse.issparse(X):
        alive = np.asarray(abs(X).sum(axis=1)).ravel() > 0
    else:
        alive = X.any(axis=1)
    chosen = order[alive[order]][:n_components]
    rows = unit_rows(_dense(X[chosen]))
    missing = random_state.standard_normal((n_components - len(rows), X.shape[1]))
    return np.concatenate([rows, unit_rows(missing).astype(X.dtype)])


def _singular_vectors(X: Rows, n_components: int, random_state: Any) -> np.ndarray:
    """Return leading right singular vectors; directions of signals if they run out."""
    n_vectors = min(n_components, *X.shape)
    _, values, vectors = randomized_svd(X, n_vectors, random_state=random_state)
    vectors = vectors[values > np.finfo(X.dtype).eps * values.max(initial=0) * max(X.shape)]
    return np.concatenate([vectors, _samples(X, n_components - len(vectors), random_state)])


STARTS = {"samples": _samples, "svd": _singular_vectors}


def _dense(rows: Rows) -> np.ndarray:
    return rows.toarray() if sparse.issparse(rows) else rows
