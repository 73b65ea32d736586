"""The kinds of measurement of coding; each is judged by ``_coding_quality.py``."""

import hashlib

import numpy as np
from scipy import sparse

from benchmarks import _coding_quality as quality
from benchmarks._coding_data import load_signals, load_text, load_values, load_wide_patches
from benchmarks._coding_encoders import ENCODERS, SHRINKERS
from benchmarks._coding_factors import NMF_SIDES, SPCA_SIDES
from benchmarks._coding_start import DATA, KINDS
from benchmarks._coding_trainers import KSVD, LEARNERS
from benchmarks._first_calls import first_calls
from benchmarks._rounds import Task, in_processes, same_work, way_down

# So many of the values of a shrinkage are compared with the formula.
N_COMPARED = 1_000_000
# The optimality of so many lasso codes is certified.
N_CERTIFIED = 1000


def _judge_codes(row, case, codes, counts):
    """Return residual or objective on the first signals, as many as any two sides have coded."""
    by_count = {}
    for count in counts:
        X, head = case.X[:count], codes[:count]
        if row.algorithm == "lasso":
            by_count[str(count)] = quality.lasso_objective(X, head, case.D, row.alpha)
        else:
            by_count[str(count)] = quality.relative_residual(X, head, case.D)
    used = (codes != 0).sum(axis=1)
    record = {"quality": by_count, "mean_atoms": float(used.mean()), "most_atoms": int(used.max())}
    if row.algorithm == "lasso":
        count = min(N_CERTIFIED, codes.shape[0])
        X, head = case.X[:count], codes[:count]
        record["gap"] = quality.lasso_gap(X, head, case.D, row.alpha)
    return record | ({"bits": _digest(codes)} if row.threads > 1 else {})


def _digest(codes):
    """Return a digest of every bit of some codes."""
    parts = (codes.data, codes.indices, codes.indptr) if sparse.issparse(codes) else (codes,)
    digest = hashlib.sha256()
    for part in parts:
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def _judge_dictionary(row, case, D, counts):
    residual = quality.pursuit_residual(case.X, D, row.n_nonzero_coefs)
    return {"quality": {str(len(case.X)): residual}}


def _judge_shrunk(row, x, output, counts):
    """Return the largest distance to the formula; copies hand over nothing to compare."""
    if output is None:
        return {}
    expected = quality.shrunk(x[:N_COMPARED], row.algorithm, row.alpha)
    return {"quality": {str(x.size): float(np.abs(output[:N_COMPARED] - expected).max())}}


def _judge_learnt(row, case, D):
    return {"objective": quality.held_out_objective(case.held_out, D, row.alpha)}


def _judge_factors(row, case, factors):
    return {"objective": quality.nmf_objective(case.X, *factors, alpha=row.alpha)}


def _judge_components(row, case, components):
    return {"objective": quality.sparse_pca_objective(case.X, components, row.alpha)}


def _sourced(load):
    """Return a loader that gives the source beside the case."""

    def both(row, tiny):
        case = load(row, tiny)
        return case, case.source

    return both


def _values(row, tiny):
    return load_values(row), f"{row.n_signals:,} standard normal numbers, threshold {row.alpha:g}"


def _first_calls(side, tiny):
    kinds = {"Thresholder": KINDS["Thresholder"]} if tiny else KINDS
    return {"start": first_calls(kinds, DATA, side)}


TASKS: dict[str, Task] = {
    "encode": Task(same_work, _sourced(load_signals), ENCODERS, _judge_codes),
    "ksvd": Task(same_work, _sourced(load_signals), KSVD, _judge_dictionary),
    "shrink": Task(same_work, _values, SHRINKERS, _judge_shrunk),
    "learn": Task(way_down, _sourced(load_signals), LEARNERS, _judge_learnt),
    "nmf": Task(way_down, _sourced(load_text), NMF_SIDES, _judge_factors),
    "spca": Task(way_down, _sourced(load_wide_patches), SPCA_SIDES, _judge_components),
    "start": in_processes(_first_calls, "500 x 16"),
}
