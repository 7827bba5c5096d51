"""PyTorch's layout of tensors, outputs before inputs before positions, and ours."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard.adapters._adaptable_kernel import AdaptableKernel
from keras_hadamard.adapters._adapter import Adapter
from keras_hadamard.adapters.dora import DoRA
from keras_hadamard.adapters.lokr import LoKr
from keras_hadamard.adapters.vera import VeRA

_L = keras.layers
# Layers whose kernels differ from PyTorch's only in the order of axes.
_PLAIN = (_L.Dense, _L.EinsumDense, _L.Embedding, _L.Conv1D, _L.Conv2D, _L.Conv3D)
_DEPTHWISE = (_L.DepthwiseConv1D, _L.DepthwiseConv2D)
# Our weights of LoHa and LoKr by the names that PEFT shares with LyCORIS.
HADAMARD = {
    "hada_w1_a": "b1",
    "hada_w1_b": "a1",
    "hada_w2_a": "b2",
    "hada_w2_b": "a2",
    "hada_t1": "t1",
    "hada_t2": "t2",
}
KRONECKER = {
    "lokr_w1": "w1",
    "lokr_w1_a": "b1",
    "lokr_w1_b": "a1",
    "lokr_w2": "w2",
    "lokr_w2_a": "b2",
    "lokr_w2_b": "a2",
    "lokr_t2": "t2",
}


def our_weight(
    key: str,
    array: np.ndarray,
    adaptable: AdaptableKernel,
    adapter: Adapter,
    tensors: dict[str, np.ndarray],
    kernel: Any,
) -> np.ndarray:
    """A weight of an adapter; `kernel` is the one that it adapts."""
    array = np.asarray(array, "float32")
    if isinstance(adapter, VeRA):
        return _projected(key, array, adaptable)
    if isinstance(adapter, LoKr):
        return _kronecker(key, array, adaptable, "t2" in tensors)
    if key == "magnitude":
        matrix = ops.convert_to_numpy(adaptable.to_matrix(kernel)).astype("float64")
        of_inputs = isinstance(adapter, DoRA) and adapter.norm == "inputs"
        return array.reshape(-1) - np.linalg.norm(matrix, axis=1 if of_inputs else 0)
    if key in ("scale", "bias"):
        return array.reshape(-1)
    rank = array.shape[0]
    if key.startswith("t"):
        return array.reshape(rank, rank, -1)
    if key.startswith("b"):
        # With a core it is (rank, outputs) already.
        return array if "t1" in tensors else array.reshape(array.shape[0], -1).T
    if "t1" in tensors:
        return array.T
    if array.size != rank * adaptable.view.rows:
        # A wrong shape, which is reported later.
        return array.T
    return _rows(array.reshape(rank, adaptable.view.inputs, -1))


def _kronecker(key: str, array: np.ndarray, adaptable: AdaptableKernel, core: bool) -> np.ndarray:
    """A weight of LoKr."""
    positions = adaptable.view.positions
    if key == "t2":
        return array.reshape(*array.shape[:2], -1)
    if key == "b2" and core:
        return array
    if key in ("w2", "a2") and positions > 1 and not core and array.size % positions == 0:
        # (columns, inputs, positions) becomes (positions, inputs, columns).
        return array.reshape(len(array), -1, positions).transpose(2, 1, 0)
    return array.reshape(len(array), -1).T


def _projected(key: str, array: np.ndarray, adaptable: AdaptableKernel) -> np.ndarray:
    """A weight of VeRA; for a shared one, the kernel's part."""
    if key in ("d", "b"):
        return array.reshape(-1)
    axis, size = (1, adaptable.view.rows) if key == "shared_a" else (0, adaptable.view.outputs)
    if array.ndim != 2 or array.shape[axis] < size:
        raise received(
            f"`vera_A` and `vera_B` for the {adaptable.view.rows} inputs and "
            f"{adaptable.view.outputs} outputs of {adaptable.kernel.path!r}",
            shape=array.shape,
        )
    return np.ascontiguousarray(array.T[:size] if axis else array.T[:, :size])


def our_kernel(array: np.ndarray, adaptable: AdaptableKernel, fan_in_fan_out: bool) -> np.ndarray:
    """A whole kernel."""
    layer, path = adaptable.kernel.layer, adaptable.kernel.path
    known = isinstance(layer, _DEPTHWISE) or type(layer) in _PLAIN
    if not known or not keras.backend.is_float_dtype(adaptable.kernel.variable.dtype):
        raise received(
            f"a dense, embedding or convolution layer of floats for {path!r}, as the file has the "
            "whole kernel",
            layer=layer,
            dtype=adaptable.kernel.variable.dtype,
        )
    array = np.asarray(array, "float32")
    _, inputs, outputs = adaptable.view
    if isinstance(layer, _L.Embedding):
        matrix = array
    elif fan_in_fan_out and array.shape == (inputs, outputs):
        if inputs == outputs:
            raise received(
                f"{path!r} not to be a square matrix, as `fan_in_fan_out` is true for "
                "some of PyTorch's layers and not for others; merge in PEFT and take over the "
                "weights",
                fan_in_fan_out=True,
                shape=array.shape,
            )
        matrix = array
    elif array.size == outputs * adaptable.view.rows and array.shape[:2] == (outputs, inputs):
        matrix = _rows(array.reshape(outputs, inputs, -1))
    else:
        matrix = None
    if matrix is None or matrix.shape != (adaptable.view.rows, outputs):
        raise received(
            f"a kernel of the shape of {path!r}",
            kernel=tuple(adaptable.kernel.shape),
            file=array.shape,
        )
    return ops.convert_to_numpy(adaptable.from_matrix(matrix))


def _rows(array: np.ndarray) -> np.ndarray:
    """From (columns, inputs, positions) to (positions * inputs, columns)."""
    return array.transpose(2, 1, 0).reshape(-1, array.shape[0])
