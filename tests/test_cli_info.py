"""What ``info`` says of extras, of a missing cache and of GPUs, here or not here."""

import ctypes
import sys
from types import SimpleNamespace

import pytest

from sparsekit._cli import _cache, _gpu, _info

CUPY = """
__version__ = "14.2.0"


class runtime:
    @staticmethod
    def getDeviceCount():
        {count}

    @staticmethod
    def getDeviceProperties(place):
        return {{"name": b"Large GPU"}}


class cuda:
    runtime = runtime
"""


@pytest.fixture
def no_cupy(monkeypatch):
    monkeypatch.setattr(_gpu, "find_spec", lambda name: None)


@pytest.fixture
def install_cupy(monkeypatch, tmp_path):
    """Return a function that puts a module `cupy` with the given text on the path."""

    def install(text):
        (tmp_path / "cupy.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)

    # Registered with monkeypatch first, so that the stand-in is forgotten after the test.
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.delitem(sys.modules, "cupy")
    return install


class Driver:
    """Stand-in for the CUDA driver's library with some devices."""

    def __init__(self, names, status=0):
        self.names = names
        self.status = status

    def cuInit(self, flags):
        return self.status

    def cuDeviceGetCount(self, count):
        count._obj.value = len(self.names)
        return 0

    def cuDeviceGet(self, device, place):
        device._obj.value = place + 100
        return 0

    def cuDeviceGetName(self, name, length, device):
        name.value = self.names[device.value - 100]
        return 0


def without_driver(name):
    raise OSError(f"{name}: cannot open shared object file")


def test_without_cupy_and_driver_both_are_named(monkeypatch, no_cupy):
    monkeypatch.setattr(ctypes, "CDLL", without_driver)
    told = _gpu.describe_gpu()
    assert told.startswith("none seen; CUDA driver: none")
    assert "CuPy: not installed" in told


def test_without_cupy_the_driver_names_the_devices(monkeypatch, no_cupy):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Driver([b"First GPU", b"Second GPU"]))
    told = _gpu.describe_gpu()
    assert told.startswith("First GPU, Second GPU; CUDA driver: found; CuPy: not installed")


def test_a_driver_that_cannot_start_has_no_devices(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Driver([b"First GPU"], status=100))
    assert _gpu.driver_gpus() == []


def test_cupy_names_the_devices(install_cupy):
    install_cupy(CUPY.format(count="return 1"))
    assert _gpu.describe_gpu().startswith("Large GPU; CuPy 14.2.0")


def test_cupy_without_a_device_is_told_with_its_complaint(install_cupy):
    install_cupy(CUPY.format(count="raise RuntimeError('no CUDA-capable device')"))
    told = _gpu.describe_gpu()
    assert told.startswith("none usable; CuPy 14.2.0 found, but: no CUDA-capable device")


def test_a_broken_cupy_is_told_with_its_complaint(install_cupy):
    install_cupy("raise ImportError('libcudart is missing')")
    told = _gpu.describe_gpu()
    assert told.startswith("none usable; CuPy cannot be imported: libcudart is missing")


def test_an_extra_says_how_to_get_what_is_missing(monkeypatch):
    monkeypatch.setattr(
        _info,
        "requires",
        lambda name: [
            "numpy>=2.0",
            "no-such-drawing-package>=3.9; extra == 'plot'",
            'numpy>=2; extra == "rich"',
            "pytest>=8; extra == 'test'",
        ],
    )
    facts = dict(_info.facts("1.0"))
    assert facts["extra plot"] == (
        'no-such-drawing-package missing; install it with: pip install "sparsekit[plot]"'
    )
    assert facts["extra rich"] == f"numpy {facts['numpy']}"
    assert "extra test" not in facts


def test_without_metadata_the_extras_are_unknown(monkeypatch):
    monkeypatch.setattr(_info, "requires", lambda name: None)
    assert "not installed" in dict(_info.facts("1.0"))["extras"]


def test_threads_count_the_processors_of_this_process(monkeypatch):
    monkeypatch.setattr(
        _info, "os", SimpleNamespace(sched_getaffinity=lambda pid: {0, 1, 5}, cpu_count=lambda: 8)
    )
    assert dict(_info.facts("1.0"))["threads"].startswith("3 processors")


def test_without_a_cache_the_way_out_is_named(monkeypatch):
    monkeypatch.setattr(_cache, "cache_directory", lambda: None)
    assert "NUMBA_CACHE_DIR" in dict(_info.facts("1.0"))["kernel cache"]


def test_a_cache_beside_the_sources_is_told_by_its_root(monkeypatch):
    monkeypatch.setattr(_cache, "cache_directory", lambda: "/site/sparsekit/__pycache__")
    assert _cache.describe_cache() == "the __pycache__ folders under /site/sparsekit"
