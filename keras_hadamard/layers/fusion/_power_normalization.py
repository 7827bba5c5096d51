"""Power normalisation of bilinear features: the signed square root, then the L2 norm."""

from typing import Any

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops import l2_normalize, signed_sqrt


def power_normalize(z: Tensor, axis: int) -> Tensor:
    """`s / norm(s)` with `s = sign(z) sqrt(abs(z))` and the norm over `axis`."""
    return l2_normalize(signed_sqrt(z), axis=axis)


def check_normalize_axis(axis: Any) -> int:
    """The axis of the norm, after a check that it is not the batch axis."""
    if not isinstance(axis, int) or axis == 0:
        raise received("`normalize_axis` to be an axis after the batch", axis=axis)
    return axis
