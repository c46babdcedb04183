"""Seconds per correct CP decomposition of tensors of any symmetry, beside TensorLy's ALS.

``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/any_symmetry.py`` prints processor
seconds spent over all problems, taken in turns, divided by the answers with a relative error
below 1e-6, and the largest error of the correct ones. TensorLy is told the rank and knows no
symmetry; the library finds the rank.
"""

from __future__ import annotations

import platform
import time
import warnings

import numpy as np
from tensorly import cp_to_tensor
from tensorly.decomposition import parafac

import tensorflowlr as tlr

CASES = (
    ((20, 20, 20), ((0,), (1,), (2,)), 10), ((20, 20, 20), ((0, 1), (2,)), 20),
    ((10, 10, 10, 10), ((0,), (1,), (2,), (3,)), 40), ((10, 10, 10, 10), ((0, 1), (2, 3)), 40),
)
PROBLEMS, CORRECT = 3, 1e-6


def problem(shape: tuple[int, ...], symmetry: tuple[tuple[int, ...], ...], rank: int,
            seed: int) -> np.ndarray:
    """A tensor of normal vectors and weights."""
    rng = np.random.default_rng(seed)
    factors = [rng.standard_normal((shape[group[0]], rank)) for group in symmetry]
    return tlr.PartiallySymmetricCP(rng.standard_normal(rank), factors, symmetry).to_dense()


def main() -> None:
    """Print the table and the machine."""
    warnings.simplefilter("ignore")
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, "
          f"NumPy {np.__version__}; processor seconds per correct answer")
    for shape, symmetry, rank in CASES:
        spent, right, worst = {}, {}, {}
        for seed in range(PROBLEMS):
            T = problem(shape, symmetry, rank, seed)
            methods = {
                "library": lambda T=T, s=symmetry, n=seed: tlr.multi_subspace_power_method(
                    T, symmetry=s, rng=n).to_dense(),
                "TensorLy": lambda T=T, r=rank, n=seed: cp_to_tensor(parafac(
                    T, r, n_iter_max=5000, init="random", tol=1e-12, random_state=n)),
            }
            for name in list(methods)[:: 1 if seed % 2 else -1]:
                clock = time.process_time()
                error = np.linalg.norm(methods[name]() - T) / np.linalg.norm(T)
                spent[name] = spent.get(name, 0.0) + time.process_time() - clock
                right[name] = right.get(name, 0) + (error < CORRECT)
                if error < CORRECT:
                    worst[name] = max(worst.get(name, 0.0), error)
        print(f"{shape}, {symmetry}, rank {rank}: " + "; ".join(
            f"{name} {spent[name] / right[name]:.3g} s, {right[name]} of {PROBLEMS} correct, "
            f"error {worst[name]:.0e}" if right[name] else
            f"{name} none of {PROBLEMS} correct in {spent[name]:.3g} s"
            for name in ("library", "TensorLy")))


if __name__ == "__main__":
    main()
