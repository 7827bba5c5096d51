"""State dicts as PyTorch would hold them, and tensors that behave as its own."""

import contextlib
import types
from typing import Any

import ml_dtypes
import numpy as np

from keras_hadamard.models import _checkpoint as c

INVERSE = {
    c.same: lambda x: x,
    c.scalar: lambda x: x.reshape(1),
    c.transposed: lambda x: x.T,
    c.pointwise: lambda x: x.T[:, :, None, None],
    c.convolution: lambda x: x.transpose(3, 2, 0, 1),
    c.depthwise: lambda x: x.transpose(2, 3, 0, 1),
    c.pixel_shuffled: lambda x: x.transpose(2, 0, 1, 3).reshape(-1, x.shape[3], 1, 1),
    c.vector: lambda x: x,
    c.spectrum: lambda x: x.transpose(1, 2, 3, 0),
    c.one_head: lambda x: x[0],
}


def state_of(mapping: dict[str, Any]) -> dict[str, np.ndarray]:
    """The weights of a mapping under the authors' names, each change of layout undone."""
    state: dict[str, np.ndarray] = {}
    for entry in c.entries(mapping):
        value = np.asarray(entry.variable)
        if entry.convert in (c.first_half, c.second_half):
            before = [state[entry.name]] if entry.name in state else []
            state[entry.name] = np.concatenate([*before, value.T])
            continue
        assert entry.name not in state, entry.name
        state[entry.name] = INVERSE[entry.convert](value)
    return state


class Tensor:
    """A parameter of PyTorch: no array before it is detached, and none in bfloat16."""

    def __init__(self, values: Any, dtype: str = "float32", grad: bool = True) -> None:
        self.values, self.dtype, self.grad = np.asarray(values), f"torch.{dtype}", grad
        self.shape = self.values.shape

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        return self.numpy()

    def detach(self) -> "Tensor":
        return Tensor(self.values, self.dtype.removeprefix("torch."), False)

    def cpu(self) -> "Tensor":
        return self

    def is_floating_point(self) -> bool:
        return "float" in self.dtype

    def element_size(self) -> int:
        return 2 if self.dtype.endswith("16") else 4

    def float(self) -> "Tensor":
        return Tensor(self.values, "float32", self.grad)

    def numpy(self) -> np.ndarray:
        if self.grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        if self.dtype == "torch.bfloat16":
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self.values


def halved(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights, rounded to what bfloat16 holds."""
    return {k: v.astype(ml_dtypes.bfloat16).astype("float32") for k, v in state.items()}


def fake_torch(load: Any) -> types.ModuleType:
    """The part of torch that reads files, `load` for what it does."""
    module = types.ModuleType("torch")
    module.load = load
    module.serialization = types.SimpleNamespace(
        safe_globals=lambda kinds: contextlib.nullcontext(kinds)
    )
    return module
