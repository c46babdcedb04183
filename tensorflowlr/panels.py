"""The panels of a picture, one function each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorflowlr.arrays import host, to_numpy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette, told apart by colour-blind readers; the dashes help in print
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":")
# arrays of up to this many entries are drawn as lines, larger ones as images
FEW = 8
# a component each gets its own line up to this many
MAX_LINES = 64
# more columns than this no picture shows
MAX_COLUMNS = 1200
# the share of the largest value from which on the other sign is shown
SIGNS = 0.01
# entries further apart than this are drawn on a logarithmic scale
WIDE = 1e3


def prepare(panel: Axes) -> None:
    """A light grid and two spines."""
    panel.grid(True, which="major", color="0.88", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)


def _label(name: str) -> str:
    # matplotlib leaves labels that start with an underscore out of the legend
    return f" {name}" if name.startswith("_") else name


def observables(panel: Axes, times: Any, seen: dict[str, Any]) -> None:
    """Numbers over time, one line each."""
    for i, (name, values) in enumerate(seen.items()):
        style = {"color": COLOURS[i % len(COLOURS)], "linewidth": 1.6}
        _line(panel, times, values, _label(name), DASHES[i % 3], style)
    handles, _ = panel.get_legend_handles_labels()
    if len(handles) == 1:
        panel.set_ylabel(str(handles[0].get_label()), parse_math=False)
    else:
        panel.set_ylabel("observables")
        _legend(panel)


def components(panel: Axes, times: Any, name: str, values: Any) -> None:
    """A line for every entry of an array."""
    count = values.shape[1]
    for j, column in enumerate(values.T[:MAX_LINES]):
        style = {"color": COLOURS[j % len(COLOURS)], "linewidth": 1.2}
        label = "_" if count > FEW else f"entry {j}" if count > 1 else _label(name)
        _line(panel, times, column, label, DASHES[j % 3], style)
    last = host.abs(values[-1][host.isfinite(values[-1])])
    positive = last[last > 0.0]
    if values.dtype.kind != "c" and positive.size and not bool(host.any(values < 0.0)):
        if positive.max() > WIDE * positive.min():
            panel.set_yscale("log", nonpositive="mask")
    entries = f" ({count} entries)" if count > FEW else ""
    panel.set_ylabel(_label(name) + entries, parse_math=False)
    if len(panel.get_legend_handles_labels()[0]) > 1:
        _legend(panel)


def _line(
    panel: Axes, times: Any, column: Any, label: str, dash: str, style: dict[str, Any]
) -> None:
    style = style | {"marker": "o" if len(times) == 1 else ""}
    panel.plot(times, column.real, dash, label=label, **style)
    if column.dtype.kind == "c" and bool(host.any(column.imag != 0.0)):
        label = label if label == "_" else f"{label}, imaginary part"
        panel.plot(times, column.imag, ":", label=label, **style)


def image(panel: Axes, times: Any, name: str, values: Any) -> None:
    """A vector over time and entry."""
    values, name = _real(values, name)
    stride = -(-len(times) // MAX_COLUMNS)
    # the last column is always there
    picked = host.arange(len(times) - 1, -1, -stride)[::-1]
    panel.grid(False)
    mesh = panel.pcolormesh(
        times[picked], host.arange(values.shape[1]), values[picked].T, shading="nearest",
        rasterized=True, **_colours(values),
    )
    _entries(panel.yaxis)
    panel.set_ylabel("entry")
    _bar(panel, mesh, name)


def matrix(panel: Axes, name: str, time: float, values: Any) -> None:
    """A matrix at one time."""
    values, name = _real(values, name)
    panel.grid(False)
    rows, columns = values.shape
    image = panel.imshow(
        values, interpolation="nearest", aspect="auto" if max(rows, columns) > 3 * min(
            rows, columns) else "equal", **_colours(values),
    )
    for axis in (panel.xaxis, panel.yaxis):
        _entries(axis)
    panel.set_xlabel("column")
    panel.set_ylabel("row")
    _bar(panel, image, f"{name} at t = {time:g}")


def profile(panel: Axes, name: str, time: float, values: Any) -> None:
    """A vector at a single time."""
    values, name = _real(values, name)
    panel.plot(host.arange(len(values)), values, color=COLOURS[0], linewidth=1.4)
    _entries(panel.xaxis)
    panel.set_xlabel("entry")
    panel.set_ylabel(f"{name} at t = {time:g}", parse_math=False)


def _real(values: Any, name: str) -> tuple[Any, str]:
    if values.dtype.kind != "c":
        return values, _label(name)
    if not bool(host.any(values.imag != 0.0)):
        return values.real, _label(name)
    return host.abs(values), f"|{name}|"


def _colours(values: Any) -> dict[str, Any]:
    """A scale about zero where both signs matter, else one from the least to the largest."""
    finite = values[host.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if low < 0.0 < high and min(-low, high) > SIGNS * max(-low, high):
        most = max(-low, high)
        return {"cmap": "RdBu_r", "vmin": -most, "vmax": most}
    return {"cmap": "viridis", "vmin": low, "vmax": high}


def _entries(axis: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, nbins=6))


def _bar(panel: Axes, image: Any, name: str) -> None:
    bar = panel.figure.colorbar(image, ax=panel, pad=0.02)
    bar.set_label(name, parse_math=False)
    bar.outline.set_visible(False)


def ranks(panel: Axes, times: Any, history: dict[int, Any]) -> None:
    """The largest and the median rank over time."""
    from matplotlib.ticker import MaxNLocator

    ranks = host.stack([to_numpy(column) for column in history.values()])
    ordered = host.sort(ranks, axis=0)
    count = ranks.shape[0]
    median = 0.5 * (ordered[(count - 1) // 2] + ordered[count // 2])
    where: dict[str, Any] = {"drawstyle": "steps-pre", "linewidth": 1.6}
    where["marker"] = "o" if len(times) == 1 else ""
    panel.plot(times, ordered[-1], "-", color=COLOURS[0], label="largest", **where)
    panel.plot(times, median, "--", color=COLOURS[1], label="median", **where)
    panel.set_ylabel("ranks of the edges")
    panel.set_ylim(0.0, None)
    panel.yaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(panel)


def drift(panel: Axes, times: Any, kept: dict[str, Any]) -> None:
    """Change since the start; on a logarithmic scale zeros are left blank."""
    drifts = {name: host.abs(values - values[:1]).max(axis=1) for name, values in kept.items()}
    logarithmic = any(bool(host.any(drift > 0.0)) for drift in drifts.values())
    for i, (name, drift) in enumerate(drifts.items()):
        label = name
        if bool(host.all(drift == 0.0)):
            label += " (exactly kept)"
        if logarithmic:
            drift = host.where(drift > 0.0, drift, float("nan"))
        panel.plot(times, drift, DASHES[i], color=COLOURS[i], label=label, linewidth=1.4,
                   marker="." if len(times) < 30 else "")
    if logarithmic:
        panel.set_yscale("log")
    panel.set_ylabel("|change since t₀|")
    _legend(panel)


def _legend(panel: Axes) -> None:
    if panel.get_legend_handles_labels()[0]:
        legend = panel.legend(fontsize=9, frameon=False, ncols=2, loc="best")
        for text in legend.get_texts():
            text.set_parse_math(False)


def spectrum(panel: Axes, values: Any, cut: int, *, name: str | None = None) -> None:
    """Singular values on a logarithmic scale, those that are kept filled, and the cut."""
    sizes = host.abs(to_numpy(values))
    floor = max(float(sizes.max()), 1e-300) * 1e-18
    heights, numbers = host.where(sizes > floor, sizes, floor), host.arange(1, len(sizes) + 1)
    colour = COLOURS[len(panel.lines) // 3 % len(COLOURS)]
    panel.semilogy(numbers[:cut], heights[:cut], "o", color=colour, markersize=4, label=name)
    panel.semilogy(numbers[cut:], heights[cut:], "o", color=colour, markersize=4,
                   markerfacecolor="none")
    panel.axvline(cut + 0.5, color=colour, linewidth=0.9, linestyle="--")
    panel.set_xlabel("number")
    panel.set_ylabel("singular value")
    panel.set_title("spectrum and cut", fontsize=10)
    if name is not None:
        panel.legend(fontsize=7, title="modes", title_fontsize=7)


def terms(panel: Axes, weights: Any, factors: Any) -> None:
    """The vectors of a symmetric tensor as columns of an image, weights below."""
    real = factors.real
    bound = float(host.abs(real).max()) or 1.0
    image = panel.imshow(real, cmap="RdBu_r", vmin=-bound, vmax=bound, aspect="auto",
                         interpolation="nearest")
    panel.figure.colorbar(image, ax=panel, label="entry")
    panel.grid(False)
    if len(weights) <= 8:
        panel.set_xticks(range(len(weights)), [f"{w.real:.3g}" for w in weights], fontsize=7)
        panel.set_xlabel("component, by its weight")
    else:
        panel.set_xlabel("component, largest weight first")
    panel.set_ylabel("index")
    panel.set_title("components", fontsize=10)


def bars(panel: Axes, names: list[str], heights: list[int], label: str) -> None:
    """One bar per name."""
    panel.bar(range(len(names)), heights, color=COLOURS[0])
    panel.set_xticks(range(len(names)), names, fontsize=7, rotation=45 if len(names) > 6 else 0)
    panel.set_xlabel("modes")
    panel.set_ylabel(label)


def tubes(panel: Axes, values: Any, cuts: Any) -> None:
    """Singular values of every face on a logarithmic scale, those that are kept filled."""
    floor = max(float(host.max(v)) for v in values) * 1e-17 or 1e-300
    for j, (face, cut) in enumerate(zip(values, cuts, strict=True)):
        heights = host.where(face > floor, face, floor)
        numbers, colour = host.arange(1, len(heights) + 1), COLOURS[j % len(COLOURS)]
        label = f"{j}" if len(values) <= FEW else "_"
        panel.semilogy(numbers, heights, "-", color=colour, linewidth=0.7)
        panel.semilogy(numbers[:cut], heights[:cut], "o", color=colour, markersize=4, label=label)
        panel.semilogy(numbers[cut:], heights[cut:], "o", color=colour, markersize=4,
                       markerfacecolor="none")
    _entries(panel.xaxis)
    panel.set_xlabel("number")
    panel.set_ylabel("singular value")
    panel.set_title("singular tubes, a line per face; kept values filled", fontsize=10)
    if len(values) <= FEW:
        panel.legend(fontsize=7, title="face", title_fontsize=7)


def slices(panel: Axes, given: Any, made: Any) -> None:
    """The first frontal slice of a tensor above that of its approximation, on one scale."""
    pair = [x.reshape((*x.shape[:2], -1))[:, :, 0] for x in (given, made)]
    first, second = (_real(x, "")[0] for x in pair)
    rows, columns = first.shape
    axis = 0 if columns > rows else 1
    image = panel.imshow(host.concat([first, second], axis=axis), interpolation="nearest",
                         **_colours(first))
    line = panel.axhline if axis == 0 else panel.axvline
    line((rows if axis == 0 else columns) - 0.5, color="white", linewidth=2.0)
    panel.set_axis_off()
    panel.set_title("first slice " + ("above" if axis == 0 else "beside") + " its approximation",
                    fontsize=10)
    panel.figure.colorbar(image, ax=panel, label="entry")
