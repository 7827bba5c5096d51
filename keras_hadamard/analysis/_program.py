"""The program of a model: its graph, run on a batch and with the weights of the moment."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.introspection.private import all_layers
from keras_hadamard._core.typing import Tensor
from keras_hadamard.analysis._graph import Graph, Node, Spec
from keras_hadamard.analysis._steps import Lowering, Step


@dataclass(frozen=True)
class Run:
    """The steps of a model on one batch, and what they give on it."""

    steps: list[Step]
    inputs: list[str]
    outputs: list[str]
    values: dict[str, Tensor]

    @property
    def ahead(self) -> set[str]:
        """The tensors that the outputs are made of."""
        needed = set(self.outputs)
        for step in reversed(self.steps):
            if not needed.isdisjoint(step.outputs):
                needed.update(step.operands)
        return needed


class Program:
    """The graph of a model; made once, run with the weights that the model has by then."""

    def __init__(self, model: keras.Model) -> None:
        self.graph = Graph(model)

    @property
    def specs(self) -> list[Spec]:
        return self.graph.specs

    def run(self, inputs: Sequence[Any], *, exact: bool = True, logits: bool = False) -> Run:
        """The steps for a batch; `exact` is in float64, whatever the model's dtype."""
        values: dict[str, Tensor] = dict(self.graph.captured)
        for name, spec, given in zip(self.graph.inputs, self.specs, inputs, strict=True):
            tensor = ops.convert_to_tensor(given)
            floating = keras.backend.is_float_dtype(spec.dtype)
            values[name] = ops.cast(tensor, "float64" if exact and floating else spec.dtype)
        lowering = Lowering(values, set(self.graph.dependent), exact)
        for name, spec in zip(self.graph.inputs, self.specs, strict=True):
            if not keras.backend.is_float_dtype(spec.dtype):
                lowering.block(Node("Input", name.split(":")[0], (name,), (name,), (), ()))
        for node in self.graph.nodes:
            lowering.add(node)
        outputs = self.graph.logits()[0] if logits else self.graph.outputs
        return Run(lowering.steps, list(self.graph.inputs), outputs, values)


def program_of(model: keras.Model) -> Program:
    """The program of a model, traced at its first analysis."""
    if not isinstance(model, keras.Model):
        raise received("`model` to be a keras.Model", model=model)
    if not model.built:
        raise received("`model` to be built: call it on a batch of data first", model=model)
    found = _PROGRAMS.get(model)
    signature = _signature(model)
    if found is None or found[0] != signature:
        found = (signature, Program(model))
        _PROGRAMS[model] = found
    return found[1]


# A model that was changed, pruned or quantised is traced again.
_PROGRAMS: "weakref.WeakKeyDictionary[Any, tuple[Any, Program]]" = weakref.WeakKeyDictionary()


def _signature(model: keras.Model) -> Any:
    layers = all_layers(model)
    return [(id(layer), len(layer.variables), str(layer.dtype_policy)) for layer in layers], [
        id(v) for v in model.variables
    ]
