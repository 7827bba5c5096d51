"""Tables of what works: a tick, or the number of the reason why not."""

from collections.abc import Iterable, Mapping

YES = "yes"


def ticked(rows: Mapping[str, Mapping[str, str]], first: str, columns: Iterable[str]) -> str:
    """The rows as a Markdown table, and the numbered reasons below it."""
    columns = list(columns)
    numbers: dict[str, int] = {}
    lines = ["| " + " | ".join([first, *columns]) + " |", "|---" * (1 + len(columns)) + "|"]
    for name, row in rows.items():
        cells = [
            "✓" if row[c] == YES else f"[{numbers.setdefault(row[c], len(numbers) + 1)}]"
            for c in columns
        ]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    reasons = [f"{number}. {reason}" for reason, number in numbers.items()]
    return "\n".join([*lines, *([""] if reasons else []), *reasons])
