"""What a trial costs beside its parameters, as tables and figures show it."""

from collections.abc import Iterable
from dataclasses import dataclass

from keras_hadamard.search.trainings import Training


@dataclass(frozen=True)
class Cost:
    """A field of a training, the title of its column, what it is, and the format of a value."""

    field: str
    title: str
    name: str
    form: str

    def of(self, training: Training) -> float | None:
        value: float | None = getattr(training, self.field)
        return value

    def cell(self, training: Training) -> str:
        value = self.of(training)
        return "-" if value is None else format(value, self.form)


COSTS = (
    Cost("latency", "milliseconds", "milliseconds of one example", ".2f"),
    Cost("macs", "multiplications", "multiplications of one example", ",.0f"),
    Cost("exported", "megabytes", "megabytes as it is served", ".2f"),
)


def known(trainings: Iterable[Training]) -> list[Cost]:
    """The costs that were measured of any of the trainings."""
    trainings = list(trainings)
    return [cost for cost in COSTS if any(cost.of(t) is not None for t in trainings)]
