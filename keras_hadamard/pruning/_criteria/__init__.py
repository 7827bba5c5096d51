"""The criteria by name. A new one takes a file in this folder, and a line here."""

from typing import Any

from keras_hadamard._core.checks import one_of, received
from keras_hadamard.pruning._criteria.criterion import Criterion as Criterion
from keras_hadamard.pruning._criteria.magnitude import Magnitude
from keras_hadamard.pruning._criteria.movement import Movement
from keras_hadamard.pruning._criteria.random_choice import RandomChoice
from keras_hadamard.pruning._criteria.rigl import RigL
from keras_hadamard.pruning._criteria.soft_threshold import SoftThreshold
from keras_hadamard.pruning._criteria.sparse_evolution import SparseEvolution
from keras_hadamard.pruning._criteria.sparsegpt import SparseGPT
from keras_hadamard.pruning._criteria.wanda import Wanda

CRITERIA: dict[str, type[Criterion]] = {
    "magnitude": Magnitude,
    "random": RandomChoice,
    "movement": Movement,
    "wanda": Wanda,
    "sparsegpt": SparseGPT,
    "rigl": RigL,
    "set": SparseEvolution,
    "str": SoftThreshold,
}


def criterion_of(
    word: str, schedule: Any, scope: str, structure: Any, seed: int, options: dict[str, Any]
) -> Criterion:
    """The masks of a model by the criterion of a name; options that are None count as not given.

    Raises:
        ValueError: If there is no such criterion, or it does not support the other arguments.
    """
    criterion = CRITERIA[one_of("criterion", word, CRITERIA)]
    given = given_options(word, options)
    return criterion(word, schedule, scope, structure, seed, given)


def given_options(word: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options that are not None, if the criterion has them."""
    given = {name: value for name, value in options.items() if value is not None}
    taken = CRITERIA[one_of("criterion", word, CRITERIA)].takes
    for name in given:
        if name not in taken:
            raise received(f"`{name}` only with criterion {owners(name)}", criterion=word)
    return given


def owners(option: str) -> str:
    """The criteria that take an option, as a text."""
    return " or ".join(repr(word) for word, c in CRITERIA.items() if option in c.takes)
