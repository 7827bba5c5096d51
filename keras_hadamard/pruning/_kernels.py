"""Models that can be pruned, and those of their kernels that a structure fits."""

import keras

from keras_hadamard._core.checks import received
from keras_hadamard._core.introspection.kernels import Kernel, chosen_kernels, is_depthwise
from keras_hadamard._core.introspection.private import all_layers
from keras_hadamard._core.wrapper_model import WrapperModel
from keras_hadamard.pruning._graph import Graph
from keras_hadamard.pruning._structures import Structure


def check_base(model: keras.Model) -> None:
    """Refuses models that cannot have masks."""
    if not isinstance(model, keras.Model) or not model.built:
        raise received("`model` to be a built keras.Model", model=model)
    if any(isinstance(layer, WrapperModel) for layer in all_layers(model)):
        raise received(
            "a model without adapters and masks: masks would hide the base's weights but not what "
            "adapters add. Prune what `adapters.merge` returns, or prune the base and adapt the "
            "`PrunedModel`",
            model=model,
        )


def prunable(
    model: keras.Model,
    graph: Graph,
    structure: Structure,
    target: str | list[int] | None,
    exclude: str | None,
) -> list[Kernel]:
    """The kernels that `target` and `exclude` select.

    Raises:
        ValueError: If there are none, or one is quantised.
    """
    kernels = chosen_kernels(model, target, exclude)
    codes = [k.path for k in kernels if getattr(k.layer, "quantization_mode", None)]
    if codes:
        raise received(
            "kernels that are not quantised, whose values are codes: prune before `quantize`, or "
            "leave them out with `exclude`",
            quantised=codes[:5],
        )
    if structure.kind in ("filter", "channel"):
        # Depthwise kernels follow the layer that makes their channels.
        kernels = [k for k in kernels if not is_depthwise(k.variable, k.layer)]
    if structure.kind == "filter" and target is None:
        last = graph.last()
        kernels = [k for k in kernels if id(k.layer) not in last]
    if not kernels:
        raise received("kernels that `structure` can be applied to", structure=structure.kind)
    return kernels
