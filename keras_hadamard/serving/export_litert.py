"""Writes a model for LiteRT, on phones and small devices."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_hadamard._core.checks import one_of, received
from keras_hadamard.serving import _calibration, _metrics, _samples
from keras_hadamard.serving._endpoint import Endpoint, endpoint_of
from keras_hadamard.serving._litert_convert import convert
from keras_hadamard.serving._litert_ops import in_floats, runner
from keras_hadamard.serving.artifact import Arrays, Artifact, publish

# Relative to the output's scale. Eight bits have 256 steps, and errors of layers add up.
TOLERANCES = {"float32": 1e-4, "float16": 1e-2, "dynamic": 5e-2, "int8": 1e-1}
# Rows that Keras answers at once.
_BATCH = 128


def export_litert(
    model: keras.Model,
    path: str | os.PathLike[str],
    precision: str = "float32",
    *,
    examples: Mapping[str, Any] | None = None,
    targets: Any = None,
    tolerance: float | None = None,
) -> Artifact:
    """Writes a model for LiteRT (TensorFlow Lite), with only its builtin ops, without Flex.

    The file takes one example at a time, by the names that `serving.export` gives inputs and
    outputs, which are floats at every precision. It is then run here and compared with the Keras
    model: within 1e-4 of the output's scale at `"float32"`, 1e-2 at `"float16"`, 5e-2 at
    `"dynamic"`, 1e-1 at `"int8"`. What differs by more is written too, and its report says so.

    At `"int8"` the last fifth of the examples is held out of the calibration, and compared on.
    Where outputs are off by more than the tolerance there, or an op does not run on rounded
    numbers, the fewest ops found that mend it stay in floats; the artifact's `format` says how
    many, as in `"LiteRT int8, 2 of 14 ops in float"`, with those that have no form in eight bits.
    The rows that chose these ops are those that the difference is of: on further rows it may be
    larger.
    Sizes that the model leaves open are those of the examples there.

    Args:
        model: A `keras.Model` that is built.
        path: Path of the file, which ends in `.tflite`. Replaced whole if it exists.
        precision: String, one of `"float32"`; `"float16"`, weights of half the size; `"dynamic"`,
            weights of 8 bits and activations that are quantized as they come; `"int8"`, all in
            integers of 8 bits, with ranges measured on `examples`. Defaults to `"float32"`.
        examples: Dict of arrays by name of input, as the model was trained on them (pixels divided
            by 255, if they were): some hundred rows to calibrate `"int8"`, which needs them; else
            for the comparison. Defaults to `None`, random inputs.
        targets: Array of what is true of the examples, for a model of one output: integer classes
            (or labels of 0 and 1), for which the artifact has the accuracy of the file and of the
            Keras model on the rows of the comparison, or numbers, for which it has the root of the
            mean squared error. Defaults to `None`.
        tolerance: Positive float, by how much outputs may differ, relative to their scale. More of
            it keeps fewer ops of `"int8"` in floats, as where only the class with the highest score
            matters, which `targets` judge. Defaults to `None`, that of the precision.

    Returns:
        An `Artifact`, with size, difference, metric and times.

    Raises:
        ValueError: If the model is not built, `examples` or `targets` are missing or do not fit,
            examples of a float input are unsigned integers, LiteRT does not have the ops of the
            model, or the model loops over steps and is to be int8.
        OSError: If the file cannot be written.

    Example:

    >>> import tempfile
    >>> import keras
    >>> import keras_hadamard
    >>> inputs = keras.Input((4,), name="features")
    >>> model = keras.Model(inputs, keras.layers.Dense(1, name="score")(inputs))
    >>> file = tempfile.mkdtemp() + "/model.tflite"
    >>> made = keras_hadamard.serving.export_litert(model, file)
    >>> made.ok, made.format
    (True, 'LiteRT float32')
    """
    one_of("precision", precision, TOLERANCES)
    path = Path(path)
    if path.suffix != ".tflite":
        raise received("`path` to end in .tflite", path=str(path))
    given = _samples.as_arrays(examples)
    if precision == "int8" and given is None:
        raise received("`examples` to calibrate int8 with", examples=examples)
    if targets is not None and given is None:
        raise received("`examples` that the `targets` are of", examples=examples)
    endpoint = endpoint_of(model, given)
    if given is not None:
        _calibration.check_examples(endpoint.specs, given)
        if targets is not None:
            targets = _metrics.as_targets(targets, len(next(iter(given.values()))))
    if tolerance is None:
        tolerance = TOLERANCES[precision]
    elif not tolerance > 0:
        raise received("`tolerance` to be a positive number", tolerance=tolerance)
    return _published(model, path, precision, endpoint, given, targets, tolerance)


def _published(
    model: keras.Model,
    path: Path,
    precision: str,
    endpoint: Endpoint,
    given: Mapping[str, np.ndarray] | None,
    targets: np.ndarray | None,
    tolerance: float,
) -> Artifact:
    int8 = precision == "int8"
    split = _calibration.split(given) if int8 and given is not None else None
    if split is not None:
        judged: Mapping[str, np.ndarray] = split.judged
        targets = None if targets is None else targets[split.start :]
    elif targets is not None and given is not None:
        judged = given
    else:
        batches = _samples.inputs_for(model, endpoint, given)
        judged = batches[max(batches)]
    rows, expected = _calibration.rows_of(judged), _answers(endpoint, judged)
    if targets is not None:
        if len(expected) != 1:
            raise received("`targets` of a model of one output", outputs=list(expected))
        name, output = next(iter(expected.items()))
        _metrics.check_outputs(targets, output, name)
    kind = f"LiteRT {precision}"
    content = convert(model, endpoint, precision, split, rows, expected, tolerance)
    if int8:
        floats, ops = in_floats(content)
        kind += f", {floats} of {ops} ops in float" if floats else ""
    held_out = None if split is None else split.held_out
    try:
        return publish(
            path,
            content,
            kind,
            endpoint,
            runner(content),
            rows,
            tolerance,
            expected=expected,
            targets=targets,
            held_out=held_out,
        )
    except RuntimeError as error:
        raise received(f"a model that LiteRT runs at {precision}", reason=str(error)) from error


def _answers(endpoint: Endpoint, rows: Arrays) -> dict[str, np.ndarray]:
    """The Keras model's outputs for all rows."""
    count = min(len(array) for array in rows.values())
    batches = {
        i: {name: array[i : i + _BATCH] for name, array in rows.items()}
        for i in range(0, count, _BATCH)
    }
    outputs = list(_samples.keras_outputs(endpoint, batches).values())
    return {name: np.concatenate([one[name] for one in outputs]) for name in outputs[0]}
