"""Read the package's source as text, so that the house tests see what is written, not what runs."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "sparsekit"


def find_modules():
    """Return {dotted name: path} for every file; the name of a package stands for its __init__."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path, module):
    """Return (dotted name, line, late) for everything that the file imports.

    Late means inside a function or for the type checker alone: importing the file does not do it.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found = []
    _collect(tree, package, False, found)
    return found


def _collect(node, package, late, found):
    if isinstance(node, ast.Import):
        found.extend((alias.name, node.lineno, late) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = _absolute(node, package)
        found.extend((f"{base}.{alias.name}", node.lineno, late) for alias in node.names)
    late = late or isinstance(node, ast.FunctionDef | ast.Lambda) or _is_for_types(node)
    for child in ast.iter_child_nodes(node):
        _collect(child, package, late, found)


def _is_for_types(node):
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def _absolute(node, package):
    if not node.level:
        return node.module
    parts = package.split(".")
    base = ".".join(parts[: len(parts) - node.level + 1])
    return f"{base}.{node.module}" if node.module else base
