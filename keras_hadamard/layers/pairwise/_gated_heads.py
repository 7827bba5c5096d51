"""What the linear attentions share whose decays are gates of the input."""

from abc import abstractmethod
from typing import Any

from keras import ops

from keras_hadamard._checks import non_negative, received
from keras_hadamard._typing import Activation, Tensor
from keras_hadamard.layers.pairwise._headed_attention import HeadedAttention


class GatedHeads(HeadedAttention):
    """Base of linear attentions that decay by roots of sigmoids of a projection."""

    def __init__(
        self,
        heads: int,
        key_dim: int | None,
        value_dim: int | None,
        gate_normalizer: float,
        output_norm: str | None,
        output_gate: Activation,
        **kwargs: Any,
    ) -> None:
        super().__init__(heads, key_dim, value_dim, output_norm, output_gate, **kwargs)
        self.gate_normalizer = non_negative("gate_normalizer", gate_normalizer)
        if not self.gate_normalizer:
            raise received("`gate_normalizer` to be positive", gate_normalizer=gate_normalizer)

    @abstractmethod
    def decay_gates(self, x: Tensor) -> Tensor:
        """Pre-activations of the decays of all heads, of each channel of a key or of all."""

    def attend(
        self, x: Tensor, qkv: list[Tensor], states: list[Tensor], mask: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        gates = self.in_heads(self.decay_gates(x))
        decay = ops.exp(ops.log_sigmoid(gates) / self.gate_normalizer)
        return self.recall(qkv, decay, states[0], mask)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gate_normalizer": self.gate_normalizer}
