"""Multiplications, counted by hand."""

import keras
import pytest

from keras_hadamard import layers, serving

K = keras.layers


def model(*stack, shape, dtype="float32"):
    return keras.Sequential([keras.Input(shape, dtype=dtype), *stack])


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (lambda: model(K.Dense(4), shape=(8,)), 32),
        (lambda: model(K.Dense(4), shape=(5, 8)), 5 * 32),
        (lambda: model(K.Conv2D(6, 3, padding="same"), shape=(10, 8, 2)), 80 * 6 * 9 * 2),
        (lambda: model(K.Conv2D(6, 3, strides=2), shape=(9, 9, 2)), 16 * 6 * 9 * 2),
        (lambda: model(K.DepthwiseConv2D(3, padding="same"), shape=(6, 6, 4)), 36 * 4 * 9),
        (lambda: model(K.EinsumDense("abc,cd->abd", (5, 7)), shape=(5, 8)), 5 * 8 * 7),
        (lambda: model(K.Embedding(9, 4), shape=(5,), dtype="int32"), 0),
        # Two projections and the product.
        (lambda: model(layers.GatedDense(4, activation="linear"), shape=(8,)), 2 * 32 + 4),
    ],
)
def test_counted_by_hand(made, wanted):
    assert serving.multiply_accumulates(made()) == wanted


def test_a_loop_counts_its_turns():
    counts = [
        serving.multiply_accumulates(model(K.SimpleRNN(6, unroll=unroll), shape=(7, 3)))
        for unroll in (True, False)
    ]
    assert counts == [7 * (3 * 6 + 6 * 6)] * 2


def test_several_inputs():
    a, b = keras.Input((3,), name="a"), keras.Input((5,), name="b")
    product = K.Multiply()([K.Dense(4)(a), K.Dense(4)(b)])
    assert serving.multiply_accumulates(keras.Model({"a": a, "b": b}, product)) == 12 + 20 + 4
    assert serving.multiply_accumulates(keras.Model([a, b], product)) == 12 + 20 + 4
