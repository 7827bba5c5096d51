"""Writes a model for LiteRT, on phones and small devices."""

import contextlib
import os
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_hadamard._core.checks import one_of, received
from keras_hadamard.ops._portable import portable_ops
from keras_hadamard.serving import _samples
from keras_hadamard.serving._archive import write_archive
from keras_hadamard.serving._endpoint import Endpoint, endpoint_of
from keras_hadamard.serving._saved_model import SIGNATURE, has_loops, read
from keras_hadamard.serving.artifact import Arrays, Artifact, publish

# Relative to the output's scale. Eight bits have 256 steps, and errors of layers add up.
TOLERANCES = {"float32": 1e-4, "float16": 1e-2, "dynamic": 5e-2, "int8": 1e-1}


def export_litert(
    model: keras.Model,
    path: str | os.PathLike[str],
    precision: str = "float32",
    *,
    examples: Mapping[str, Any] | None = None,
) -> Artifact:
    """Writes a model for LiteRT (TensorFlow Lite), with only its builtin ops, without Flex.

    The file takes one example at a time, by the names that `serving.export` gives inputs and
    outputs, which are floats at every precision. It is then run here and compared with the Keras
    model: within 1e-4 of the output's scale at `"float32"`, 1e-2 at `"float16"`, 5e-2 at
    `"dynamic"`, 1e-1 at `"int8"`. What differs by more is written too, and its report says so.

    Args:
        model: A `keras.Model` that is built.
        path: Path of the file, which ends in `.tflite`. Replaced whole if it exists.
        precision: String, one of `"float32"`; `"float16"`, weights of half the size; `"dynamic"`,
            weights of 8 bits and activations that are quantized as they come; `"int8"`, all in
            integers of 8 bits, with ranges measured on `examples`. Defaults to `"float32"`.
        examples: Dict of arrays by name of input, like the data that will come: some hundred rows
            to calibrate `"int8"`, which needs them; else for the comparison. Defaults to `None`,
            random inputs.

    Returns:
        An `Artifact`, with size, difference and times.

    Raises:
        ValueError: If the model is not built, `examples` are missing or do not fit, LiteRT does not
            have the ops of the model, or the model loops over steps and is to be int8.
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
    endpoint = endpoint_of(model, given)
    inputs = _samples.inputs_for(model, endpoint, given)
    singles = _rows(inputs[max(inputs)])
    calibration = _rows(given) if given and precision == "int8" else []
    content = _convert(model, endpoint, precision, calibration)
    kind, tolerance = f"LiteRT {precision}", TOLERANCES[precision]
    try:
        return publish(path, content, kind, endpoint, _runner(content), singles, tolerance)
    except RuntimeError as error:
        raise received(f"a model that LiteRT runs at {precision}", reason=str(error)) from error


def _rows(arrays: Arrays) -> list[dict[str, np.ndarray]]:
    count = min(len(array) for array in arrays.values())
    return [{name: array[i : i + 1] for name, array in arrays.items()} for i in range(count)]


def _convert(
    model: keras.Model, endpoint: Endpoint, precision: str, calibration: list[dict[str, np.ndarray]]
) -> bytes:
    specs = {
        name: tf.TensorSpec((1, *spec.shape[1:]), spec.dtype, name)
        for name, spec in endpoint.specs.items()
    }

    def representative() -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        for row in calibration:
            yield (
                SIGNATURE,
                {name: row[name].astype(spec.dtype.as_numpy_dtype) for name, spec in specs.items()},
            )

    with tempfile.TemporaryDirectory() as folder:
        with portable_ops():
            write_archive(Path(folder), [model], {"serve": Endpoint(specs, endpoint.call)})
        # TensorFlow's calibrator ends the process there, also at Keras's own recurrent layers.
        if precision == "int8" and has_loops(read(Path(folder))):
            raise received("a model without loops for int8", reason="a loop cannot be calibrated")
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if precision == "int8":
            converter.representative_dataset = representative
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        try:
            with _without_farewell():
                return bytes(converter.convert())
        # ConverterError has no public name; the quantizer raises RuntimeError.
        except Exception as error:
            raise received(
                f"a model of ops that LiteRT has at {precision}", reason=_reason(error)
            ) from error


def _reason(error: Exception) -> str:
    """The ops in question, or the first line of what the converter says."""
    text = str(error)
    ops = re.findall(r"(?:TF Select|Flex|Custom) ops: (.+)", text)
    if ops:
        return "no builtin op for " + ", ".join(dict.fromkeys(ops))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = next((line for line in lines if "error:" in line), lines[0] if lines else repr(error))
    return said.rpartition("error: ")[2][:300]


@contextlib.contextmanager
def _without_farewell() -> Iterator[None]:
    """TensorFlow's interpreter announces each time that it will move to a package of its own."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\s*Warning: tf.lite.Interpreter", UserWarning)
        yield


def _runner(content: bytes) -> Callable[[Arrays], Arrays]:
    with _without_farewell():
        interpreter = tf.lite.Interpreter(model_content=content)
    signature = interpreter.get_signature_runner(SIGNATURE)
    types = {name: d["dtype"] for name, d in signature.get_input_details().items()}

    def run(values: Arrays) -> Arrays:
        # The converter drops inputs that no output depends on.
        outputs: Arrays = signature(
            **{name: values[name].astype(kind) for name, kind in types.items()}
        )
        return outputs

    return run
