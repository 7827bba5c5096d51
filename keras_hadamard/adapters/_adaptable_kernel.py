"""A kernel that can be adapted, its layer's way of multiplying by it, and its bias."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.introspection.kernels import Kernel, lora_of
from keras_hadamard._core.typing import Tensor
from keras_hadamard.adapters._adapter import Adapter, KernelView, Weights
from keras_hadamard.adapters._linear_views import EinsumView, linear_view_of
from keras_hadamard.pruning._masks import mask_of, masked

_L = keras.layers
_WITH_BIAS = (
    *(_L.Dense, _L.EinsumDense, _L.DepthwiseConv1D, _L.DepthwiseConv2D),
    *(_L.Conv1D, _L.Conv2D, _L.Conv3D),
    *(_L.Conv1DTranspose, _L.Conv2DTranspose, _L.Conv3DTranspose),
)
ActiveAdapters = list[tuple[Adapter, Weights]]


class AdaptableKernel:
    """One kernel of a model."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.view = KernelView(*kernel.view)
        self.knows_bias, self.bias = _bias_of(kernel)
        self.masks = [None if v is None else mask_of(v) for v in (kernel.variable, self.bias)]
        # The update of an adapter is not sparse, so masks apply to the sum.
        self.linear_view = linear_view_of(kernel) if self.masks[0] is None else None

    @property
    def quantised(self) -> bool:
        return getattr(self.kernel.layer, "quantization_mode", None) is not None

    def check(self, adapter: Adapter) -> None:
        """Raises if the adapter does not support the kernel."""
        if self.quantised and adapter.uses_kernel:
            raise received(
                "an adapter that does not need the kernel's own values, such as LoRA or LoHa, "
                f"for {self.kernel.path!r}, which is quantised",
                adapter=adapter,
            )
        if adapter.changes_bias and not self.knows_bias:
            raise received(
                f"a layer whose bias has a value for each output of {self.kernel.path!r}, or "
                "`scale_bias=False`",
                adapter=adapter,
                layer=self.kernel.layer,
            )
        if self.view.positions > 1 and not adapter.adapts_windows:
            raise received(
                f"kernels of one position, which `target` or `exclude` can select: "
                f"{self.kernel.path!r} has windows",
                adapter=adapter,
                positions=self.view.positions,
            )
        if (
            not keras.backend.is_float_dtype(self.kernel.variable.dtype)
            and self.linear_view is None
        ):
            raise received(
                f"a kernel of floats, or in a dense layer without activation, for "
                f"{self.kernel.path!r}, which is quantised",
                dtype=self.kernel.variable.dtype,
            )

    def to_matrix(self, tensor: Tensor) -> Tensor:
        """The kernel's values as a matrix."""
        return ops.reshape(ops.transpose(tensor, self.kernel.axes), (-1, self.view.outputs))

    def from_matrix(self, matrix: Tensor) -> Tensor:
        axes = self.kernel.axes
        shape = self.kernel.shape
        tensor = ops.reshape(matrix, [shape[a] for a in axes])
        return ops.transpose(tensor, [int(a) for a in np.argsort(axes)])

    def merge(
        self, adapters: ActiveAdapters, kernel: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, Any]:
        """The kernel and bias equivalent to the adapters, applied one after another."""
        return self._changed([(a.merge, weights) for a, weights in adapters], kernel, bias)

    def unmerge(
        self, adapters: ActiveAdapters, kernel: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, Any]:
        """The kernel and bias from which `merge` makes the given ones."""
        return self._changed([(a.unmerge, weights) for a, weights in adapters[::-1]], kernel, bias)

    def _changed(
        self, changes: list[tuple[Any, Weights]], kernel: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, Any]:
        lora = lora_of(self.kernel)
        lora = None if lora is None else ops.cast(lora, kernel.dtype)
        w = self.to_matrix(kernel if lora is None else kernel + lora)
        vector = None if bias is None else ops.reshape(bias, (-1,))
        for change, weights in changes:
            w, vector = change(w, vector, weights)
        kernel = self.from_matrix(w)
        new = (
            kernel if lora is None else kernel - lora,
            None if bias is None else ops.reshape(vector, bias.shape),
        )
        # The layer adds its own low-rank matrix again, and a mask hides weights that were zero
        # before.
        hidden = zip(new, self.masks, strict=True)
        kernel, bias = (
            t if mask is None else masked(t, ops.convert_to_tensor(mask)) for t, mask in hidden
        )
        return kernel, bias

    def with_unmerge_state(self, adapters: ActiveAdapters) -> ActiveAdapters:
        """The adapters, with the state that `unmerge` needs from the kernel of the base."""
        if not any(adapter.has_unmerge_state for adapter, _ in adapters):
            return adapters
        if self.quantised:
            # Packed four-bit integers do not even have the kernel's shape: only its sizes are
            # known.
            w = ops.zeros((self.view.rows, self.view.outputs), "float64")
        else:
            lora = lora_of(self.kernel)
            kernel = exact(self.kernel.variable)
            w = self.to_matrix(kernel if lora is None else kernel + exact(lora))
        return [
            (adapter, {**weights, **adapter.unmerge_state(w, more)})
            for (adapter, weights), (_, more) in zip(
                adapters, exact_adapters(adapters), strict=True
            )
        ]


def exact(value: Any) -> Tensor:
    """A variable's or tensor's values in float64, in which adapters are merged."""
    return ops.convert_to_tensor(ops.convert_to_numpy(value).astype(np.float64), "float64")


def exact_adapters(adapters: ActiveAdapters) -> ActiveAdapters:
    return [(adapter, {k: exact(v) for k, v in weights.items()}) for adapter, weights in adapters]


def _bias_of(kernel: Kernel) -> tuple[bool, Any]:
    """Whether the layer's bias is known to have a value for each output, and the bias if any."""
    layer = kernel.layer
    if isinstance(layer, _L.Embedding):
        return True, None
    if not isinstance(layer, _WITH_BIAS):
        return False, None
    bias = layer.bias
    if bias is not None and int(np.prod(bias.shape)) != kernel.view[2]:
        return False, None
    if isinstance(layer, _L.EinsumDense) and bias is not None:
        linear_view = EinsumView(kernel)
        in_order = [c for c in linear_view.outputs if c in linear_view.made] == linear_view.made
        return in_order, bias if in_order else None
    return True, bias
