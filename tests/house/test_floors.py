"""A file imports only from lower floors, or inside its package from files that do not import it."""

import ast
import sys

import pytest

from tests.house._source import find_modules, imports

FLOORS = [
    {"_compile", "_parallel", "_simd", "_sklearn", "_validation", "_vectors", "_watch", "datasets"},
    {"matrix", "losses", "penalties"},
    {"coding", "metrics", "solvers"},
    {"decomposition", "factorization", "linear_model", "pruning", "thresholding"},
    {"feature_selection", "image", "model_selection"},
    {"inspection"},
    {"_cli", "__main__", "_warm_up"},
]
# The nouns do not know one another.
APART = [{"matrix", "losses", "penalties"}]
# joblib and threadpoolctl come with scikit-learn, which depends on them.
# llvmlite comes with numba.
BASE = {"numpy", "scipy", "sklearn", "joblib", "threadpoolctl", "numba", "llvmlite"}
EXTRAS = {"matplotlib", "onnx", "pandas", "polars", "pywt", "rich", "skops", "torch"}
NUMBA_ROOMS = {"_compile", "_vectors"}
# Below the estimators only the doors to scikit-learn may name it.
SKLEARN_FREE = {
    "_compile",
    "_parallel",
    "_simd",
    "_vectors",
    "matrix",
    "losses",
    "penalties",
    "coding",
    "solvers",
}
PRIVATE_SKLEARN_FILES = {"sparsekit._sklearn"}

MODULES = find_modules()


def room(module):
    """Return the package or file of sparsekit that a module belongs to."""
    return module.split(".")[1] if "." in module else ""


def floor(name):
    """Return the number of a room's floor; the ground is 0."""
    return next(level for level, rooms in enumerate(FLOORS) if name in rooms)


def target(name):
    """Return the module of sparsekit that an imported dotted name lives in, or None."""
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name or None


def arrows():
    """Return (importer, imported module, line) for every import of a file of sparsekit."""
    for module, path in MODULES.items():
        for name, line, _ in imports(path, module):
            if name.split(".")[0] == "sparsekit":
                yield module, target(name), line


def outside():
    """Return (importer, dotted name, line, late) for every import from elsewhere."""
    for module, path in MODULES.items():
        for name, line, late in imports(path, module):
            if name.split(".")[0] != "sparsekit":
                yield module, name, line, late


def test_every_file_stands_on_a_floor():
    rooms = {room(module) for module in MODULES} - {""}
    assert rooms <= set().union(*FLOORS)


def test_no_arrow_runs_up():
    wrong = []
    for module, imported, line in arrows():
        here, there = room(module), room(imported)
        if not here or not there or here == there:
            continue
        apart = any({here, there} <= rooms for rooms in APART)
        if apart or floor(there) > floor(here):
            wrong.append(f"{module}:{line} imports {imported}")
    assert wrong == []


def test_only_the_front_door_imports_the_whole_package():
    wrong = [
        f"{module}:{line}"
        for module, imported, line in arrows()
        if imported == "sparsekit" and room(module) not in {"", "__main__"}
    ]
    assert wrong == []


def test_no_circles():
    graph = {module: set() for module in MODULES}
    for module, imported, _ in arrows():
        if imported != module:
            graph[module].add(imported)
    assert find_circle(graph) is None


def find_circle(graph):
    """Return one circle of the graph as a list of names, or None."""
    done, trail = set(), []

    def walk(node):
        if node in trail:
            return [*trail[trail.index(node) :], node]
        if node in done:
            return None
        trail.append(node)
        for child in sorted(graph[node]):
            if circle := walk(child):
                return circle
        trail.pop()
        done.add(node)
        return None

    return next((circle for node in sorted(graph) if (circle := walk(node))), None)


def test_a_circle_would_be_found():
    assert find_circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


def test_numba_stays_behind_its_door():
    wrong = [
        f"{module}:{line}"
        for module, name, line, _ in outside()
        if name.split(".")[0] in {"numba", "llvmlite"} and room(module) not in NUMBA_ROOMS
    ]
    assert wrong == []


def test_the_floors_below_the_estimators_do_not_know_scikit_learn():
    wrong = [
        f"{module}:{line} imports {name}"
        for module, name, line, _ in outside()
        if name.split(".")[0] == "sklearn" and room(module) in SKLEARN_FREE
    ]
    assert wrong == []


def test_private_scikit_learn_names_stay_behind_their_door():
    wrong = [
        f"{module}:{line} imports {name}"
        for module, name, line, _ in outside()
        if name.split(".")[0] == "sklearn"
        and any(part.startswith("_") for part in name.split(".")[1:])
        and module not in PRIVATE_SKLEARN_FILES
    ]
    assert wrong == []


def test_extras_are_imported_late():
    wrong = [
        f"{module}:{line} imports {name}"
        for module, name, line, late in outside()
        if name.split(".")[0] in EXTRAS and not late
    ]
    assert wrong == []


def test_nothing_else_is_imported():
    known = BASE | EXTRAS | set(sys.stdlib_module_names)
    wrong = [
        f"{module}:{line} imports {name}"
        for module, name, line, _ in outside()
        if name.split(".")[0] not in known
    ]
    assert wrong == []


@pytest.mark.parametrize("module", [m for m, p in MODULES.items() if p.name == "__init__.py"])
def test_an_init_file_lists_names_and_nothing_else(module):
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Expr)
    assert [node.lineno for node in tree.body if not isinstance(node, allowed)] == []
