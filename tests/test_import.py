"""What importing the package brings along."""

import subprocess
import sys

import tensorflowlr as tlr

OPTIONAL = ("torch", "cupy", "numba", "h5py", "matplotlib", "tensorly", "typer")


def run(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_import_loads_no_optional_library():
    code = f"import sys, tensorflowlr; print([m for m in {OPTIONAL} if m in sys.modules])"
    assert run(code) == "[]"


def test_import_leaves_warnings_and_threads_alone():
    code = (
        "import threading, warnings, numpy, opt_einsum;"
        "before = list(warnings.filters), threading.active_count();"
        "import tensorflowlr;"
        "print((list(warnings.filters), threading.active_count()) == before)"
    )
    assert run(code) == "True"


def test_public_names():
    names = "Tree Truncation TreeTensor LowRankMatrix TuckerTensor TensorTrain TreeOperator"
    for name in [*names.split(), "inner", "from_tensorly"]:
        assert hasattr(tlr, name), name
