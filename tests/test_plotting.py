"""Pictures: drawn for every kind of solution, without warnings, and whole."""

from __future__ import annotations

import builtins
import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import tensorflowlr as tlr
from tensorflowlr.plotting import plot_solution

COUNT = 11


@pytest.fixture(scope="module")
def solution() -> tlr.Solution:
    problem = tlr.problems.nearest_neighbour_ising(4)
    return tlr.integrate(
        problem.field, problem.start, problem.span, step=0.1, observe=problem.observe,
        method=tlr.AugmentedBUG(tlr.Truncation(atol=1e-6)),
    )


@pytest.fixture
def figures(monkeypatch) -> list[Figure]:
    """The figures as they are written."""
    found: list[Figure] = []
    write = Figure.savefig

    def savefig(self: Figure, *arguments: Any, **options: Any) -> None:
        found.append(self)
        write(self, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", savefig)
    return found


def curves(panel: Any) -> dict[str, np.ndarray]:
    return {line.get_label(): np.asarray(line.get_ydata()) for line in panel.get_lines()}


def test_panels_show_the_numbers_of_the_solution(tmp_path, solution, figures):
    plot_solution(solution, tmp_path / "run.png", title="four spins")
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in tmp_path.iterdir()] == ["run.png"]
    observed, ranks, drift = figures[0].axes
    assert np.array_equal(curves(observed)["magnetisation"], solution.observables["magnetisation"])
    assert np.array_equal(curves(ranks)["largest"], solution.max_ranks)
    middle = np.median(np.stack(list(solution.ranks.values())), axis=0)
    assert np.array_equal(curves(ranks)["median"], middle)
    energy = solution.observables["energy"]
    assert np.array_equal(curves(drift)["energy"][1:], abs(energy - energy[0])[1:])
    assert np.isnan(curves(drift)["energy"][0])
    assert drift.get_yscale() == "log"
    assert drift.get_xlabel() == "time t"
    assert all(panel.get_ylabel() for panel in figures[0].axes)


ODD: dict[str, dict[str, np.ndarray]] = {
    "nothing observed": {},
    "exactly kept": {"norm": np.ones(COUNT), "energy": np.zeros(COUNT)},
    "not finite": {"norm": np.full(COUNT, np.nan), "x": np.full(COUNT, np.inf)},
    "overflowing": {"energy": 10.0 ** np.linspace(0, 308, COUNT), "x": np.full(COUNT, -1e308)},
    "complex and integer": {"z": np.exp(1j * np.arange(COUNT)), "n": np.arange(COUNT)},
    "arrays": {"field": np.ones((COUNT, 2, 3)), "none": np.ones((COUNT, 0))},
    "many entries": {"field": np.ones((COUNT, 500)), "deep": np.ones((COUNT, 3, 3, 3))},
    "images of nothing": {"field": np.full((COUNT, 20), np.nan), "zero": np.zeros((COUNT, 9))},
    "matrices": {"$\\bad{$": np.full((COUNT, 4, 30), np.inf), "c": 1j * np.ones((COUNT, 5, 5))},
    "row": {"row": np.ones((COUNT, 1, 40)), "$\\bad{$": np.ones((COUNT, 40))},
    "names": {"$\\bad{$": np.ones(COUNT), "_hidden": np.ones(COUNT)},
    "one name": {"$\\bad{$": np.ones(COUNT)},
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_observables(tmp_path, solution, kind):
    odd = dataclasses.replace(solution, observables=ODD[kind])
    plot_solution(odd, tmp_path / "odd.png", title="$\\bad{$")
    assert (tmp_path / "odd.png").stat().st_size > 1000


def test_names_with_underscores_are_in_the_legend(tmp_path, solution, figures):
    plot_solution(dataclasses.replace(solution, observables=ODD["names"]), tmp_path / "odd.png")
    texts = figures[0].axes[0].get_legend().get_texts()
    assert [text.get_text().strip() for text in texts] == ["$\\bad{$", "_hidden"]


def test_exact_zeros_are_on_a_linear_scale(tmp_path, solution, figures):
    kept = dataclasses.replace(solution, observables=ODD["exactly kept"])
    plot_solution(kept, tmp_path / "kept.png")
    drift = figures[0].axes[-1]
    assert drift.get_yscale() == "linear"
    assert not curves(drift)["norm (exactly kept)"].any()


def test_start_alone_and_backwards(tmp_path, solution):
    def part(where: slice) -> tlr.Solution:
        return dataclasses.replace(
            solution, times=solution.times[where],
            observables={k: v[where] for k, v in solution.observables.items()},
            ranks={k: v[where] for k, v in solution.ranks.items()},
        )

    plot_solution(part(slice(0, 1)), tmp_path / "start.png")
    plot_solution(part(slice(None, None, -1)), tmp_path / "back.png")
    assert len(list(tmp_path.iterdir())) == 2


def mesh(panel: Any) -> np.ndarray:
    """The numbers of the one image of a panel."""
    (image,) = [*panel.collections, *panel.images]
    return np.ma.filled(np.ma.asarray(image.get_array(), float), np.nan)


def test_vectors_are_images_over_time_and_matrices_images_at_the_end(tmp_path, solution, figures):
    rng = np.random.default_rng(0)
    field = rng.standard_normal((COUNT, 20))
    table = rng.standard_normal((COUNT, 6, 6)) + 1j * rng.standard_normal((COUNT, 6, 6))
    spectrum = np.array([1.0, 0.3, 1e-5]) * np.linspace(1.0, 2.0, COUNT)[:, None]
    seen = {"field": field, "table": table, "x": field[:, 0], "spectrum": spectrum}
    figure = plot_solution(dataclasses.replace(solution, observables=seen), tmp_path / "a.png")
    assert figure is figures[0]
    names = {panel.get_ylabel(): panel for panel in figure.axes}
    assert np.array_equal(curves(names["x"])["x"], field[:, 0])
    assert np.array_equal(curves(names["spectrum"])["entry 1"], spectrum[:, 1])
    assert names["spectrum"].get_yscale() == "log"
    assert np.array_equal(mesh(names["entry"]), field.T)
    assert np.array_equal(mesh(names["row"]), abs(table[-1]))
    # the bars beside the images say what they show
    assert {"field", "|table| at t = 1"} <= names.keys()
    limits = names["entry"].collections[0].get_clim()
    assert limits == (-abs(field).max(), abs(field).max())


def test_long_runs_are_thinned_to_the_last_time(solution):
    count = 5000
    long = dataclasses.replace(
        solution, times=np.linspace(0.0, 1.0, count), ranks={0: np.ones(count, int)},
        observables={"field": np.arange(count)[:, None] * np.ones(10)},
    )
    shown = mesh(plot_solution(long).axes[0])
    assert shown.shape[0] == 10
    assert 500 < shown.shape[1] <= 1200
    assert shown[0, -1] == count - 1


def test_a_single_time_shows_profiles(solution):
    start = dataclasses.replace(
        solution, times=solution.times[:1], ranks={k: v[:1] for k, v in solution.ranks.items()},
        observables={"field": np.arange(12.0)[None, :]},
    )
    panel = plot_solution(start).axes[-1]
    assert panel.get_ylabel() == "field at t = 0"
    assert np.array_equal(panel.get_lines()[0].get_ydata(), np.arange(12.0))


def test_notebooks_get_a_picture(tmp_path, solution):
    figure = solution.plot(title="four spins")
    assert isinstance(figure, Figure)
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert solution.plot(tmp_path / "run.png").get_axes()
    assert (tmp_path / "run.png").stat().st_size > 1000


def test_missing_matplotlib_names_the_extra(tmp_path, solution, monkeypatch):
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest)

    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"tensorflowlr\[plot\]"):
        plot_solution(solution, tmp_path / "run.png")


def test_refusals_leave_no_file(tmp_path: Path, solution):
    with pytest.raises(TypeError, match="solution must be a Solution, not int"):
        plot_solution(3, tmp_path / "run.png")
    with pytest.raises(OSError, match="none"):
        plot_solution(solution, tmp_path / "none" / "run.png")
    assert list(tmp_path.iterdir()) == []
