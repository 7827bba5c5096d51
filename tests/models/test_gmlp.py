"""gMLP: its sizes as published, how it starts, and timm's names."""

import numpy as np
import pytest

from keras_hadamard import models

TINY = {"width": 8, "depth": 2, "patch_size": 8, "input_shape": (32, 32, 3), "classes": 5}


@pytest.mark.parametrize(
    ("variant", "count"), [("ti", 5_867_328), ("s", 19_422_656), ("b", 73_075_392)]
)
def test_parameters_as_published(variant, count):
    # Blocks are equal, so that two tell the size of thirty.
    one, two = (models.GMLP(variant, depth=depth).count_params() for depth in (1, 2))
    assert one + 29 * (two - one) == count


def test_it_starts_as_in_the_public_code():
    model = models.GMLP(**TINY)
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    np.testing.assert_array_equal(model(x), np.full((2, 5), 0.2, "float32"))
    block = model.get_layer("block_2")
    np.testing.assert_array_equal(block.gate.spatial_bias, np.ones((1, 16)))
    assert np.abs(block.gate.spatial_kernel).max() < 1e-5
    assert 0 < np.abs(block.output_projection.bias).max() < 1e-5


def test_timms_names():
    names = set(models.GMLP(**TINY).torch_mapping())
    block = {f"mlp_channels.{n}" for n in ("fc1", "fc2", "gate.norm", "gate.proj.weight")}
    block |= {"norm", "mlp_channels.gate.proj.bias"}
    assert names == {"stem.proj", "norm", "head"} | {
        f"blocks.{i}.{n}" for i in (0, 1) for n in block
    }


@pytest.mark.parametrize(
    "kwargs",
    [
        {"variant": "l"},
        {"depth": 0},
        {"drop_path": 1.0},
        {"input_shape": (None, 32, 3)},
        {"input_shape": (30, 32, 3)},
    ],
)
def test_errors(kwargs):
    with pytest.raises(ValueError, match="Received: "):
        models.GMLP(**{**TINY, **kwargs})
