"""The search space of adapters: which, of what rank and factor, and on which kernels."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras

from keras_hadamard._checks import one_of, positive_int, received
from keras_hadamard.adapters import ABBA, IA3, DoRA, HiRA, LoHa, LoKr, LoRA, VeRA, apply

# The baseline comes first: the model as it is, all of it trained.
KINDS = ("none", "lora", "loha", "hira", "abba", "dora", "lokr", "vera", "ia3")
RANKED: dict[str, Callable[..., Any]] = {
    "lora": LoRA,
    "loha": LoHa,
    "hira": HiRA,
    "abba": ABBA,
    "dora": DoRA,
    "lokr": LoKr,
    # It has no alpha: what scales its update at the start is `d`.
    "vera": lambda rank, alpha: VeRA(rank, d_initial=0.1 * alpha / rank),
}
RANKS = (1, 2, 4, 8, 16)
ALPHAS = (1.0, 2.0, 4.0)
TARGETS = {"all": ".*"}


def adapter_space(
    hp: Any,
    *,
    ranks: Iterable[int] = RANKS,
    targets: Mapping[str, str] = TARGETS,
    include: Iterable[str] | None = None,
    name: str = "adapter",
) -> Callable[[keras.Model], keras.Model]:
    """Returns a function of a model: the adapter that `hp` chose, or none.

    The kind is the parameter `name`. The rank (`<name>_rank`) and how often it is contained in
    alpha (`<name>_alpha`, of 1, 2 and 4) are conditional on a kind that has them, all but `"ia3"`,
    and the kernels (`<name>_targets`) on a kind other than `"none"`, which is the default: it
    leaves the model as it is, to be trained as a whole. `LoHa` and `ABBA` have half the rank, at
    least one, so that these and `LoRA`, `HiRA` and `DoRA` have about the same number of parameters;
    `LoKr`, `VeRA` and `IA3` have fewer. What `ABBA` is scaled by is that multiple itself, and `d`
    of `VeRA` starts with a tenth of it; it is for kernels of one position, which targets have to
    name where there are others. With everything included the space has `1 + 7 * 5 * 3 + 1 = 107`
    configurations, and with `t` targets `1 + 106 * t`.

    Compile what the function returns, not what it is given. How good a model is and how many
    parameters are trained (`adapters.trainable_parameters(model).trainable`) are two objectives.

    Args:
        hp: A `keras_tuner.HyperParameters`.
        ranks: Positive integers, the ranks to choose from, in rising order.
            Defaults to `(1, 2, 4, 8, 16)`.
        targets: Dict of regular expressions for the paths of kernels, by the names that are chosen
            from. Defaults to `{"all": ".*"}`.
        include: Names of the kinds to choose from, of `"none"`, `"lora"`, `"loha"`, `"hira"`,
            `"abba"`, `"dora"`, `"lokr"`, `"vera"` and `"ia3"`. Defaults to `None`, all of them.
        name: String, the name of the parameter. Defaults to `"adapter"`.

    Returns:
        A function that takes a built `keras.Model` and returns it, or an `adapters.AdaptedModel` of
        a copy.

    Raises:
        ValueError: If `include` names no or an unknown kind, there are no ranks or targets, or a
            rank is not positive.

    Example:

    >>> import keras_tuner
    >>> hp = keras_tuner.HyperParameters()
    >>> hp.values.update(adapter="loha", adapter_rank=8, adapter_alpha=2.0)
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    >>> adapted = keras_hadamard.tuning.adapter_space(hp)(model)
    >>> adapted.adapters["adapter"].adapter
    LoHa(rank=4, alpha=8.0, tucker=False, initialization='peft')
    """
    sizes = [positive_int("ranks", rank) for rank in ranks]
    if not sizes or not targets:
        raise received("`ranks` and `targets` of at least one", ranks=sizes, targets=targets)
    wanted = KINDS if include is None else {one_of("include", kind, KINDS) for kind in include}
    kinds = [kind for kind in KINDS if kind in wanted]
    if not kinds:
        raise received("`include` to name at least one kind", include=include)
    kind = hp.Choice(name, kinds, default=kinds[0])
    adapting = [k for k in kinds if k != "none"]
    names = list(targets)
    target: Any = names[0]
    if adapting:
        with hp.conditional_scope(name, adapting):
            target = hp.Choice(f"{name}_targets", names, default=names[0])
    rank, multiple = sizes[0], ALPHAS[0]
    if any(k in RANKED for k in kinds):
        with hp.conditional_scope(name, [k for k in kinds if k in RANKED]):
            rank = hp.Choice(f"{name}_rank", sizes, default=sizes[0])
            multiple = hp.Choice(f"{name}_alpha", list(ALPHAS), default=ALPHAS[0])
    if kind == "none":
        return lambda model: model
    adapter = IA3() if kind == "ia3" else _ranked(kind, rank, multiple)
    return lambda model: apply(model, adapter, targets[target], name="adapter")


def _ranked(kind: str, rank: int, multiple: float) -> Any:
    rank = max(1, rank // 2) if kind in ("loha", "abba") else rank
    return RANKED[kind](rank, alpha=multiple * (1 if kind == "abba" else rank))
