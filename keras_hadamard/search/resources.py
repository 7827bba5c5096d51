"""What a trial takes of a machine, and how many trials the machines of a cluster hold."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keras_hadamard.search.settings import SearchSettings, wrong

# The resources of one machine, by Ray's names.
Node = Mapping[str, float]
GIGABYTE = 1e9
# Ray counts resources in ten-thousandths.
UNIT = 1e-4


@dataclass(frozen=True)
class Request:
    """What a trial takes: processors, graphics processors, bytes of memory."""

    cpu: float
    gpu: float = 0.0
    memory: float = 0.0

    @property
    def threads(self) -> int:
        """The threads of TensorFlow that the processors are for."""
        return max(1, int(self.cpu))

    def fits(self, node: Node) -> int:
        """How many such trials a machine holds."""
        wanted = {"CPU": self.cpu, "GPU": self.gpu, "memory": self.memory}
        shares = [(node.get(n, 0.0) + UNIT / 2) / w for n, w in wanted.items() if w]
        return int(min(shares))

    def __str__(self) -> str:
        return _amounts({"CPU": self.cpu, "GPU": self.gpu, "memory": self.memory})


def request(settings: SearchSettings, nodes: Sequence[Node], workers: int | None) -> Request:
    """What the settings say that a trial takes, or an even share of what there is.

    Without a number of workers a trial takes one processor, and one graphics processor where there
    are any.
    """
    asked = settings.trial_resources or {}
    if not asked.get("cpu", 1):
        raise wrong("trial_resources", "more than no cpu", dict(asked))
    return Request(
        asked.get("cpu", share(nodes, "CPU", workers) or 1.0),
        asked.get("gpu", share(nodes, "GPU", workers)),
        GIGABYTE * asked.get("memory", 0.0),
    )


def share(nodes: Sequence[Node], name: str, workers: int | None) -> float:
    """The most of a resource that so many workers can have at the same time, each of one machine.

    A whole number, or one part of so many of a whole; 0 where there is none.
    """
    have = [node.get(name, 0.0) for node in nodes]
    if sum(have) < 1:
        return 0.0
    if not workers:
        return 1.0
    for whole in range(int(max(have)), 0, -1):
        if sum(n // whole for n in have) >= workers:
            return float(whole)
    parts = math.ceil(workers / sum(have))
    return math.floor(1 / parts / UNIT) * UNIT


def described(nodes: Sequence[Node]) -> str:
    """The machines of a cluster in a few words."""
    kinds = [_amounts(node) for node in nodes]
    return ", ".join(f"{kinds.count(k)} x ({k})" for k in dict.fromkeys(kinds)) or "none"


def _amounts(amounts: Mapping[str, float]) -> str:
    known = [f"{amounts[n]:g} {n}" for n in ("CPU", "GPU") if amounts.get(n)]
    if amounts.get("memory"):
        known.append(f"{amounts['memory'] / GIGABYTE:.3g} GB")
    return ", ".join(known) or "nothing"
