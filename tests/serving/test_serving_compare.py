import numpy as np
import pytest

from keras_hadamard.serving._compare import compare


def one(value):
    return {1: {"y": np.asarray(value)}}


@pytest.mark.parametrize(
    ("expected", "actual", "passed", "detail"),
    [
        ([1.0, 100.0], [1.0, 100.0], True, "0.0e+00"),
        # Relative to the output's scale, not to each element.
        ([1e-6, 100.0], [2e-6, 100.0], True, "1.0e-08"),
        ([1.0, 100.0], [1.0, 100.01], False, "1.0e-04"),
        ([0.0, 0.0], [0.0, 1e-3], False, "1.0e-03"),
        ([np.nan, 1.0, np.inf], [np.nan, 1.0, np.inf], True, "0.0e+00"),
        ([np.inf], [-np.inf], False, "in other places"),
        ([np.nan], [1.0], False, "in other places"),
        ([1.0], [np.nan], False, "where Keras has numbers"),
        ([1, 2], [1, 3], False, "1 integers differ"),
        ([True], [False], False, "1 integers differ"),
        ([b"a"], [b"ab"], False, "different strings"),
        ([[1.0]], [1.0], False, "shape (1,) where Keras has (1, 1)"),
        ([1j], [1j], True, "0.0e+00"),
    ],
)
def test_compare(expected, actual, passed, detail):
    verdict, said = compare(one(expected), one(actual), 1e-5)
    assert verdict is passed or verdict == passed
    assert detail in said


def test_missing_outputs():
    assert compare(one([1.0]), {1: {"z": np.ones(1)}}, 1.0) == (
        False,
        "the server has no y at batch 1",
    )
    assert compare({1: {}}, one([1.0]), 1.0) == (False, "Keras has no y at batch 1")
    assert compare(one([1.0]), {}, 1.0) == (False, "the server has no y at batch 1")
    assert compare({}, {}, 1.0) == (False, "there is no output to compare")
