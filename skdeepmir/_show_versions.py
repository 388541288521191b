"""What a report of a bug should say: versions, machine, devices and kernels."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

DEPENDENCIES = (
    *("numpy", "scipy", "scikit-learn", "torch", "skorch", "librosa", "soundfile"),
    *("soxr", "joblib", "lazy_loader", "mir_eval", "numba", "filelock", "packaging"),
    *("pooch", "skops", "threadpoolctl", "tqdm", "pandas", "matplotlib", "rich"),
)
OPTIONAL = ("dask", "distributed", "polars", "imbalanced-learn")


def show_versions() -> None:
    """Print what a report of a bug should say: versions, machine, devices and kernels.

    This includes whether torch sees a GPU (CUDA, or MPS on a Mac), which instructions
    of the processor it uses, and the threads of each library. It imports torch, SciPy
    and what belongs to them; packages that are not installed have "None".

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
        "System": _system(),
        "Python packages": _packages(),
        "torch": _torch(),
    }.items():
        print(f"{title}:")
        for name, fact in facts.items():
            print(f"{name:>15}: {fact}")
        print()
    print("Kernels and their threads:")
    for library in _libraries():
        print(f"{library.pop('prefix'):>15}: {library}")


def _system() -> dict[str, object]:
    return {
        "python": sys.version.replace("\n", " "),
        "executable": sys.executable,
        "machine": platform.platform(),
        "processors": os.cpu_count(),
    }


def _packages() -> dict[str, object]:
    import skdeepmir

    found: dict[str, object] = {"skdeepmir": skdeepmir.__version__}
    for name in ("pip", *DEPENDENCIES, *OPTIONAL):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def _torch() -> dict[str, object]:
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
