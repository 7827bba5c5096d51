"""One training step, as it is and compiled with XLA: what both give, by name."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_hadamard.config import eager_compile_scope


@dataclass(frozen=True, eq=False)
class Step:
    """A step of a model: outputs, state and the gradients of a weighed sum of the outputs.

    The optimizer is left out: it is Keras's own, and the most of what such a step is traced for.
    """

    model: keras.Model
    inputs: Any

    def __call__(self, x: Any = None, training: bool = True) -> dict[str, np.ndarray]:
        with eager_compile_scope(False):
            return self._named(self._run(self._tensors(x), training))

    def under_xla(self, x: Any = None) -> dict[str, np.ndarray]:
        return self._named(self._compiled(self._tensors(x), True))

    def of_constant(self, value: float) -> Any:
        """Inputs of one value, and of integers of zeros."""
        return tf.nest.map_structure(
            lambda t: tf.fill(t.shape, value) if t.dtype.is_floating else tf.zeros_like(t),
            self._tensors(None),
        )

    def _tensors(self, x: Any) -> Any:
        dtype = self.model.compute_dtype
        given = tf.nest.map_structure(tf.convert_to_tensor, self.inputs if x is None else x)
        return tf.nest.map_structure(
            lambda t: tf.cast(t, dtype) if t.dtype.is_floating else t, given
        )

    @cached_property
    def _compiled(self) -> Callable[..., Any]:
        return tf.function(self._run, jit_compile=True, autograph=False)

    def _run(self, x: Any, training: bool) -> Any:
        rng, weights = np.random.default_rng(1), self.model.trainable_variables
        with tf.GradientTape() as tape:
            tape.watch([t for t in tf.nest.flatten(x) if t.dtype.is_floating])
            outputs = self.model(x, training=training)
            upstream = [rng.normal(size=y.shape) for y in tf.nest.flatten(outputs)]
            pairs = zip(tf.nest.flatten(outputs), upstream, strict=True)
            value = tf.add_n([tf.reduce_sum(y * tf.cast(u, y.dtype)) for y, u in pairs])
        gradients = tape.gradient(value, [tf.nest.flatten(x), [w.value for w in weights]])
        return outputs, [v.value for v in self.model.non_trainable_variables], *gradients

    def _named(self, result: Any) -> dict[str, np.ndarray]:
        outputs, state, of_inputs, of_weights = result
        outputs = outputs if isinstance(outputs, dict) else {"output": outputs}
        pairs = [*outputs.items()]
        pairs += zip([v.path for v in self.model.non_trainable_variables], state, strict=True)
        pairs += [(f"gradient of input {i}", g) for i, g in enumerate(of_inputs)]
        paths = [v.path for v in self.model.trainable_variables]
        pairs += [(f"gradient of {p}", g) for p, g in zip(paths, of_weights, strict=True)]
        # Integers have no gradient, nor what only others' training looks at.
        return {k: np.asarray(tf.convert_to_tensor(v)) for k, v in pairs if v is not None}
