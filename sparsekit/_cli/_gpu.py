"""Whether this machine has a GPU that Python can use; CuPy is imported only if it is installed."""

import ctypes
import sys
from importlib import import_module
from importlib.util import find_spec

DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
REMARK = "sparsekit computes on the CPU in this version"


def describe_gpu() -> str:
    """Return the GPUs that CuPy can use, or what is missing between here and there."""
    if find_spec("cupy") is None:
        names = driver_gpus()
        driver = "found" if names else "none, or no device"
        seen = ", ".join(names) or "none seen"
        return f"{seen}; CUDA driver: {driver}; CuPy: not installed; {REMARK}"
    names, state = _cupy_gpus()
    return f"{', '.join(names) or 'none usable'}; {state}; {REMARK}"


def driver_gpus() -> list[str]:
    """Return the names of the GPUs that the CUDA driver lists; none if there is no driver."""
    try:
        driver = ctypes.CDLL(DRIVER)
    except OSError:
        return []
    count = ctypes.c_int(0)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return []
    return [_device_name(driver, place) for place in range(count.value)]


def _device_name(driver: ctypes.CDLL, place: int) -> str:
    """Return the name of one device; ordinals and handles are the driver's."""
    device, name = ctypes.c_int(0), ctypes.create_string_buffer(256)
    if driver.cuDeviceGet(ctypes.byref(device), place):
        return f"device {place}"
    if driver.cuDeviceGetName(name, len(name), device):
        return f"device {place}"
    return name.value.decode(errors="replace")


def _cupy_gpus() -> tuple[list[str], str]:
    """Return the names of CuPy's devices, and its version or its complaint."""
    try:
        cupy = import_module("cupy")
    # A broken CuPy fails in ways of its own (ImportError, OSError, CUDARuntimeError).
    except Exception as error:
        return [], f"CuPy cannot be imported: {error}"
    try:
        runtime = cupy.cuda.runtime
        devices = [runtime.getDeviceProperties(k) for k in range(runtime.getDeviceCount())]
    except Exception as error:
        return [], f"CuPy {cupy.__version__} found, but: {error}"
    return [device["name"].decode() for device in devices], f"CuPy {cupy.__version__}"
