"""Formulas on vectors: what they compute, and that they stay within their arrays."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sparsekit._compile import kernel
from sparsekit._simd import BY_HAND, aligned_empty, entries_add, padded, padded_width, syrk_upper

# Every width up to where a row fills all registers twice, and some beyond.
WIDTHS = [*range(1, 20), 31, 32, 33, 47, 63, 64, 65, 100, 127, 128, 130, 160, 200]
VECTOR_FILES = {"_emit.py", "_formulas.py", "_gathers.py", "_tiles.py", "_words.py"}
EDITIONS = {
    "by hand": ({}, VECTOR_FILES),
    "plain": ({"SPARSEKIT_SIMD": "0"}, {"_plain.py"}),
    "half as wide": (
        {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma"},
        VECTOR_FILES,
    ),
}
intel = pytest.mark.skipif(
    platform.machine().lower() not in {"x86_64", "amd64"}, reason="names x86 processors"
)


@pytest.mark.skipif(os.name != "posix", reason="needs pages that can be closed")
@pytest.mark.parametrize("name", ["by hand", "plain", pytest.param("half as wide", marks=intel)])
def test_every_edition_agrees_with_numpy_and_stays_within_its_arrays(name, repository):
    environment, files = EDITIONS[name]
    done = subprocess.run(
        [sys.executable, "-c", f"from tests._simd_fuzz import fuzz; fuzz({WIDTHS})"],
        cwd=repository,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(repository), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    *reached, by_hand = done.stdout.split()
    # Kernels of the two editions differ in the files that their cache knows them by.
    assert {Path(file).name for file in reached} - {"_simd.py", "_compile.py"} == files
    assert by_hand == str(name != "plain")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [0, 1, 17, (3, 5), (0, 4), (7, 16)])
def test_arrays_begin_with_a_cache_line(shape, dtype):
    arrays = [aligned_empty(shape, dtype) for _ in range(20)]
    for array in arrays:
        assert array.size == 0 or array.ctypes.data % 64 == 0
        assert array.shape == (shape if isinstance(shape, tuple) else (shape,))
        assert array.dtype == dtype and array.flags.c_contiguous and array.flags.writeable


@pytest.mark.parametrize(("dtype", "line"), [(np.float32, 16), (np.float64, 8)])
def test_widths_are_whole_cache_lines(dtype, line):
    for width in range(1, 200):
        assert padded(width, dtype) % line == 0
        assert 0 <= padded(width, dtype) - width < line
        # An odd number of lines, so that rows do not share few of them.
        assert padded_width(width, dtype) % (2 * line) == line
        assert padded(width, dtype) <= padded_width(width, dtype) <= padded(width, dtype) + line


@kernel
def add_row(y, indices, weights, out):
    """Add the rows that `indices` name."""
    entries_add(y, indices, 0, len(indices), weights, 0, out, y.shape[1])


@kernel
def square(panel, gram):
    """Add the products of columns."""
    syrk_upper(panel, len(panel), gram, gram.shape[0])


@pytest.mark.skipif(not BY_HAND, reason="plain loops read any array")
def test_arrays_with_gaps_do_not_compile():
    y, out = aligned_empty((4, 32), np.float64), np.zeros(32)
    y[:] = 1
    indices, weights = np.arange(4), np.ones(8)
    add_row(y, indices, weights[:4], out)
    np.testing.assert_array_equal(out, 4)
    for arguments in (
        (y[:, ::2], indices, weights[:4], out),
        (np.asfortranarray(y), indices, weights[:4], out),
        (y, indices, weights[::2], out),
    ):
        with pytest.raises(Exception, match="next to one another"):
            add_row(*arguments)
    with pytest.raises(Exception, match="next to one another"):
        square(y, np.zeros((32, 32), order="F"))
