"""Gates between modalities, attention over sets and gates of columns in plain Keras."""

from typing import Any

import keras
from keras.layers import (
    Activation,
    Add,
    BatchNormalization,
    Concatenate,
    Dense,
    Dot,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    Lambda,
    LayerNormalization,
    MultiHeadAttention,
    Multiply,
    Reshape,
    Softmax,
)

from benchmarks.speed.pairs._pair import Pair, Scale
from keras_hadamard import layers

WIDTH, HEADS = 128, 4


def _attention_pooling(x: Any) -> Any:
    gated = Multiply()([Dense(64, "tanh")(x), Dense(64, "sigmoid")(x)])
    weights = Softmax(axis=1)(Dense(1)(gated))
    return Reshape((x.shape[-1],))(Dot(axes=1)([weights, x]))


def _shifted(inputs: Any) -> Any:
    x, shift = inputs
    lengths = [keras.ops.norm(z, axis=-1, keepdims=True) for z in (x, shift)]
    return x + keras.ops.minimum(lengths[0] / (lengths[1] + 1e-6), 1.0) * shift


def _adaptation(inputs: Any) -> Any:
    x, other = inputs
    gate = Dense(WIDTH, activation="relu")(Concatenate()([other, x]))
    shift = Multiply()([gate, Dense(WIDTH)(other)])
    return LayerNormalization(epsilon=1e-5)(Lambda(_shifted)([x, shift]))


def _transfer(inputs: Any) -> Any:
    image, sound = inputs
    means = [GlobalAveragePooling2D()(image), GlobalAveragePooling1D()(sound)]
    e = Dense((image.shape[-1] + sound.shape[-1]) // 2, activation="relu")(Concatenate()(means))
    outputs = []
    for x in inputs:
        gate = 2 * Dense(x.shape[-1], activation="sigmoid")(e)
        outputs.append(Multiply()([x, Reshape((*[1] * (len(x.shape) - 2), -1))(gate)]))
    return outputs


def _cross_attention(inputs: Any) -> Any:
    x, media = inputs
    attention = MultiHeadAttention(HEADS, WIDTH // HEADS, use_bias=False)
    read = attention(LayerNormalization(epsilon=1e-5)(x), media)
    h = Add()([x, Scale()(read)])
    hidden = Dense(4 * WIDTH, activation="gelu", use_bias=False)
    y = Dense(WIDTH, use_bias=False)(hidden(LayerNormalization(epsilon=1e-5)(h)))
    return Add()([h, Scale()(y)])


def _gated_residual(x: Any, units: int) -> Any:
    e = Dense(WIDTH)(Dense(WIDTH, activation="elu")(x))
    gated = Multiply()([Dense(units)(e), Dense(units, activation="sigmoid")(e)])
    skip = x if x.shape[-1] == units else Dense(units)(x)
    return LayerNormalization()(Add()([skip, gated]))


def _selection(inputs: Any) -> Any:
    weights = Softmax()(_gated_residual(Concatenate()(inputs), len(inputs)))
    terms = [
        Multiply()([_gated_residual(x, WIDTH), weights[..., i : i + 1]])
        for i, x in enumerate(inputs)
    ]
    return Add()(terms)


def _sparsemax(z: Any) -> Any:
    """By sorting; `keras.ops.sparsemax` has another sum than 1 for three numbers or more."""
    ops = keras.ops
    z = z - ops.max(z, axis=-1, keepdims=True)
    descending = -ops.sort(-z, axis=-1)
    count = ops.arange(1, z.shape[-1] + 1, dtype=z.dtype)
    support = count * descending > ops.cumsum(descending, axis=-1) - 1
    total = ops.sum(ops.where(support, descending, 0), axis=-1, keepdims=True)
    return ops.relu(z - (total - 1) / ops.sum(ops.cast(support, z.dtype), axis=-1, keepdims=True))


def _encoded(x: Any, shared: list[Any], units: int) -> Any:
    h = x
    for i in range(4):
        dense = shared[i] if i < 2 else Dense(4 * units, use_bias=False)
        both = BatchNormalization()(dense(h))
        gated = Multiply()([both[:, : 2 * units], Activation("sigmoid")(both[:, 2 * units :])])
        h = (h + gated) * 0.5**0.5 if i else gated
    return h[:, :units], h[:, units:]


def _tab_net(x: Any) -> Any:
    units, width = 16, x.shape[-1]
    x = BatchNormalization()(x)
    shared = [Dense(4 * units, use_bias=False) for _ in range(2)]
    a, prior, outputs = _encoded(x, shared, units)[1], None, []
    for _ in range(3):
        logits = BatchNormalization()(Dense(width, use_bias=False)(a))
        logits = logits if prior is None else Multiply()([prior, logits])
        mask = Lambda(_sparsemax)(logits)
        prior = 1.3 - mask if prior is None else Multiply()([prior, 1.3 - mask])
        d, a = _encoded(Multiply()([mask, x]), shared, units)
        outputs.append(Activation("relu")(d))
    return Add()(outputs)


PAIRS = {
    "AttentionPooling": Pair(
        lambda: layers.AttentionPooling(64), _attention_pooling, ((256, WIDTH),), batch=16
    ),
    "MultimodalAdaptationGate": Pair(
        layers.MultimodalAdaptationGate, _adaptation, ((32, WIDTH), (32, 64)), batch=16
    ),
    "MultimodalTransferModule": Pair(
        layers.MultimodalTransferModule, _transfer, ((16, 16, WIDTH), (64, 64)), batch=16
    ),
    "GatedCrossAttention": Pair(
        lambda: layers.GatedCrossAttention(HEADS, WIDTH // HEADS),
        _cross_attention,
        ((64, WIDTH), (32, WIDTH)),
        batch=16,
    ),
    "VariableSelection": Pair(
        lambda: layers.VariableSelection(WIDTH),
        _selection,
        ((32, WIDTH), (32, WIDTH), (32, 64)),
        batch=16,
    ),
    # The parts of a batch and the price of entropy have no counterpart.
    "TabNetEncoder": Pair(
        lambda: layers.TabNetEncoder(16, sparsity=0, virtual_batch_size=None), _tab_net, ((64,),)
    ),
}
