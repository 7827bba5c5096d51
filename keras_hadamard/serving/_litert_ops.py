"""What a LiteRT file is made of, and running it."""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from keras_hadamard.serving._saved_model import SIGNATURE

Arrays = Mapping[str, np.ndarray]
# These only change how numbers are held.
_CASTS = ("QUANTIZE", "DEQUANTIZE")


@dataclass(frozen=True)
class Op:
    """An op of a file: its kind, the names of its outputs, and whether it computes in floats."""

    kind: str
    outputs: tuple[str, ...]
    floats: bool


def ops_of(content: bytes) -> list[Op]:
    """The ops of a file and of the bodies of its loops, without those that only cast."""
    # Twenty thousand lines, which only this needs.
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    names = {
        number: name
        for name, number in vars(schema.BuiltinOperator).items()
        if isinstance(number, int)
    }
    kinds = [
        names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes
    ]
    float32 = schema.TensorType.FLOAT32
    found = []
    for graph in model.subgraphs:
        for op in graph.operators or ():
            kind = kinds[op.opcodeIndex]
            outputs = [graph.tensors[i] for i in op.outputs]
            if kind not in _CASTS:
                floats = any(tensor.type == float32 for tensor in outputs)
                found.append(Op(kind, tuple(t.name.decode() for t in outputs), floats))
    return found


def in_floats(content: bytes) -> tuple[int, int]:
    """How many ops of a file compute in floats, and how many there are."""
    ops = ops_of(content)
    return sum(op.floats for op in ops), len(ops)


@contextlib.contextmanager
def without_farewell() -> Iterator[None]:
    """TensorFlow's interpreter announces each time that it will move to a package of its own."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\s*Warning: tf.lite.Interpreter", UserWarning)
        yield


def runner(content: bytes) -> Callable[[Arrays], Arrays]:
    """A function that runs a file, with one thread, on one example."""
    with without_farewell():
        interpreter = tf.lite.Interpreter(model_content=content, num_threads=1)
    signature = interpreter.get_signature_runner(SIGNATURE)
    types = {name: d["dtype"] for name, d in signature.get_input_details().items()}

    def run(values: Arrays) -> Arrays:
        # The converter drops inputs that no output depends on.
        outputs: Arrays = signature(
            **{name: values[name].astype(kind) for name, kind in types.items()}
        )
        return outputs

    return run
