"""Base class of hypermodels: how a model is declared, built, sized and compiled."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import keras_tuner

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard.layers.registry._parameter_budget import narrowest, widest
from keras_hadamard.tuning._fusions import fusion_options
from keras_hadamard.tuning._heads import Head
from keras_hadamard.tuning._modalities import Layers, Modality
from keras_hadamard.tuning.fusion_space import fusion_space
from keras_hadamard.tuning.gating_space import gates, gating_space
from keras_hadamard.tuning.pruning_space import pruning_space

LEARNING_RATES = (1e-3, 2e-3, 4e-3)
# The default spaces: for several inputs, and for one input by its kind.
SEVERAL = ("fusion", "gating")
ONE = {
    "image": ("channel_attention", "gating"),
    "tokens": ("recurrence", "gating"),
    "vector": ("high_order", "gating"),
    "fields": ("high_order", "gating"),
}


@dataclass(frozen=True)
class Parts:
    """The declared layers, those of encoders by the input's name, and the training settings."""

    encoders: dict[str, Layers]
    fusion: keras.layers.Layer | None
    gate: keras.layers.Layer
    learning_rate: float
    prune: Callable[[keras.Model], keras.Model]


class SearchedModel(keras_tuner.HyperModel):
    """A model with some searched parts; the others have their defaults."""

    spaces_known: tuple[str, ...] = ()

    def __init__(
        self,
        inputs: Mapping[str, Any],
        outputs: int,
        spaces: Iterable[str] | None,
        units: int,
        *,
        fusions: Iterable[str] | None = None,
        gatings: Iterable[str] | None = None,
        max_fusion_parameters: int | None = None,
        max_parameters: int | None,
        training_steps: int | None,
        task: str,
        target_statistics: Any,
    ) -> None:
        super().__init__()
        if not isinstance(inputs, Mapping) or not inputs:
            raise received("`inputs` to be a dict with at least one input", inputs=inputs)
        self.modalities = [Modality(name, spec) for name, spec in inputs.items()]
        self.head = Head(task, outputs, target_statistics)
        self.task, self.outputs = self.head.name, self.head.outputs
        if spaces is None:
            spaces = SEVERAL if self.fused else ONE[self.modalities[0].field.kind]
        self.spaces = tuple(one_of("spaces", space, self.spaces_known) for space in spaces)
        self.units = positive_int("units", units)
        self.fusions = fusion_options().kinds(fusions, len(inputs)) if self.fused else ()
        self.gatings = gates("vector").kinds(gatings)
        if max_fusion_parameters is not None:
            max_fusion_parameters = positive_int("max_fusion_parameters", max_fusion_parameters)
        if max_parameters is not None:
            max_parameters = positive_int("max_parameters", max_parameters)
            max_fusion_parameters = max_fusion_parameters or max(1, max_parameters // 2)
        self.max_fusion_parameters, self.max_parameters = max_fusion_parameters, max_parameters
        if "pruning" in self.spaces or training_steps is not None:
            training_steps = positive_int("training_steps", training_steps)
        self.training_steps = training_steps

    @property
    def fused(self) -> bool:
        """Whether there are inputs to fuse."""
        return len(self.modalities) > 1

    def declare_hyperparameters(self, hp: Any) -> None:
        """Declares the whole space without building a model.

        Args:
            hp: A `keras_tuner.HyperParameters`.
        """
        self._declare(hp, self.units)

    def build(self, hp: Any) -> keras.Model:
        """Builds and compiles the model that `hp` describes.

        Args:
            hp: A `keras_tuner.HyperParameters`.

        Returns:
            A compiled `keras.Model`.
        """
        if self.max_parameters is None:
            return self._model(hp, self.units)
        count = partial(self._parameters, hp)
        return self._model(hp, widest(count, self.max_parameters, self.narrowest(hp)))

    def narrowest(self, hp: Any) -> int:
        """The smallest width of the gated vector, if that is within `max_parameters`.

        Args:
            hp: A `keras_tuner.HyperParameters`.

        Returns:
            A positive integer; `units` without a limit.

        Raises:
            ValueError: If a model that `hp` describes has more parameters at any width.
        """
        if self.max_parameters is None:
            return self.units
        width, least = narrowest(partial(self._parameters, hp))
        if least > self.max_parameters:
            raise received(
                f"`max_parameters` of at least {least:,}, the fewest of this configuration",
                max_parameters=self.max_parameters,
            )
        return width

    def _parameters(self, hp: Any, gated: int) -> int:
        """The number of trainable parameters of a model at a width of the gated vector."""
        return sum(math.prod(v.shape) for v in self._model(hp, gated).trainable_variables)

    def _model(self, hp: Any, gated: int) -> keras.Model:
        parts = self._declare(hp, gated)
        encoded = {m.name: m.encode(parts.encoders[m.name], self.units) for m in self.modalities}
        inputs = {name: x for name, (x, _) in encoded.items()}
        vectors = [vector for _, vector in encoded.values()]
        x = vectors[0] if parts.fusion is None else parts.fusion(vectors)
        outputs = self.head(parts.gate(x))
        model = parts.prune(keras.Model(inputs, outputs, name=type(self).__name__.lower()))
        self.head.compile(model, parts.learning_rate)
        return model

    def _declare(self, hp: Any, gated: int) -> Parts:
        """Declares all searched parts, and makes the layers.

        Kinds that vary most come last, because a grid runs through the last ones first.
        """
        prune: Callable[[keras.Model], keras.Model] = lambda model: model  # noqa: E731
        if self.training_steps is not None and "pruning" in self.spaces:
            prune = pruning_space(hp, steps=self.training_steps)
        learning_rate = hp.Choice("learning_rate", list(LEARNING_RATES), default=2e-3)
        encoders = {m.name: m.declare(hp, self.spaces, self.units) for m in self.modalities}
        gatings = self.gatings if "gating" in self.spaces else self.gatings[:1]
        gate = gating_space(hp, units=gated, include=gatings)
        return Parts(encoders, self._fusion(hp), gate, learning_rate, prune)

    def _fusion(self, hp: Any) -> keras.layers.Layer | None:
        if not self.fused:
            return None
        return fusion_space(
            hp,
            units=self.units,
            include=self.fusions if "fusion" in self.spaces else self.fusions[:1],
            modalities=[self.units] * len(self.modalities),
            max_parameters=self.max_fusion_parameters,
        )
