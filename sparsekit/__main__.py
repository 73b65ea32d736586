"""The command line: ``python -m sparsekit demo | info | warmup``."""

import argparse
import sys
from collections.abc import Sequence
from time import perf_counter


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, default=None
        What follows the program's name; None takes ``sys.argv``.

    Returns
    -------
    status : int
        0, for the shell.
    """
    parser = argparse.ArgumentParser(
        prog="python -m sparsekit", description=__doc__.splitlines()[0]
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="command")
    for run, name, what in COMMANDS:
        commands.add_parser(name, help=what, description=what).set_defaults(run=run)
    parser.parse_args(arguments).run()
    return 0


def demo() -> None:
    """Select the words that tell spam from other messages."""
    from sparsekit._cli._demo import run_demo

    run_demo()


def info() -> None:
    """Print versions, threads, cache directory and GPU."""
    from sparsekit import __version__
    from sparsekit._cli._info import describe_installation

    print(describe_installation(__version__))


def warmup() -> None:
    """Compile every kernel and keep it on disk."""
    from sparsekit import warm_up
    from sparsekit._cli._cache import describe_cache

    begin = perf_counter()
    warm_up()
    seconds = perf_counter() - begin
    kept = describe_cache()
    if kept is None:
        print(
            f"Kernels compiled in {seconds:.1f} s, but no directory to keep them is writable. "
            "Set NUMBA_CACHE_DIR to a writable one.",
        )
        return
    print(f"Kernels ready after {seconds:.1f} s, kept in {kept}")


COMMANDS = (
    (demo, "demo", "select the words that tell spam from other messages: real text, no network"),
    (info, "info", "print versions, threads, the kernels' cache directory, GPU seen or not"),
    (warmup, "warmup", "compile every kernel ahead of time and keep it in the cache directory"),
)

if __name__ == "__main__":
    sys.exit(main())
