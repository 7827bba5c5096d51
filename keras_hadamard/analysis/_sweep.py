"""Affine bounds: products between planes, swept from the outputs back to the inputs.

A linear functional of the outputs is followed backwards. At a product, each element is replaced by
a plane below or above it, whichever the sign of its weight asks for; what is left is affine in the
inputs, and its least value over a box is at a corner. There the affine model is run forwards, which
gives the bound with its constant.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keras import ops

from keras_hadamard._core.typing import Tensor
from keras_hadamard.analysis._graph import gradient
from keras_hadamard.analysis._intervals import Interval, middle_and_radius
from keras_hadamard.analysis._program import Run
from keras_hadamard.analysis._steps import Affine, Product

# Where in between the two planes of McCormick a bound is looked for.
SLOPES = (0.0, 0.5, 1.0)
# Of the ascent.
_STEPS = 12


Plane = Callable[..., Tensor]
# One number for all products, or a tensor for each by its place among the steps.
Slope = float | dict[int, Tensor] | None


@dataclass(frozen=True)
class Swept:
    """Lower bounds of one functional a row, and the corners of the boxes where they are."""

    bounds: Tensor
    corners: list[Tensor]
    # The coefficients of the inputs.
    slopes: list[Tensor]
    # The places of the products that were passed.
    products: tuple[int, ...]


def sweep(
    run: Run, intervals: dict[str, Interval], seeds: dict[str, Tensor], slope: Slope
) -> Swept:
    """Lower bounds of `sum(seed * tensor)` for each row; without a slope, stops at products."""
    weights = dict(seeds)
    planes: dict[int, Plane] = {}
    for number in range(len(run.steps) - 1, -1, -1):
        step = run.steps[number]
        if weights.keys().isdisjoint(step.outputs):
            continue
        above = [
            weights[name] if name in weights else ops.zeros_like(run.values[name])
            for name in step.outputs
        ]
        operands = [run.values[name] for name in step.operands]
        if isinstance(step, Product):
            at = slope.get(number, 0.5) if isinstance(slope, dict) else slope
            planes[number] = plane = _plane(step, intervals, above[0], at)
            if at is None:
                continue
            grads = gradient(_on(plane), operands, above)
        elif isinstance(step, Affine):
            grads = gradient(_on(step.linear), operands, above)
        for name, grad in zip(step.operands, grads, strict=True):
            weights[name] = weights[name] + grad if name in weights else grad
    slopes = [weights.get(name, ops.zeros_like(run.values[name])) for name in run.inputs]
    corners = [
        ops.where(w >= 0, *intervals[name]) for w, name in zip(slopes, run.inputs, strict=True)
    ]
    values = dict(zip(run.inputs, corners, strict=True))
    for number, step in enumerate(run.steps):
        if weights.keys().isdisjoint(step.outputs):
            continue
        if isinstance(step, Product):
            # A plane without slopes needs no operands, which may not have been reached.
            pair = [values.get(name) for name in step.operands]
            values[step.outputs[0]] = planes[number](*pair)
        elif isinstance(step, Affine):
            results = step.run(*[values[name] for name in step.operands])
            values.update(zip(step.outputs, results, strict=False))
    total: Any = 0.0
    for name, seed in seeds.items():
        value = values[name] if name in values else run.values[name]
        total += ops.sum(ops.reshape(seed * value, (seed.shape[0], -1)), axis=1)
    return Swept(total, corners, slopes, tuple(planes))


def _on(function: Callable[..., Any]) -> Callable[[list[Tensor]], list[Tensor]]:
    """The function, of one list of its operands."""

    def listed(operands: list[Tensor]) -> list[Tensor]:
        result = function(*operands)
        return result if isinstance(result, list) else [result]

    return listed


def _plane(
    step: Product, intervals: dict[str, Interval], weight: Tensor, slope: Tensor | None
) -> Plane:
    """What stands for a product: below it where its weight is positive, above it elsewhere."""
    first, second = (intervals[name] for name in step.operands)
    below = weight >= 0
    if slope is None:
        ends = ops.where(below, *intervals[step.outputs[0]])
        return lambda *_: ends
    if not step.elementwise:
        (m, r), (n, s) = middle_and_radius(first), middle_and_radius(second)
        constant = ops.where(below, -step.run(r, s), step.run(r, s)) - step.run(m, n)
        return lambda x, y: step.run(m, y) + step.run(x, n) + constant
    (a, b), (c, d) = first, second
    if step.operands[0] == step.operands[1]:
        at = b + (a - b) * slope
        gain = ops.where(below, 2 * at, a + b)
        constant = ops.where(below, -ops.square(at), -a * b)
        # Both operands are the same, and each has half of the gain.
        return lambda x, y: (x + y) * (gain / 2) + constant
    of_first = ops.where(below, (c - d) * slope + d, (d - c) * slope + c)
    of_second = (a - b) * slope + b
    constant = ops.where(below, (d * b - c * a) * slope - d * b, (c * b - d * a) * slope - c * b)
    return lambda x, y: of_first * x + of_second * y + constant


def optimised(
    run: Run, intervals: dict[str, Interval], seeds: dict[str, Tensor], steps: int = _STEPS
) -> list[Swept]:
    """Sweeps on slopes of their own for each element, found by ascent: each of them is sound."""
    reached = sweep(run, intervals, seeds, 0.5)
    numbers = [
        n
        for n, step in enumerate(run.steps)
        if isinstance(step, Product) and step.elementwise and n in reached.products
    ]
    if not numbers:
        return [reached]
    at = [ops.full_like(run.values[run.steps[n].outputs[0]], 0.5) for n in numbers]
    found = []

    def bounds(slopes: list[Tensor]) -> list[Tensor]:
        swept = sweep(run, intervals, seeds, dict(zip(numbers, slopes, strict=True)))
        found.append(swept)
        return [swept.bounds]

    for step in range(steps):
        grads = gradient(bounds, at, [ops.ones_like(reached.bounds)])
        # A step of the size of the interval at first, whatever the scale of the bound.
        size = 0.5 * 0.85**step
        at = [
            ops.clip(r + size * g / (_largest(g) + 1e-300), 0.0, 1.0)
            for r, g in zip(at, grads, strict=True)
        ]
    bounds(at)
    return found


def _largest(tensor: Tensor) -> Tensor:
    """The largest absolute value of each row."""
    return ops.max(ops.abs(tensor), axis=tuple(range(1, len(tensor.shape))), keepdims=True)
