"""Stochastic depth: a branch is dropped for whole examples."""

from typing import Any

import keras

from keras_hadamard._checks import fraction


def drop_path(rate: float, rank: int, name: str, *, seed: int | None, policy: Any) -> Any:
    """A layer that drops examples of a tensor of `rank`, and scales up the others."""
    rate = fraction("drop_path", rate)
    shape = (None, *[1] * (rank - 1))
    return keras.layers.Dropout(rate, noise_shape=shape, seed=seed, dtype=policy, name=name)
