"""Small models that the serving tests share."""

import keras
import numpy as np
import tensorflow as tf


def two_branches(vocabulary: int = 10) -> keras.Model:
    """An image and tokens in, a dict of two out; the inputs are not in alphabetical order."""
    tokens = keras.Input((5,), dtype="int32", name="tokens")
    image = keras.Input((4, 4, 3), name="image")
    seen = keras.layers.Flatten()(keras.layers.Conv2D(4, 3, activation="relu")(image))
    read = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(vocabulary, 8)(tokens))
    fused = keras.layers.Multiply()([keras.layers.Dense(8)(seen), read])
    score = keras.layers.Dense(2, name="head")(fused)
    return keras.Model([tokens, image], {"score": score, "fused": fused})


def two_branch_inputs(batch: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(7)
    return {
        "image": generator.standard_normal((batch, 4, 4, 3)).astype("float32"),
        "tokens": generator.integers(0, 10, (batch, 5)).astype("int32"),
    }


class JitInside(keras.layers.Layer):
    def call(self, x):
        return tf.function(lambda y: y * 2.0, jit_compile=True)(x)


def jit_inside() -> keras.Model:
    inputs = keras.Input((4,), name="x")
    return keras.Model(inputs, JitInside(name="doubler")(keras.layers.Dense(3)(inputs)))


class Scoped(keras.layers.Layer):
    def call(self, x):
        with tf.xla.experimental.jit_scope():
            return tf.tanh(x * 2.0) + x


def jit_scope() -> keras.Model:
    inputs = keras.Input((4,), name="x")
    return keras.Model(inputs, Scoped(name="scoped")(inputs))


def grouped() -> keras.Model:
    inputs = keras.Input((6, 6, 4), name="x")
    return keras.Model(inputs, keras.layers.Conv2D(4, 3, groups=2, name="wide")(inputs))


class PythonInside(keras.layers.Layer):
    def call(self, x):
        doubled = tf.numpy_function(lambda y: y * 2, [x], tf.float32)
        return tf.ensure_shape(doubled, x.shape)

    def compute_output_shape(self, input_shape):
        return input_shape


def python_inside() -> keras.Model:
    inputs = keras.Input((4,), name="x")
    return keras.Model(inputs, PythonInside()(inputs))


@keras.saving.register_keras_serializable("serving_tests")
class OneArgument(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, features, training=False):
        return self.dense(features)


class DictArgument(OneArgument):
    def call(self, batch, training=False):
        return self.dense(batch["b"]) * batch["a"], self.dense(batch["b"])


class ListArgument(OneArgument):
    def call(self, pair, training=False):
        return [self.dense(pair[0]) * pair[1]]


class TwoArguments(OneArgument):
    def call(self, image, ids, training=False):
        return {"out": self.dense(image) * keras.ops.cast(ids, "float32")}
