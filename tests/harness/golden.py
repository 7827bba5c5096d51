"""Runs a layer on the original authors' numbers.

A reference says which of the layer's weights is which expression of the authors' parameters. The
expression is part of what is differentiated, so the gradients come out under the authors' names and
in their layout, packed kernels and tied weights included, and no reference writes a layout twice.
"""

import importlib
import json
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

from harness.op_checks import assert_near
from keras_hadamard.models import _checkpoint
from keras_hadamard.ops import _custom_op

FOLDER = Path(__file__).parents[1] / "golden"
TOLERANCE = {"float64": 1e-10, "float32": 1e-5}


@dataclass
class Case:
    """One file of golden numbers, its tensors in the dtype under test."""

    name: str
    dtype: str
    config: dict[str, Any]
    inputs: list[Any]
    # Parameters, and the buffers before the forward pass.
    params: dict[str, Any]
    train: bool = False

    def __getitem__(self, param: str) -> Any:
        return self.params[param]

    def dense(self, name: str, weight: str, bias: bool = True) -> dict[str, Any]:
        """The weights of our dense `name` from a torch linear: (out, in) becomes (in, out)."""
        values = {f"{name}/kernel": tf.transpose(self[f"{weight}.weight"])}
        if bias:
            values[f"{name}/bias"] = self[f"{weight}.bias"]
        return values

    def mapped(self, model: Any, mapping: dict[str, Any]) -> dict[str, Any]:
        """The weights of a model by a mapping as checkpoints have it."""
        return {
            path_in(model, e.variable): e.convert(self[e.name])
            for e in _checkpoint.entries(mapping)
        }


def path_in(model: Any, variable: Any) -> str:
    return variable.path.removeprefix(f"{model.name}/")


# A reference returns the layer or model, and its weights by path, running statistics included: as
# tensors, or as the mapping of prefixes to layers that checkpoints are loaded by.
Reference = Callable[[Case], tuple[Any, dict[str, Any]]]
REFERENCES: dict[str, tuple[Reference, dict[str, Any]]] = {}


def reference(*names: str, **how: Any) -> Callable[[Reference], Reference]:
    """Registers a reference for golden files; `how` are arguments of `check_golden`."""

    def register(function: Reference) -> Reference:
        REFERENCES.update(dict.fromkeys(names, (function, how)))
        return function

    return register


def all_references() -> dict[str, tuple[Reference, dict[str, Any]]]:
    import references

    for module in pkgutil.iter_modules(references.__path__):
        importlib.import_module(f"references.{module.name}")
    return REFERENCES


def check_golden(
    name: str,
    reference: Reference,
    dtype: str,
    adapt: Callable[[list[Any]], Any] = lambda inputs: inputs[0] if len(inputs) == 1 else inputs,
    restore: Callable[[Any], Any] = lambda output: output,
    true_gradients: dict[str, str | None] | None = None,
) -> None:
    """Outputs, every gradient and the statistics after training of a reference equal the authors'.

    In float64 as a graph; in float32 under XLA, where one of the ops has a form of its own for it.
    `true_gradients` says by parameter where those are of which the authors' code computes others,
    or None where it computes none of its output's, as for weights that it holds fixed.
    """
    file = dict(np.load(FOLDER / f"{name}.npz", allow_pickle=False))
    unknown = []
    for param, extra in (true_gradients or {}).items():
        file.pop(f"grad::{param}", None)
        if extra is None:
            unknown.append(param)
        else:
            file[f"grad::{param}"] = file[f"extra::{extra}"]
    config = json.loads(str(file["config"]))
    names = [k.removeprefix("param::") for k in file if k.startswith("param::")]
    inputs = [_float(file[k], dtype) for k in sorted(k for k in file if k.startswith("input_"))]
    params = [tf.constant(file[f"param::{n}"], dtype) for n in names]
    before, after = (_buffers(file, prefix, dtype) for prefix in ("buffer", "buffer_after"))
    # An output without an upstream gradient, as of a new mask, has none in the authors' code.
    outputs = sorted(k.removeprefix("output_") for k in file if k.startswith("output_"))
    cotangents = [tf.constant(file.get(f"cotangent_{i}", 0.0), dtype) for i in outputs]
    keras.config.set_dtype_policy(dtype)
    tensors = dict(zip(names, params, strict=True))
    train = bool(config.get("train"))
    case = Case(name, dtype, config["config"], inputs, tensors | before, train)
    with tf.GradientTape() as tape:
        tape.watch(params)
        model, weights = reference(case)
        has_forms = _asks_for_xla(lambda: model(adapt(inputs)))
        if not all(tf.is_tensor(value) for value in weights.values()):
            mapping, weights = weights, case.mapped(model, weights)
            after = _moved(model, mapping, case, after)
        values = _in_order(model, model.trainable_variables, weights)
    fixed = [weights.get(path_in(model, v), v) for v in model.non_trainable_variables]
    _complete(model, weights)

    def run(inputs: Any, values: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([inputs, values])
            variables = [*model.trainable_variables, *model.non_trainable_variables]
            with keras.StatelessScope(zip(variables, [*values, *fixed], strict=True)) as scope:
                outputs = model(adapt(inputs), **({"training": True} if train else {}))
            state = [scope.get_current_value(v) for v in model.non_trainable_variables]
            outputs = [restore(output) for output in tf.nest.flatten(outputs)]
            loss = tf.add_n(
                [tf.reduce_sum(o * c) for o, c in zip(outputs, cotangents, strict=True)]
            )
        zero = tf.UnconnectedGradients.ZERO
        grads = tape.gradient(loss, [inputs, values], unconnected_gradients=zero)
        return outputs, state, *grads

    run = tf.function(run, jit_compile=has_forms and dtype == "float32", autograph=False)
    outputs, state, grad_inputs, grad_values = run(inputs, values)
    grad_params = tape.gradient(values, params, grad_values) if params else []
    # What the authors' code computes in float32 is no nearer than that.
    tolerance = max(TOLERANCE[dtype], TOLERANCE[config.get("saved_dtype", "float64")])
    # A gradient that cancels out, as of a bias before a normalisation, keeps the rounding of the
    # sum: about as much as the authors' own float32, which adds in another order, was off by.
    recorded = config["f32_f64_maxdiff"] or {}
    slack = 4 * (recorded.get("grad") or 0.0) if dtype == "float32" else 0.0
    for i, output in enumerate(outputs):
        assert_near(output, file[f"output_{i}"], tolerance, f"output {i}")
    if train:
        _check_statistics(model, state, after, tolerance)
    for i, grad in enumerate(grad_inputs):
        if f"grad_input_{i}" in file:
            expected = file[f"grad_input_{i}"]
            assert_near(grad, expected, tolerance, f"gradient of input {i}", slack)
    unchecked = set(names) - set(config.get("params_without_grad", [])) - set(unknown)
    for param, grad in zip(names, grad_params, strict=True):
        if f"grad::{param}" in file:
            unchecked.discard(param)
            expected = file[f"grad::{param}"]
            assert_near(grad, expected, tolerance, f"gradient of {param}", slack)
    assert not unchecked, f"no gradient was compared for {unchecked}"


def _asks_for_xla(call: Callable[[], Any]) -> bool:
    """Whether an op that is called has another form inside XLA."""
    with mock.patch.object(_custom_op, "_dispatch", wraps=_custom_op._dispatch) as dispatch:
        call()
    return any(made.args[0].xla is not None for made in dispatch.call_args_list)


def _float(array: Any, dtype: str) -> Any:
    return tf.constant(array, dtype if array.dtype.kind == "f" else None)


def _buffers(file: dict[str, Any], prefix: str, dtype: str) -> dict[str, Any]:
    start = f"{prefix}::"
    return {k.removeprefix(start): _float(v, dtype) for k, v in file.items() if k.startswith(start)}


def _moved(model: Any, mapping: Any, case: Case, after: dict[str, Any]) -> dict[str, Any]:
    """The statistics after the forward pass, by our paths."""
    moved = Case(case.name, case.dtype, case.config, case.inputs, case.params | after)
    return moved.mapped(model, mapping)


def _check_statistics(model: Any, state: Any, after: dict[str, Any], tolerance: float) -> None:
    compared = 0
    for variable, value in zip(model.non_trainable_variables, state, strict=True):
        if (path := path_in(model, variable)) in after:
            assert_near(value, after[path], tolerance, f"{path} after training")
            compared += 1
    assert compared or not after


def _in_order(model: Any, variables: list[Any], weights: dict[str, Any]) -> list[Any]:
    """The given weights in the order of the model's, all of which must be given."""
    short = {path_in(model, v): v for v in variables}
    assert short.keys() <= weights.keys(), short.keys() - weights.keys()
    for path, variable in short.items():
        assert tuple(weights[path].shape) == tuple(variable.shape), path
        assert weights[path].dtype == variable.dtype, path
    return [weights[path] for path in short]


def _complete(model: Any, weights: dict[str, Any]) -> None:
    """Nothing is given that the model does not have, and every statistic is given."""
    ours = {path_in(model, v) for v in model.variables}
    assert weights.keys() <= ours, (weights.keys() - ours, sorted(ours))
    missing = {p for p in ours - weights.keys() if "seed_generator" not in p}
    assert not missing, missing


def channels_last(inputs: list[Any]) -> Any:
    return tf.transpose(inputs[0], (0, *range(2, inputs[0].shape.rank), 1))


def channels_first(output: Any) -> Any:
    return tf.transpose(output, (0, output.shape.rank - 1, *range(1, output.shape.rank - 1)))
