"""All layers for one sample after another."""

import math

import numpy as np

from sparsekit._compile import helper, kernel
from sparsekit._simd import (
    BLOCK,
    GROUP,
    add_rows,
    line_sums,
    logistic_all,
    square_sums,
    tanh_all,
    window_sums,
)
from sparsekit.pruning._engine._arena import (
    BASES,
    BIAS,
    CODE,
    GROUPS,
    INDICES,
    INPUTS,
    ORDER,
    OUTPUTS,
    POINTERS,
    VALUES,
    WIDTH,
)
from sparsekit.pruning._engine._layouts import DENSE, LINES, SQUARES, WINDOWS

# What hidden units do, by number.
BENDS = {"identity": 0, "relu": 1, "tanh": 2, "logistic": 3}
# Zeros behind the numbers of a sample: a window may begin at the last of them.
PAD = 80


@helper
def bend(activation, y, y_at, n):
    """Overwrite `n` sums, rounded up to whole vectors, by what hidden units make of them."""
    if activation == 1:
        for t in range(np.uintp(y_at), np.uintp(y_at + n)):
            y[t] = np.float32(0) if y[t] < 0 else y[t]
    elif activation == 2:
        tanh_all(y, y_at, (n + 15) // 16 * 16)
    elif activation == 3:
        logistic_all(y, y_at, (n + 15) // 16 * 16)


@helper
def begin_with_bias(row, floats, y, y_at):
    """Overwrite sums by the bias, and what pads them by zeros."""
    for t in range((row[OUTPUTS] + 15) // 16 * 16):
        y[y_at + t] = floats[row[BIAS] + t]


@helper
def list_active(n, x, x_at, active, weights, weights_at):
    """List the inputs that are not zero; return their number."""
    m = 0
    for j in range(n):
        active[m] = j
        weights[weights_at + m] = x[x_at + j]
        m += x[x_at + j] != 0
    return m


@helper
def add_listed(row, floats, ints, longs, listed, first, n, weights, weights_at, y, y_at):
    """Add to sums what listed inputs give, of a layer that is dense or lies input by input."""
    value_at, index_at, at = row[VALUES], row[INDICES], row[POINTERS]
    if row[CODE] == DENSE:
        add_rows(floats, value_at, row[WIDTH], listed, first, weights, weights_at, n, y, y_at)
        return
    for t in range(n):
        j, weight = np.intp(listed[first + t]), weights[weights_at + t]
        for q in range(np.uintp(longs[at + j]), np.uintp(longs[at + j + 1])):
            o = np.uintp(y_at) + np.uintp(ints[np.uintp(index_at) + q])
            y[o] += weight * floats[np.uintp(value_at) + q]


@helper
def add_windows(row, floats, codes, ints, longs, x, x_at, y, y_at, sums):
    """Overwrite sums by those over windows."""
    base_at, code_at, value_at = row[BASES], row[INDICES], row[VALUES]
    bias_at, order_at, at = row[BIAS], row[ORDER], row[POINTERS]
    last = longs[at]
    for _ in range(row[GROUPS]):
        at += 1
        first, last = last, longs[at]
        window_sums(
            ints, base_at, codes, code_at, floats, value_at, first, last, x, x_at, sums, bias_at
        )
        for k in range(GROUP):
            y[y_at + np.intp(ints[order_at + k])] = sums[k]
        bias_at, order_at = bias_at + GROUP, order_at + GROUP


@helper
def add_lines(row, floats, ints, longs, x, x_at, y, y_at):
    """Overwrite sums by those over blocks of one input."""
    index_at, value_at, bias_at, at = row[INDICES], row[VALUES], row[BIAS], row[POINTERS]
    last = longs[at]
    for _ in range(row[GROUPS]):
        at += 1
        first, last = last, longs[at]
        line_sums(ints, index_at, floats, value_at, first, last, x, x_at, y, y_at)
        for k in range(BLOCK):
            y[y_at + k] += floats[bias_at + k]
        y_at, bias_at = y_at + BLOCK, bias_at + BLOCK


@helper
def add_squares(row, floats, ints, longs, x, x_at, y, y_at, sums):
    """Overwrite sums by those over blocks of four inputs and outputs."""
    index_at, value_at, bias_at, at = row[INDICES], row[VALUES], row[BIAS], row[POINTERS]
    last = longs[at]
    for _ in range(row[GROUPS]):
        at += 1
        first, last = last, longs[at]
        square_sums(ints, index_at, floats, value_at, first, last, x, x_at, sums, 0)
        for k in range(4):
            total = (sums[4 * k] + sums[4 * k + 1]) + (sums[4 * k + 2] + sums[4 * k + 3])
            y[y_at + k] = total + floats[bias_at + k]
        y_at, bias_at = y_at + 4, bias_at + 4


@kernel
def finish_products(Z, bias, activation):
    """Add the bias to rows of sums that lie one after another, and bend them."""
    low = np.float32(0) if activation == 1 else np.float32(-np.inf)
    for i in range(0, len(Z), len(bias)):
        for k in range(np.uintp(len(bias))):
            z = Z[np.uintp(i) + k] + bias[k]
            Z[np.uintp(i) + k] = low if z < low else z
    whole = len(Z) // 16 * 16
    if activation == 2:
        tanh_all(Z, 0, whole)
        for t in range(whole, len(Z)):
            Z[t] = math.tanh(Z[t])
    elif activation == 3:
        logistic_all(Z, 0, whole)
        for t in range(whole, len(Z)):
            Z[t] = np.float32(1) / (np.float32(1) + np.float32(math.exp(-Z[t])))


@kernel
def run_rows(
    X, out, table, n_bent, activation, floats, codes, ints, longs, numbers, half, sums, active
):
    """Overwrite rows of `out` by what all layers make of the rows of `X`.

    `numbers` are workspace: two lots of `half`, one each for a layer's inputs and outputs, and one
    for inputs that are not zero. The first `n_bent` layers have an activation.
    """
    for i in range(X.shape[0]):
        x_at, y_at = 0, half
        for j in range(X.shape[1]):
            numbers[j] = X[i, j]
        for j in range(X.shape[1], X.shape[1] + PAD):
            numbers[j] = 0
        for layer in range(table.shape[0]):
            row = table[layer]
            code = row[CODE]
            if code == WINDOWS:
                add_windows(row, floats, codes, ints, longs, numbers, x_at, numbers, y_at, sums)
            elif code == LINES:
                add_lines(row, floats, ints, longs, numbers, x_at, numbers, y_at)
            elif code == SQUARES:
                add_squares(row, floats, ints, longs, numbers, x_at, numbers, y_at, sums)
            else:
                begin_with_bias(row, floats, numbers, y_at)
                at = 2 * half
                n = list_active(row[INPUTS], numbers, x_at, active, numbers, at)
                add_listed(row, floats, ints, longs, active, 0, n, numbers, at, numbers, y_at)
            if layer < n_bent:
                bend(activation, numbers, y_at, row[OUTPUTS])
            for t in range(row[OUTPUTS], row[OUTPUTS] + PAD):
                numbers[y_at + t] = 0
            x_at, y_at = y_at, x_at
        for o in range(out.shape[1]):
            out[i, o] = numbers[x_at + o]


@kernel
def run_sparse_rows(
    indptr, indices, data, out, table, bent, activation, floats, ints, longs, numbers
):
    """Overwrite rows of `out` by what the first layer makes of rows that are sparse."""
    for i in range(out.shape[0]):
        row = table[0]
        begin_with_bias(row, floats, numbers, 0)
        first, n = indptr[i], indptr[i + 1] - indptr[i]
        add_listed(row, floats, ints, longs, indices, first, n, data, first, numbers, 0)
        if bent:
            bend(activation, numbers, 0, row[OUTPUTS])
        for o in range(out.shape[1]):
            out[i, o] = numbers[o]
