"""Sparse non-negative factors: starts, steps, scale, and the fit by turns or by batches."""
