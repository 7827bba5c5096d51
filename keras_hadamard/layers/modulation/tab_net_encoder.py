"""The encoder of TabNet: sequential sparse masks of a table's columns."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import fraction, non_negative, positive_int, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._normalization import normalization
from keras_hadamard.layers._normalization.ghost import GhostBatchNormalization
from keras_hadamard.ops import glu
from keras_hadamard.ops._sparsemax import sparsemax

# That of the input's normalisation in the authors' code.
INPUT_MOMENTUM = 0.99
# sqrt(0.5) in float32, which the authors' code has in float64 too.
ROOT_OF_HALF = 0.7071067690849304


@serializable
class TabNetEncoder(BaseLayer):
    """TabNet's encoder: in each of several steps, a sparse mask chooses the columns to look at.

    `[d_t; a_t] = F_t(M_t * x)` with `M_t = sparsemax(P_t * N(A_t a_(t-1)))` and
    `P_(t+1) = P_t * (gamma - M_t)`, `P_1 = 1`; the output is `sum_t relu(d_t)`. `x` is the input
    after a batch normalisation, `a_0` is from `F_0(x)`, and `M_t`, of shape `(batch, width)`, is 0
    for most columns, and with `gamma` near 1 a column is used in one step only. Each `F` is a
    chain of gated layers `h <- sqrt(0.5) (h + G(h))`, without the sum in the first, with
    `G(h) = u * sigmoid(v)` and `[u; v] = N(W h)`; the kernels of the first `shared_layers` are the
    same in all steps.

    Args:
        units: Integer, the width of `d` and of the output. Defaults to `8`.
        attention_units: Integer, the width of `a`. Defaults to `None`, which is `units`.
        steps: Integer, the number of masks. Defaults to `3`.
        gamma: Number of at least 1; the greater, the more often a column may be used. Defaults to
            `1.3`.
        shared_layers: Integer, the gated layers of `F` with kernels of all steps. Defaults to `2`.
        own_layers: Integer, the gated layers of each step. Defaults to `2`.
        sparsity: Number, the weight of the mean entropy of the masks, `-sum M log M`, which is
            added to the loss. Defaults to `0.001`.
        virtual_batch_size: Integer, the size of the parts of a batch that are normalised by
            themselves in training, or `None` for the whole batch. Defaults to `128`.
        momentum: Number in [0, 1), the share of the running statistics that a part keeps. Defaults
            to `0.98`.
        sum_steps: Boolean, whether the outputs of the steps are added. Defaults to `True`.
        return_masks: Boolean, whether the masks are returned with the output. Defaults to `False`.
        **kwargs: Arguments of the projections (`use_bias`, off by default, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        training: Boolean, whether to normalise by the batch.

    Input shape:
        `(batch, width)`, numbers and embeddings side by side.

    Output shape:
        `(batch, units)`, or `(batch, steps, units)` without `sum_steps`. With `return_masks` a list
        of it and the masks, `(batch, steps, width)`.

    Weights:
        `2 * width + steps * width * (attention_units + 2) + (steps + 1) * (4 * (shared_layers +
        own_layers) + 2 * own_layers * (units + attention_units)) * (units + attention_units) + 2 *
        (width + (shared_layers - 1) * (units + attention_units)) * (units + attention_units)`, with
        `attention_units` = `units` by default. Without shared layers, the first layer of each step
        has the width of the input.

    Masking:
        Vectors have no masks.

    Numerics:
        Statistics, gates, masks and their entropy are computed in float32 under 16-bit policies.
        Masks are exactly 0 where a column is not used.

    Raises:
        ValueError: If an argument is out of range or the input is not (batch, width) of known
            width.

    Example:

    >>> x = keras.random.normal((4, 10), seed=0)
    >>> y, masks = keras_hadamard.layers.TabNetEncoder(return_masks=True)(x)
    >>> y.shape, masks.shape
    (TensorShape([4, 8]), TensorShape([4, 3, 10]))

    Reference:
        - [TabNet: Attentive Interpretable Tabular Learning (Arik and Pfister, 2021)](
          https://arxiv.org/abs/1908.07442)
        - [From Softmax to Sparsemax (Martins and Astudillo, 2016)](
          https://arxiv.org/abs/1602.02068)
    """

    def __init__(
        self,
        units: int = 8,
        attention_units: int | None = None,
        steps: int = 3,
        gamma: float = 1.3,
        shared_layers: int = 2,
        own_layers: int = 2,
        sparsity: float = 1e-3,
        virtual_batch_size: int | None = 128,
        momentum: float = 0.98,
        sum_steps: bool = True,
        return_masks: bool = False,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        kwargs.setdefault("use_bias", False)
        super().__init__(**kwargs)
        self.units = positive_int("units", units)
        self.attention_units = (
            None if attention_units is None else positive_int("attention_units", attention_units)
        )
        self.steps = positive_int("steps", steps)
        self.gamma = non_negative("gamma", gamma)
        if self.gamma < 1:
            raise received("`gamma` to be at least 1", gamma=gamma)
        self.shared_layers, self.own_layers = shared_layers, own_layers
        if min(shared_layers, own_layers) < 0 or shared_layers + own_layers < 1:
            raise received(
                "at least one gated layer",
                shared_layers=shared_layers,
                own_layers=own_layers,
            )
        self.sparsity = non_negative("sparsity", sparsity)
        self.virtual_batch_size = (
            None
            if virtual_batch_size is None
            else positive_int("virtual_batch_size", virtual_batch_size)
        )
        self.momentum = fraction("momentum", momentum)
        self.sum_steps = bool(sum_steps)
        self.return_masks = bool(return_masks)

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)
        width = int(input_shape[-1] or 0)
        attention_units = self.attention_units or self.units
        hidden = self.units + attention_units
        self.normalization = normalization(
            "batch",
            "normalization",
            policy=self.dtype_policy,
            input_shape=input_shape,
            momentum=INPUT_MOMENTUM,
        )
        # The layers of F_0, F_1, ... one after the other, first those with shared kernels.
        self.shared_projections = [
            self._gated(f"shared_{i}", hidden if i else width, hidden)
            for i in range(self.shared_layers)
        ]
        self.own_projections = [
            self._gated(f"own_{step}_{i}", hidden if i or self.shared_layers else width, hidden)
            for step in range(self.steps + 1)
            for i in range(self.own_layers)
        ]
        self.norms = [
            self._norm(f"norm_{step}_{i}", 2 * hidden)
            for step in range(self.steps + 1)
            for i in range(self.shared_layers + self.own_layers)
        ]
        self.attentions = [
            self.project(width, f"attention_{step}", input_shape=(None, attention_units))
            for step in range(self.steps)
        ]
        self.attention_norms = [
            self._norm(f"attention_norm_{step}", width) for step in range(self.steps)
        ]

    def _gated(self, name: str, width: int, hidden: int) -> Any:
        return self.project(hidden, name, blocks=2, input_shape=(None, width))

    def _norm(self, name: str, width: int) -> GhostBatchNormalization:
        norm = GhostBatchNormalization(
            self.virtual_batch_size, self.momentum, dtype=self.dtype_policy, name=name
        )
        norm.build((None, width))
        return norm

    def call(self, inputs: Tensor, training: bool | None = None) -> Any:
        self.compute_output_shape(tuple(inputs.shape))
        dtype = accumulation_dtype(self.compute_dtype)
        x = self.normalization(inputs, training=training)
        _, a = self._transformed(x, 0, training)
        prior, entropy = 1.0, 0.0
        outputs, masks = [], []
        for step in range(self.steps):
            logits = self.attention_norms[step](self.attentions[step](a), training=training)
            m = sparsemax(prior * ops.cast(logits, dtype))
            entropy = entropy - ops.mean(ops.sum(m * ops.log(m + 1e-15), axis=-1))
            prior = prior * (self.gamma - m)
            m = ops.cast(m, self.compute_dtype)
            d, a = self._transformed(m * x, step + 1, training)
            outputs.append(ops.relu(d))
            masks.append(m)
        if self.sparsity:
            self.add_loss(self.sparsity * entropy / self.steps)
        each = ops.stack(outputs, axis=1)
        y = ops.sum(each, axis=1) if self.sum_steps else each
        return [y, ops.stack(masks, axis=1)] if self.return_masks else y

    def _transformed(self, x: Tensor, step: int, training: bool | None) -> tuple[Tensor, Tensor]:
        """`F_step(x)`, as its two parts."""
        own = self.own_projections[step * self.own_layers : (step + 1) * self.own_layers]
        projections = [*self.shared_projections, *own]
        norms = self.norms[step * len(projections) : (step + 1) * len(projections)]
        h = x
        for i, (projection, norm) in enumerate(zip(projections, norms, strict=True)):
            value, gate = ops.split(norm(projection(h), training=training), 2, axis=-1)
            gated = glu(value, gate, activation="sigmoid")
            h = (h + gated) * ROOT_OF_HALF if i else gated
        return h[:, : self.units], h[:, self.units :]

    def compute_output_shape(self, input_shape: Shape) -> Any:
        if len(input_shape) != 2 or input_shape[-1] is None:
            raise received("(batch, width) of known width", shape=tuple(input_shape))
        batch, width = input_shape
        y = (batch, self.units) if self.sum_steps else (batch, self.steps, self.units)
        return [y, (batch, self.steps, width)] if self.return_masks else y

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "attention_units": self.attention_units,
            "steps": self.steps,
            "gamma": self.gamma,
            "shared_layers": self.shared_layers,
            "own_layers": self.own_layers,
            "sparsity": self.sparsity,
            "virtual_batch_size": self.virtual_batch_size,
            "momentum": self.momentum,
            "sum_steps": self.sum_steps,
            "return_masks": self.return_masks,
        }
