"""Where PyTorch is not installed, and while nobody asks for it."""

import subprocess
import sys

import pytest

from sparsekit.pruning._torch._callback import PruningCallback
from sparsekit.pruning._torch._module import prune_module


@pytest.mark.parametrize("call", [prune_module, PruningCallback])
def test_without_pytorch_the_error_names_the_extra(monkeypatch, call):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r'pip install "sparsekit\[torch\]"'):
        call(object())


def test_importing_the_package_does_not_import_pytorch():
    code = (
        "import sys, sparsekit.pruning._torch._module, sparsekit.pruning._torch._callback\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
