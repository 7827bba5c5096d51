"""Intervals of the tensors of a model over boxes of inputs."""

from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import Tensor
from keras_hadamard.analysis._coefficients import no_polynomial
from keras_hadamard.analysis._program import Run
from keras_hadamard.analysis._steps import Affine, Blocked, Product

Interval = tuple[Tensor, Tensor]


def intervals_of(run: Run, boxes: list[Interval]) -> dict[str, Interval]:
    """Lower and upper values of all tensors that depend on the inputs, one step at a time."""
    found = dict(zip(run.inputs, boxes, strict=True))
    ahead = run.ahead
    for step in run.steps:
        if ahead.isdisjoint(step.outputs):
            continue
        if isinstance(step, Blocked):
            raise no_polynomial(step.node.op, step.node.layer)
        of = [found[name] for name in step.operands]
        if isinstance(step, Product):
            found[step.outputs[0]] = product_interval(step, of[0], of[1])
        else:
            found.update(zip(step.outputs, affine_intervals(step, of), strict=False))
    return found


def affine_intervals(step: Affine, of: list[Interval]) -> list[Interval]:
    """The interval of an affine step, exact where its operands are independent."""
    if step.absolute is None:
        raise received(
            "operations whose coefficients have known signs: bounds do not pass through this one",
            operation=step.node.op,
            layer=step.node.layer,
        )
    middles = step.run(*[(low + high) / 2 for low, high in of])
    radii = step.absolute(*[(high - low) / 2 for low, high in of])
    return [(m - r, m + r) for m, r in zip(middles, radii, strict=True)]


def product_interval(step: Product, first: Interval, second: Interval) -> Interval:
    """The interval of a product; a tensor times itself is never negative."""
    if not step.elementwise:
        (m, r), (n, s) = middle_and_radius(first), middle_and_radius(second)
        middle = step.run(m, n)
        radius = step.run(ops.abs(m), s) + step.run(r, ops.abs(n)) + step.run(r, s)
        return middle - radius, middle + radius
    if step.operands[0] == step.operands[1]:
        low, high = first
        ends = ops.square(low), ops.square(high)
        inside = ops.logical_and(low <= 0, high >= 0)
        least = ops.minimum(*ends)
        return ops.where(inside, ops.zeros_like(least), least), ops.maximum(*ends)
    corners = [a * b for a in first for b in second]
    low, high = corners[0], corners[0]
    for corner in corners[1:]:
        low, high = ops.minimum(low, corner), ops.maximum(high, corner)
    return low, high


def middle_and_radius(interval: Interval) -> Interval:
    """The middle of an interval, and half of its width."""
    low, high = interval
    return (low + high) / 2, (high - low) / 2
