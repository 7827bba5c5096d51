"""The base of all layers: their contract with Keras, and the arguments of their kernels."""

import functools
from collections.abc import Callable
from typing import Any

import keras

from keras_hadamard._core.typing import Activation, Initializer, Shape
from keras_hadamard.activations import get as get_activation
from keras_hadamard.layers._fan_in import of_fan_in
from keras_hadamard.layers._initializers import block_initializer, initializer_for
from keras_hadamard.layers._inputs import features
from keras_hadamard.layers._recomputed import recomputed, recomputed_as_a_whole
from keras_hadamard.layers._sublayers import KEY, change, changes_of


class BaseLayer(keras.layers.Layer):
    """Base of the layers of this package.

    A layer takes the inputs that `keras.layers.Dense` takes. The weights and sublayers that `build`
    creates take over earlier changes to the layer: `trainable`, and changes to its sublayers before
    it was saved or cloned. Each weight gets different initial values, even if weights share an
    initializer.
    """

    _changes: dict[str, Any] | None = None

    def __init__(
        self,
        *,
        use_bias: bool = True,
        kernel_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Keras does not quantise models with unbuilt layers, and these are not called before.
        self.built = type(self).build is keras.layers.Layer.build
        self.use_bias = bool(use_bias)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = _completed(cls.build)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = features(self, args, kwargs)
        with recomputed_as_a_whole(self):
            return super().__call__(*args, **kwargs)

    def rematerialized_call(
        self, layer_call: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Callable[..., Any]:
        return recomputed(self, super().rematerialized_call, layer_call, args, kwargs)

    def add_weight(
        self, *args: Any, name: str | None = None, initializer: Initializer = None, **kwargs: Any
    ) -> Any:
        """Adds a weight, as `keras.layers.Layer` does; its name is a part of the seed."""
        initializer = keras.initializers.get(initializer)
        if name is not None:
            initializer = initializer_for(initializer, name)
        return super().add_weight(*args, name=name, initializer=initializer, **kwargs)

    def project(
        self,
        units: int,
        name: str,
        *,
        activation: Activation = None,
        use_bias: bool | None = None,
        blocks: int = 1,
        bias_initializer: Initializer = None,
        kind: Callable[..., Any] = keras.layers.Dense,
        input_shape: Shape | None = None,
    ) -> Any:
        """Creates (and builds) a dense projection.

        `blocks` is the number of projections of `units` that the kernel holds side by side; each of
        them is initialised separately. `bias_initializer` replaces the layer's, and `kind` replaces
        `keras.layers.Dense`.
        """
        arguments = self.kernel_arguments(name, activation, use_bias, blocks)
        if bias_initializer is not None:
            arguments["bias_initializer"] = bias_initializer
        if input_shape is not None:
            tell_fan_in(arguments, input_shape[-1])
        dense = kind(units * blocks, **arguments)
        if input_shape is not None:
            dense.build(input_shape)
        return dense

    def kernel_arguments(
        self, name: str, activation: Activation, use_bias: bool | None, blocks: int = 1
    ) -> dict[str, Any]:
        """The arguments of a Keras layer with a kernel, by its name."""
        arguments = {**self.shared_arguments(name), "name": name}
        arguments["activation"] = get_activation(activation)
        if use_bias is not None:
            arguments["use_bias"] = use_bias
        if blocks > 1:
            arguments["kernel_initializer"] = block_initializer(
                self.kernel_initializer, name, blocks
            )
        return arguments

    def shared_arguments(self, name: str) -> dict[str, Any]:
        """The arguments that a sublayer takes over from this layer, by its name."""
        return {
            "use_bias": self.use_bias,
            "kernel_initializer": initializer_for(self.kernel_initializer, name),
            "bias_initializer": initializer_for(self.bias_initializer, name),
            "kernel_regularizer": self.kernel_regularizer,
            "bias_regularizer": self.bias_regularizer,
            "kernel_constraint": self.kernel_constraint,
            "bias_constraint": self.bias_constraint,
            "dtype": self.dtype_policy,
        }

    def sublayer(self, kind: Callable[..., Any], *args: Any, name: str, **kwargs: Any) -> Any:
        """Creates a sublayer of a class with the same arguments as this one.

        Given arguments replace the shared ones.
        """
        return kind(*args, name=name, **{**self.shared_arguments(name), **kwargs})

    def get_config(self) -> dict[str, Any]:
        changes = changes_of(self) if self.built else self._changes
        return {
            **super().get_config(),
            **({KEY: changes} if changes else {}),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
            "bias_constraint": keras.constraints.serialize(self.bias_constraint),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        config = dict(config)
        changes = config.pop(KEY, None)
        layer = super().from_config(config)
        layer._changes = changes
        return layer


def tell_fan_in(arguments: dict[str, Any], fan_in: int | None) -> None:
    """Initialises the bias of a sublayer by its fan-in, if its initializer requires that."""
    if fan_in:
        arguments["bias_initializer"] = of_fan_in(arguments["bias_initializer"], fan_in)


def _completed(build: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(build)
    def completed(self: BaseLayer, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        if type(self).build is not completed:
            return  # A subclass adds to it.
        change(self, self._changes)
        if not self.trainable:
            # Keras passes it on to the existing sublayers, but TensorFlow ignores an assignment of
            # the same value.
            self.trainable = True
            self.trainable = False

    return completed
