"""A Keras model as the server sees it: named tensors in, named tensors out."""

import inspect
import keyword
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import Tensor

# TensorFlow drops other characters from the placeholder's name and then fails to find the input.
_INPUT_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_./-]*")


@dataclass(frozen=True)
class Endpoint:
    """The inputs a model takes by name, and the function from them to outputs by name."""

    specs: dict[str, tf.TensorSpec]
    call: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


def endpoint_of(model: keras.Model, examples: Mapping[str, np.ndarray] | None = None) -> Endpoint:
    """Derives the endpoint of a built model; `examples` give types that a subclass does not know.

    Raises:
        ValueError: If the model is not built, or its inputs cannot be told.
    """
    if not isinstance(model, keras.Model):
        raise received("`model` to be a keras.Model", model=model)
    if not model.built:
        raise received("`model` to be built: call it on a batch of data first", model=model)
    if getattr(model, "inputs", None):
        endpoint = _of_graph(model)
    else:
        endpoint = _of_subclass(model, examples or {})
    bad = [n for n in endpoint.specs if not _INPUT_NAME.fullmatch(n) or keyword.iskeyword(n)]
    if bad:
        raise received(
            "names of inputs of letters, digits and `_./-`, and no keywords of Python", names=bad
        )
    if examples is not None and set(examples) != set(endpoint.specs):
        raise received(f"`examples` for the inputs {list(endpoint.specs)}", examples=list(examples))
    return endpoint


def _of_graph(model: keras.Model) -> Endpoint:
    """Functional and Sequential models, whose inputs carry names, shapes and types."""
    names = [tensor.name for tensor in model.inputs]
    if len(set(names)) != len(names):
        raise received("the model's inputs to have different names", names=names)
    odd = [tensor.name for tensor in model.inputs if tensor.sparse or tensor.ragged]
    if odd:
        raise received("dense inputs: TF Serving takes neither sparse nor ragged ones", inputs=odd)
    specs = {
        tensor.name: tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype, tensor.name)
        for tensor in model.inputs
    }
    if isinstance(model, keras.Sequential):
        structure, output_names = model.inputs[0], [model.layers[-1].name]
    else:
        structure, output_names = model.input, list(model.output_names)

    def call(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        packed = keras.tree.pack_sequence_as(structure, [inputs[name] for name in names])
        return _named(model(packed, training=False), output_names)

    return Endpoint(specs, call)


def _of_subclass(model: keras.Model, examples: Mapping[str, np.ndarray]) -> Endpoint:
    """Other models: Keras keeps the shapes they were built with, but neither names nor types."""
    parameters = inspect.signature(model.call).parameters
    shapes = _built_shapes(model, next(iter(parameters)))
    # Where `build` is not overridden Keras keeps the shape of the first argument only.
    if examples and not set(examples) <= set(shapes) and set(examples) <= set(parameters):
        shapes = {name: tuple(value.shape) for name, value in examples.items()}
    if not shapes:
        raise received("`model` to be called on a batch of data before", model=model)
    missing = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and name not in {*shapes, "training", "mask"}
    ]
    if missing:
        raise received("`examples` of all inputs of a model with several", missing=missing)
    structure: Any = None
    if len(shapes) == 1 and not _is_shape(next(iter(shapes.values()))):
        argument, nested = next(iter(shapes.items()))
        if isinstance(nested, Mapping):
            structure, shapes = dict(nested), dict(nested)
        else:
            structure = [f"{argument}_{index}" for index in range(len(nested))]
            shapes = dict(zip(structure, nested, strict=True))
    if not all(_is_shape(shape) for shape in shapes.values()):
        raise received("tensors, or one dict or list of tensors, as inputs", shapes=shapes)
    specs = {
        name: tf.TensorSpec((None, *shape[1:]), _type(model, examples.get(name)), name)
        for name, shape in shapes.items()
    }

    def call(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if structure is None:
            outputs = model(**inputs, training=False)
        elif isinstance(structure, dict):
            outputs = model({name: inputs[name] for name in structure}, training=False)
        else:
            outputs = model([inputs[name] for name in structure], training=False)
        return _named(outputs, None)

    return Endpoint(specs, call)


def _built_shapes(model: keras.Model, first: str) -> dict[str, Any]:
    """Shapes that the model was built with, by argument of `call`."""
    config = model.get_build_config() or {}
    if config.get("input_shape") is not None:
        return {first: config["input_shape"]}
    return {
        name.removesuffix("_shape"): shape for name, shape in config.get("shapes_dict", {}).items()
    }


def _type(model: keras.Model, example: np.ndarray | None) -> Any:
    # numpy's own floats are float64, which hardly anyone means.
    if example is None or example.dtype.kind == "f":
        return model.variable_dtype
    return tf.string if example.dtype.kind in "OSU" else example.dtype


def _is_shape(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and all(
        size is None or isinstance(size, int) for size in value
    )


def _named(outputs: Any, names: list[str] | None) -> dict[str, Tensor]:
    """Outputs by name: a dict keeps its keys, anything else takes `names` in order."""
    if isinstance(outputs, Mapping) and not any(map(keras.tree.is_nested, outputs.values())):
        return {str(key): value for key, value in outputs.items()}
    flat = keras.tree.flatten(outputs)
    if names is None or len(names) != len(flat):
        names = ["output"] if len(flat) == 1 else [f"output_{i}" for i in range(len(flat))]
    named: dict[str, Tensor] = {}
    for name, value in zip(names, flat, strict=True):
        # A layer that is called twice gives its name to two outputs.
        unique, count = name, 0
        while unique in named:
            count += 1
            unique = f"{name}_{count}"
        named[unique] = value
    return named
