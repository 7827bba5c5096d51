"""The search space of fusion layers."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard.tuning._fusions import Budget, Shapes, buildable, fusion_options, within


def fusion_space(
    hp: Any,
    *,
    units: int = 128,
    modalities: int | Sequence[Any] = 2,
    include: Iterable[str] | None = None,
    max_parameters: int | None = None,
    name: str = "fusion",
) -> keras.layers.Layer:
    """Returns a fusion layer that `hp` chose and configured.

    The method is the parameter `name`; the parameters of single methods (`<name>_rank`,
    `<name>_factor`, `<name>_normalize`, ...) are conditional on it. All are declared in one call
    for any values, so every KerasTuner algorithm knows the whole space from the start. The default
    is the concatenation baseline. With everything included the space has 567 configurations for two
    tensors and 57 configurations for more.

    If the widths in `modalities` are known, methods are left out that refuse these inputs or may
    have more than 64 million trainable parameters: for three inputs of width 128 that is
    `"tensor"`, and 56 configurations remain.

    With `max_parameters`, methods are compared and not sizes: each is as wide as that many
    parameters allow, so its width (`rank`, `mm_dim`, `sketch_dim`, ...) is not drawn, and the
    baseline has a hidden layer. A method that would be larger at any width is left out.

    Args:
        hp: A `keras_tuner.HyperParameters`.
        units: Positive integer, the width of the output. Defaults to `128`.
        modalities: The inputs to fuse: their number, or a list with a tensor, a shape with the
            batch, or a width for each. Methods that take two tensors are left out for more.
            Defaults to `2`.
        include: Names of the methods to choose from, see `keras_hadamard.layers.get_fusion`;
            including those of `register_fusion`. Defaults to `None`, all that take that many
            tensors.
        max_parameters: Positive integer, the maximum number of trainable parameters of the fusion.
            Needs the widths in `modalities`. Defaults to `None`: the methods draw their widths.
        name: String, the name of the parameter and of the layer. Defaults to `"fusion"`.

    Returns:
        A `keras.layers.Layer` that takes a list of tensors.

    Raises:
        ValueError: If `include` names no method, an unknown one, or one that cannot take that many
            tensors; if no method can be built on the inputs within `max_parameters`, or a number is
            not positive.

    Example:

    >>> import keras_tuner
    >>> hp = keras_tuner.HyperParameters()
    >>> hp.values["fusion"] = "mlb"
    >>> layer = keras_hadamard.tuning.fusion_space(hp, units=6)
    >>> type(layer).__name__, hp.values["fusion_rank"]
    ('MLB', 128)
    >>> layer([keras.ops.ones((2, 7)), keras.ops.ones((2, 5))]).shape
    TensorShape([2, 6])
    >>> layer = keras_hadamard.tuning.fusion_space(
    ...     hp, units=6, modalities=[7, 5], max_parameters=500
    ... )
    >>> layer.rank
    24
    """
    units = positive_int("units", units)
    count, shapes = _inputs(modalities)
    kinds = fusion_options().kinds(include, count)
    budget = None
    if max_parameters is not None:
        if shapes is None:
            raise received(
                "the widths in `modalities`, which a budget needs", modalities=modalities
            )
        budget = Budget(shapes, positive_int("max_parameters", max_parameters))
        kinds = within(kinds, budget, units)
    elif shapes is not None:
        kinds = buildable(kinds, shapes, units)
    return fusion_options(budget).layer(hp, units, kinds, name)


def _inputs(modalities: Any) -> tuple[int, Shapes | None]:
    """The number of tensors, and their shapes if given."""
    if isinstance(modalities, list | tuple):
        shapes = tuple(_shape(m) for m in modalities)
        if len(shapes) > 1 and all(len(shape) > 1 and shape[-1] for shape in shapes):
            return len(shapes), shapes
    elif not isinstance(modalities, bool) and isinstance(modalities, int) and modalities > 1:
        return modalities, None
    raise received(
        "`modalities` to be two or more, or a list of tensors, shapes or widths",
        modalities=modalities,
    )


def _shape(modality: Any) -> tuple[int | None, ...]:
    if isinstance(modality, int):
        return (None, modality)
    return tuple(getattr(modality, "shape", modality))
