"""What the hypermodels of all domains share: a gated head, the optimizer, and pruning."""

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import keras
import keras_tuner

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard._core.typing import Tensor
from keras_hadamard.tuning.gating_space import gating_space
from keras_hadamard.tuning.pruning_space import pruning_space

LEARNING_RATES = (1e-3, 2e-3, 4e-3)
Layers = dict[str, keras.layers.Layer]


class SearchedClassifier(keras_tuner.HyperModel):
    """A classifier some of whose parts are searched; the others are at their defaults."""

    spaces_known: tuple[str, ...] = ()

    def __init__(
        self, classes: int, spaces: Iterable[str], units: int, training_steps: int | None
    ) -> None:
        super().__init__()
        if positive_int("classes", classes) < 2:
            raise received("`classes` to be two or more", classes=classes)
        self.classes = int(classes)
        self.spaces = tuple(one_of("spaces", space, self.spaces_known) for space in spaces)
        self.units = positive_int("units", units)
        if "pruning" in self.spaces or training_steps is not None:
            training_steps = positive_int("training_steps", training_steps)
        self.training_steps = training_steps

    def declare_hyperparameters(self, hp: Any) -> None:
        """Declares the whole space without building a model.

        Args:
            hp: A `keras_tuner.HyperParameters`.
        """
        self._declare(hp)

    def build(self, hp: Any) -> keras.Model:
        """Builds and compiles the model that `hp` describes.

        Args:
            hp: A `keras_tuner.HyperParameters`.

        Returns:
            A compiled `keras.Model`.
        """
        parts, gate, learning_rate, prune = self._declare(hp)
        inputs, x = self._features(parts)
        # Float32 whatever the policy: a server's REST interface has no 16-bit floats.
        x = keras.layers.Dense(
            self.classes, activation="softmax", dtype="float32", name="probabilities"
        )(gate(x))
        model = prune(keras.Model(inputs, x, name=type(self).__name__.lower()))
        model.compile(
            optimizer=keras.optimizers.Adam(learning_rate),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        return model

    @abstractmethod
    def _parts(self, hp: Any) -> Layers:
        """Declares what comes before the gate, and makes it."""

    @abstractmethod
    def _features(self, parts: Layers) -> tuple[dict[str, Tensor], Tensor]:
        """The inputs by name, and the vector that the gate takes."""

    def _declare(
        self, hp: Any
    ) -> tuple[Layers, keras.layers.Layer, float, Callable[[keras.Model], keras.Model]]:
        """Declares all; kinds that vary most come last, as a grid runs through the last first."""
        learning_rate = hp.Choice("learning_rate", list(LEARNING_RATES), default=2e-3)
        prune: Callable[[keras.Model], keras.Model] = lambda model: model  # noqa: E731
        if self.training_steps is not None and "pruning" in self.spaces:
            prune = pruning_space(hp, steps=self.training_steps)
        parts = self._parts(hp)
        include = None if "gating" in self.spaces else ["dense"]
        return parts, gating_space(hp, units=self.units, include=include), learning_rate, prune
