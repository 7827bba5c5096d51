"""A classifier of several inputs whose fusion and gated head are searched."""

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import keras
import keras_tuner

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard.layers.registry._parameter_budget import narrowest, widest
from keras_hadamard.tuning._fusions import fusion_options
from keras_hadamard.tuning.encoders import encode
from keras_hadamard.tuning.fields import Field
from keras_hadamard.tuning.fusion_space import fusion_space
from keras_hadamard.tuning.gating_space import gates, gating_space
from keras_hadamard.tuning.pruning_space import pruning_space
from keras_hadamard.tuning.token_mixer_space import token_mixer_space

SPACES = ("fusion", "gating", "attention", "token_mixer", "pruning")
# The width of backbones of token mixers, about that of the encoders.
MIXER_UNITS = 64
LEARNING_RATES = (1e-3, 2e-3, 4e-3)


class HyperFusionClassifier(keras_tuner.HyperModel):
    """Classifier of named inputs: an encoder each, a fusion, a gated head.

    Images go through a small convolutional network, tokens through an embedding and `MinGRU`,
    vectors through a dense layer. `fusion_space` joins the encoded vectors, `gating_space` follows,
    and a softmax named `probabilities` ends the model. A single input needs no fusion. The model
    is compiled with Adam, sparse categorical cross-entropy and accuracy.

    Hyperparameters: `fusion`, `gating` and those conditional on them, and `learning_rate`; for
    each image of that name `<name>_attention` and those conditional on it, if attention over
    channels is searched; for each image and each sequence of tokens `<name>_token_mixer` and those
    conditional on it, if token mixers are, in a backbone that follows the convolutions or stands in
    the place of `MinGRU`; `pruning` and those conditional on it, if pruning is. The defaults are
    the baseline: concatenation, a plain dense layer, no attention over channels, backbones of
    `keras.layers.MultiHeadAttention` where mixers are searched, and no pruning. With the default
    spaces there are 40,104 configurations for two inputs.

    Args:
        inputs: Dict from names to specs. A spec is a dict or an object with `kind` (`"image"`,
            `"tokens"` or `"vector"`), `shape` without the batch, for tokens `vocabulary_size`, and
            optionally `dtype`; `uint8` images are scaled to [0, 1].
        classes: Integer of two or more, how many classes there are.
        spaces: Names of what is searched, of `"fusion"`, `"gating"`, `"attention"`,
            `"token_mixer"` and `"pruning"`; the others stay at their defaults. Defaults to
            `("fusion", "gating")`.
        units: Positive integer, the width of the encoded, fused and gated vectors. Defaults to
            `128`.
        fusions: Names of the fusions to choose from, see `fusion_space`. Defaults to `None`, all.
        gatings: Names of the gates to choose from, see `gating_space`. Defaults to `None`, all.
        max_fusion_parameters: Positive integer, the most parameters of the fusion, see
            `fusion_space`. Defaults to `None`: fusions draw their widths.
        max_parameters: Positive integer, the most trainable parameters of a model: the fusion is as
            wide as half of them allow, if it has no limit of its own, and the gated vector as wide
            as they allow then, so that kinds are compared and not sizes. Defaults to `None`, no
            limit.
        training_steps: Positive integer, how many batches a training has, see `pruning_space`,
            which alone needs it. Defaults to `None`.

    Raises:
        ValueError: If an input, a space or a number is not as described.

    Example:

    >>> import keras_tuner
    >>> hypermodel = keras_hadamard.tuning.HyperFusionClassifier(
    ...     inputs={
    ...         "image": {"kind": "image", "shape": (12, 32, 1), "dtype": "uint8"},
    ...         "question": {"kind": "tokens", "shape": (11,), "vocabulary_size": 60},
    ...     },
    ...     classes=24,
    ... )
    >>> hp = keras_tuner.HyperParameters()
    >>> hypermodel.build(hp).output_shape
    (None, 24)
    >>> hp.values["fusion"], hp.values["gating"]
    ('concat', 'dense')
    """

    def __init__(
        self,
        inputs: Mapping[str, Any],
        classes: int,
        spaces: Iterable[str] = ("fusion", "gating"),
        units: int = 128,
        fusions: Iterable[str] | None = None,
        gatings: Iterable[str] | None = None,
        max_fusion_parameters: int | None = None,
        max_parameters: int | None = None,
        training_steps: int | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(inputs, Mapping) or not inputs:
            raise received("`inputs` to be a dict with at least one input", inputs=inputs)
        self.fields = {name: Field.of(name, spec) for name, spec in inputs.items()}
        if positive_int("classes", classes) < 2:
            raise received("`classes` to be two or more", classes=classes)
        self.classes = int(classes)
        self.spaces = tuple(one_of("spaces", space, SPACES) for space in spaces)
        self.units = positive_int("units", units)
        self.fusions = fusion_options().kinds(fusions, len(self.fields)) if self.fused else ()
        self.gatings = gates("vector").kinds(gatings)
        self.max_fusion_parameters = max_fusion_parameters
        if max_parameters is not None:
            max_parameters = positive_int("max_parameters", max_parameters)
            if max_fusion_parameters is None:
                self.max_fusion_parameters = max_parameters // 2
        self.max_parameters = max_parameters
        if "pruning" in self.spaces or training_steps is not None:
            training_steps = positive_int("training_steps", training_steps)
        self.training_steps = training_steps

    @property
    def fused(self) -> bool:
        """Whether there is anything to fuse."""
        return len(self.fields) > 1

    def declare_hyperparameters(self, hp: Any) -> None:
        """Declares the whole space without building a model.

        Args:
            hp: A `keras_tuner.HyperParameters`.
        """
        self._attention(hp)
        self._mixers(hp)
        self._pruning(hp)
        self._choose(hp, self.units)

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
        """The least width of the gated vector, if that is within `max_parameters`.

        Args:
            hp: A `keras_tuner.HyperParameters`.

        Returns:
            A positive integer; `units` where there is no limit.

        Raises:
            ValueError: If a model that `hp` describes has more parameters whatever its width.
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
        """The trainable parameters of a model at a width of the gated vector."""
        return sum(math.prod(v.shape) for v in self._model(hp, gated).trainable_variables)

    def _model(self, hp: Any, gated: int) -> keras.Model:
        attention, mixers = self._attention(hp), self._mixers(hp)
        prune = self._pruning(hp)
        fusion, gate, learning_rate = self._choose(hp, gated)
        inputs = {
            name: keras.Input(field.shape, dtype=field.dtype, name=name)
            for name, field in self.fields.items()
        }
        encoded = [
            encode(inputs[n], field, self.units, n, attention.get(n), mixers.get(n))
            for n, field in self.fields.items()
        ]
        x = encoded[0] if fusion is None else fusion(encoded)
        # Float32 whatever the policy: a server's REST interface has no 16-bit floats.
        x = keras.layers.Dense(
            self.classes, activation="softmax", dtype="float32", name="probabilities"
        )(gate(x))
        model = prune(keras.Model(inputs, x, name="fusion_classifier"))
        model.compile(
            optimizer=keras.optimizers.Adam(learning_rate),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        return model

    def _attention(self, hp: Any) -> dict[str, keras.layers.Layer]:
        """Declares the attention over each image's channels, if it is searched, and makes it."""
        return {
            name: gating_space(hp, on="image", name=f"{name}_attention")
            for name, field in self.fields.items()
            if field.kind == "image" and "attention" in self.spaces
        }

    def _mixers(self, hp: Any) -> dict[str, keras.layers.Layer]:
        """Declares the token mixers of images and sequences, if they are searched."""
        on = {"image": "image", "tokens": "sequence"}
        return {
            name: token_mixer_space(
                hp, units=MIXER_UNITS, on=on[field.kind], name=f"{name}_token_mixer"
            )
            for name, field in self.fields.items()
            if field.kind in on and "token_mixer" in self.spaces
        }

    def _pruning(self, hp: Any) -> Callable[[keras.Model], keras.Model]:
        """Declares the pruning, if it is searched."""
        if self.training_steps is None or "pruning" not in self.spaces:
            return lambda model: model
        return pruning_space(hp, steps=self.training_steps)

    def _choose(
        self, hp: Any, gated: int
    ) -> tuple[keras.layers.Layer | None, keras.layers.Layer, float]:
        """Declares the other hyperparameters and makes the two layers that are searched.

        Kinds that vary most come last, because a grid runs through the last ones first.
        """
        learning_rate = hp.Choice("learning_rate", list(LEARNING_RATES), default=2e-3)
        gatings = self.gatings if "gating" in self.spaces else self.gatings[:1]
        gate = gating_space(hp, units=gated, include=gatings)
        if not self.fused:
            return None, gate, learning_rate
        fusion = fusion_space(
            hp,
            units=self.units,
            include=self.fusions if "fusion" in self.spaces else self.fusions[:1],
            modalities=[self.units] * len(self.fields),
            max_parameters=self.max_fusion_parameters,
        )
        return fusion, gate, learning_rate
