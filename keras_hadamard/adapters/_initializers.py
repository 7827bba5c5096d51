"""The distributions that adapters start from."""

import keras


def kaiming() -> keras.initializers.Initializer:
    """Uniform within `1 / sqrt(n)`, `n` the size of the first axis: PyTorch's for linear layers."""
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def normal(stddev: float) -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(stddev=stddev)
