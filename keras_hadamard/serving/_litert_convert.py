"""Conversion of a model to the content of a LiteRT file."""

import math
import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_hadamard._core.checks import received
from keras_hadamard.ops._portable import portable_ops
from keras_hadamard.serving._archive import write_archive
from keras_hadamard.serving._calibration import Calibration, rows_of
from keras_hadamard.serving._endpoint import Endpoint
from keras_hadamard.serving._litert_int8 import Quantizer, fewest_in_floats
from keras_hadamard.serving._litert_ops import Op, without_farewell
from keras_hadamard.serving._litert_trials import trials
from keras_hadamard.serving._saved_model import SIGNATURE, has_loops, read
from keras_hadamard.serving.artifact import Arrays, largest_difference

# Rows that ops in floats are chosen on.
_JUDGES = 32


def convert(
    model: keras.Model,
    endpoint: Endpoint,
    precision: str,
    split: Calibration | None,
    rows: list[dict[str, np.ndarray]],
    expected: Arrays,
    tolerance: float,
) -> bytes:
    """The content of a file; in eight bits, what is enough for `expected` on `rows`."""
    specs = _specs(endpoint, split)
    with tempfile.TemporaryDirectory() as folder:
        with portable_ops():
            write_archive(Path(folder), [model], {"serve": Endpoint(specs, endpoint.call)})
        # TensorFlow's calibrator ends the process there, also at Keras's own recurrent layers.
        if precision == "int8" and has_loops(read(Path(folder))):
            raise received(
                "a model without loops for int8 (inputs of known lengths, and unroll=True for "
                "recurrent layers of Keras)",
                reason="a loop cannot be calibrated",
            )
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        try:
            with without_farewell():
                if split is not None:
                    converter.representative_dataset = _representative(split.rows, specs)
                    return _quantized(converter, rows, expected, tolerance)
                return bytes(converter.convert())
        # ConverterError has no public name; the quantizer raises RuntimeError.
        except Exception as error:
            raise received(
                f"a model of ops that LiteRT has at {precision}", reason=_reason(error)
            ) from error


def _specs(endpoint: Endpoint, split: Calibration | None) -> dict[str, tf.TensorSpec]:
    """Inputs of one example, in eight bits of the examples' sizes where the model has none.

    A length that is not known is a loop, which cannot be calibrated.
    """
    shapes = {
        name: (1, *(spec.shape[1:] if split is None else split.rows[name].shape[1:]))
        for name, spec in endpoint.specs.items()
    }
    return {
        name: tf.TensorSpec(shapes[name], spec.dtype, name) for name, spec in endpoint.specs.items()
    }


def _representative(
    arrays: Arrays, specs: Mapping[str, tf.TensorSpec]
) -> Callable[[], Iterator[tuple[str, dict[str, np.ndarray]]]]:
    types = {name: spec.dtype.as_numpy_dtype for name, spec in specs.items()}

    def examples() -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        for row in rows_of(arrays):
            yield SIGNATURE, {name: row[name].astype(kind) for name, kind in types.items()}

    return examples


def _quantized(
    converter: Any, rows: list[dict[str, np.ndarray]], expected: Arrays, tolerance: float
) -> bytes:
    """The file in eight bits, but for the ops that lose too much."""
    quantizer = Quantizer(converter)

    def error(count: int, floats: Collection[Op]) -> float:
        found = trials().run(quantizer.content(floats), rows[:count])
        if found is None:  # As at a quotient by what was rounded to zero.
            return math.inf
        return largest_difference({name: x[:count] for name, x in expected.items()}, found)

    floats: list[Op] = []
    off = error(len(rows), floats)
    # Few rows choose faster, and all of them judge.
    for count in (_JUDGES, len(rows)):
        if off <= tolerance:
            break
        floats = fewest_in_floats(quantizer.nodes, partial(error, count), tolerance)
        off = error(len(rows), floats)
    if math.isinf(off):
        # Published it would end the process that runs it.
        raise RuntimeError("an op of it does not run in eight bits, whatever stays in floats")
    return quantizer.content(floats)


def _reason(error: Exception) -> str:
    """The ops in question, or the first line of what the converter says."""
    text = str(error)
    ops = re.findall(r"(?:TF Select|Flex|Custom) ops: (.+)", text)
    if ops:
        return "no builtin op for " + ", ".join(dict.fromkeys(ops))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = next((line for line in lines if "error:" in line), lines[0] if lines else repr(error))
    return said.rpartition("error: ")[2][:300]
