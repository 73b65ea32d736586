"""Truncated singular value decomposition of sparse and dense data."""
