"""The contract of all layers with Keras, beside their equations."""

import functools
from collections.abc import Callable
from typing import Any

import keras

from keras_hadamard._typing import Initializer
from keras_hadamard.layers._initializers import initializer_for
from keras_hadamard.layers._inputs import TakesTensors
from keras_hadamard.layers._recomputed import Recomputed
from keras_hadamard.layers._sublayers import KEY, change, changes_of


class BaseLayer(TakesTensors, Recomputed):
    """Base of the layers of this package.

    What `build` creates takes over what was said of the layer before: that it is not trained, and
    what was done to its sublayers where it was saved or cloned. A weight starts with values of its
    own, whichever other weights have the same initializer.
    """

    _changes: dict[str, Any] | None = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # Keras quantises no model with a layer that is not built, and nobody calls these before.
        self.built = type(self).build is keras.layers.Layer.build

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = _completed(cls.build)

    def add_weight(
        self, *args: Any, name: str | None = None, initializer: Initializer = None, **kwargs: Any
    ) -> Any:
        """Adds a weight, as `keras.layers.Layer` does; its name is a part of the seed."""
        initializer = keras.initializers.get(initializer)
        if name is not None:
            initializer = initializer_for(initializer, name)
        return super().add_weight(*args, name=name, initializer=initializer, **kwargs)

    def get_config(self) -> dict[str, Any]:
        changes = changes_of(self) if self.built else self._changes
        return {**super().get_config(), **({KEY: changes} if changes else {})}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        config = dict(config)
        changes = config.pop(KEY, None)
        layer = super().from_config(config)
        layer._changes = changes
        return layer


def _completed(build: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(build)
    def completed(self: BaseLayer, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        if type(self).build is not completed:
            return  # A subclass goes on.
        change(self, self._changes)
        if not self.trainable:
            # Keras passes it on to the sublayers that there are now, but TensorFlow's attributes do
            # nothing where the value is there already.
            self.trainable = True
            self.trainable = False

    return completed
