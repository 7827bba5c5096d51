"""Layers of the four domains written as a `HadamardProduct`, with the same weights and outputs."""

import keras
import numpy as np
import pytest
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard import layers
from keras_hadamard.activations import get as get_activation

Identity = keras.layers.Identity


def copied(sublayer):
    """A new layer with the configuration and the weights of another one."""
    copy = sublayer.from_config(sublayer.get_config())
    copy.build(sublayer.get_build_config()["input_shape"])
    copy.set_weights(sublayer.get_weights())
    return copy


def chain(*steps):
    """Layers one after another; a name is an activation."""
    return keras.Sequential(
        [
            keras.layers.Activation(get_activation(step)) if isinstance(step, str) else step
            for step in steps
        ]
    )


def linear(matrix):
    """A dense layer without bias and with a fixed kernel."""
    dense = keras.layers.Dense(matrix.shape[1], use_bias=False)
    dense.build((None, matrix.shape[0]))
    dense.set_weights([matrix])
    return dense


def of_polynomial(layer):
    first, second = layer.factors
    with_one = keras.layers.Dense(second.units)
    with_one.build((None, second.kernel.shape[0]))
    with_one.set_weights([second.get_weights()[0], np.ones(second.units)])
    return layers.HadamardProduct([copied(first), with_one], output=copied(layer.output_projection))


def of_poly_non_local(layer):
    left, right = copied(layer.left_projection), copied(layer.right_projection)
    context = layers.HadamardProduct([left, right], reduce="mean")
    return layers.HadamardProduct(
        [context, Identity()], output=copied(layer.output_projection), skip=True
    )


def of_hydra_attention(layer):
    query, key, value, output = (
        copied(getattr(layer, f"{name}_projection")) for name in ("query", "key", "value", "output")
    )
    unit = keras.layers.UnitNormalization
    mean = layers.HadamardProduct([chain(key, unit()), value], reduce="mean")
    total = chain(keras.layers.Rescaling(5.0), output)
    return layers.HadamardProduct([chain(query, unit()), mean], output=total)


def of_squeeze_excite(layer):
    gate = chain(
        keras.layers.GlobalAveragePooling2D(),
        copied(layer.squeeze),
        copied(layer.excite),
        "sigmoid",
        keras.layers.Reshape((1, 1, 8)),
    )
    return layers.HadamardProduct([Identity(), gate])


VECTOR, SEQUENCE, IMAGE, PAIR = (4, 6), (4, 5, 6), (4, 7, 7, 8), ((4, 6), (4, 3))
PRODUCTS = {
    "HadamardFusion": (
        lambda: layers.HadamardFusion(4, projection_activation="relu"),
        lambda own: layers.HadamardProduct([copied(p) for p in own.projections]),
        PAIR,
    ),
    "MLB": (
        lambda: layers.MLB(4, rank=5),
        lambda own: layers.HadamardProduct(
            [copied(p) for p in own.projections], output=copied(own.output_projection)
        ),
        PAIR,
    ),
    "MFB": (
        lambda: layers.MFB(4, factor=3, normalize=False),
        lambda own: layers.HadamardProduct([copied(p) for p in own.projections], reduce=3),
        PAIR,
    ),
    "CrossModalGate": (
        lambda: layers.CrossModalGate(4),
        lambda own: layers.HadamardProduct([copied(own.values[0]), copied(own.gates[0])]),
        PAIR,
    ),
    "FiLM": (
        lambda: layers.FiLM(use_shift=False, gamma_offset=0.0),
        lambda own: layers.HadamardProduct([Identity(), copied(own.condition_projection)]),
        PAIR,
    ),
    "GatedDense": (
        lambda: layers.GatedDense(4),
        lambda own: layers.HadamardProduct(
            [copied(own.value_projection), chain(copied(own.gate_projection), "sigmoid")]
        ),
        SEQUENCE,
    ),
    "GatedMLP": (
        lambda: layers.GatedMLP(hidden_units=7),
        lambda own: layers.HadamardProduct(
            [copied(own.gated.value_projection), chain(copied(own.gated.gate_projection), "silu")],
            output=copied(own.output_projection),
        ),
        SEQUENCE,
    ),
    "SimpleGate": (
        lambda: layers.SimpleGate(),
        lambda own: layers.HadamardProduct([linear(np.eye(6)[:, :3]), linear(np.eye(6)[:, 3:])]),
        SEQUENCE,
    ),
    "SqueezeExcite2D": (lambda: layers.SqueezeExcite2D(ratio=0.5), of_squeeze_excite, IMAGE),
    "GatedConv2D": (
        lambda: layers.GatedConv2D(4),
        lambda own: layers.HadamardProduct(
            [
                chain(copied(own.value_convolution), "elu"),
                chain(copied(own.gate_convolution), "sigmoid"),
            ]
        ),
        IMAGE,
    ),
    "StarOperation": (
        lambda: layers.StarOperation(),
        lambda own: layers.HadamardProduct(
            [chain(copied(own.activated_projection), "relu6"), copied(own.plain_projection)],
            output=copied(own.output_projection),
        ),
        SEQUENCE,
    ),
    "QuadraticDense": (
        lambda: layers.QuadraticDense(4, form="product"),
        lambda own: layers.HadamardProduct([copied(f) for f in own.factors]),
        VECTOR,
    ),
    "FeatureCross": (
        lambda: layers.FeatureCross(),
        lambda own: layers.HadamardProduct([Identity(), copied(own.dense)], skip=True),
        VECTOR,
    ),
    "PolynomialDense": (lambda: layers.PolynomialDense(4), of_polynomial, VECTOR),
    "ConvolutionalModulation2D": (
        lambda: layers.ConvolutionalModulation2D(3),
        lambda own: layers.HadamardProduct(
            [
                copied(own.value_projection),
                chain(copied(own.context_projection), "gelu", copied(own.context)),
            ],
            output=copied(own.output_projection),
        ),
        IMAGE,
    ),
    "PolyNonLocal": (lambda: layers.PolyNonLocal(), of_poly_non_local, SEQUENCE),
    "HydraAttention": (lambda: layers.HydraAttention(), of_hydra_attention, SEQUENCE),
}


def with_any_weights(layer, x):
    """The layer, built on `x`, with weights of which none is zero."""
    layer(x)
    layer.set_weights([normal(*w.shape, seed=i) for i, w in enumerate(layer.get_weights())])
    for name in ("alpha", "beta"):
        if hasattr(layer, name):
            getattr(layer, name).assign(1.0)
    return layer


@pytest.mark.parametrize("name", PRODUCTS)
def test_the_layer_is_a_product_of_branches(name):
    make, product_of, shape = PRODUCTS[name]
    pair = isinstance(shape[0], tuple)
    x = [normal(*s, seed=9 - i) for i, s in enumerate(shape)] if pair else normal(*shape, seed=9)
    layer = with_any_weights(make(), x)
    product = product_of(layer)
    y = layer(x)
    assert np.abs(y).max() > 1e-3
    assert_close(product(x), y)
