"""The base of layers without kernels."""

from typing import Any

from keras_hadamard._core.typing import KERNEL_ARGUMENTS
from keras_hadamard.layers._base import BaseLayer


class KernelFreeLayer(BaseLayer):
    """Base of layers without kernels, which do not take the arguments that kernels have."""

    def __init__(self, **kwargs: Any) -> None:
        unknown = [name for name in KERNEL_ARGUMENTS if name in kwargs]
        if unknown:
            name = type(self).__name__
            raise TypeError(f"{name}.__init__() got an unexpected keyword argument {unknown[0]!r}")
        super().__init__(**kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {key: value for key, value in config.items() if key not in KERNEL_ARGUMENTS}
