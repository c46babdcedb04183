"""What all figures share: the one JSON line, and where the tests' helpers are found."""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import threadpoolctl

import tensorflowlr as tlr

# results are those of one BLAS thread, in child processes too
threadpoolctl.threadpool_limits(1)
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"
ROOT = Path(__file__).resolve().parents[2]
for folder in (ROOT, ROOT / "tests"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def report(
    name: str, figure: int, *, bound: Any, value: Any, ok: bool, counts: dict[str, Any],
    **more: Any,
) -> int:
    """Print the JSON line of a figure; the exit code, 0 where it holds.

    Parameters
    ----------
    name, figure
        What it is called, and its number among the ten.
    bound, value
        What is promised, and what was measured.
    ok
        Whether the promise holds.
    counts
        How many of what was looked at.
    more
        Anything else to be kept.
    """
    line = {
        "name": name, "figure": figure, "bound": bound, "value": value, "ok": bool(ok),
        "counts": counts, **more, "versions": versions(),
    }
    print(json.dumps(line, default=float))
    return 0 if ok else 1


def versions() -> dict[str, str]:
    """Of the library, Python, NumPy and SciPy."""
    return {
        "tensorflowlr": tlr.__version__, "python": platform.python_version(),
        "numpy": np.__version__, "scipy": scipy.__version__,
    }


def rounded(value: float, digits: int = 3) -> float:
    """A number with a few digits, for the JSON line."""
    return float(f"{value:.{digits}g}")
