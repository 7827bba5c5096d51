"""Aligned columns, and the table of a run's trials."""

from collections.abc import Sequence

from keras_hadamard.search.costs import known
from keras_hadamard.search.records import Records, hyperparameters


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows as lines with columns of equal width."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def trial_rows(records: Records) -> list[list[str]]:
    """The trials, best first, with the failed ones and their reasons at the end."""
    mixers = [n for n in hyperparameters(records.trials) if n.endswith("token_mixer")]
    kinds = ["fusion", "gating", *mixers]
    costs = known(records.trials)
    titles = [cost.title for cost in costs]
    header = ["rank", "trial", *kinds, "score", "parameters", *titles, "seconds"]
    done = records.completed
    failed = [t for t in records.trials if not t.completed]
    rows = []
    for rank, t in enumerate([*done, *failed], start=1):
        rows.append(
            [
                str(rank) if t.completed else "-",
                f"{t.number} (baseline)" if t.baseline else str(t.number),
                *(str(t.configuration.get(kind, "-")) for kind in kinds),
                f"{t.score:.4f}" if t.score is not None else f"{t.status}: {t.reason}"[:60],
                f"{t.parameters:,}" if t.parameters else "-",
                *(cost.cell(t) for cost in costs),
                f"{t.seconds:.1f}",
            ]
        )
    return [header, *rows]
