"""What a package lists exists, and is found on an API page."""

import importlib
import re

import pytest

import sparsekit
from tests.house._public import public_packages
from tests.house._source import ROOT


@pytest.mark.parametrize("package", public_packages())
def test_all_names_can_be_imported(package):
    module = importlib.import_module(package)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


@pytest.mark.parametrize("package", public_packages())
def test_all_has_names_and_no_duplicates(package):
    names = importlib.import_module(package).__all__
    assert len(names) == len(set(names)) > 0


@pytest.mark.parametrize("package", public_packages())
def test_the_package_stands_on_an_api_page(package):
    pages = (ROOT / "docs" / "api").glob("*.rst")
    assert any(re.search(rf"^ +{package}$", page.read_text(), re.MULTILINE) for page in pages)


def test_the_version_is_a_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", sparsekit.__version__)
