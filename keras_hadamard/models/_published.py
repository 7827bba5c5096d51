"""Base class of the published architectures: arguments, files, the authors' checkpoints."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard._core.optimizer import build_optimizer
from keras_hadamard._core.reading import reading
from keras_hadamard._core.typing import Initializer, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.layers._sublayers import KEY, change, changes_of
from keras_hadamard.models._checkpointed import CheckpointedModel
from keras_hadamard.models._state_dict import is_checkpoint

# The policy of a model whose configuration names none.
PLAIN = "float32"


class PublishedModel(CheckpointedModel):
    """Functional model whose configuration is the arguments of its constructor.

    A subclass builds its graph, passes inputs, outputs and arguments to this constructor, and maps
    its layers to the names of the authors' state dict in `torch_mapping`.
    """

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        *,
        arguments: Mapping[str, Any],
        weights: str | Path | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(inputs, outputs, name=name)
        # Its layers were made under this policy, which may not be the global one where it is
        # loaded.
        self._policy = keras.config.dtype_policy()
        self.arguments = {k: list(v) if isinstance(v, tuple) else v for k, v in arguments.items()}
        # Some models freeze layers themselves.
        self._as_made = changes_of(self)
        self._given = None if weights is None else existing(weights)

    def constructed(self) -> None:
        """Loads the weights given to the constructor, once the model is complete."""
        path, self._given = self._given, None
        if path is None:
            return
        if is_checkpoint(path):
            self.load_torch(path)
            return
        with reading(path, f"weights of {type(self).__name__}"):
            self.load_weights(path)

    def make_train_function(self, force: bool = False) -> Any:
        """As `keras.Model.make_train_function`; the step is traced once."""
        build_optimizer(self)
        return super().make_train_function(force)

    def get_config(self) -> dict[str, Any]:
        # The arguments of the constructor, and the changes since then if there are any.
        changes = changes_of(self)
        plain = self._policy.name == PLAIN
        return {
            **self.arguments,
            "name": self.name,
            **({} if self.trainable else {"trainable": False}),
            **({} if plain else {"dtype": keras.dtype_policies.serialize(self._policy)}),
            **({} if changes == self._as_made else {KEY: changes}),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "PublishedModel":
        del custom_objects  # Every layer is registered.
        config = dict(config)
        changes, trainable = config.pop(KEY, None), config.pop("trainable", True)
        with under_policy(config.pop("dtype", PLAIN)):
            model = cls(**config)
        change(model, changes)
        model.trainable = model.trainable and trainable
        return model


@contextmanager
def under_policy(policy: Any) -> Iterator[None]:
    """Layers made in this scope have the policy; the global policy is restored afterwards."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(keras.dtype_policies.get(policy))
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def existing(weights: str | Path) -> str:
    if not Path(weights).is_file():
        raise received("`weights` to be None or the path of a weights file", weights=str(weights))
    return str(weights)


def image_shape(input_shape: Any, smallest: int = 1) -> Shape:
    """`input_shape` as keras.applications takes it, channels-last, its sides known or not."""
    fits = (
        isinstance(input_shape, list | tuple)
        and len(input_shape) == 3
        and input_shape[2] is not None
        and all(side is None or side >= smallest for side in input_shape[:2])
    )
    if not fits:
        raise received(
            f"`input_shape` to be (height, width, channels) with sides of at least {smallest}",
            input_shape=input_shape,
        )
    return tuple(input_shape)


def classify(
    x: Tensor,
    *,
    include_top: bool,
    classes: int,
    classifier_activation: Any,
    pooling: str | None = None,
    normalization: Callable[[Tensor], Tensor] | None = None,
    kernel_initializer: Initializer = "glorot_uniform",
) -> tuple[Tensor, keras.layers.Dense | None]:
    """The head of an image network, and its classifier if there is one.

    `normalization` is what comes between the mean and the classifier.
    """
    one_of("pooling", pooling, (None, "avg", "max"))
    if not include_top:
        pools = {"avg": keras.layers.GlobalAveragePooling2D, "max": keras.layers.GlobalMaxPooling2D}
        return (x if pooling is None else pools[pooling]()(x)), None
    x = keras.layers.GlobalAveragePooling2D(name="average_pool")(x)
    x = x if normalization is None else normalization(x)
    # The class scores are float32 under every policy, so that clients of a server can read them.
    top = keras.layers.Dense(
        positive_int("classes", classes),
        activation=get_activation(classifier_activation),
        kernel_initializer=kernel_initializer,
        dtype=float_policy(),
        name="predictions",
    )
    return top(x), top


def model_input(shape: Shape, name: str) -> Tensor:
    """An input as precise as the weights: Keras's own is float32 under every policy."""
    return keras.Input(shape, dtype=keras.config.dtype_policy().variable_dtype, name=name)


def float_policy() -> str:
    """float32 under the 16-bit policies, otherwise the policy itself."""
    policy = keras.config.dtype_policy()
    return "float32" if policy.compute_dtype in ("float16", "bfloat16") else str(policy.name)
