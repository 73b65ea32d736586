"""The numba layer: kernels, the records they read, and the methods they may call on them.

A *record* is a ``NamedTuple`` with ordinary methods. Called from Python, a method is array code;
called from a *kernel*, numba compiles the same method for scalars. A *protocol* names a method
that kernels may call on any record. Nothing else of the package imports numba.
"""

import functools
import hashlib
import inspect
import pathlib
import warnings

import numba
import numpy as np
from numba import types
from numba.core.caching import FunctionCache
from numba.extending import models, overload, overload_method, register_jitable, register_model
from numba.extending import typeof_impl

OPTIONS = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "nsz", "arcp"},
}
# Sums may be reordered only where the data are contiguous: elsewhere the compiler would answer
# with vector gathers, which take twice the time of scalar loads.
REDUCTION_OPTIONS = {**OPTIONS, "fastmath": {"reassoc", "contract", "nsz", "arcp"}}


class KernelCacheWarning(UserWarning):
    """Compiled kernels cannot be kept on disk, so every process compiles them anew."""


class RecordType(types.NamedTuple):
    """The numba type of a record; its key holds a stamp of the source of the record's methods."""

    def __init__(self, field_types, cls):
        super().__init__(field_types, cls)
        self.stamp = source_stamp(cls)
        self.name = f"{self.name}@{self.stamp}"

    @property
    def key(self):
        """Tell apart two records, or two editions of one record's source."""
        return (*super().key, self.stamp)


register_model(RecordType)(models.TupleModel)


@functools.cache
def source_stamp(cls):
    """Return a digest of every file whose formulas may be compiled into a method of `cls`."""
    home = pathlib.Path(inspect.getfile(cls))
    files = {home, home.with_name("_base.py")}
    sources = b"".join(f.read_bytes() for f in sorted(files) if f.exists())
    return hashlib.sha256(sources).hexdigest()[:12]


SCALARS = {float: types.float64, int: types.int64, bool: types.boolean}


def field_type(value, hint):
    """Map one field to one numba type, whatever the flavour of number or array it holds."""
    if hint in SCALARS:
        return SCALARS[hint]
    found = numba.typeof(value)
    if isinstance(found, types.Array):
        return found.copy(readonly=False)
    return found


def record(cls):
    """Let kernels read instances of the NamedTuple `cls` and call its methods."""

    @typeof_impl.register(cls)
    def _(value, context):
        hints = cls.__annotations__.values()
        return RecordType([field_type(v, h) for v, h in zip(value, hints, strict=True)], cls)

    return cls


def protocol(method):
    """Declare, by name and arguments, a method that kernels may call on every record."""

    def pick(self, *args):
        return getattr(self.instance_class, method.__name__, None)

    pick.__signature__ = inspect.signature(method)
    overload_method(RecordType, method.__name__, strict=False, jit_options=OPTIONS)(pick)
    return method


def kernel(function):
    """Compile `function` on its first call and keep the machine code on disk where that works."""
    try:
        return numba.njit(cache=True, **OPTIONS)(function)
    except RuntimeError as error:
        if "cannot cache" not in str(error):
            raise
        _warn_once(
            "No directory for compiled kernels is writable, so each process compiles them anew "
            "(about a second). Set NUMBA_CACHE_DIR to a writable directory."
        )
        return numba.njit(**OPTIONS)(function)


@functools.cache
def _warn_once(message):
    warnings.warn(message, KernelCacheWarning, stacklevel=3)


def helper(function):
    """Let kernels and record methods call `function`, a formula of their own or their base file."""
    return register_jitable(**OPTIONS)(function)


def reduction(function):
    """As `helper`, for sums over contiguous data that may be reordered into vectors."""
    return register_jitable(**REDUCTION_OPTIONS)(function)


def where(condition, a, b):
    """Return `a` where `condition` holds and `b` elsewhere, on arrays and inside kernels."""
    return np.where(condition, a, b)


@overload(where, jit_options=OPTIONS)
def _compiled_where(condition, a, b):
    return lambda condition, a, b: a if condition else b


def cache_directory():
    """Return the directory that holds the compiled kernels of this package, or None."""
    try:
        return FunctionCache(source_stamp.__wrapped__).cache_path
    except RuntimeError:
        return None


def numba_version():
    """Return the version of numba in use."""
    return numba.__version__


def numba_threads():
    """Return the number of threads numba would use; sparsekit's kernels use one each."""
    return numba.get_num_threads()
