"""Rows times columns in blocks, such that those of one round share neither rows nor columns.

Rows are cut into strata once and columns are dealt into as many anew in every epoch. In round r
the row stratum p meets the column stratum ``(p + r) % n``, and what its rows have not seen is drawn
from there. Over the epochs every column is as likely as any other. Nothing of this depends on the
number of threads.
"""

import itertools
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from scipy import sparse

from sparsekit._compile import kernel, record
from sparsekit._parallel import run_blocks

# Pairs of a block worth a call, most strata, and fewest columns to draw from.
BLOCK_PAIRS = 2**15
MOST_STRATA = 32
LEAST_COLUMNS = 32


@record
class Columns(NamedTuple):
    """Columns of an epoch, by stratum and, within one, by number.

    Attributes
    ----------
    stratum : ndarray of shape (n_columns,)
        Stratum of each column.
    place : ndarray of shape (n_columns,)
        Its place among those of its stratum.
    listed : ndarray of shape (n_columns,)
        The columns of one stratum after the other.
    begins : ndarray of shape (n_strata + 1,)
        Where those of each stratum begin.
    """

    stratum: np.ndarray
    place: np.ndarray
    listed: np.ndarray
    begins: np.ndarray


@record
class Entries(NamedTuple):
    """Entries of an epoch, by row stratum, column stratum, row and column.

    Attributes
    ----------
    places : ndarray of shape (n_entries,)
        Places of their columns within the stratum.
    begins : ndarray of shape (n_strata, n_strata)
        Where those of each block begin.
    ends : ndarray of shape (n_strata, n_rows)
        Where those of each row, in the order of the schedule, end in each column stratum.
    """

    places: np.ndarray
    begins: np.ndarray
    ends: np.ndarray


@dataclass(frozen=True)
class Schedule:
    """Blocks of one fit.

    Parameters
    ----------
    X : csr_array
        Canonical; only where it has entries matters.
    order : ndarray of shape (n_rows,)
        Rows in the order in which they are visited.
    edges : ndarray of shape (n_strata + 1,)
        Where in this order each row stratum begins.
    entries : Entries
        Overwritten in each epoch.
    """

    X: sparse.csr_array
    order: np.ndarray
    edges: np.ndarray
    entries: Entries

    @classmethod
    def of(cls, X: sparse.csr_array, pairs_per_entry: int, generator: np.random.Generator) -> Self:
        """Return strata of about the same number of entries, rows in random order."""
        n_rows = X.shape[0]
        n_strata = count_strata(X, pairs_per_entry)
        order = generator.permutation(n_rows)
        ends = np.cumsum(np.diff(X.indptr)[order])
        cuts = np.searchsorted(ends, np.arange(1, n_strata) * (X.nnz / n_strata))
        edges = np.concatenate(([0], cuts, [n_rows]))
        entries = Entries(
            np.empty(X.nnz, np.int32),
            np.zeros((n_strata, n_strata), X.indptr.dtype),
            np.empty((n_strata, n_rows), X.indptr.dtype),
        )
        return cls(X, order, edges, entries)

    @property
    def n_strata(self) -> int:
        """Number of strata of rows, and of columns."""
        return len(self.edges) - 1

    def deal(self, generator: np.random.Generator, n_jobs: int | None) -> Columns:
        """Deal the columns into strata and sort the entries accordingly."""
        n_columns, n_strata = self.X.shape[1], self.n_strata
        stratum = np.empty(n_columns, np.int32)
        stratum[generator.permutation(n_columns)] = np.arange(n_columns) * n_strata // n_columns
        begins = np.concatenate(([0], np.cumsum(np.bincount(stratum, minlength=n_strata))))
        columns = Columns(stratum, np.empty_like(stratum), np.empty_like(stratum), begins)
        list_columns(columns, begins[:-1].copy())
        # Where the entries of each row stratum begin does not change.
        counts = np.diff(self.X.indptr)[self.order]
        starts = np.concatenate(([0], np.cumsum(counts)))[self.edges]

        def sort(p, _):
            sort_entries(
                self.X.indices, self.X.indptr, self.order, columns, self.entries, p, starts[p],
                self.edges[p], self.edges[p + 1],
            )  # fmt: skip

        run_blocks(sort, itertools.pairwise(range(n_strata + 1)), n_jobs)
        return columns


def count_strata(X: sparse.csr_array, pairs_per_entry: int) -> int:
    """Return how many strata keep blocks large enough to be worth a call, one at least.

    And few enough for every other row to have an entry in a block.
    """
    by_work = int(np.sqrt(X.nnz * pairs_per_entry / BLOCK_PAIRS))
    by_row = 2 * X.nnz // X.shape[0]
    return max(1, min(by_work, by_row, MOST_STRATA, X.shape[0], X.shape[1] // LEAST_COLUMNS))


@kernel
def list_columns(columns, at):
    """Fill in the places of columns and list them; `at`, where each stratum begins, is moved on."""
    for j in range(len(columns.stratum)):
        q = columns.stratum[j]
        columns.place[j] = at[q] - columns.begins[q]
        columns.listed[at[q]] = j
        at[q] += 1


@kernel
def sort_entries(indices, indptr, order, columns, entries, p, at, start, stop):
    """Overwrite the part of `entries` of row stratum p, rows start..stop in order."""
    places, begins, ends = entries
    for q in range(begins.shape[1]):
        for o in range(start, stop):
            ends[q, o] = 0
    for o in range(start, stop):
        for t in range(indptr[order[o]], indptr[order[o] + 1]):
            ends[columns.stratum[indices[t]], o] += 1
    for q in range(begins.shape[1]):
        begins[p, q] = at
        for o in range(start, stop):
            n = ends[q, o]
            ends[q, o] = at
            at += n
    for o in range(start, stop):
        for t in range(indptr[order[o]], indptr[order[o] + 1]):
            q = columns.stratum[indices[t]]
            places[ends[q, o]] = columns.place[indices[t]]
            ends[q, o] += 1
