"""Rows of the layers: each against the same equation in plain Keras."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.layers import (
    Activation,
    Add,
    Concatenate,
    Dense,
    GlobalAveragePooling1D,
    Lambda,
    Multiply,
    Reshape,
)

from keras_hadamard import layers
from keras_hadamard.bench._measure import compare
from keras_hadamard.bench._rows import Result, row


@dataclass(frozen=True)
class Pair:
    """A layer of ours and the function of Keras tensors that is the same equation."""

    ours: Callable[[], Any]
    plain: Callable[[Any], Any]
    shapes: tuple[tuple[int, ...], ...]


def _split_sum(x: Any) -> Any:
    return keras.ops.sum(x, axis=-1)


def _chain(x: Any) -> Any:
    first, *rest = (Dense(256, use_bias=False)(x) for _ in range(8))
    for factor in rest:
        first = Add()([Multiply()([factor, first]), first])
    return Dense(256)(first)


def _poly_non_local(x: Any) -> Any:
    width = x.shape[-1]
    pooled = GlobalAveragePooling1D(keepdims=True)(Multiply()([Dense(width)(x), Dense(width)(x)]))
    return Add()([Dense(width)(Multiply()([pooled, x])), x])


def _film(inputs: Any) -> Any:
    x, condition = inputs
    gamma, beta = (Reshape((1, 1, x.shape[-1]))(Dense(x.shape[-1])(condition)) for _ in range(2))
    return Add()([Multiply()([x, gamma]), x, beta])


def _mfb(inputs: Any) -> Any:
    product = Multiply()([Dense(512 * 5)(x) for x in inputs])
    return Lambda(_split_sum)(Reshape((512, 5))(product))


TWO = ((512,), (512,))
PAIRS = {
    "MLB": Pair(
        lambda: layers.MLB(512),
        lambda x: Dense(512)(Multiply()([Dense(512, activation="tanh")(i) for i in x])),
        TWO,
    ),
    "MFB": Pair(lambda: layers.MFB(512, normalize=False), _mfb, TWO),
    "ConcatFusion": Pair(
        lambda: layers.ConcatFusion(512), lambda x: Dense(512)(Concatenate()(x)), TWO
    ),
    "SumFusion": Pair(
        lambda: layers.SumFusion(512),
        lambda x: Dense(512)(Add()([Dense(512, activation="relu")(i) for i in x])),
        TWO,
    ),
    "HadamardFusion": Pair(
        lambda: layers.HadamardFusion(512), lambda x: Multiply()([Dense(512)(i) for i in x]), TWO
    ),
    "PolynomialDense": Pair(lambda: layers.PolynomialDense(256, 8), _chain, ((256,),)),
    "GatedDense": Pair(
        lambda: layers.GatedDense(512, activation="silu"),
        lambda x: Multiply()([Dense(512)(x), Activation("silu")(Dense(512)(x))]),
        ((512,),),
    ),
    "FiLM": Pair(layers.FiLM, _film, ((32, 32, 32), (64,))),
    "PolyNonLocal": Pair(layers.PolyNonLocal, _poly_non_local, ((1024, 64),)),
}


def _step(model: keras.Model, gradient: bool, jit: bool) -> Callable[..., Any]:
    variables = [v.value for v in model.trainable_variables]

    def run(*inputs: Any) -> Any:
        x = list(inputs) if len(inputs) > 1 else inputs[0]
        if not gradient:
            return model(x)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(model(x) ** 2)
        return tape.gradient(loss, [*variables, *inputs])

    return tf.function(run, jit_compile=jit, autograph=False)


def _measure(name: str, pair: Pair, repeats: int, quick: bool) -> list[Result]:
    batch = (16 if quick else 256) if len(pair.shapes[0]) == 1 else (2 if quick else 16)
    rng = np.random.default_rng(0)
    arrays = [tf.constant(rng.standard_normal((batch, *s), "float32")) for s in pair.shapes]
    results = []
    for gradient in (False, True):
        for jit in (False, True):
            runs = []
            for make in (lambda x: pair.ours()(x), pair.plain):
                inputs = [keras.Input(s) for s in pair.shapes]
                model = keras.Model(inputs, make(inputs if len(inputs) > 1 else inputs[0]))
                runs.append(_step(model, gradient, jit))
            ours, plain = (functools.partial(run, *arrays) for run in runs)
            timing = compare(ours, plain, repeats)
            what = (
                f"{[tuple(a.shape) for a in arrays]}, "
                f"{'forward + gradient' if gradient else 'forward'}, {'XLA' if jit else 'graph'}, "
                "our time over that of plain Keras"
            )
            lines = f"{timing.ours:.2f} ms", f"{timing.reference:.2f} ms"
            results.append(Result(name, what, *lines, 1 / timing.ratio, "<= 1.05"))
    return results


@row
def layers_against_keras(repeats: int, quick: bool) -> list[Result]:
    results = []
    for name, pair in PAIRS.items():
        results += _measure(name, pair, 3 * repeats, quick)
        keras.utils.clear_session()
    return results
