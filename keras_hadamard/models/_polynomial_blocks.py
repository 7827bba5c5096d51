"""The authors' names for the layers in the polynomial blocks."""

from typing import Any

from keras_hadamard.layers import (
    DensePolynomialResidualBlock2D,
    PolynomialBlock2D,
    PolynomialResidualBlock2D,
)

Mapping = dict[str, Any]
ResidualBlock = PolynomialResidualBlock2D | DensePolynomialResidualBlock2D


def pi_net_block(block: PolynomialResidualBlock2D, prefix: str = "") -> Mapping:
    """A residual block of the Pi-nets on ImageNet."""
    local = ("conv3", "bn3")[-len(block.local) :]
    return {
        **_branch(block, prefix),
        **_pair(block.shortcut, f"{prefix}downsample.0", f"{prefix}downsample.1"),
        **{f"{prefix}{n}": layer for n, layer in zip(local, block.local, strict=True)},
    }


def regularized_block(block: ResidualBlock, prefix: str = "") -> Mapping:
    """A block of R-PolyNets, R-PDC or, if it is dense, D-PolyNets."""
    mapping = {
        **_branch(block, prefix),
        **_pair(block.shortcut, f"{prefix}shortcut.0", f"{prefix}shortcut.1"),
        f"{prefix}normx": block.shortcut_norm,
    }
    for i in range(1, 1 + len(block.factors) // 2):
        pair = block.factors[2 * i - 2 : 2 * i]
        mapping |= _pair(pair, f"{prefix}u_conv{i}", f"{prefix}ubn{i}")
    for i in range(block.product_convolutions):
        pair = block.local[2 * i : 2 * i + 2]
        mapping |= _pair(pair, f"{prefix}lconv{i}", f"{prefix}lbn{i}")
    if isinstance(block, DensePolynomialResidualBlock2D):
        if block.strides > 1:
            mapping |= _pair(block.transition, f"{prefix}shortcut_sep.0", f"{prefix}shortcut_sep.1")
        names = (f"{prefix}pr_conv", f"{prefix}normpr")[-len(block.dense) :]
        mapping |= _pair(block.dense, *names)
        mapping |= _scalar(block.theta, f"{prefix}theta")
    return mapping | _scalar(block.alpha, f"{prefix}alpha")


def single_polynomial(block: PolynomialBlock2D, prefix: str = "") -> Mapping:
    """The second-degree block of the authors' tutorial."""
    mapping = _pair(block.branch[:2], f"{prefix}conv1", f"{prefix}bn1")
    mapping |= _pair(block.branch[2:], f"{prefix}conv2", f"{prefix}bn2")
    mapping |= _pair(block.shortcut, f"{prefix}conv_S", f"{prefix}bnS")
    return mapping | _scalar(block.alpha, f"{prefix}alpha")


def _branch(block: ResidualBlock, prefix: str) -> Mapping:
    return {
        **_pair(block.first, f"{prefix}conv1", f"{prefix}bn1"),
        **_pair(block.second, f"{prefix}conv2", f"{prefix}bn2"),
    }


def _pair(layers: list[Any], *names: str) -> Mapping:
    return dict(zip(names, layers, strict=False))


def _scalar(weight: Any, name: str) -> Mapping:
    return {} if weight is None else {name: weight}
