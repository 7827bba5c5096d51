"""Runs a layer on the original authors' numbers.

A port says which of the layer's weights is which expression of the authors' parameters. The
expression is part of what is differentiated, so the gradients come out under the authors' names and
in their layout, packed kernels and tied weights included, and no port writes a layout twice.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from harness.op_checks import assert_near

FOLDER = Path(__file__).parents[1] / "golden"
TOLERANCE = {"float64": 1e-10, "float32": 1e-5}


@dataclass
class Case:
    """One file of golden numbers, its tensors in the dtype under test."""

    name: str
    dtype: str
    config: dict[str, Any]
    inputs: list[Any]
    params: dict[str, Any]

    def __getitem__(self, param: str) -> Any:
        return self.params[param]

    def dense(self, name: str, weight: str, bias: bool = True) -> dict[str, Any]:
        """The weights of our dense `name` from a torch linear: (out, in) becomes (in, out)."""
        values = {f"{name}/kernel": tf.transpose(self[f"{weight}.weight"])}
        if bias:
            values[f"{name}/bias"] = self[f"{weight}.bias"]
        return values


# A port returns the layer or model, and its weights by path.
Port = Callable[[Case], tuple[Any, dict[str, Any]]]


def check_golden(
    name: str,
    port: Port,
    dtype: str,
    jit: bool,
    adapt: Callable[[list[Any]], Any] = lambda inputs: inputs[0] if len(inputs) == 1 else inputs,
    restore: Callable[[Any], Any] = lambda output: output,
) -> None:
    """Outputs and every gradient of a port equal the authors'."""
    file = dict(np.load(FOLDER / f"{name}.npz", allow_pickle=False))
    config = json.loads(str(file["config"]))
    names = [k.removeprefix("param::") for k in file if k.startswith("param::")]
    count = sum(k.startswith("input_") for k in file)
    inputs = [tf.constant(file[f"input_{i}"], dtype) for i in range(count)]
    params = [tf.constant(file[f"param::{n}"], dtype) for n in names]
    cotangent = tf.constant(file["cotangent_0"], dtype)
    keras.config.set_dtype_policy(dtype)
    case = Case(name, dtype, config["config"], inputs, dict(zip(names, params, strict=True)))
    with tf.GradientTape() as tape:
        tape.watch(params)
        model, weights = port(case)
    model(adapt(inputs))
    values = _in_order(model, weights)

    def run(inputs: Any, values: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([inputs, values])
            output, _ = model.stateless_call(values, model.non_trainable_variables, adapt(inputs))
            output = restore(output)
            loss = tf.reduce_sum(output * cotangent)
        zero = tf.UnconnectedGradients.ZERO
        return output, *tape.gradient(loss, [inputs, values], unconnected_gradients=zero)

    run = tf.function(run, jit_compile=jit, autograph=False)
    output, grad_inputs, grad_values = run(inputs, values)
    grad_params = tape.gradient(values, params, grad_values) if params else []
    tolerance = TOLERANCE[dtype]
    assert_near(output, file["output_0"], tolerance, "output")
    for i, grad in enumerate(grad_inputs):
        if f"grad_input_{i}" in file:
            assert_near(grad, file[f"grad_input_{i}"], tolerance, f"gradient of input {i}")
    unchecked = set(names) - set(config.get("params_without_grad", []))
    for param, grad in zip(names, grad_params, strict=True):
        if f"grad::{param}" in file:
            unchecked.discard(param)
            assert_near(grad, file[f"grad::{param}"], tolerance, f"gradient of {param}")
    assert not unchecked, f"no gradient was compared for {unchecked}"


def _in_order(model: Any, weights: dict[str, Any]) -> list[Any]:
    """The given weights in the order of the model's, all of which must be given."""
    short = {v.path.removeprefix(f"{model.name}/"): v for v in model.trainable_variables}
    assert short.keys() == weights.keys(), (sorted(short), sorted(weights))
    for path, variable in short.items():
        assert tuple(weights[path].shape) == tuple(variable.shape), path
        assert weights[path].dtype == variable.dtype, path
    return [weights[path] for path in short]


def channels_last(inputs: list[Any]) -> Any:
    return tf.transpose(inputs[0], (0, *range(2, inputs[0].shape.rank), 1))


def channels_first(output: Any) -> Any:
    return tf.transpose(output, (0, output.shape.rank - 1, *range(1, output.shape.rank - 1)))
