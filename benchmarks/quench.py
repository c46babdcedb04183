"""The transverse-field Ising quench on chain and balanced trees.

H = -Σ Z_i Z_{i+1} - Σ X_i, open chain, all spins up, T = 1. One JSON line per case: CPU
seconds per step of the loop alone (one BLAS thread), the share of them spent in LAPACK and in
planned products, the peak memory of the whole process, and for L <= 16 the error of
⟨Z_{L/2}⟩ against the exact state. `--quimb PYTHON` times TEBD2 of quimb (dt = 0.01) with that
interpreter, in turn with ours, and gives the medians.

    python benchmarks/quench.py 8 16 32 64
    python benchmarks/quench.py 16 --quimb path/to/python
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

# name: (tree, method, steps, atol); "fast" is tuned for an error below 1e-6 at L = 16,
# "steady" is the same at every L, to see the cost per step grow with L
CASES = {
    "chain, fast": ("chain", "augmented", 32, 1e-6),
    "balanced, fast": ("balanced", "augmented", 44, 1e-6),
    "chain, parallel": ("chain", "parallel", 80, 3e-7),
    "balanced, parallel": ("balanced", "parallel", 128, 3e-8),
    "chain, steady": ("chain", "augmented", 100, 1e-6),
    "balanced, steady": ("balanced", "augmented", 100, 1e-6),
}

QUIMB = """
import json, time, sys
import numpy as np, quimb as qu, quimb.tensor as qtn
L = int(sys.argv[1])
def run():
    state = qtn.MPS_computational_state("0" * L)
    local = qtn.LocalHam1D(L, H2=-np.kron(qu.pauli("Z"), qu.pauli("Z")), H1=-qu.pauli("X"))
    begin = time.process_time()
    tebd = qtn.TEBD(state, local, dt=0.01, progbar=False)
    tebd.split_opts["cutoff"], tebd.split_opts["max_bond"] = 1e-10, 32
    tebd.update_to(1.0, order=2)
    return time.process_time() - begin, tebd.pt
run()
seconds, psi = run()
z = psi.magnetization(L // 2, "Z") * 2
print(json.dumps({"cpu_s": seconds, "z_mid": float(np.real(z))}))
"""


def exact(length: int) -> float:
    """⟨Z_{L/2}⟩ at T = 1 from the full state."""
    import itertools

    import numpy as np
    import scipy.sparse as sp
    from scipy.sparse.linalg import expm_multiply

    z, x = np.array([1.0, -1.0]), sp.csr_array(np.array([[0.0, 1.0], [1.0, 0.0]]))
    diagonal = np.zeros(2**length)
    spins = [np.kron(np.kron(np.ones(2**i), z), np.ones(2 ** (length - i - 1)))
             for i in range(length)]
    for left, right in itertools.pairwise(spins):
        diagonal -= left * right
    H = sp.diags_array(diagonal).tocsr()
    for i in range(length):
        H = H - sp.kron(sp.kron(sp.eye_array(2**i), x), sp.eye_array(2 ** (length - i - 1)))
    psi = np.zeros(2**length, complex)
    psi[0] = 1.0
    psi = expm_multiply(-1j * H.tocsr(), psi)
    return float((np.abs(psi) ** 2 * spins[length // 2]).sum())


def one(length: int, case: str, measure_share: bool) -> dict[str, object]:
    """Run one case in this process; for short chains the second of two runs is timed."""
    import resource

    import tensorflowlr as tlr
    from tensorflowlr.problems import nearest_neighbour_ising

    tree_name, method_name, count, atol = CASES[case]
    tree = (tlr.Tree.train(length, root=length // 2) if tree_name == "chain"
            else tlr.Tree.balanced(length))
    problem = nearest_neighbour_ising(length, tree=tree)
    middle = tlr.TreeOperator.from_terms(
        [(1.0, {length // 2: [1.0, -1.0]})], tree, problem.start.shape
    )
    kind = tlr.AugmentedBUG if method_name == "augmented" else tlr.ParallelBUG
    method = kind(tlr.Truncation(atol=atol), order=2, flow=tlr.Exponential(1e-7))

    def run() -> tlr.Solution:
        return tlr.integrate(
            problem.field, problem.start, (0.0, 1.0), step=1.0 / count, method=method
        )

    if length <= 16:
        run()
    meter = Meter() if measure_share else None
    solution = run()
    cpu = solution.stats["cpu_seconds"]
    result: dict[str, object] = {
        "benchmark": "quench", "L": length, "case": case, "method": type(method).__name__,
        "order": 2, "steps": count, "atol": atol,
        "cpu_s": round(cpu, 4), "cpu_ms_per_step": round(1e3 * cpu / count, 3),
        "max_rank": int(solution.max_ranks.max()),
        "peak_MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "z_mid": middle.expectation(solution.final),
    }
    if meter is not None:
        result.update(meter.shares(cpu))
    return result


class Meter:
    """Seconds inside LAPACK (timed calls) and planned products (replayed without overhead)."""

    def __init__(self) -> None:
        import collections
        import time

        from tensorflowlr import arrays, contraction
        from tensorflowlr.arrays import factorisations

        self.lapack = 0.0
        self.products: collections.Counter[tuple[object, ...]] = collections.Counter()
        found = factorisations._lapack

        def timed(name: str) -> object:
            routine = found(name)

            def call(*args: object, **options: object) -> object:
                begin = time.perf_counter()
                try:
                    return routine(*args, **options)
                finally:
                    self.lapack += time.perf_counter() - begin

            return call

        factorisations._lapack = timed
        pair = contraction._Pair.__call__
        multiply = arrays.multiply

        def counted_pair(self_: object, xp: object, left: object, right: object) -> object:
            self.products[(self_.left_shape, self_.right_shape)] += 1
            return pair(self_, xp, left, right)

        def counted_multiply(tensor: object, matrix: object, axis: int) -> object:
            rest = tensor.size // tensor.shape[axis]
            self.products[(tuple(matrix.shape), (tensor.shape[axis], rest))] += 1
            return multiply(tensor, matrix, axis)

        contraction._Pair.__call__ = counted_pair
        for name, module in list(sys.modules.items()):
            if name.startswith("tensorflowlr") and getattr(module, "multiply", None) is multiply:
                module.multiply = counted_multiply

    def shares(self, cpu: float) -> dict[str, float]:
        """LAPACK's and the products' part of `cpu`."""
        import time

        import numpy as np

        total = 0.0
        for (left, right), count in self.products.items():
            a, b = np.ones(left, complex), np.ones(right, complex)
            a @ b
            repeats = min(count, 20)
            begin = time.perf_counter()
            for _ in range(repeats):
                a @ b
            total += (time.perf_counter() - begin) / repeats * count
        return {"lapack_share": round(self.lapack / cpu, 3), "product_share": round(total / cpu, 3)}


def child(arguments: list[str], python: str = sys.executable, code: str | None = None) -> Any:
    """A case or reference in a process of its own, so that its peak memory is its own."""
    command = [python, "-c", code, *arguments] if code else [python, __file__, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    """Run the cases, each in its own process, and print a JSON line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lengths", nargs="*", type=int, default=[8, 16, 32, 64])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--quimb", metavar="PYTHON", help="an interpreter that has quimb")
    parser.add_argument("--child", metavar="CASE", help=argparse.SUPPRESS)
    parser.add_argument("--exact", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--share", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.exact:
        print(exact(options.lengths[0]))
        return
    if options.child:
        print(json.dumps(one(options.lengths[0], options.child, options.share)))
        return
    for length in options.lengths:
        # in a process of its own: a child's peak memory counts what its parent held
        reference = child([str(length), "--exact"]) if length <= 16 else None
        # tuned for short chains, where the rounds are worth repeating
        short = length <= 16
        cases = [case for case in CASES if short or "steady" in case]
        runs: dict[str, list[dict]] = {case: [] for case in cases}
        peer: list[dict] = []
        for _ in range(options.repeat if short else 1):
            for case in cases:
                runs[case].append(child([str(length), "--child", case]))
            if options.quimb:
                peer.append(child([str(length)], options.quimb, QUIMB))
        for case, results in runs.items():
            shared = child([str(length), "--child", case, "--share"])
            best = dict(results[0])
            best["cpu_s"] = round(statistics.median(r["cpu_s"] for r in results), 4)
            best["cpu_ms_per_step"] = round(1e3 * best["cpu_s"] / best["steps"], 3)
            best["lapack_share"] = shared["lapack_share"]
            best["product_share"] = shared["product_share"]
            if reference is not None:
                best["error_z_mid"] = abs(best["z_mid"] - reference)
            print(json.dumps(best), flush=True)
        if peer:
            row = {"benchmark": "quench", "L": length, "case": "quimb TEBD2, dt = 0.01",
                   "cpu_s": round(statistics.median(r["cpu_s"] for r in peer), 4)}
            if reference is not None:
                row["error_z_mid"] = abs(peer[0]["z_mid"] - reference)
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
