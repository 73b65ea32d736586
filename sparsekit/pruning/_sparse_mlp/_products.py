"""Kernels over stored weights: products with a batch, gradients, and the batch's own layouts.

Weights are compressed by inputs: row j holds those of input j. Activations and their gradients are
`(units, width)`, one row a unit and one number a sample, padded to cache lines, so that a weight
meets all samples of a batch at once. A sparse X is read by its stored entries instead.
"""

import numpy as np

from sparsekit._compile import kernel
from sparsekit._simd import product_entries, product_row

# Rows that change places with columns at a time.
GROUP = 8


@kernel
def exchange_axes(A, B, n_rows, n_columns):
    """Write ``A[:n_rows, :n_columns].T`` into the beginning of `B`."""
    whole = n_rows - n_rows % GROUP
    for first in range(0, whole, GROUP):
        for j in range(n_columns):
            for k in range(GROUP):
                B[j, first + k] = A[first + k, j]
    for i in range(whole, n_rows):
        for j in range(n_columns):
            B[j, i] = A[i, j]


@kernel
def fill_columns(X, rows, A):
    """Write the entries of some samples into columns of `A`, which holds zeros."""
    data, indices, indptr = X
    for q in range(len(rows)):
        i = rows[q]
        for s in range(indptr[i], indptr[i + 1]):
            A[indices[s], q] = data[s]


@kernel
def list_active(A, active):
    """List the rows of `A` that are not all zero; return how many they are."""
    n_active = 0
    for j in range(A.shape[0]):
        q = 0
        while q < A.shape[1] and A[j, q] == 0:
            q += 1
        active[n_active] = j
        n_active += q < A.shape[1]
    return n_active


@kernel
def sum_units(indptr, inputs, values, biases, A, Z, start, stop):
    """Write the sums of units start..stop, whose weights are compressed by units."""
    for o in range(start, stop):
        first = indptr[o]
        product_row(values, inputs, first, indptr[o + 1] - first, A, Z, o)
        for q in range(Z.shape[1]):
            Z[o, q] += biases[o]


@kernel
def pull_back(indptr, outputs, values, delta, pulled, start, stop):
    """Write the gradients in the activations of inputs start..stop."""
    for j in range(start, stop):
        first = indptr[j]
        product_row(values, outputs, first, indptr[j + 1] - first, delta, pulled, j)


@kernel
def weight_slopes(indptr, outputs, A, delta, active, slopes, start, stop):
    """Write the gradients in the stored weights of inputs ``active[start:stop]``."""
    for a in range(start, stop):
        j = np.intp(active[a])
        first = indptr[j]
        product_entries(outputs, first, indptr[j + 1] - first, A, j, delta, slopes)


@kernel
def weight_slopes_exactly(indptr, outputs, A, delta, weights, active, slopes, start, stop):
    """As `weight_slopes`, for samples of these weights, summed in double precision."""
    for a in range(start, stop):
        j = np.intp(active[a])
        for t in range(indptr[j], indptr[j + 1]):
            o, total = outputs[t], 0.0
            for q in range(len(weights)):
                total += weights[q] * (np.float64(A[j, q]) * np.float64(delta[o, q]))
            slopes[t] = total


@kernel
def sum_entries(X, rows, weights, biases, Z, start, stop):
    """Write the sums of samples start..stop of a sparse X, one row of `Z` each."""
    data, indices, indptr = X
    begins, outputs, values = weights
    for q in range(start, stop):
        for o in range(Z.shape[1]):
            Z[q, o] = biases[o]
        i = rows[q]
        for s in range(indptr[i], indptr[i + 1]):
            x, j = data[s], indices[s]
            for t in range(np.uintp(begins[j]), np.uintp(begins[j + 1])):
                Z[q, outputs[t]] += x * values[t]


@kernel
def count_features(X, rows, counts, active):
    """Count the entries of each feature in a batch, list what has any; return how many that are."""
    data, indices, indptr = X
    n_active = 0
    for q in range(len(rows)):
        i = rows[q]
        for s in range(indptr[i], indptr[i + 1]):
            if data[s] != 0:
                j = indices[s]
                if counts[j] == 0:
                    active[n_active] = j
                    n_active += 1
                counts[j] += 1
    return n_active


@kernel
def group_entries(X, rows, counts, active, begins, samples, numbers):
    """Order the entries of a batch by active feature; set `counts` back to zero."""
    data, indices, indptr = X
    begins[0] = 0
    for a in range(len(active)):
        j = active[a]
        begins[a + 1] = begins[a] + counts[j]
        counts[j] = begins[a]
    for q in range(len(rows)):
        i = rows[q]
        for s in range(indptr[i], indptr[i + 1]):
            if data[s] != 0:
                place = counts[indices[s]]
                samples[place] = q
                numbers[place] = data[s]
                counts[indices[s]] = place + 1
    for a in range(len(active)):
        counts[active[a]] = 0


@kernel
def entry_slopes(begins, outputs, active, grouped, delta, slopes, start, stop):
    """Write the gradients in the weights of ``active[start:stop]``; `delta` has a row a sample."""
    starts, samples, numbers = grouped
    for a in range(start, stop):
        first, last = begins[active[a]], begins[active[a] + 1]
        for t in range(first, last):
            slopes[t] = 0
        for s in range(starts[a], starts[a + 1]):
            q, x = samples[s], numbers[s]
            for t in range(first, last):
                slopes[t] += x * delta[q, outputs[t]]


@kernel
def entry_slopes_exactly(begins, outputs, active, grouped, delta, weights, slopes, start, stop):
    """As `entry_slopes`, for samples of these weights, summed in double precision."""
    starts, samples, numbers = grouped
    for a in range(start, stop):
        for t in range(begins[active[a]], begins[active[a] + 1]):
            o, total = outputs[t], 0.0
            for s in range(starts[a], starts[a + 1]):
                q = samples[s]
                total += weights[q] * (np.float64(numbers[s]) * np.float64(delta[q, o]))
            slopes[t] = total


@kernel
def all_slopes(active, grouped, delta, slopes, start, stop):
    """Write the gradients in every weight, stored or not, of ``active[start:stop]``, a row each."""
    starts, samples, numbers = grouped
    for a in range(start, stop):
        for o in range(slopes.shape[1]):
            slopes[a - start, o] = 0
        for s in range(starts[a], starts[a + 1]):
            q, x = samples[s], numbers[s]
            for o in range(slopes.shape[1]):
                slopes[a - start, o] += x * delta[q, o]


@kernel
def exchange_support(indptr, outputs, by_output, inputs, order):
    """Compress by outputs: write their begins, the inputs, and each weight's place by inputs.

    `by_output` holds, from its second entry on, the number of weights of each output.
    """
    for o in range(1, len(by_output)):
        by_output[o] += by_output[o - 1]
    for j in range(len(indptr) - 1):
        for t in range(indptr[j], indptr[j + 1]):
            place = by_output[outputs[t]]
            inputs[place] = j
            order[place] = t
            by_output[outputs[t]] = place + 1
    for o in range(len(by_output) - 1, 0, -1):
        by_output[o] = by_output[o - 1]
    by_output[0] = 0


@kernel
def follow_order(values, order, ordered, start, stop):
    """Write ``values[order]``."""
    for t in range(start, stop):
        ordered[t] = values[order[t]]
