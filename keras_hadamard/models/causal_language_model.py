"""A small language model whose token mixer is chosen by name."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
from keras import ops

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Tensor
from keras_hadamard.layers.registry.mixers import (
    TOKEN_MIXERS,
    MixerContext,
    TokenMixer,
    mixer_names,
)
from keras_hadamard.models._language_model_step import LanguageModelStep
from keras_hadamard.models._mixer_block import MixerBlock
from keras_hadamard.models._positions import Positions
from keras_hadamard.models._published import PublishedModel, float_policy
from keras_hadamard.ops._inputs import as_int32, whole_ids


@serializable
class CausalLanguageModel(PublishedModel):
    """Language model of `blocks` blocks: `x + M(norm(x))`, then `x + F(norm(x))`.

    `M` is a causal token mixer by name, the same in all blocks or one of several in turns, as in
    hybrids of linear and softmax attention; `F` is a `GatedMLP`. If a mixer ignores the order of
    positions, sines of the positions are added first. Scores of the next token are computed for
    every position at once, or step by step: `step` takes one token and states, and returns scores
    and states. If all mixers have a recurrent form, states have a fixed size for any number of
    previous tokens; otherwise the states are the last `length` tokens, which are read again for
    each token.

    Args:
        vocabulary_size: Integer, the number of tokens.
        mixer: `"attention"` (`keras.layers.MultiHeadAttention`), `"gmlp"`, `"aft"` (simple),
            `"linear_attention"`, `"hydra"`, `"gated_linear_attention"`,
            `"simple_gated_linear_attention"`, `"delta_net"`, `"gated_delta_net"`,
            `"kimi_delta_attention"`, `"mamba2"`, `"gated_attention"`, `"retention"`, `"hyena"`,
            `"h3"`, `"monarch"`, `"min_gru"`, `"hgrn"`, `"rglru"`, or a name given by
            `keras_hadamard.layers.register_token_mixer`, which has to be registered again before a
            saved model is loaded. Or a list of such names, which the blocks take in turns, such as
            three of `"gated_delta_net"` and one of `"attention"`. Defaults to
            `"gated_linear_attention"`.
        mixer_arguments: Dict of arguments of the mixer's layer; for a list of mixers, a dict of
            such dicts by the names of mixers. Defaults to `None`, the layers' own.
        units: Integer, the width. Defaults to `128`.
        blocks: Integer, the number of blocks. Defaults to `2`.
        hidden_units: Integer, the width inside `F`. Defaults to `None`, twice `units`.
        length: Integer, the longest sequence for mixers that need one, and the number of tokens
            that `step` keeps for mixers without a recurrent form. Defaults to `256`.
        dropout: Number in [0, 1), of both branches in training. Defaults to `0.0`.
        weights: `None` for random weights, or the path of a weights file. Defaults to `None`.
        name: String. Defaults to `"causal_language_model"`.

    Raises:
        ValueError: If an argument is out of range, the mixer is unknown, or `weights` is not a
            file.

    Example:

    >>> model = keras_hadamard.models.CausalLanguageModel(50, "min_gru", units=8)
    >>> model(keras.ops.zeros((2, 7), "int32")).shape
    TensorShape([2, 7, 50])
    >>> scores, states = model.step(keras.ops.zeros((2,), "int32"))
    >>> scores.shape, len(states)
    (TensorShape([2, 50]), 2)

    Reference:
        - [Gated Linear Attention Transformers with Hardware-Efficient Training
          (Yang et al., 2023)](https://arxiv.org/abs/2312.06635)
    """

    def __init__(
        self,
        vocabulary_size: int,
        mixer: str | Sequence[str] = "gated_linear_attention",
        mixer_arguments: Mapping[str, Any] | None = None,
        units: int = 128,
        blocks: int = 2,
        hidden_units: int | None = None,
        length: int = 256,
        dropout: float = 0.0,
        weights: str | Path | None = None,
        name: str | None = "causal_language_model",
    ) -> None:
        arguments = {
            "vocabulary_size": vocabulary_size,
            "mixer": mixer if isinstance(mixer, str) else list(mixer),
            "mixer_arguments": None if mixer_arguments is None else dict(mixer_arguments),
            "units": units,
            "blocks": blocks,
            "hidden_units": hidden_units,
            "length": length,
            "dropout": dropout,
        }
        pattern = _pattern(mixer, mixer_arguments)
        units, blocks = positive_int("units", units), positive_int("blocks", blocks)
        length = positive_int("length", length)
        tokens = keras.Input((None,), dtype="int32", name="tokens")
        embedding = keras.layers.Embedding(
            positive_int("vocabulary_size", vocabulary_size), units, name="embedding"
        )
        stack, ordered = [], True
        for i in range(blocks):
            kind, of_mixer = pattern[i % len(pattern)]
            ordered &= kind.ordered
            built = kind.build(MixerContext(units, length, True, i, blocks), **of_mixer)
            block = MixerBlock(
                built, not kind.projected, hidden_units, dropout, name=f"block_{i + 1}"
            )
            stack.append(block)
        positions = None if ordered else Positions(name="positions")
        norm = keras.layers.LayerNormalization(epsilon=1e-5, name="normalization")
        # Float32 under every policy, so that clients of a server can read it.
        top = keras.layers.Dense(vocabulary_size, dtype=float_policy(), name="next")
        x = embedding(tokens)
        for layer in [*([] if positions is None else [positions]), *stack, norm, top]:
            x = layer(x)
        super().__init__(tokens, x, arguments=arguments, weights=weights, name=name)
        self.embedding, self.positions, self.stack = embedding, positions, stack
        self.norm, self.top, self.window = norm, top, length

    @property
    def recurrent(self) -> bool:
        """Whether states have a fixed size for any length of the text before."""
        return all(block.recurrent for block in self.stack)

    def get_initial_state(self, batch_size: Any) -> list[Tensor]:
        """The states before the first token, a list of tensors `(batch_size, ...)`."""
        before = ops.zeros((batch_size,), "int32")
        if not self.recurrent:
            return [ops.zeros((batch_size, self.window), "int32"), before]
        apply_mask = [] if self.positions is None else [before]
        states = [block.mixer.get_initial_state(batch_size) for block in self.stack]
        return [*apply_mask, *(state for of_block in states for state in of_block)]

    def step(self, tokens: Tensor, states: Any = None) -> tuple[Tensor, list[Tensor]]:
        """Scores of the next token after one more token, and the states after it.

        Args:
            tokens: Integer tensor `(batch,)`.
            states: List of the states before it. Defaults to `None`, those before the first token.

        Returns:
            The scores `(batch, vocabulary_size)`, equal to those of the whole sequence, and the
            list of the states.
        """
        tokens = whole_ids(ops.convert_to_tensor(tokens))
        if states is None:
            states = self.get_initial_state(ops.shape(tokens)[0])
        return (self._advance if self.recurrent else self._reread)(tokens, list(states))

    def step_model(self) -> keras.Model:
        """A model of `step` to export, with the states among its inputs and outputs.

        Inputs are `token` `(batch,)` and `state_0`, `state_1`, ..., outputs a dict of `next`, the
        scores, and of the new states under the names of the old ones. The caller keeps the states,
        so a server needs no sessions.
        """
        token = keras.Input((), dtype="int32", name="token")
        states = [
            keras.Input(tuple(state.shape[1:]), dtype=state.dtype, name=f"state_{i}")
            for i, state in enumerate(self.get_initial_state(1))
        ]
        outputs = LanguageModelStep(self, name="step")([token, *states])
        return keras.Model([token, *states], outputs, name=f"{self.name}_step")

    def _advance(self, tokens: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        x, after = self.embedding(tokens), []
        if self.positions is not None:
            count, *states = states
            x, after = self.positions.at(x, count), [count + 1]
        for block in self.stack:
            size = len(block.mixer.get_initial_state(1))
            x, new = block.step(x, states[:size])
            states, after = states[size:], [*after, *new]
        return self.top(self.norm(x)), after

    def _reread(self, tokens: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        window, count = states
        full = ops.expand_dims(count >= self.window, -1)
        moved = ops.where(full, ops.roll(window, -1, axis=1), window)
        last = ops.expand_dims(ops.minimum(count, self.window - 1), -1)
        here = ops.arange(self.window, dtype="int32") == last
        window = ops.where(here, ops.expand_dims(as_int32(tokens), -1), moved)
        scores = self(window, training=False)
        # Padding after the last token does not affect its scores.
        read = ops.take_along_axis(scores, ops.expand_dims(last, -1), axis=1)
        return read[:, 0], [window, ops.minimum(count + 1, self.window)]


def _pattern(
    mixer: str | Sequence[str], arguments: Mapping[str, Any] | None
) -> list[tuple[TokenMixer, dict[str, Any]]]:
    """The mixers that the blocks take in turns, with the arguments of each."""
    arguments, causal = arguments or {}, mixer_names("sequence", causal=True)
    if isinstance(mixer, str):
        return [(TOKEN_MIXERS[one_of("mixer", mixer, causal)], dict(arguments))]
    if not isinstance(mixer, list | tuple) or not mixer:
        raise received("`mixer` to be a name or a list of names", mixer=mixer)
    unknown = sorted(set(arguments) - set(mixer))
    wrong = [name for name, value in arguments.items() if not isinstance(value, Mapping)]
    if unknown or wrong:
        raise received(
            "`mixer_arguments` to have a dict of arguments for names in `mixer`",
            mixer=mixer,
            mixer_arguments=dict(arguments),
        )
    names = [one_of("mixer", name, causal) for name in mixer]
    return [(TOKEN_MIXERS[name], dict(arguments.get(name, {}))) for name in names]
