"""A quench of a spin chain: magnetisation of every spin, and entropy of every cut."""

import argparse
from pathlib import Path

from matplotlib.figure import Figure

import tensorflowlr as tlr

SPINS = 12


def main(output: Path) -> float:
    """Draw spin_quench.png; return the entropy between the halves at the end."""
    # all spins up, then a transverse field is switched on; a comb suits a chain
    tree = tlr.Tree.train(SPINS, root=SPINS // 2)
    problem = tlr.problems.nearest_neighbour_ising(SPINS, tree=tree, span=(0.0, 3.0))
    solution = tlr.integrate(
        problem.field, problem.start, problem.span, step=0.05,
        method=tlr.AugmentedBUG(tlr.Truncation(atol=1e-6), order=2, flow=tlr.Exponential(1e-9)),
        observe={
            "spins": tlr.observers.LocalExpectations([1.0, -1.0]),
            "entropies": tlr.observers.Entropies(),
        },
    )
    print(solution)
    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    image = left.pcolormesh(
        range(SPINS), solution.times, solution.observables["spins"], shading="nearest",
        cmap="RdBu_r", vmin=-1.0, vmax=1.0,
    )
    figure.colorbar(image, ax=left, label="⟨Z⟩")
    left.set(xlabel="spin", ylabel="time", title="magnetisation")
    # an edge of the tree cuts off the spins below it; those of contiguous ends are the cuts
    entropies = dict(zip(tree.edges, solution.observables["entropies"].T, strict=True))
    halves = 0.0
    for edge, leaves in enumerate(tree.leaves_below[:-1]):
        if 0 in leaves and len(leaves) in (1, 2, 4, SPINS // 2):
            right.plot(solution.times, entropies[edge], label=f"first {len(leaves)} spins")
            halves = float(entropies[edge][-1]) if len(leaves) == SPINS // 2 else halves
    right.set(xlabel="time", ylabel="entropy", title="entanglement")
    right.legend()
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "spin_quench.png", dpi=120)
    return halves


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output"))
    main(parser.parse_args().output)
