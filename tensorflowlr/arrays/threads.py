"""How many threads the linear algebra runs on.

NumPy's BLAS and LAPACK are limited through threadpoolctl, torch's factorisations by torch.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

from tensorflowlr.arrays.backends import Array

# what the linear algebra libraries read when they are loaded
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# up to so many entries torch's factorisations run on one thread
SMALL = 1 << 20


def thread_pools() -> list[dict[str, Any]]:
    """What threadpoolctl says of the libraries with threads that are loaded so far."""
    from threadpoolctl import threadpool_info

    return threadpool_info()


def blas_threads() -> int:
    """The number of threads that NumPy's linear algebra may use."""
    return max((pool["num_threads"] for pool in thread_pools() if pool["user_api"] == "blas"),
               default=1)


@contextlib.contextmanager
def limited_blas_threads(threads: int, *, inherited: bool = True) -> Iterator[None]:
    """At most so many threads for the linear algebra loaded so far.

    If `inherited`, also for what is loaded later and in child processes: the environment says so.
    """
    from threadpoolctl import threadpool_limits

    said = dict.fromkeys(THREAD_VARIABLES, str(threads)) if inherited else {}
    before = {name: os.environ.get(name) for name in said}
    os.environ.update(said)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def one_torch_thread(matrix: Array) -> Iterator[None]:
    """Factorise smaller matrices of torch on one thread: threads that share a core stall.

    Torch's number of threads is global, so that only the main thread may change it.
    """
    torch = sys.modules.get("torch")
    if (torch is None or not isinstance(matrix, torch.Tensor) or matrix.is_cuda
            or matrix.numel() > SMALL
            or threading.current_thread() is not threading.main_thread()):
        yield
        return
    threads = torch.get_num_threads()
    if threads > 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if threads > 1:
            torch.set_num_threads(threads)
