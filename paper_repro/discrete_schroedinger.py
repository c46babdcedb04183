"""The discrete Schrödinger equation of arXiv 2104.05247: errors, and small singular values."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from paper_repro import schroedinger_figures
from paper_repro.common import Array, above_printed, main, slope, stopwatch
from paper_repro.report import Table, Verdicts
from paper_repro.schroedinger import (
    CAP,
    METHODS,
    POINTS,
    STEPS,
    bases,
    errors,
    exact,
    low_rank,
    small_values,
)

TITLE = "Discrete Schrödinger equation: low-rank integrators for matrices (arXiv 2104.05247)"

# errors at T = 1 by start rank and tolerance; None where no figure is known
KNOWN: dict[tuple[int, float], dict[str, tuple[str | None, ...]]] = {
    (4, 1e-6): {
        "augmented": ("1.12e-2", "5.54e-3", "2.21e-3", "1.11e-3", "5.7e-4"),
        "parallel": ("5.13e-2", "2.53e-2", "1.01e-2", "5.01e-3", "2.47e-3"),
        "parallel, rejection": ("1.29e-3", "6.3e-4", "1.6e-4", "1.6e-4", "2.3e-4"),
    },
    (8, 1e-6): {
        "augmented": (None, None, "5.1e-5", "6.1e-5", "1.1e-4"),
        "parallel": (None, None, "9.6e-3", "4.8e-3", "2.4e-3"),
        "parallel, rejection": (None, None, "2.4e-4", "1.8e-4", "2.2e-4"),
    },
    (4, 1e-8): {
        "augmented": ("1.1e-2", "5.5e-3", "2.2e-3", "1.1e-3"),
        "parallel, rejection": ("1.3e-3", "1.0e-3", "2.3e-4", "1.1e-4"),
        "parallel, order 2": ("8.0e-4", "1.7e-4", "1.02e-4", "1.00e-4"),
    },
}
KNOWN_DRIFT = {"augmented": "8e-10", "parallel": "1.0e-4", "parallel, rejection": "2.7e-5"}


def run_errors(
    output: Path, verdicts: Verdicts, U: Array, V: Array, full: bool = False
) -> None:
    """Part (a): errors over the step for r0 = 4 and 8 and two tolerances.

    The smallest step is left out at the tighter tolerance, unless `full`.
    """
    s = 10.0 ** -np.arange(1.0, POINTS + 1.0)
    s /= np.linalg.norm(s)
    reference = exact((U * s) @ V.T)
    curves = {}
    for rank, atol in KNOWN | {(8, 1e-8): {}}:
        steps = STEPS if atol == 1e-6 or full else STEPS[:-1]
        table = Table(
            f"Frobenius error at T = 1, r0 = {rank}, atol {atol:g}, max_rank {CAP}",
            [("method", ""), *((f"h = {h:g}", ".2e") for h in steps),
             ("norm drift, h = 0.01", ".1e"), ("repeated, h = 0.01", "d"),
             ("rank, h = 0.01", "d")],
        )
        Y0 = low_rank(U, s[:rank], V)
        found = errors(Y0, reference, steps, atol)
        for name in METHODS:
            made = found[name][steps.index(0.01)][1]
            drift = made.final.norm() / Y0.norm() - 1.0
            table.add(name, *(e for e, _ in found[name]), drift, made.stats["rejected"],
                      made.final.max_rank)
            known = KNOWN.get((rank, atol), {}).get(name)
            if known is not None:
                printed = (*known, None)[: len(steps)]
                table.add("    known", *(float(k) if k else None for k in printed),
                          None, None, None)
                worst = max(above_printed(e, k, 1.1)
                            for (e, _), k in zip(found[name], known, strict=False) if k)
                verdicts.at_most(f"(a) r0 = {rank}, atol {atol:g}, {name}: error / "
                                 "(1.1 x known error), any h", worst, 1.0)
            if (rank, atol) == (4, 1e-6) and name in KNOWN_DRIFT:
                verdicts.at_most(f"(a) r0 = 4, {name}: norm drift / (1.1 x known drift)",
                                 above_printed(abs(drift), KNOWN_DRIFT[name], 1.1), 1.0)
        curves[rank, atol] = {name: [e for e, _ in found[name]] for name in METHODS}
        table.save(output, f"errors_r{rank}_atol{atol:.0e}")
    for name, start, bound in (("augmented", (4, 1e-6), 0.9), ("parallel", (4, 1e-6), 0.9),
                               ("parallel, order 2", (8, 1e-8), 1.9),
                               ("augmented, order 2", (8, 1e-8), 1.9)):
        fitted = slope(STEPS[:3], curves[start][name][:3])
        verdicts.at_least(f"(a) {name}, r0 = {start[0]}: fitted order, h >= 0.02", fitted, bound)
    schroedinger_figures.draw_errors(output / "errors.png", STEPS, curves)


def run_small_values(output: Path, verdicts: Verdicts, U: Array, V: Array) -> None:
    """Part (b): the same error curves whatever the smallest singular value."""
    names, steps = METHODS[:4], (0.1, 0.05, 0.02)
    smallest = [1.0, 1e-1, 1e-2, 1e-3, 1e-5, 1e-8, 1e-11, 1e-14]
    found, broken, best = small_values(U, V, steps, smallest, 4, names)
    table = Table(
        "Frobenius error at T = 1, h = 0.02, by the smallest of four singular values",
        [("smallest", ".0e"), *((name, ".2e") for name in names), ("naive", ".2e"),
         ("best of rank 4", ".2e")],
    )
    for value in smallest:
        table.add(value, *(found[name, value][-1] for name in names), broken[value][-1],
                  best[value])
    table.save(output, "small_singular_values")
    for name in names:
        worst = max(
            float(np.max(np.divide(found[name, value], found[name, 0.1]))) for value in smallest[1:]
        )
        verdicts.at_most(f"(b) {name}: error / that for 1e-1, any smaller value, any h", worst, 2.0)
    parallel = max(found["parallel", value][-1] for value in smallest)
    lost = min(np.nan_to_num(broken[value][-1], nan=np.inf) for value in smallest if value < 1e-5)
    verdicts.at_least("(b) naive method, smallest value below 1e-5: error / worst of parallel",
                      float(lost) / parallel, 100.0)
    schroedinger_figures.draw_small_values(output / "small_singular_values.png", steps, found,
                                           broken, best)


def run(output: Path, full: bool = False) -> int:
    """Run everything; write tables, figures and verdicts to `output`.

    Returns
    -------
    int
        0 if every verdict passes, else 1.
    """
    print(TITLE + "\n")
    verdicts = Verdicts()
    U, V = bases(POINTS)
    with stopwatch("errors"):
        run_errors(output, verdicts, U, V, full)
    with stopwatch("small singular values"):
        run_small_values(output, verdicts, U, V)
    return verdicts.save(output)


if __name__ == "__main__":
    raise SystemExit(main(TITLE, run))
