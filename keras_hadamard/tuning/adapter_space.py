"""The search space of adapters: kind, rank, scale and kernels."""

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard.adapters import ABBA, IA3, DoRA, HiRA, LoHa, LoKr, LoRA, VeRA, apply
from keras_hadamard.adapters._adaptable import adaptable_kernels

# The baseline comes first: the model as it is, all of it trained.
KINDS = ("none", "lora", "loha", "hira", "abba", "dora", "lokr", "vera", "ia3")
RANKED: dict[str, Callable[..., Any]] = {
    "lora": LoRA,
    "loha": LoHa,
    "hira": HiRA,
    "abba": ABBA,
    "dora": DoRA,
    "lokr": LoKr,
    # It has no alpha: `d` scales its update at the start.
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
    model: keras.Model | None = None,
) -> Callable[[keras.Model], keras.Model]:
    """Returns a function of a model: the adapter that `hp` chose, or none.

    The kind is the parameter `name`. The rank (`<name>_rank`) and how often it is contained in
    alpha (`<name>_alpha`, of 1, 2 and 4) are conditional on a kind that has them, which are all
    except `"ia3"`, and the kernels (`<name>_targets`) on a kind other than `"none"`, which is the
    default: the model is not changed, and is trained as a whole. `LoHa` and `ABBA` have half the
    rank, at least one, so that these and `LoRA`, `HiRA` and `DoRA` have about the same number of
    parameters; `LoKr`, `VeRA` and `IA3` have fewer. The scale of `ABBA` is that multiple itself,
    and `d` of `VeRA` starts at a tenth of it. With everything included, the space has
    `1 + 7 * 5 * 3 + 1 = 107` configurations, and with `t` targets `1 + 106 * t`.

    A kind adapts those kernels of the target that it supports (`VeRA`, for example, only those of
    one position), and `ABBA` has at most the rank of the smallest. With `model`, kinds that support
    none of the kernels of a target are left out of the space, with a warning; without it, the
    function raises for them.

    Compile the model that the function returns, not its argument. The quality of a model and the
    number of its trained parameters (`adapters.trainable_parameters(model).trainable`) are two
    objectives.

    Args:
        hp: A `keras_tuner.HyperParameters`.
        ranks: Positive integers, the ranks to choose from, in rising order.
            Defaults to `(1, 2, 4, 8, 16)`.
        targets: Dict of regular expressions for the paths of kernels, by the names to choose from.
            Defaults to `{"all": ".*"}`.
        include: Names of the kinds to choose from, of `"none"`, `"lora"`, `"loha"`, `"hira"`,
            `"abba"`, `"dora"`, `"lokr"`, `"vera"` and `"ia3"`. Defaults to `None`, all of them.
        name: String, the name of the parameter. Defaults to `"adapter"`.
        model: `keras.Model` that is built, with the same kernels as the models for the function, or
            None if they are not known. Defaults to `None`.

    Returns:
        A function that takes a built `keras.Model` and returns it, or an `adapters.AdaptedModel` of
        a copy.

    Raises:
        ValueError: If `include` names no kind, an unknown one, or only ones that are left out,
            there are no ranks or targets, or a rank is not positive; and from the function, if the
            kind supports none of the kernels.

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
    if model is not None:
        kinds = _buildable(model, kinds, targets)
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

    def adapted(model: keras.Model) -> keras.Model:
        found = adaptable_kernels(model, _adapter(kind, rank, multiple), targets[target])
        if not found:
            raise received(
                f"a target with a kernel that {kind!r} supports; `adapter_space(..., model=model)` "
                "leaves out kinds without one",
                target=targets[target],
            )
        most = min(min(adaptable.view.rows, adaptable.view.outputs) for adaptable in found)
        adapter = _adapter(kind, rank, multiple, most)
        return apply(
            model,
            adapter,
            [adaptable.kernel.place for adaptable in found],
            name="adapter",
        )

    return adapted


def _buildable(model: keras.Model, kinds: list[str], targets: Mapping[str, str]) -> list[str]:
    """The kinds that support a kernel of every target."""
    left = []
    for kind in kinds:
        without = [
            name
            for name, target in targets.items()
            if kind != "none" and not adaptable_kernels(model, _adapter(kind, 1, 1.0), target)
        ]
        if without:
            warnings.warn(
                f"{kind!r} is left out of the search: it supports none of the kernels of the "
                f"targets {without} in {model.name!r}.",
                stacklevel=3,
            )
        else:
            left.append(kind)
    if not left:
        raise received(
            f"`include` to name a kind that supports a kernel of every target in {model.name!r}",
            include=kinds,
            targets=targets,
        )
    return left


def _adapter(kind: str, rank: int, multiple: float, most: int | None = None) -> Any:
    """The adapter of a kind; for ABBA, with at most a rank."""
    if kind == "ia3":
        return IA3()
    rank = max(1, rank // 2) if kind in ("loha", "abba") else rank
    rank = min(rank, most) if kind == "abba" and most is not None else rank
    return RANKED[kind](rank, alpha=multiple * (1 if kind == "abba" else rank))
