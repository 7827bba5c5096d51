"""The ANOVA kernel field by field: the fastest form while the fields are few."""

from keras import ops

from keras_hadamard._core.typing import Tensor

# Each field is a handful of nodes of the graph. Inside XLA they become one loop over the data, so
# that more fields still pay off, but take longer to compile.
FEW, FEW_INSIDE_XLA = 32, 256


def kernel(x: Tensor, order: int) -> Tensor:
    """The coefficient of `t^order` of `prod_i (1 + x_i t)`, `x` of `(..., fields, width)`."""
    return _sums(ops.unstack(x, axis=-2), order)[-1][order]


def gradient(x: Tensor, upstream: Tensor, order: int) -> Tensor:
    """Its vector-Jacobian product; divides nowhere."""
    fields = ops.unstack(x, axis=-2)
    before = _sums(fields, order)[:-1]
    grads: list[Tensor | None] = [None] * order + [upstream]
    found = []
    for field, sums in zip(reversed(fields), reversed(before), strict=True):
        # sums_m of the next field are sums_m + field * sums_(m - 1).
        terms = [
            g * s
            for g, s in zip(grads[1:], sums[:-1], strict=True)
            if g is not None and s is not None
        ]
        total = ops.zeros_like(field)
        for term in terms:
            total = total + term
        found.append(total)
        for m, grad in enumerate(grads[1:]):
            if grad is not None:
                step = grad * field
                grads[m] = step if grads[m] is None else grads[m] + step
    return ops.stack(found[::-1], axis=-2)


def _sums(fields: list[Tensor], order: int) -> list[list[Tensor | None]]:
    """The coefficients up to `t^order` before each field and after the last; None for zero."""
    sums: list[Tensor | None] = [ops.ones_like(fields[0])] + [None] * order
    every = [sums]
    for field in fields:
        after = list(sums)
        for m in range(order, 0, -1):
            below = sums[m - 1]
            if below is not None:
                step = field if m == 1 else field * below
                kept = sums[m]
                after[m] = step if kept is None else kept + step
        sums = after
        every.append(sums)
    return every
