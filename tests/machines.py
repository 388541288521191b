"""Run the tests as on other machines, and print a table of what passed.

What a library computes depends on the processor that it finds, which most let
variables override. ``make test-machines`` builds the environments and runs all of it in
some hours; ``python -m tests.machines --only SkylakeX load`` runs a part.
"""

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
# What compares no numbers: files, names, forged models, pictures.
NOT_NUMERICAL = """
    architecture archives bad_labels benchmarks chord_annotations chord_datasets
    collections forged_models gallery html_report killed_jobs loaders plotting
    reliability security site
""".split()
COUNTS = ("passed", "failed", "skipped", "xfailed")
# Prints what is in use, in a process with the variables of a machine.
PROBE = r"""
import platform
import numba.core.registry, numpy, scipy.linalg, threadpoolctl, torch
import numpy._core._multiarray_umath as umath

numpy.ones((64, 64)) @ numpy.ones((64, 64))
blas = [i for i in threadpoolctl.threadpool_info() if i["user_api"] == "blas"]
simd = [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__[name]]
cpu = numba.core.registry.cpu_target.target_context.codegen().magic_tuple()[1]
torch.conv2d(torch.ones(8, 8, 32, 32), torch.ones(8, 8, 3, 3))  # says oneDNN's
torch.ones(64, 64) @ torch.ones(64, 64)  # and MKL
found = {
    "Python": platform.python_version(),
    "NumPy": f"{numpy.__version__} ({', '.join(simd) or 'baseline'})",
    "OpenBLAS": ", ".join(sorted({library["architecture"] for library in blas})),
    "torch": f"{torch.__version__} ({torch.backends.cpu.get_cpu_capability()})",
    "numba": cpu,
    "threads": f"{torch.get_num_threads()}, {max(i['num_threads'] for i in blas)}",
}
print("; ".join(f"{name} {value}" for name, value in found.items()))
"""
# Prints what NumPy can be told not to use.
DISPATCHED = """
import numpy._core._multiarray_umath as umath
print(*(name for name in umath.__cpu_dispatch__ if umath.__cpu_features__[name]))
"""
# Ends by itself where what began it was killed.
SPIN = """
import os
parent = os.getppid()
while os.getppid() == parent:
    sum(range(100_000))
"""


class Machine(NamedTuple):
    """What differs from this machine as it is."""

    variables: dict[str, str] = {}
    python: str | None = None  # None: the one that runs this
    n_spinning: int = 0  # processes that keep cores busy
    is_whole: bool = False  # all tests, not those of numbers alone
    not_in_numpy: str = "(?!)"  # which names of features it is told not to use


AVX2 = {
    "OPENBLAS_CORETYPE": "Haswell",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "AVX2",
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "",
}
SSE4 = {
    "OPENBLAS_CORETYPE": "Nehalem",
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_CBWR": "COMPATIBLE",
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",
}
TWO_THREADS = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
MACHINES = {
    "as it is": Machine(),
    **{
        f"OpenBLAS {name}": Machine({"OPENBLAS_CORETYPE": name})
        for name in ("SkylakeX", "Haswell", "Zen", "Nehalem")
    },
    **{
        f"torch {name}": Machine({"ATEN_CPU_CAPABILITY": name})
        for name in ("default", "avx2")
    },
    **{
        f"oneDNN {name}": Machine({"ONEDNN_MAX_CPU_ISA": name})
        for name in ("SSE41", "AVX2")
    },
    "MKL COMPATIBLE": Machine({"MKL_CBWR": "COMPATIBLE"}),
    # Without features numba would take those of the processor that there is.
    **{
        f"numba {name}": Machine({"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": ""})
        for name in ("generic", "haswell")
    },
    "NumPy baseline": Machine(not_in_numpy=""),
    # All of it at once, as on processors of 2013 and of 2008.
    "AVX2": Machine(AVX2, not_in_numpy="AVX512|X86_V4"),
    "SSE4": Machine(SSE4, not_in_numpy=""),
    "two threads": Machine(TWO_THREADS),
    "load": Machine(n_spinning=os.cpu_count() or 1, is_whole=True),
    "Python 3.12": Machine(python="3.12", is_whole=True),
    "Python 3.13": Machine(python="3.13", is_whole=True),
    "Python 3.13 load": Machine(
        python="3.13", n_spinning=os.cpu_count() or 1, is_whole=True
    ),
}


@contextlib.contextmanager
def spinning(n_processes):
    """Return a context in which so many processes compute without end."""
    processes = [
        subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(n_processes)
    ]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def interpreter(version, given):
    """Return the Python of an environment that ``make`` built, or that was named."""
    if version is None:
        return sys.executable
    path = Path(given.get(version, ROOT / f".venv-{version}/bin/python"))
    if not path.exists():
        raise SystemExit(
            f"There is no {path}. Build it by `make .venv-{version}/installed`, or "
            f"name the interpreter of an environment by --python {version}=PATH."
        )
    return str(path)


def environment(machine, python, folder):
    """Return the variables of a machine; what numba compiles stays in a folder."""
    found = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "NUMBA_CACHE_DIR": str(folder),
        "OMP_NUM_THREADS": "1",
        "SCIPY_ARRAY_API": "1",
        **machine.variables,
    }
    names = subprocess.check_output([python, "-c", DISPATCHED], text=True).split()
    left_out = [name for name in names if re.match(machine.not_in_numpy, name)]
    return {**found, "NPY_DISABLE_CPU_FEATURES": " ".join(left_out)}


def in_use(python, variables):
    """Return what the libraries say that they use."""
    verbose = {"ONEDNN_VERBOSE": "1", "MKL_VERBOSE": "1"}
    said = subprocess.check_output(
        [python, "-c", PROBE], env={**variables, **verbose}, text=True
    )
    found = [line for line in said.splitlines() if line.startswith("Python ")]
    for name, pattern in (("oneDNN", r"info,cpu,isa:(.*)"), ("MKL", r"CNR:(\w+)")):
        if match := re.search(pattern, said):
            found.append(f"{name} {match[1]}")
    return "; ".join(found)


def arguments(machine, n_workers):
    """Return what pytest is told."""
    chosen = ["-q", "-p", "no:cacheprovider"]
    if n_workers > 1:
        chosen += ["-n", str(n_workers), "--dist", "worksteal"]
    if not machine.is_whole:
        chosen += [f"--ignore=tests/test_{name}.py" for name in NOT_NUMERICAL]
    return chosen


def counts(summary):
    """Return the numbers of COUNTS in the last line of pytest; errors are failures."""
    found = {word: int(n) for n, word in re.findall(r"(\d+) ([a-z]+?)s?\b", summary)}
    found["failed"] = found.get("failed", 0) + found.get("error", 0)
    return [found.get(word, 0) for word in COUNTS]


def measure(name, machine, args):
    """Run the tests on one machine; print its row, and return whether all passed."""
    python = interpreter(machine.python, dict(args.python))
    report = args.out / f"{name.replace(' ', '-')}.txt"
    with tempfile.TemporaryDirectory() as folder:
        variables = environment(machine, python, folder)
        used = in_use(python, variables)
        command = [python, "-m", "pytest", *arguments(machine, args.workers)]
        start = time.perf_counter()
        with spinning(machine.n_spinning), open(report, "w", encoding="utf-8") as file:
            done = subprocess.run(
                [*command, *args.pytest],
                cwd=ROOT,
                env=variables,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
            )
    said = report.read_text(encoding="utf-8").splitlines()
    cells = [name, used, *counts(" ".join(said[-1:]))]
    cells.append(f"{time.perf_counter() - start:.0f}")
    print("|", " | ".join(map(str, cells)), "|", flush=True)
    for line in said:
        if line.startswith(("FAILED ", "ERROR ")):
            print(line, file=sys.stderr, flush=True)
    return done.returncode == 0


def main():
    """Run the tests on the machines asked for; exit with 1 if one fails on any."""
    parser = argparse.ArgumentParser(prog="python -m tests.machines")
    parser.add_argument(
        "--only",
        nargs="+",
        default=[""],
        help="those of these names, or that hold them",
    )
    parser.add_argument("--list", action="store_true", help="print the names")
    parser.add_argument(
        "--python",
        nargs="+",
        default=[],
        metavar="VERSION=PATH",
        type=lambda pair: pair.split("=", 1),
        help="environments to use instead of .venv-VERSION",
    )
    parser.add_argument("--workers", type=int, default=2, help="processes of tests")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "machines")
    parser.add_argument("pytest", nargs="*", help="arguments for pytest, after --")
    args = parser.parse_args()
    chosen = {
        name: machine
        for name, machine in MACHINES.items()
        if any(
            part == name or (part not in MACHINES and part.lower() in name.lower())
            for part in args.only
        )
    }
    if not chosen:
        parser.error(f"no machine is called {' or '.join(args.only)}; try --list")
    if args.list:
        print(*chosen, sep="\n")
        return
    args.out.mkdir(parents=True, exist_ok=True)
    header = ["machine", "in use", *COUNTS, "s"]
    print("| " + " | ".join(header) + " |", "| - " * len(header) + "|", sep="\n")
    results = [measure(name, machine, args) for name, machine in chosen.items()]
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
