"""Where the compiled kernels lie."""

from pathlib import Path

from sparsekit._compile import cache_directory


def describe_cache() -> str | None:
    """Return where the kernels of all files are kept, or None if nothing is writable."""
    kept = cache_directory()
    if kept is None:
        return None
    # numba keeps one folder per source folder; `kept` is that of one of them.
    folder = Path(kept)
    if folder.name == "__pycache__":
        return f"the __pycache__ folders under {folder.parent}"
    return str(folder.parent)
