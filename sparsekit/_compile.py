"""The numba layer: kernels, the records they read, and the methods they may call on them.

A *record* is a ``NamedTuple`` with ordinary methods. Called from Python, a method is array code;
called from a *kernel*, numba compiles the same method for scalars. A *protocol* names a method
that kernels may call on any record. Nothing else of the package imports numba.
"""

import contextlib
import functools
import hashlib
import inspect
import pathlib
import pickle
import sys
import warnings

import numba
import numpy as np
from numba import types
from numba.core.caching import FunctionCache
from numba.extending import (
    models,
    overload,
    overload_method,
    register_jitable,
    register_model,
    typeof_impl,
)

OPTIONS = {
    "nogil": True,
    # Kernels make no arrays, so references need no counting: it costs a third of a small kernel.
    "_nrt": False,
    "error_model": "numpy",
    "fastmath": {"contract", "nsz", "arcp"},
}
# Sums may be reordered only where the data are contiguous: elsewhere the compiler would answer
# with vector gathers, which take twice the time of scalar loads.
REDUCTION_OPTIONS = {**OPTIONS, "fastmath": {"reassoc", "contract", "nsz", "arcp"}}
# A call hands over every number of every array of a record: twice the time of a small kernel.
INLINE = {"forceinline": True}


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

    def __reduce__(self):
        cls = self.instance_class
        return restore_record_type, (cls.__module__, cls.__qualname__, self.types, self.stamp)


class AbsentRecord(types.Opaque):
    """A record that another process compiled for, and that this one cannot import unchanged."""


register_model(RecordType)(models.TupleModel)
register_model(AbsentRecord)(models.OpaqueModel)


def restore_record_type(module, qualname, field_types, stamp):
    """Return the type that the index of a kernel's cache names, if its class is at hand.

    A user's own penalty is known to the process that imported it; the cache that it shares with
    others must open there too.
    """
    cls = sys.modules.get(module)
    for name in qualname.split("."):
        cls = getattr(cls, name, None)
    if cls is None or source_stamp(cls) != stamp:
        return AbsentRecord(f"{module}.{qualname}{field_types}@{stamp}")
    return RecordType(field_types, cls)


@functools.cache
def source_stamp(cls):
    """Return a digest of every file whose formulas may be compiled into a method of `cls`."""
    try:
        home = pathlib.Path(inspect.getfile(cls))
    except (TypeError, OSError):
        # Typed at a prompt: no file, so the methods themselves.
        methods = sorted((k, f.__code__) for k, f in vars(cls).items() if inspect.isfunction(f))
        sources = repr([(k, c.co_code, c.co_consts, c.co_names) for k, c in methods]).encode()
    else:
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


UNWRITABLE = (
    "No directory for compiled kernels is writable, so each process compiles them anew (about a "
    "second). Set NUMBA_CACHE_DIR to a writable directory."
)
UNSAVED = (
    "Compiled kernels could not be written to disk ({error}), so the next process compiles them "
    "anew. Make room, or set NUMBA_CACHE_DIR to a directory that has some."
)


def called_files(function, seen=None):
    """Return the source files of this package's functions that `function` calls, at any depth.

    numba watches the file of the kernel itself only.
    """
    seen = set() if seen is None else seen
    code = function.__code__
    enclosed = [cell.cell_contents for cell in function.__closure__ or ()]
    for called in [*map(function.__globals__.get, code.co_names), *enclosed]:
        called = getattr(called, "py_func", called)
        if not inspect.isfunction(called) or called.__code__ in seen:
            continue
        if called.__module__.partition(".")[0] == __name__.partition(".")[0]:
            seen.add(called.__code__)
            called_files(called, seen)
    return {called.co_filename for called in seen} - {code.co_filename}


class KernelCache(FunctionCache):
    """numba's cache on disk, for which what cannot be read or written is not there.

    Its index knows a kernel by the sources of the files it calls into, and of this one, too.
    """

    def _index_key(self, sig, codegen):
        files = sorted(called_files(self._py_func) | {__file__})
        sources = b"".join(pathlib.Path(file).read_bytes() for file in files)
        return (*super()._index_key(sig, codegen), hashlib.sha256(sources).hexdigest())

    def load_overload(self, sig, target_context):
        """Return the compiled code for a signature, or None."""
        try:
            return super().load_overload(sig, target_context)
        except (EOFError, OSError, pickle.UnpicklingError):
            # A file cut short, by a full disk or a killed process.
            with contextlib.suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig, data):
        """Keep the compiled code if the disk takes it; warn once if not."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            _warn_once(UNSAVED.format(error=error.strerror))


def kernel(function):
    """Compile `function` on its first call and keep the machine code on disk where that works."""
    dispatcher = numba.njit(**OPTIONS)(function)
    try:
        dispatcher._cache = KernelCache(function)
    except RuntimeError as error:
        if "cannot cache" not in str(error):
            raise
        _warn_once(UNWRITABLE)
    return dispatcher


@functools.cache
def _warn_once(message):
    warnings.warn(message, KernelCacheWarning, stacklevel=3)


def helper(function):
    """Let kernels and record methods call `function`, a formula of their own or their base file."""
    return register_jitable(**OPTIONS, **INLINE)(function)


def reduction(function):
    """As `helper`, for sums over contiguous data that may be reordered into vectors."""
    return register_jitable(**REDUCTION_OPTIONS, **INLINE)(function)


def where(condition, a, b):
    """Return `a` where `condition` holds and `b` elsewhere, on arrays and inside kernels."""
    return np.where(condition, a, b)


@overload(where, jit_options=OPTIONS)
def _compiled_where(condition, a, b):
    return lambda condition, a, b: a if condition else b


def cache_directory():
    """Return the directory that holds the compiled kernels of this package, or None."""
    try:
        return KernelCache(source_stamp.__wrapped__).cache_path
    except RuntimeError:
        return None
