"""The doors that bad input must meet a refusal at: public names and configuration keys."""

from __future__ import annotations

import importlib.util
import inspect
import types
from typing import Any

HAS_TORCH = importlib.util.find_spec("torch") is not None
# what integrators, fields and flows ask of one another: made by the library, checked at doors
INSIDE = {
    name: reason
    for reason, names in {
        "methods are called by the loop":
            "AugmentedBUG.step FixedRankBUG.step ParallelBUG.step",
        "fields are called by the loop":
            "FactoredField.prepare LinearField.prepare nn.GradientField.prepare "
            "tubal.TubalField.prepare DenseField.evaluate FactoredField.evaluate "
            "LinearField.evaluate",
        "fields are called by methods":
            "FactoredField.environment LinearField.environment nn.GradientField.environment "
            "tubal.TubalField.environment FactoredField.orthonormal LinearField.orthonormal "
            "nn.GradientField.slope nn.GradientField.slopes LinearField.source_at "
            "tubal.TubalField.homogeneous",
        "checkpoints ask fields": "FactoredField.probe LinearField.probe",
        "operators are placed by fields": "TreeOperator.place",
        "says that it checks nothing":
            "TreeOperator.trusted TreeTensor.trusted tubal.TubalTensor.trusted",
        "is the check itself": "TreeOperator.check_fits TreeTensor.check_tree",
        "ranks are clipped by truncations": "Truncation.clip",
        "edges are asked for by truncations": "Truncation.limits Truncation.holds",
        "layers are lent to fields": "nn.LowRankLayer.adopt",
        "layers are filled by the optimiser": "nn.LowRankLayer.assign",
        "layers are computed by their forward pass": "nn.LowRankLayer.compute",
        "layers are filled by `from_dense`": "nn.LowRankLayer.fill",
        "layers are drawn by their constructors": "nn.LowRankLayer.reset",
        "truncations are made by the optimiser": "nn.LowRankLayer.rule",
        "weights are settled by the optimiser": "nn.LowRankLayer.settle",
        "is torch's own class":
            "nn.TuckerConv1d.dense_type nn.TuckerConv2d.dense_type nn.TuckerConv3d.dense_type",
        "takes torch's flag": "nn.LowRankOptimizer.zero_grad",
    }.items()
    for name in names.split()
}
# what the library makes and users read
RESULTS = (
    "Solution", "StepInfo", "Ensemble", "config.RunConfig", "config.RunConfig.with_directory",
    "Diagnostics", "tubal.Channel", "nn.Report",
)
ARITHMETIC = (
    "__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__",
    "__matmul__",
)


def doors() -> set[str]:
    """What bad input must be refused by: all entrances but those inside and those of results."""
    return entrances() - {*RESULTS, *INSIDE}


def entrances() -> set[str]:
    """Every public function, class and method that takes an argument."""
    import tensorflowlr as tlr
    from tensorflowlr import config, plotting, tubal
    from tensorflowlr.tubal import sensing

    found: set[str] = {"io.read_array", *members(tubal, "tubal.")}
    if HAS_TORCH:
        # an extra: where it is not installed the check covers the rest
        from tensorflowlr import nn
        from tensorflowlr.nn import data

        found |= members(nn, "nn.") | {
            name for kind in (data.Images, data.load_images)
            for name in openings(f"nn.data.{kind.__name__}", kind)}
    for name in ("Measurements", "EntrySamples", "random_truth", "gradient_descent"):
        found |= openings(f"tubal.sensing.{name}", getattr(sensing, name))
    for module, prefix in ((tlr, ""), (config, "config."), (plotting, "plotting.")):
        for name, value in public(module):
            own = getattr(value, "__module__", "")
            if isinstance(value, types.ModuleType):
                found |= members(value, f"{name}.")
            elif prefix and own != module.__name__:
                continue
            else:
                found |= openings(f"{prefix}{name}", value)
    return found


def members(module: types.ModuleType, prefix: str) -> set[str]:
    """The doors of a public module."""
    found: set[str] = set()
    for name, value in public(module):
        found |= openings(f"{prefix}{name}", value)
    return found


def public(module: types.ModuleType) -> list[tuple[str, Any]]:
    """The names of a module that are its own or that it exports."""
    names = getattr(module, "__all__", None) or [n for n in vars(module) if n[0] != "_"]
    kept = []
    for name in names:
        value = getattr(module, name)
        if isinstance(value, types.ModuleType):
            # a package's rooms are there once imported; exported ones are named in its source
            exported = f" import {name} as {name}\n" in inspect.getsource(module)
            if exported:
                kept.append((name, value))
        elif getattr(value, "__module__", "").startswith("tensorflowlr"):
            kept.append((name, value))
    return kept


def openings(name: str, value: Any) -> set[str]:
    """A function, or a class with its constructor and methods, as far as they take arguments."""
    if not callable(value) or getattr(value, "_is_protocol", False):
        return set()
    if not isinstance(value, type):
        return {name} if takes_arguments(value) else set()
    if issubclass(value, BaseException):
        return set()
    found = {name} if takes_arguments(value) else set()
    for key in vars(value):
        method = getattr(value, key)
        if (key in ARITHMETIC or key[0] != "_") and takes_arguments(method):
            found.add(f"{name}.{key}")
    return found


def takes_arguments(function: Any) -> bool:
    """Whether a caller has anything to give."""
    if not callable(function):
        return False
    names = list(inspect.signature(function).parameters)
    return bool([n for n in names if n not in ("self", "cls")])


def config_keys() -> set[str]:
    """Every key of configuration files, from the builders' signatures and a file that is read."""
    from tensorflowlr import config
    from tensorflowlr.problems import CATALOGUE

    found = {"problem.tree.kind", "problem.tree.root", "method.flow"}
    for builder in CATALOGUE.values():
        names = set(inspect.signature(builder).parameters) - {"span"}
        found |= {f"problem.{name}" for name in names}
    for method in config.METHODS.values():
        names = set(inspect.signature(method).parameters) - {"rule"}
        found |= {f"method.{name}" for name in names}
    for flow in config.FLOWS.values():
        found |= {f"method.flow.{name}" for name in inspect.signature(flow).parameters}
    tables = config.RunConfig(
        {"name": ""}, {"name": ""},
        {"rtol": 0.0, "atol": 0.0, "max_rank": None, "min_rank": 1},
        **{
            name: None for name in inspect.signature(config.RunConfig).parameters
            if name not in ("problem", "method", "truncation")
        },
    ).as_dict()
    for table, keys in tables.items():
        found |= {f"{table}.{key}" for key in keys}
    return found
