"""Softmax attentions with gates in plain Keras."""

from typing import Any

from keras.layers import Dense, MultiHeadAttention, Reshape

from benchmarks.speed.pairs._pair import Pair
from keras_hadamard import layers

WIDTH, HEADS, STEPS = 64, 4, 256


def _gated_attention(x: Any) -> Any:
    """Without rotation and norm, for which Keras's attention has no arguments."""
    keys = WIDTH // HEADS
    attention = MultiHeadAttention(HEADS, keys, use_bias=False, output_shape=WIDTH)
    read = attention(x, x, use_causal_mask=True)
    gate = Dense(WIDTH, activation="sigmoid", use_bias=False)(x)
    return Reshape((x.shape[1], WIDTH))(read * gate)


PAIRS = {
    "GatedAttention": Pair(
        lambda: layers.GatedAttention(HEADS, normalize=False, rotary=False),
        _gated_attention,
        ((STEPS, WIDTH),),
        batch=4,
    ),
}
