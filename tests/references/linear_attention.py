"""Linear attentions on the authors' queries, keys, values and decays.

The authors' code has no projections: the features of a position are all that it takes side by side,
and the kernels select.
"""

import keras
import numpy as np
import tensorflow as tf
from harness.golden import reference
from keras import ops

from keras_hadamard.layers import (
    GatedLinearAttention,
    LinearAttention,
    Retention,
    SimpleGatedLinearAttention,
)


def selecting(c, layer, decays=None, state=None, heads_first=False):
    """The layer of given inputs as a model, and its weights; `decays` is where gates come in."""
    shapes = [tuple(x.shape[1:]) for x in c.inputs]
    inputs = [keras.Input(shape, dtype=c.dtype) for shape in shapes]
    taken = inputs if state is None else inputs[:-1]
    if heads_first:
        taken = [ops.transpose(x, (0, 2, 1, 3)) for x in taken]
    length, heads, values = taken[2].shape[1:]
    # A gate is the sigmoid's inverse of a decay, of which the authors give the logarithm.
    parts = [*taken[:3], *(g - ops.log(-ops.expm1(g)) for g in taken[3:])]
    parts = [ops.reshape(x, (-1, length, int(np.prod(x.shape[2:])))) for x in parts]
    y = layer(ops.concatenate(parts, axis=-1), initial_state=state and inputs[-1])
    y, *states = y if layer.return_state else [y]
    y = ops.reshape(y[..., : heads * values], (-1, length, heads, values))
    model = keras.Model(inputs, [ops.transpose(y, (0, 2, 1, 3)) if heads_first else y, *states])
    sizes = [x.shape[-1] for x in parts]
    columns = np.split(np.eye(sum(sizes)), np.cumsum(sizes)[:-1], axis=1)
    names = ["query_projection", "key_projection", "value_projection", *([decays] * bool(decays))]
    kernels = dict(zip(names, columns, strict=True))
    kernels["output_projection"] = np.eye(heads * values, sum(sizes))
    return model, {
        f"{layer.name}/{name}/kernel": tf.constant(kernel, c.dtype)
        for name, kernel in kernels.items()
    }


def sizes(c):
    keys, values = c.inputs[0].shape[-1], c.inputs[2].shape[-1]
    plain = {"output_norm": None, "output_gate": None, "chunk": 4}
    return {"key_dim": keys, "value_dim": values, **plain}


@reference("gla__recurrent")
def gated_linear_attention(c):
    heads, keys = c.inputs[0].shape[2:]
    state = len(c.inputs) == 5
    layer = GatedLinearAttention(
        heads, gate_rank=heads * keys, gate_normalizer=1, return_state=state, **sizes(c)
    )
    model, weights = selecting(c, layer, "decay_down", state or None)
    weights[f"{layer.name}/decay_up/kernel"] = tf.eye(heads * keys, dtype=c.dtype)
    weights[f"{layer.name}/decay_up/bias"] = tf.zeros(heads * keys, c.dtype)
    return model, weights


@reference("simple_gla__recurrent")
def simple_gated_linear_attention(c):
    heads = c.inputs[0].shape[2]
    layer = SimpleGatedLinearAttention(heads, gate_normalizer=1, return_state=True, **sizes(c))
    model, weights = selecting(c, layer, "decay_projection")
    weights[f"{layer.name}/decay_projection/bias"] = tf.zeros(heads, c.dtype)
    return model, weights


@reference("retention__parallel")
def retention(c):
    layer = Retention(c.inputs[0].shape[1], form="parallel", rotary=False, **sizes(c))
    return selecting(c, layer, heads_first=True)


@reference("linear_attn__normalize0")
def linear_attention(c):
    normalize = c.config.get("normalize", False)
    heads = c.inputs[0].shape[2]
    layer = LinearAttention(heads, feature_map=None, normalize=normalize, **sizes(c))
    return selecting(c, layer)
