"""Fusions by name, one's own included."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import keras

from keras_hadamard._checks import one_of, positive_int, received
from keras_hadamard.layers import fusion, high_order
from keras_hadamard.layers._widest import Widths

Make = Callable[..., keras.layers.Layer]


@dataclass(frozen=True)
class Entry:
    """A fusion that has a name, and the values that a search may give to its arguments."""

    layer: Make
    choices: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    @property
    def modalities(self) -> int | None:
        """How many inputs it takes; None for two or more."""
        modalities: int | None = getattr(self.layer, "modalities", None)
        return modalities

    @property
    def width_argument(self) -> str | None:
        """The argument that makes the layer wider at equal `units`, if it has one."""
        argument: str | None = getattr(self.layer, "width_argument", None)
        return argument


_OWN = {
    name: Entry(layer)
    for name, layer in {
        "concat": fusion.ConcatFusion,
        "sum": fusion.SumFusion,
        "hadamard": fusion.HadamardFusion,
        "mlb": fusion.MLB,
        "mfb": fusion.MFB,
        "mfh": fusion.MFH,
        "tucker": fusion.TuckerFusion,
        "mutan": fusion.MUTAN,
        "block": fusion.BLOCK,
        "block_tucker": fusion.BlockTucker,
        "mcb": fusion.MCB,
        "mrn": fusion.MRN,
        "gmu": fusion.GMU,
        "lmf": fusion.LMF,
        "tensor": fusion.TensorFusion,
        "bilinear_attention": fusion.BilinearAttention,
        "cross_modal_gate": fusion.CrossModalGate,
        "multiplicative": high_order.MultiplicativeInteraction,
        "cope": high_order.CoPE,
    }.items()
}
_REGISTERED: dict[str, Entry] = {}


def entries() -> dict[str, Entry]:
    """All fusions by name: the package's own, and after them those of users."""
    return {**_OWN, **_REGISTERED}


def registered() -> dict[str, Entry]:
    """The fusions of users."""
    return dict(_REGISTERED)


def entry(name: Any) -> Entry:
    """The fusion of a name; an unknown one is told the nearest names."""
    return entries()[one_of("fusion", name, entries())]


def register_fusion(
    name: str, layer: Make, choices: Mapping[str, Sequence[Any]] | None = None
) -> Make:
    """Gives a fusion of your own a name, under which models and search spaces find it.

    Args:
        name: String, the name. A name of the package's own fusions is refused; one's own can be
            given anew.
        layer: A layer class, or a function that returns a layer; called with `units`, and with
            `name` and the drawn `choices` as keywords. The layer is called on a list of tensors.
            Where it has them, the attributes `modalities` (how many tensors it takes, `None` for
            any number) and `width_argument` (the integer argument that makes it wider at equal
            `units`, by which it is cut to a parameter budget) are made use of.
        choices: Dict from names of arguments to the values that a search may give them, the default
            first. Defaults to `None`: there is nothing to draw.

    Returns:
        The layer, so that this can be the last line of its module.

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
    if not isinstance(name, str) or not name:
        raise received("the name of a fusion to be a string", name=name)
    if name in _OWN:
        raise received(f"a name other than the package's own, {tuple(_OWN)}", name=name)
    if not callable(layer):
        raise received("a layer class or a function that returns a layer", layer=layer)
    values = {argument: tuple(v) for argument, v in (choices or {}).items()}
    if not all(v and all(isinstance(x, int | float | str) for x in v) for v in values.values()):
        raise received("each of `choices` to be numbers, strings or booleans", choices=choices)
    _REGISTERED[name] = Entry(layer, values)
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
            `"multiplicative"`, or a name given by `register_fusion`.
        units: Positive integer, the width of the output.
        input_shape: List of the inputs' shapes, batch included. Needed for `max_parameters`.
            Defaults to `None`.
        max_parameters: Positive integer: the layer is made as wide as it can be with at most so
            many trainable parameters, by the argument that its `width_argument` names. Defaults to
            `None`: no limit.
        **arguments: Arguments of the layer, `name` and `dtype` among them.

    Returns:
        A `keras.layers.Layer`, not built yet, that takes a list of tensors.

    Raises:
        ValueError: If there is no such fusion (the nearest names are told), or none so small.

    Example:

    >>> shapes = [(None, 64), (None, 32)]
    >>> mutan = keras_hadamard.layers.get_fusion("mutan", 10, shapes, max_parameters=20_000, rank=5)
    >>> mutan.build(shapes)
    >>> mutan.count_params() <= 20_000
    True
    """
    found = entry(identifier)
    units = positive_int("units", units)
    if max_parameters is not None:
        if input_shape is None:
            raise received("`input_shape`, which `max_parameters` needs", input_shape=input_shape)
        limit = positive_int("max_parameters", max_parameters)
        arguments |= Widths(found.layer, units, input_shape, arguments).widest(limit)
    return found.layer(units, **arguments)


def fewest_parameters(
    identifier: str, units: int, input_shape: Sequence[Any], **arguments: Any
) -> int:
    """The fewest trainable parameters that a fusion has at any width."""
    shapes = tuple(tuple(shape) for shape in input_shape)
    return _fewest(entry(identifier).layer, units, shapes, tuple(arguments.items()))


# A search asks the same for each of its models.
@lru_cache(maxsize=4096)
def _fewest(make: Make, units: int, shapes: tuple[Any, ...], arguments: tuple[Any, ...]) -> int:
    return Widths(make, units, shapes, dict(arguments)).narrowest()[1]
