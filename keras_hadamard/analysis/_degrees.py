"""Degrees and depths of the tensors of a model."""

import heapq
from dataclasses import dataclass

from keras_hadamard.analysis._program import Run
from keras_hadamard.analysis._steps import Affine, Blocked, Product

# What passes its operand on, so that a product of products remains one product.
_SAME = ("Identity", "Cast")


@dataclass(frozen=True)
class Degree:
    """The degree of a tensor, its depth as executed, and the depths of the factors it is made of.

    The degree is None where an operation is no polynomial.
    """

    degree: int | None
    depth: int
    factors: tuple[int, ...]

    @property
    def balanced(self) -> int:
        """The depth of the product of the factors, if it is taken as a balanced tree."""
        depths = list(self.factors)
        heapq.heapify(depths)
        while len(depths) > 1:
            first, second = heapq.heappop(depths), heapq.heappop(depths)
            heapq.heappush(depths, max(first, second) + 1)
        return depths[0]


@dataclass(frozen=True)
class Blocker:
    """An operation that is no polynomial of the inputs, and the layer that it is in."""

    operation: str
    layer: str


CONSTANT = Degree(0, 0, (0,))


def degrees_of(run: Run) -> tuple[dict[str, Degree], list[Blocker]]:
    """The degree of every tensor that depends on the inputs, and the first blockers."""
    found = {name: Degree(1, 0, (0,)) for name in run.inputs}
    blockers: list[Blocker] = []
    for step in run.steps:
        if isinstance(step, Blocked):
            of = [found[name] for name in step.operands if name in found]
            if all(d.degree is not None for d in of):
                blocker = Blocker(step.node.op, step.node.layer)
                if blocker not in blockers:
                    blockers.append(blocker)
            depth = max((d.depth for d in of), default=0)
            made = Degree(None, depth, (depth,))
        else:
            made = _degree(step, [found[name] for name in step.operands])
        found.update(dict.fromkeys(step.outputs, made))
    return found, blockers


def _degree(step: Affine | Product, of: list[Degree]) -> Degree:
    known = [d.degree for d in of if d.degree is not None]
    if isinstance(step, Product):
        degree = sum(known) if len(known) == 2 else None
        depth = max(d.depth for d in of) + 1
        if step.elementwise:
            return Degree(degree, depth, of[0].factors + of[1].factors)
        balanced = max(d.balanced for d in of) + 1
        return Degree(degree, depth, (balanced,))
    degree = max(known) if len(known) == len(of) else None
    depth = max(d.depth for d in of)
    if step.node.op in _SAME:
        return Degree(degree, depth, of[0].factors)
    return Degree(degree, depth, (max(d.balanced for d in of),))
