"""The cost of a training step of factorised layers against the dense layer's.

    OMP_NUM_THREADS=2 python benchmarks/training_step.py

times forward pass, backward pass and optimiser of Conv2d(256, 256, 3) on 16 × 256 × 14 × 14 and
of the same layer with a share of its ranks, the same base optimiser under both, in turn in one
process. Medians of wall and of process CPU time; ratios are medians of the paired ratios.
``--device cuda`` does so on a GPU for the shapes of ResNet-18, ``--all`` for those on the CPU.
"""

from __future__ import annotations

import argparse
import copy
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from tensorflowlr import nn

# channels in and out, stride, height and width of the input
CASE = [(256, 256, 1, 14)]
RESNET18 = [(64, 64, 1, 56), (64, 128, 2, 56), (128, 128, 1, 28), (128, 256, 2, 28),
            (256, 256, 1, 14), (256, 512, 2, 14), (512, 512, 1, 7)]
BASES = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}


def stepper(layer: Any, optimizer: Any, x: Any, cotangent: Any) -> Callable[[], None]:
    """One training step as a function."""

    def step() -> None:
        optimizer.zero_grad()
        # inside a network, the gradient of an input is passed on and not summed up
        x.grad = None
        layer(x).backward(cotangent)
        optimizer.step()
        if x.is_cuda:
            torch.cuda.synchronize()

    return step


def timed(step: Callable[[], None]) -> tuple[float, float]:
    """Wall and CPU milliseconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    step()
    return 1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - cpu)


def held(optimizer: Any) -> int:
    """Numbers in the optimiser's state."""
    return sum(v.numel() for s in optimizer.state.values() for v in s.values()
               if isinstance(v, torch.Tensor) and v.ndim)


def measure(case: tuple[int, int, int, int], args: argparse.Namespace) -> None:
    """Print one line per share and method."""
    inputs, outputs, stride, size = case
    torch.manual_seed(0)
    dense = torch.nn.Conv2d(inputs, outputs, 3, stride, 1, device=args.device)
    x = torch.randn(args.batch, inputs, size, size, device=args.device, requires_grad=True)
    cotangent = torch.randn_like(dense(x))
    options = {"lr": 1e-4, **({"momentum": args.momentum} if args.momentum else {})}
    kind = BASES[args.base]
    base = kind(dense.parameters(), **options)
    steps = {"dense": (stepper(dense, base, x, cotangent), dense, base)}
    for share in args.shares:
        layer = nn.factorize(copy.deepcopy(dense), rank=share)
        optimizer = nn.LowRankOptimizer(layer, kind, **options)
        steps[f"{100 * share:.0f} %"] = (stepper(layer, optimizer, x, cotangent), layer, optimizer)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    for repeat in range(args.repeats + 2):
        for name in (list(steps) if repeat % 2 else list(reversed(steps))):
            found = timed(steps[name][0])
            if repeat >= 2:
                times[name].append(found)
    for name, (_, layer, optimizer) in steps.items():
        ratios = [
            statistics.median(own[i] / other[i] for own, other in
                              zip(times[name], times["dense"], strict=True))
            for i in range(2)
        ]
        wall, cpu = (statistics.median(column) for column in zip(*times[name], strict=True))
        weights = sum(p.numel() for p in layer.parameters())
        print(f"{inputs:4d} → {outputs:4d} /{stride} {size:3d}²  {name:>6}  {wall:8.2f} {cpu:8.2f}"
              f"  {ratios[0]:7.2f} {ratios[1]:7.2f}  {weights:9,} {held(optimizer):9,}")


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--base", choices=BASES, default="sgd")
    parser.add_argument("--momentum", type=float, default=0.0, help="of SGD")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.25, 0.5])
    parser.add_argument("--all", action="store_true", help="all shapes of ResNet-18")
    args = parser.parse_args()
    if args.momentum and args.base != "sgd":
        parser.error("--momentum is for --base sgd")
    torch.set_num_threads(args.threads)
    where = (torch.cuda.get_device_name() if args.device == "cuda"
             else f"{platform.processor() or platform.machine()}, {args.threads} threads")
    print(f"torch {torch.__version__}, {where}; {args.base}, momentum {args.momentum:g};"
          " milliseconds")
    print("layer                    ranks      wall      cpu  of dense: wall, cpu  numbers in"
          " weights, state")
    for case in RESNET18 if args.all or args.device == "cuda" else CASE:
        measure(case, args)


if __name__ == "__main__":
    main()
