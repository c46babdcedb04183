"""Training as integration: one optimiser step is one step of a BUG integrator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from tensorflowlr.checks import shown, whole_number
from tensorflowlr.nn import budget as budget_rule
from tensorflowlr.nn import passes, processes
from tensorflowlr.nn.layer import LowRankLayer
from tensorflowlr.nn.step import LayerStep
from tensorflowlr.truncation import Truncation

METHODS = ("parallel", "augmented")


class LowRankOptimizer(torch.optim.Optimizer):
    """Trains factorised layers by the parallel or the augmented BUG integrator.

    The gradient flow of every factorised weight is integrated over one step whose flow is
    the base optimiser's own step: it moves the centres K_i = U_i S_i and the core by its
    rules, learning rate, momentum and weight decay; then bases are augmented, the core is
    assembled and truncated. Everything that is not factorised is the base optimiser's alone.

    The base optimiser's moments live in the frame of the weight. After each step first
    moments (`momentum_buffer`, `exp_avg`) are projected on the new frame, second moments
    (`exp_avg_sq` and the like) are carried by the squares of the change of bases. Where all
    modes are whole nothing is carried and the layer follows the dense optimiser.

    Parameters
    ----------
    model
        A module, or one wrapped in `DistributedDataParallel` by `distributed`. Its factorised
        layers return Galerkin gradients from now on.
    base
        The class of the base optimiser: `torch.optim.SGD`, `Adam`, `AdamW`, or any whose state
        has the shapes of its parameters.
    lr
        The learning rate.
    method
        ``"parallel"``: one pass serves all flows. ``"augmented"``: the core's flow takes a
        second pass in the augmented bases, and `step` needs a closure. That pass draws the
        same random numbers as the first and leaves the model's buffers, such as running
        statistics, as they were.
    truncation
        The truncation after each step, its tolerance relative to each weight; None holds all
        ranks. Modes that a layer does not adapt (the window's) are never cut.
    budget
        The most parameters that all factorised layers may have together, or None. Where a
        step ends with more, those singular values go that are least for the parameters they
        cost, their squares relative to each weight's.
    params
        Parameters or groups of them, as torch's optimisers take; by default all of the model.
    options
        Further arguments of the base optimiser, such as `momentum` and `weight_decay`.

    Raises
    ------
    TypeError, ValueError
        If an argument cannot be, a parameter is not in the model, or a layer's parameters
        are in different groups or only in part.

    References
    ----------
    Zangrando et al., NeurIPS 2024 (TDLRT); Schotthöfer et al., NeurIPS 2022 (DLRT);
    Savostianova et al., NeurIPS 2023 (CondLR, the truncation's `max_condition`); for the
    integrators Ceruti, Kusch, Lubich, Sulz, arXiv 2412.00858.

    Examples
    --------
    >>> import torch, tensorflowlr as tlr
    >>> from tensorflowlr import nn
    >>> model = nn.factorize(torch.nn.Sequential(torch.nn.Linear(8, 8)), rank=4)
    >>> optimizer = nn.LowRankOptimizer(model, base=torch.optim.SGD, lr=0.1,
    ...                                 truncation=tlr.Truncation(rtol=0.1))
    >>> model(torch.ones(2, 8)).square().sum().backward()
    >>> optimizer.step()
    """

    def __init__(
        self, model: torch.nn.Module, base: Any = torch.optim.SGD, *, lr: float = 1e-2,
        method: str = "parallel", truncation: Truncation | None = None,
        budget: int | None = None, params: Any = None, **options: Any,
    ) -> None:
        _check_settings(model, base, method, truncation, budget)
        inner = processes.unwrapped(model)
        groups = _groups(inner, params)
        self.base = base(groups, lr=lr, **options)
        self.method, self.truncation, self.budget = method, truncation, budget
        super().__init__(self.base.param_groups, self.base.defaults)
        self._link()
        trained = {id(p) for group in self.param_groups for p in group["params"]}
        self.layers = _layers(inner, trained, self.param_groups)
        if budget is not None and budget < budget_rule.least(self.layers):
            raise ValueError(f"budget must be at least {budget_rule.least(self.layers)}, what "
                             f"the layers have at rank one, not {budget}")
        processes.check(model, self.layers)
        for layer in self.layers:
            layer.galerkin = True
        processes.equalise(self.layers)
        for layer in self.layers:
            layer.refresh()
        self._reduced, self._model = False, inner

    def _link(self) -> None:
        self.param_groups, self.state = self.base.param_groups, self.base.state

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Refused once the optimiser is made: its layers are found at the start."""
        if hasattr(self, "layers"):
            raise ValueError("param_group: give all parameters when the optimiser is made")
        super().add_param_group(param_group)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the base optimiser's state; the model's own comes first."""
        self.base.load_state_dict(state_dict)
        self._link()

    def state_dict(self) -> dict[str, Any]:
        """The base optimiser's state: moments in the present frames, and groups."""
        return self.base.state_dict()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients."""
        super().zero_grad(set_to_none)
        self._reduced = False

    def synchronize(self) -> None:
        """Average the factorised layers' gradients over all processes.

        `step` does it; call it yourself, after the backward pass, where gradients are looked
        at or clipped before the step. Without processes it does nothing.
        """
        if not self._reduced:
            processes.average(self.layers)
            self._reduced = True

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of the integrator; the closure's loss, where there is one.

        Raises
        ------
        ValueError
            If the method is augmented and there is no closure.
        FloatingPointError
            If a weight has become NaN or Inf.
        """
        if self.method == "augmented" and closure is None:
            raise ValueError(
                "closure: method 'augmented' takes a second pass, in the augmented bases, from "
                "a closure that computes the loss and its gradients; use method='parallel'"
            )
        loss, drawn = None, None
        if self.method == "augmented":
            drawn = passes.generators(self._model)
        if closure is not None:
            self._reduced = False
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad():
            self.synchronize()
            steps = [
                LayerStep(layer, self.state, self.truncation)
                for layer in self.layers if layer.core.grad is not None
            ]
            if self.method == "augmented":
                assert closure is not None
                self._augmented(steps, closure, drawn)
            else:
                self._parallel(steps)
            if self.budget is not None:
                budget_rule.meet(self.layers, self.budget, self.state)
            for layer in self.layers:
                layer.refresh()
        self._reduced = False
        return loss

    def _parallel(self, steps: list[LayerStep]) -> None:
        for step in steps:
            step.start()
        self.base.step()
        for step in steps:
            step.parallel()

    def _augmented(
        self, steps: list[LayerStep], closure: Callable[[], Any], drawn: Any
    ) -> None:
        leaves = {id(p) for step in steps for p in step.layer.leaves}
        for group in self.param_groups:
            for parameter in group["params"]:
                if id(parameter) not in leaves:
                    parameter.grad = None
        for step in steps:
            step.remember()
            step.start()
        self.base.step()
        for step in steps:
            step.augment()
        with passes.repeated(self._model, drawn):
            self._second_pass(closure)
        self.base.step()
        for step in steps:
            step.augmented()

    def _second_pass(self, closure: Callable[[], Any]) -> None:
        """Gradients of the cores in the augmented bases, and of all that is not factorised."""
        parameters = [p for layer in self.layers for p in layer.leaves]
        for layer in self.layers:
            layer.galerkin = False
        for parameter in parameters:
            parameter.requires_grad_(False)
        try:
            self._reduced = False
            with torch.enable_grad():
                closure()
            self.synchronize()
        finally:
            for parameter in parameters:
                parameter.requires_grad_(True)
                parameter.grad = None
            for layer in self.layers:
                layer.galerkin = True


def _check_settings(model: Any, base: Any, method: Any, truncation: Any, budget: Any) -> None:
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, not {shown(model)}")
    if not (isinstance(base, type) and issubclass(base, torch.optim.Optimizer)) or (
        issubclass(base, LowRankOptimizer)
    ):
        raise TypeError(f"base must be a class of torch.optim, not {shown(base)}")
    if not isinstance(method, str) or method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, not {shown(method)}")
    if truncation is not None and not isinstance(truncation, Truncation):
        raise TypeError(f"truncation must be a tlr.Truncation or None, not {shown(truncation)}")
    if budget is not None:
        whole_number(budget, "budget")


def _groups(model: torch.nn.Module, params: Any) -> list[dict[str, Any]]:
    """Groups of parameters, each known to be the model's."""
    own = {id(p) for p in model.parameters()}
    if params is None:
        return [{"params": [p for p in model.parameters() if p.requires_grad]}]
    if isinstance(params, torch.Tensor) or not isinstance(params, Iterable):
        raise TypeError(f"params must be parameters or groups of them, not {shown(params)}")
    listed = list(params)
    grouped = bool(listed) and isinstance(listed[0], dict)
    groups = [dict(g) for g in listed] if grouped else [{"params": listed}]
    for group in groups:
        found = group.get("params", ())
        group["params"] = [found] if isinstance(found, torch.Tensor) else list(found)
        for i, parameter in enumerate(group["params"]):
            if id(parameter) not in own:
                raise ValueError(
                    f"params: parameter {i} of a group, {shown(parameter)}, is not in the model"
                )
    return groups


def _layers(
    model: torch.nn.Module, trained: set[int], groups: list[dict[str, Any]]
) -> list[LowRankLayer]:
    """The factorised layers whose parameters are trained, all of them in one group."""
    found = []
    for name, layer in model.named_modules():
        if not isinstance(layer, LowRankLayer):
            continue
        own = [layer.core, *layer.leaves]
        known = [id(p) in trained for p in own]
        if not any(known):
            continue
        if not all(known):
            raise ValueError(f"params: layer {name!r} must be trained as a whole or not at all")
        first = next(g for g in groups if any(p is own[0] for p in g["params"]))
        if not all(any(p is q for q in first["params"]) for p in own):
            raise ValueError(f"params: the parameters of layer {name!r} are in several groups")
        found.append(layer)
    return found
