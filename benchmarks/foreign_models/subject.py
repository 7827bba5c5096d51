"""A model of a row, inputs for it, and what several columns begin with, made once."""

from functools import cached_property
from typing import Any

import keras
import numpy as np

from keras_hadamard import adapters, pruning
from keras_hadamard._core.introspection.kernels import Kernel, kernels_of

BATCH, LENGTH, VOCABULARY = 4, 6, 11


class Subject:
    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.x = inputs_of(model)

    @cached_property
    def outputs(self) -> Any:
        return self.model(self.x)

    @cached_property
    def targets(self) -> Any:
        """Random, so that no gradient is zero: a normalised output has none towards zeros."""
        rng = np.random.default_rng(2)
        return keras.tree.map_structure(
            lambda y: rng.normal(size=y.shape).astype("float32"), self.outputs
        )

    @cached_property
    def kernels(self) -> list[Kernel]:
        return kernels_of(self.model)

    @cached_property
    def adapted_kernels(self) -> list[Kernel]:
        return kernels_of(self.model, ("kernel", "embeddings"))

    @cached_property
    def pruned(self) -> pruning.PrunedModel:
        return pruning.prune(self.model, 0.5)

    @cached_property
    def adapted(self) -> adapters.AdaptedModel:
        return perturbed(adapters.apply(self.model, adapters.LoRA(2)))


def perturbed(model: adapters.AdaptedModel) -> adapters.AdaptedModel:
    """Adapters that start as nothing would be merged, saved and served rightly by doing nothing."""
    rng = np.random.default_rng(1)
    for weight in model.trainable_variables:
        weight.assign_add(0.03 * rng.normal(size=weight.shape))
    return model


def inputs_of(model: keras.Model) -> Any:
    """Random inputs; ids below the vocabulary, masks of ones, segments of zeros."""
    rng = np.random.default_rng(0)

    def one(x: Any) -> np.ndarray:
        shape = (BATCH, *(LENGTH if size is None else size for size in x.shape[1:]))
        dtype = keras.backend.standardize_dtype(x.dtype)
        if "mask" in x.name:
            return np.ones(shape, dtype)
        if "segment" in x.name:
            return np.zeros(shape, dtype)
        if "int" in dtype:
            return rng.integers(0, VOCABULARY, shape).astype(dtype)
        return rng.normal(size=shape).astype("float32")

    specs = getattr(model, "input", None)
    # A model with a `call` of its own does not say what it takes.
    return one(keras.KerasTensor((None, 6))) if specs is None else keras.tree.map_structure(
        one, specs
    )  # fmt: skip


def near(got: Any, wanted: Any, tolerance: float = 1e-4) -> None:
    """Raises unless each output is within the tolerance of its scale."""
    keras.tree.assert_same_structure(got, wanted)
    for a, b in zip(keras.tree.flatten(got), keras.tree.flatten(wanted), strict=True):
        b = np.asarray(b)
        error = np.abs(np.asarray(a) - b).max() / max(1.0, np.abs(b).max())
        if not error <= tolerance:
            raise AssertionError(f"off by {error:.1g}")
