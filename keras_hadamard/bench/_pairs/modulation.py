"""The gates in plain Keras."""

from keras.layers import Activation, Dense, Multiply

from keras_hadamard import layers
from keras_hadamard.bench._pairs._pair import Pair

PAIRS = {
    "GatedDense": Pair(
        lambda: layers.GatedDense(512, activation="silu"),
        lambda x: Multiply()([Dense(512)(x), Activation("silu")(Dense(512)(x))]),
        ((512,),),
    ),
}
