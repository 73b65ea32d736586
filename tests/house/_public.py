"""The public face of the package: what its packages list in ``__all__``."""

import importlib
import inspect

from tests.house._source import find_modules


def public_packages():
    """Return the dotted names of all packages but the top one."""
    found = [module for module, path in find_modules().items() if path.name == "__init__.py"]
    return [module for module in found if module != "sparsekit" and "._" not in module]


def public_objects():
    """Return {dotted name: object} for every name that a public package lists."""
    return {
        f"{package}.{name}": getattr(importlib.import_module(package), name)
        for package in public_packages()
        for name in importlib.import_module(package).__all__
    }


def public_methods(cls):
    """Return {name: function} for the public methods that sparsekit itself gives to `cls`."""
    found = {}
    for name, value in inspect.getmembers(cls):
        value = getattr(value, "__func__", value)
        if name.startswith("_") or not inspect.isfunction(value):
            continue
        if value.__module__.startswith("sparsekit"):
            found[name] = value
    return found
