"""Gates, tensors and attention between modalities in plain Keras."""

from typing import Any

import keras
from keras.layers import Activation, Add, Concatenate, Dense, Lambda, Multiply, Reshape

from benchmarks.speed.pairs._pair import Pair, sum_of
from keras_hadamard import layers

UNITS, SKETCH = 256, 4096
TWO = ((512,), (512,))
THREE = ((256,), (128,), (64,))


@keras.saving.register_keras_serializable("keras_hadamard_bench")
class Sketch(keras.layers.Layer):
    """A count sketch as Keras has the means for it: a product with a matrix of zeros and signs."""

    def build(self, input_shape: Any) -> None:
        def draw(shape: Any, dtype: Any) -> Any:
            places = keras.random.randint(shape[:1], 0, shape[1])
            return keras.ops.one_hot(places, shape[1], dtype=dtype)

        self.matrix = self.add_weight(
            name="matrix", shape=(input_shape[-1], SKETCH), initializer=draw, trainable=False
        )

    def call(self, x: Any) -> Any:
        return keras.ops.matmul(x, self.matrix)


def _convolve(inputs: Any) -> Any:
    (a, b), (c, d) = (keras.ops.rfft(x) for x in inputs)
    return keras.ops.irfft((a * c - b * d, a * d + b * c), fft_length=SKETCH)


def _mcb(inputs: Any) -> Any:
    return Dense(UNITS)(Lambda(_convolve)([Sketch()(x) for x in inputs]))


def _gmu(inputs: Any) -> Any:
    gate = Dense(UNITS, activation="sigmoid")(Concatenate()(inputs))
    first, second = (Dense(UNITS, activation="tanh")(x) for x in inputs)
    return Add()([Multiply()([gate, first]), Multiply()([1 - gate, second])])


def _with_one(x: Any) -> Any:
    return keras.ops.concatenate([keras.ops.ones_like(x[..., :1]), x], axis=-1)


def _lmf(inputs: Any) -> Any:
    product = Multiply()([Dense(4 * UNITS)(x) for x in inputs])
    return sum_of(-2)(Reshape((4, UNITS))(product))


def _outer(inputs: Any) -> Any:
    x, y = inputs
    return keras.ops.expand_dims(x, -1) * keras.ops.expand_dims(y, -2)


def _tensor(inputs: Any) -> Any:
    x, *others = (Lambda(_with_one)(x) for x in inputs)
    for y in others:
        outer = Lambda(_outer)([x, y])
        x = Reshape((outer.shape[-2] * outer.shape[-1],))(outer)
    return Dense(64)(x)


def _gate(inputs: Any) -> Any:
    x, z = inputs
    return Multiply()([Dense(UNITS)(x), Dense(UNITS, activation="sigmoid")(z)])


def _attended(inputs: Any) -> Any:
    weights, v = inputs
    return keras.ops.matmul(weights, v)


def _logits(inputs: Any) -> Any:
    u, v = inputs
    return keras.ops.matmul(u, keras.ops.transpose(v, (0, 2, 1)))


@keras.saving.register_keras_serializable("keras_hadamard_bench")
class Weigh(keras.layers.Layer):
    """A learned weight for each feature, which Keras has no layer for."""

    def build(self, input_shape: Any) -> None:
        self.weight = self.add_weight(name="weight", shape=(input_shape[-1],))

    def call(self, x: Any) -> Any:
        return x * self.weight


def _attention(inputs: Any) -> Any:
    (x, y), rank = inputs, 128
    u, v = (Dense(rank, activation="relu")(z) for z in inputs)
    logits = Lambda(_logits)([Weigh()(u), v])
    shape = logits.shape[1:]
    weights = Reshape(shape)(Activation("softmax")(Reshape((shape[0] * shape[1],))(logits)))
    u, v = (Dense(rank, activation="relu")(z) for z in (x, y))
    return Dense(128)(sum_of(-2)(Multiply()([u, Lambda(_attended)([weights, v])])))


PAIRS = {
    "MCB": Pair(lambda: layers.MCB(UNITS, sketch_dim=SKETCH, normalize=False), _mcb, TWO),
    "GMU": Pair(lambda: layers.GMU(UNITS), _gmu, TWO),
    "LMF": Pair(lambda: layers.LMF(UNITS), _lmf, THREE),
    "TensorFusion": Pair(lambda: layers.TensorFusion(64), _tensor, ((31,), (15,), (15,))),
    "CrossModalGate": Pair(lambda: layers.CrossModalGate(UNITS), _gate, TWO),
    "BilinearAttention": Pair(
        lambda: layers.BilinearAttention(128), _attention, ((64, 256), (16, 128))
    ),
}
