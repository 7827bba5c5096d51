"""Heads of linear attentions: their widths and arguments, and the recurrence of their states."""

from typing import Any, cast

import keras
from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers.pairwise._sequence_mixer import SequenceMixerArguments
from keras_hadamard.ops import gated_linear_attention, glu

NORMS = {"rms": keras.layers.RMSNormalization, "layer": keras.layers.LayerNormalization}
EPSILON = 1e-5


class HeadArguments(SequenceMixerArguments, total=False):
    """Arguments of every linear attention with heads."""

    chunk: int


def chunk_and_others(kwargs: HeadArguments) -> tuple[int, SequenceMixerArguments]:
    """The checked `chunk`, 64 if not given, and the arguments of a mixer that has no biases."""
    chunk = kwargs.get("chunk", 64)
    others: Any = {name: value for name, value in kwargs.items() if name != "chunk"}
    checked = positive_int("chunk", chunk)
    if checked & (checked - 1):
        raise received("`chunk` to be a power of two", chunk=chunk)
    return checked, cast(SequenceMixerArguments, {"use_bias": False, **others})


def head_dim(argument: str, width: int, heads: int, share: float = 1.0) -> int:
    """The width of a head, by default its share of the features."""
    total = share * width
    if total % heads:
        fitting = [number for number in range(1, width + 1) if total % number == 0]
        of_width = "the width" if share == 1 else f"{share:g} times the width"
        which = f" ({', '.join(map(str, fitting))} do)" if fitting else ""
        raise received(
            f"`heads` that divide {of_width}{which}, or `{argument}` to be given",
            heads=heads,
            width=width,
        )
    return int(total // heads)


def project_heads(layer: Any, input_shape: Shape, key: int, value: int) -> None:
    """Makes the projections of queries, keys, values, gate and output, and the norm of a head."""
    keys, values = layer.heads * key, layer.heads * value
    layer.query_projection = layer.project(keys, "query_projection", input_shape=input_shape)
    layer.key_projection = layer.project(keys, "key_projection", input_shape=input_shape)
    layer.value_projection = layer.project(values, "value_projection", input_shape=input_shape)
    if layer.output_gate is not None:
        layer.gate_projection = layer.project(values, "gate_projection", input_shape=input_shape)
    if layer.output_norm is not None:
        norm = NORMS[layer.output_norm]
        layer.norm = norm(epsilon=EPSILON, dtype=layer.state_dtype, name="norm")
        layer.norm.build((*input_shape[:-1], layer.heads, value))
    layer.output_projection = layer.project(
        input_shape[-1], "output_projection", input_shape=(*input_shape[:-1], values)
    )


def query_key_value(layer: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`W_q x`, `W_k x` and `W_v x`, each (batch, length, heads, width of a head)."""
    heads, dtype = layer.heads, layer.state_dtype
    return (
        in_heads(layer.query_projection(x), heads, dtype),
        in_heads(layer.key_projection(x), heads, dtype),
        in_heads(layer.value_projection(x), heads, dtype),
    )


def project_output(layer: Any, x: Tensor, output: Tensor) -> Tensor:
    """`W_o (norm(output) * gate(W_g x))` of all heads together."""
    gate = None if layer.output_gate is None else layer.gate_projection(x)
    return gated_output(layer, output, gate)


def gated_output(layer: Any, output: Tensor, gate: Tensor | None) -> Tensor:
    """`W_o (norm(output) * gate)`, with the gate before its activation."""
    if layer.output_norm is not None:
        output = layer.norm(output)
    output = ops.reshape(output, (-1, ops.shape(output)[1], layer.heads * output.shape[-1]))
    if gate is not None:
        gate = ops.cast(gate, layer.state_dtype)
        output = glu(output, gate, activation=layer.output_gate)
    return layer.output_projection(ops.cast(output, layer.compute_dtype))


def in_heads(projected: Tensor, heads: int, dtype: str) -> Tensor:
    """(batch, length, heads, width of a head), in the dtype of the state."""
    length, width = projected.shape[1:]
    length = ops.shape(projected)[1] if length is None else length
    return ops.reshape(ops.cast(projected, dtype), (-1, length, heads, width // heads))


def of_unmasked(mask: Tensor | None, x: Tensor) -> Tensor:
    """Keys or values (batch, length, heads, width), zero at masked positions."""
    return x if mask is None else ops.where(mask[:, :, None, None], x, ops.zeros_like(x))


def gated_recurrence(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    decay: Tensor | None,
    state: Tensor,
    mask: Tensor | None,
    chunk: int,
    with_state: bool = True,
) -> tuple[Tensor, Tensor]:
    """`q_t S_t with S_t = decay_t * S_(t-1) + k_t v_t`, and the state after the last position.

    Without decays they are 1. Masked positions carry the state unchanged. A state that nobody asks
    for is not computed: what comes back is the one before the first position.
    """
    if mask is not None:
        k, v = of_unmasked(mask, k), of_unmasked(mask, v)
        if decay is not None:
            decay = ops.where(mask[:, :, None, None], decay, ops.ones_like(decay))
    if not with_state:
        return gated_linear_attention(q, k, v, decay, state, chunk=chunk), state
    output, state = gated_linear_attention(q, k, v, decay, state, chunk=chunk, return_state=True)
    return output, state
