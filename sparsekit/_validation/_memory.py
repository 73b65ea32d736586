"""An error before the work instead of a machine that swaps."""

import math
import os


def refuse_memory(n_bytes: float, what: str, remedy: str) -> None:
    """Raise a MemoryError if an array of so many bytes does not fit the machine's memory.

    Parameters
    ----------
    n_bytes : float
        What is to be allocated.
    what : str
        What it is for, as the subject of a sentence.
    remedy : str
        What to do about it, as a sentence.
    """
    if not fits_memory(n_bytes):
        raise MemoryError(
            f"{what} would need {n_bytes / 2**30:.1f} GiB, but this machine has "
            f"{_physical_memory() / 2**30:.1f} GiB. {remedy}"
        )


def fits_memory(n_bytes: float) -> bool:
    """Return whether so many bytes fit the machine's memory."""
    return n_bytes <= _physical_memory()


def _physical_memory() -> float:
    """Return the bytes of memory, infinitely many where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return math.inf
