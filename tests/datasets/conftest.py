"""What tests of the loaders share."""

import keras
import numpy as np
import pytest
import tensorflow as tf


@pytest.fixture
def check_preprocessing(tmp_path):
    """Checks that preprocessing makes the arrays of the raw rows, also after a save."""

    def check(data):
        data.preprocessing.save(tmp_path / "preprocessing.keras")
        loaded = keras.saving.load_model(tmp_path / "preprocessing.keras")
        rows = {name: tf.constant(value) for name, value in data.raw.items()}
        assert set(rows) == set(data.preprocessing.input)
        for model in (data.preprocessing, loaded):
            made = model(rows)
            assert set(made) == set(data.inputs)
            for name, value in made.items():
                expected = data.test.inputs[name][: len(value)]
                assert value.dtype.name == expected.dtype.name
                if expected.dtype.kind == "i":
                    np.testing.assert_array_equal(value, expected)
                else:
                    np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-6)
        return loaded

    return check
