"""Fusions by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import keras

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard.layers import fusion, high_order, modulation
from keras_hadamard.layers.registry._parameter_budget import Widths
from keras_hadamard.layers.registry.base import Choices, Entry, Make, Registry, drawn_by


@dataclass(frozen=True)
class Fusion(Entry):
    """A named fusion."""

    @property
    def modalities(self) -> int | None:
        """The number of inputs; None for two or more."""
        modalities: int | None = getattr(self.make, "modalities", None)
        return modalities

    @property
    def width_argument(self) -> str | None:
        """The argument that makes the layer wider at equal `units`, if it has one."""
        argument: str | None = getattr(self.make, "width_argument", None)
        return argument


RANK = {"rank": Choices((64, 128, 256), default=128)}
MM_DIM = {"mm_dim": Choices((64, 128, 256), default=128)}
CHUNKS = {"chunks": Choices((4, 8, 16), default=8)}
FACTOR = {"factor": Choices((2, 3, 5), default=2)}
# The number of products in a sum, if the width is another argument or `units`.
CORE_RANK = {"core_rank": Choices((2, 4, 8), default=4)}
CORE = {"core_rank": "rank"}
NORMALIZE = {"normalize": Choices((True, False), default=False)}
DROPOUT = {"dropout": Choices((0.0, 0.1, 0.2), default=0.0)}
NORMALIZE_AND_DROPOUT = NORMALIZE | DROPOUT

# The first is the default of a search, where a gate or a dense layer with its own activation
# follows a fusion. So fusions that end in a projection stay linear, and plain concatenation gets
# the activation it needs.
FUSIONS: Registry[Fusion] = Registry(
    "fusion",
    {
        "concat": Fusion(
            fusion.ConcatFusion,
            {"input_dropout": DROPOUT["dropout"]},
            given={"activation": "relu"},
        ),
        "sum": Fusion(fusion.SumFusion, RANK | DROPOUT),
        "hadamard": Fusion(fusion.HadamardFusion, DROPOUT),
        "mlb": Fusion(fusion.MLB, RANK | NORMALIZE_AND_DROPOUT),
        "mfb": Fusion(fusion.MFB, RANK | FACTOR | NORMALIZE_AND_DROPOUT),
        "mfh": Fusion(
            fusion.MFH,
            RANK | FACTOR | {"order": Choices((2, 3), default=2)} | NORMALIZE_AND_DROPOUT,
        ),
        "tucker": Fusion(fusion.TuckerFusion, MM_DIM | NORMALIZE_AND_DROPOUT),
        "mutan": Fusion(fusion.MUTAN, MM_DIM | CORE_RANK | NORMALIZE_AND_DROPOUT, CORE),
        "block": Fusion(fusion.BLOCK, MM_DIM | CHUNKS | CORE_RANK | NORMALIZE_AND_DROPOUT, CORE),
        "block_tucker": Fusion(fusion.BlockTucker, MM_DIM | CHUNKS | NORMALIZE_AND_DROPOUT),
        "mcb": Fusion(
            fusion.MCB,
            {"sketch_dim": Choices((1000, 4000, 16000), default=4000)} | NORMALIZE_AND_DROPOUT,
        ),
        "mrn": Fusion(fusion.MRN, {"depth": Choices((1, 2, 3), default=3)} | DROPOUT),
        "gmu": Fusion(
            fusion.GMU, {"gate_on": Choices(("inputs", "projections"), default="inputs")}
        ),
        "lmf": Fusion(fusion.LMF, CORE_RANK, CORE),
        "tensor": Fusion(fusion.TensorFusion),
        "bilinear_attention": Fusion(
            fusion.BilinearAttention,
            RANK | {"glimpses": Choices((1, 2, 4), default=1)} | DROPOUT,
        ),
        "cross_modal_gate": Fusion(
            fusion.CrossModalGate, {"mutual": Choices((True, False), default=False)}
        ),
        "variable_selection": Fusion(
            modulation.VariableSelection,
            {"hidden_units": Choices((64, 128, 256), default=128)} | DROPOUT,
        ),
        "multiplicative": Fusion(high_order.MultiplicativeInteraction, RANK),
        "multi_head_bilinear": Fusion(fusion.MultiHeadBilinear),
        "cope": Fusion(high_order.CoPE, RANK | {"degree": Choices((2, 3, 4), default=2)}),
    },
)


def register_fusion(
    name: str, layer: Make, choices: Mapping[str, Sequence[Any]] | None = None
) -> Make:
    """Registers a custom fusion under a name for models and search spaces.

    Args:
        name: String, the name. A name of the package's own fusions is refused; one of yours may be
            registered again.
        layer: A layer class, or a function that returns a layer; called with `units`, and with
            `name` and the drawn `choices` as keywords. The layer is called on a list of tensors.
            Its attributes `modalities` (the number of tensors, `None` for any number) and
            `width_argument` (the integer argument that makes it wider at equal `units`, to fit a
            parameter budget) are used if they exist.
        choices: Dict from names of arguments to the values that a search may give them, the default
            first. Defaults to `None`: nothing to draw.

    Returns:
        The layer, so that this call can be the last line of its module.

    Raises:
        ValueError: If the name is empty or one of the package's own, the layer cannot be called, or
            a choice has no values.

    Example:

    >>> class Maximum(keras.layers.Layer):
    ...     def __init__(self, units, activation=None, **kwargs):
    ...         super().__init__(**kwargs)
    ...         self.dense = keras.layers.Dense(units, activation)
    ...
    ...     def call(self, inputs):
    ...         return self.dense(keras.ops.maximum(*inputs))
    >>> _ = keras_hadamard.layers.register_fusion(
    ...     "maximum", Maximum, choices={"activation": ("relu", "tanh")}
    ... )
    >>> fusion = keras_hadamard.layers.get_fusion("maximum", 3)
    >>> fusion([keras.ops.ones((2, 7)), keras.ops.ones((2, 7))]).shape
    TensorShape([2, 3])
    """
    FUSIONS.register(name, Fusion(layer, *drawn_by(name, choices)))
    return layer


def get_fusion(
    identifier: str,
    units: int,
    input_shape: Sequence[Any] | None = None,
    max_parameters: int | None = None,
    **arguments: Any,
) -> keras.layers.Layer:
    """Returns a new fusion layer by its name.

    Args:
        identifier: String, one of `"concat"`, `"sum"`, `"hadamard"`, `"mlb"`, `"mfb"`, `"mfh"`,
            `"tucker"`, `"mutan"`, `"block"`, `"block_tucker"`, `"mcb"`, `"mrn"`, `"gmu"`, `"lmf"`,
            `"tensor"`, `"bilinear_attention"`, `"cross_modal_gate"`, `"cope"`,
            `"multiplicative"`, `"variable_selection"`, `"multi_head_bilinear"`, or a name given by
            `register_fusion`.
        units: Positive integer, the width of the output.
        input_shape: List of the inputs' shapes, batch included. Needed for `max_parameters`.
            Defaults to `None`.
        max_parameters: Positive integer: the layer is made as wide as that many trainable
            parameters allow, through its `width_argument`. Defaults to `None`: no limit.
        **arguments: Arguments of the layer, including `name` and `dtype`.

    Returns:
        A `keras.layers.Layer`, not built yet, that takes a list of tensors.

    Raises:
        ValueError: If there is no such fusion (the error lists the nearest names), or none that
            small.

    Example:

    >>> shapes = [(None, 64), (None, 32)]
    >>> mutan = keras_hadamard.layers.get_fusion("mutan", 10, shapes, max_parameters=20_000, rank=5)
    >>> mutan.build(shapes)
    >>> mutan.count_params() <= 20_000
    True
    """
    make = FUSIONS[identifier].make
    units = positive_int("units", units)
    if max_parameters is not None:
        if input_shape is None:
            raise received("`input_shape`, which `max_parameters` needs", input_shape=input_shape)
        limit = positive_int("max_parameters", max_parameters)
        arguments |= Widths(make, units, input_shape, arguments).widest(limit)
    return make(units, **arguments)


def fewest_parameters(
    identifier: str, units: int, input_shape: Sequence[Any], **arguments: Any
) -> int:
    """The minimum number of trainable parameters of a fusion over all widths."""
    shapes = tuple(tuple(shape) for shape in input_shape)
    return _fewest(FUSIONS[identifier].make, units, shapes, tuple(arguments.items()))


# A search asks the same question for each of its models.
@lru_cache(maxsize=4096)
def _fewest(make: Make, units: int, shapes: tuple[Any, ...], arguments: tuple[Any, ...]) -> int:
    return Widths(make, units, shapes, dict(arguments)).narrowest()[1]
