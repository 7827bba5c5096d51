"""Coefficients of the tensors of a model: series, monomials, whatever a product adds up."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import Tensor
from keras_hadamard.analysis._kinds import hint
from keras_hadamard.analysis._program import Run
from keras_hadamard.analysis._steps import Affine, Blocked, Product

Key = TypeVar("Key", bound=Hashable)
Coefficients = dict[Key, Tensor]


def coefficients_of(
    run: Run,
    inputs: list[Coefficients[Key]],
    constant: Key,
    combine: Callable[[Key, Key], Key | None],
) -> list[Coefficients[Key]]:
    """The coefficients of the outputs from those of the inputs.

    A key names a monomial; `constant` is that of one, `combine` multiplies two and may return None
    for what is left out. A linear step acts on each coefficient, a product on each pair.
    """
    found: dict[str, Coefficients[Key]] = dict(zip(run.inputs, inputs, strict=True))
    ahead = run.ahead
    for step in run.steps:
        if isinstance(step, Blocked):
            if not ahead.isdisjoint(step.outputs):
                raise no_polynomial(step.node.op, step.node.layer)
            continue
        if not all(name in found for name in step.operands):
            continue
        of = [found[name] for name in step.operands]
        if isinstance(step, Product):
            found[step.outputs[0]] = _multiplied(step, of[0], of[1], combine)
        else:
            made = _mapped(run, step, of, constant)
            found.update(zip(step.outputs, made, strict=True))
    # An output that depends on no input is its value.
    return [found[name] if name in found else {constant: run.values[name]} for name in run.outputs]


def no_polynomial(operation: str, layer: str) -> ValueError:
    """The error for an operation that is no polynomial."""
    return received(
        "a model that is a polynomial of its inputs; one of its operations is none, "
        f"{hint(operation)}",
        operation=operation,
        layer=layer,
    )


def _mapped(
    run: Run, step: Affine, of: list[Coefficients[Key]], constant: Key
) -> list[Coefficients[Key]]:
    results: list[Coefficients[Key]] = [{} for _ in step.outputs]
    keys = list(dict.fromkeys(key for c in of for key in c))
    if step.constant and constant not in keys:
        keys.insert(0, constant)
    for key in keys:
        operands = [
            c[key] if key in c else _zeros(run.values[name])
            for c, name in zip(of, step.operands, strict=True)
        ]
        made: list[Any] = (step.run if key == constant else step.linear)(*operands)
        for result, tensor in zip(results, made, strict=False):
            result[key] = tensor
    return results


def _multiplied(
    step: Product,
    first: Coefficients[Key],
    second: Coefficients[Key],
    combine: Callable[[Key, Key], Key | None],
) -> Coefficients[Key]:
    result: Coefficients[Key] = {}
    for one, left in first.items():
        for two, right in second.items():
            key = combine(one, two)
            if key is not None:
                term = step.run(left, right)
                result[key] = result[key] + term if key in result else term
    return result


def _zeros(tensor: Tensor) -> Tensor:
    return tensor * 0
