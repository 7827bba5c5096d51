"""Base class of layers that change the equation of a Keras layer."""

from collections.abc import Callable
from typing import Any

import keras

from keras_hadamard.layers._inputs import features
from keras_hadamard.layers._recomputed import recomputed, recomputed_as_a_whole


class KerasLayer(keras.layers.Layer):
    """Base of layers that derive from one of Keras's: inputs and gradients as in `BaseLayer`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = features(self, args, kwargs)
        with recomputed_as_a_whole(self):
            return super().__call__(*args, **kwargs)

    def rematerialized_call(
        self, layer_call: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Callable[..., Any]:
        return recomputed(self, super().rematerialized_call, layer_call, args, kwargs)
