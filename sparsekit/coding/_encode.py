"""Encode many signals with one dictionary, in blocks whose products stay in the cache."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from scipy import sparse

from sparsekit._compile import kernel
from sparsekit._parallel import run_tasks, single_blas_thread
from sparsekit._simd import aligned_empty
from sparsekit.coding._atoms import Atoms
from sparsekit.coding._rows import CodeRows, stack_rows

BLOCK = 2048


class Encoder(Protocol):
    """Options of one algorithm, which codes a block of signals."""

    def encode(self, correlations: np.ndarray, squared_norms: np.ndarray, atoms: Atoms) -> CodeRows:
        """Return the codes in terms of the unit atoms; may overwrite `correlations`."""


def encode(
    X: np.ndarray | sparse.csr_array,
    atoms: Atoms,
    encoder: Encoder,
    *,
    n_jobs: int | None = None,
    report: Callable[[int], None] | None = None,
) -> sparse.csr_array:
    """Return the codes of every row of X in terms of the dictionary that `atoms` was made from.

    Parameters
    ----------
    X : ndarray or csr_array of shape (n_signals, n_features)
        In the dtype of the atoms.
    atoms : Atoms
        The dictionary.
    encoder : Encoder
        The algorithm.
    n_jobs : int, default=None
        Threads; the result does not depend on them.
    report : callable, default=None
        Told, at the end, how many signals a limit of steps kept from their tolerance.

    Returns
    -------
    codes : csr_array of shape (n_signals, n_atoms)
        With sorted indices.
    """
    if atoms.n_features == 0:
        return sparse.csr_array((X.shape[0], atoms.n_atoms), dtype=atoms.dtype)
    blocks = [(start, min(start + BLOCK, X.shape[0])) for start in range(0, X.shape[0], BLOCK)]
    with single_blas_thread():
        # Once, before threads ask for it.
        _ = atoms.gram
        pieces = run_tasks(
            lambda block: _encode_block(X[block[0] : block[1]], atoms, encoder), blocks, n_jobs
        )
    if report is not None:
        report(sum(rows.n_unfinished for rows in pieces))
    return stack_rows(pieces, atoms.n_atoms, n_jobs)


def encode_observed(
    X: np.ndarray,
    dictionary: np.ndarray,
    encoder: Encoder,
    *,
    n_jobs: int | None = None,
    report: Callable[[int], None] | None = None,
) -> sparse.csr_array:
    """Return the codes that fit the entries of each row which are not NaN.

    Rows that miss the same entries share their atoms, restricted to the others.

    Parameters
    ----------
    X : ndarray of shape (n_signals, n_features)
        NaN where an entry is missing.
    dictionary : ndarray of shape (n_atoms, n_features)
        In the dtype of X.
    encoder : Encoder
        The algorithm.
    n_jobs : int, default=None
        Threads; the result does not depend on them.
    report : callable, default=None
        Told, at the end, how many signals a limit of steps kept from their tolerance.

    Returns
    -------
    codes : csr_array of shape (n_signals, n_atoms)
        With sorted indices; empty rows for signals without any entry.
    """
    masks, group_of_row = np.unique(~np.isnan(X), axis=0, return_inverse=True)
    group_of_row = group_of_row.ravel()
    order = np.argsort(group_of_row, kind="stable")
    ends = np.cumsum(np.bincount(group_of_row, minlength=len(masks)))
    groups = np.split(order, ends[:-1])

    unfinished: list[int] = []

    def encode_group(group: int) -> sparse.csr_array:
        seen, rows = masks[group], groups[group]
        atoms = Atoms.from_dictionary(np.ascontiguousarray(dictionary[:, seen]))
        signals = np.ascontiguousarray(X[rows][:, seen])
        return encode(signals, atoms, encoder, report=unfinished.append)

    with single_blas_thread():
        pieces = run_tasks(encode_group, range(len(masks)), n_jobs)
    if report is not None:
        report(sum(unfinished))
    codes = sparse.vstack(pieces, format="csr")
    inverse = np.empty_like(order)
    inverse[order] = np.arange(len(order))
    return codes[inverse]


def squared_lengths(X: np.ndarray | sparse.csr_array) -> np.ndarray:
    """Return the squared norm of every row."""
    if sparse.issparse(X):
        return np.asarray(X.multiply(X).sum(axis=1), dtype=X.dtype).ravel()
    return np.einsum("ij,ij->i", X, X)


def _encode_block(X: Any, atoms: Atoms, encoder: Encoder) -> CodeRows:
    """Code one block of signals and bring the codes to the scale of the user's atoms."""
    if sparse.issparse(X):
        correlations = np.ascontiguousarray(X @ atoms.matrix.T)
    else:
        correlations = aligned_empty((X.shape[0], atoms.n_atoms), X.dtype)
        np.matmul(X, atoms.matrix.T, out=correlations)
    rows = encoder.encode(correlations, squared_lengths(X), atoms)
    divide_by_norms(rows, atoms.divisors)
    return rows


@kernel
def divide_by_norms(rows, norms):
    """Bring codes of unit atoms to the scale of the user's, in place."""
    for k in range(rows.data.shape[0]):
        rows.data[k] /= norms[rows.indices[k]]
