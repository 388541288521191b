"""What a bug report should say: versions, machine, devices, kernels, caches."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version

DEPENDENCIES = (
    *("numpy", "scipy", "scikit-learn", "torch", "skorch", "librosa", "soundfile"),
    *("soxr", "joblib", "lazy_loader", "mir_eval", "numba", "filelock", "packaging"),
    *(
        "pooch",
        "skops",
        "threadpoolctl",
        "tqdm",
        "pandas",
        "matplotlib",
        "rich",
        "mido",
    ),
)
VARIABLES = (
    *(
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMBA_NUM_THREADS",
    ),
    *("OPENBLAS_CORETYPE", "MKL_ENABLE_INSTRUCTIONS", "ATEN_CPU_CAPABILITY"),
    *("NUMBA_CACHE_DIR", "NUMBA_DISABLE_JIT", "NUMBA_CPU_NAME", "CUDA_VISIBLE_DEVICES"),
    *("SCIPY_ARRAY_API", "JOBLIB_TEMP_FOLDER", "TMPDIR", "SKDEEPMIR_DEBUG"),
)
OPTIONAL = ("dask", "distributed", "polars", "imbalanced-learn")


def show_versions() -> None:
    """Print what a bug report should say: versions, machine, devices, caches.

    This includes whether torch sees a GPU (CUDA, or MPS on a Mac), which instructions
    of the processor it uses, the threads of each library, environment variables that
    set them, and where compiled functions and downloads are kept, and whether these
    folders can be written to. It imports torch, SciPy and what belongs to them;
    packages that are not installed have "None". ``skdeepmir info`` prints the same.

    See Also
    --------
    sklearn.show_versions : The same for scikit-learn.

    Examples
    --------
    >>> from skdeepmir import show_versions
    >>> show_versions()
    System:
         python: 3...
    """
    for title, facts in {
        "System": system_facts(),
        "Python packages": package_facts(),
        "torch": torch_facts(),
        "Environment": _environment(),
        "Caches": _caches(),
    }.items():
        print(f"{title}:")
        for name, fact in facts.items():
            print(f"{name:>15}: {fact}")
        print()
    print("Kernels and their threads:")
    for library in _libraries():
        print(f"{library.pop('prefix'):>15}: {library}")


def system_facts() -> dict[str, object]:
    """Return what machine and what Python this is."""
    return {
        "python": sys.version.replace("\n", " "),
        "executable": sys.executable,
        "machine": platform.platform(),
        "processors": os.cpu_count(),
    }


def package_facts() -> dict[str, object]:
    """Return the versions of packages; None of those that are not installed."""
    import skdeepmir

    found: dict[str, object] = {"skdeepmir": skdeepmir.__version__}
    for name in ("pip", *DEPENDENCIES, *OPTIONAL):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def _environment() -> dict[str, object]:
    """Return the variables that are set and change what is computed, or how fast."""
    return {name: ascii(os.environ[name]) for name in VARIABLES if name in os.environ}


def _caches() -> dict[str, object]:
    import pooch

    folders: dict[str, object] = {}
    try:
        from skdeepmir.decoding._kernel import forward
    except RuntimeError as error:  # numba finds no folder that it can write to
        folders["numba"] = f"none: {error}"
    else:
        stats = getattr(forward, "stats", None)  # NUMBA_DISABLE_JIT leaves it out
        folders["numba"] = stats and _folder(stats.cache_path)
    folders["models"] = _folder(str(pooch.os_cache("skdeepmir")))
    folders["temporary"] = _folder(tempfile.gettempdir())
    return folders


def _folder(name: str) -> str:
    """Return a folder, whether it can be written to, and what is free there."""
    there = os.path.abspath(name)
    while not os.path.isdir(there):  # it is made when it is needed
        there = os.path.dirname(there)
    access = "writable" if os.access(there, os.W_OK | os.X_OK) else "not writable"
    free = shutil.disk_usage(there).free / 1e9
    return f"{name!a}, {access}, {free:.1f} GB free"


def torch_facts() -> dict[str, object]:
    """Return which devices and instructions torch uses."""
    import torch

    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "CUDA": f"{torch.version.cuda}, devices: {', '.join(names) or None}",
        "MPS": "available" if torch.backends.mps.is_available() else None,
    }


def _libraries() -> list[dict[str, object]]:
    """Return the libraries with threads that torch, NumPy and SciPy have loaded."""
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_info

    kept = ("prefix", "version", "architecture", "num_threads", "threading_layer")
    return [
        {name: library[name] for name in kept if name in library}
        for library in threadpool_info()
    ]
