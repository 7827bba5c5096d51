"""Weights that keras-rs saved."""

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from keras_hadamard import layers


@pytest.mark.parametrize(("file", "rank"), [("full", None), ("low", 2)])
def test_files_of_keras_rs_load(file, rank):
    """Files that keras-rs 0.4.0 wrote of a model of one `FeatureCross`."""
    path = Path(__file__).parent / f"keras_rs_{file}.weights.h5"
    x = keras.Input((5,))
    model = keras.Model(x, layers.FeatureCross(rank)(x))
    model.load_weights(path)
    with h5py.File(path) as stored:
        cross = stored["layers/feature_cross"]
        kernel, bias = (np.asarray(cross["dense/vars"][i]) for i in "01")
        down = np.eye(5) if rank is None else np.asarray(cross["down_proj_dense/vars/0"])
    data = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    np.testing.assert_allclose(model(data), data * (data @ down @ kernel + bias) + data, 1e-5, 1e-6)
