"""The results as tables of Markdown: the layers side by side, every other row by itself."""

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.speed.rows import Result


def markdown(rows: Mapping[str, Sequence[Result]], conditions: str, command: str) -> str:
    """The text of a file of results.

    Args:
        rows: The results by the name of their row. Those with a column share one table.
        conditions: String, where and how it was measured.
        command: String, what was typed.
    """
    results = [result for found in rows.values() for result in found]
    missed = sum(not result.passed for result in results)
    text = [
        "# Results of one run",
        f"`{command}`: {conditions.strip()}",
        f"{len(results)} figures, of which {missed} miss their bound and are **bold**.",
    ]
    wide = {name: found for name, found in rows.items() if found and found[0].column}
    if wide:
        text += ["## Layers", _side_by_side(wide)]
    for name, found in rows.items():
        if name not in wide and found:
            text += [f"## `{name}`", _one_by_one(found)]
    return "\n\n".join(text) + "\n"


def _side_by_side(rows: Mapping[str, Sequence[Result]]) -> str:
    columns = list(dict.fromkeys(r.column for found in rows.values() for r in found))
    columns.sort(key=lambda column: column.startswith("memory"))
    lines = []
    for name, found in rows.items():
        cells = {result.column: _figure(result) for result in found}
        lines.append([f"`{name}`", found[0].shapes, *(cells.get(c, "") for c in columns)])
    return _table(["layer", "shapes", *columns], lines)


def _one_by_one(results: Sequence[Result]) -> str:
    lines = [[f"`{r.row}`", r.what, _figure(r), r.bound, r.ours, r.reference] for r in results]
    return _table(["of", "what", "figure", "bound", "ours", "against"], lines)


def _figure(result: Result) -> str:
    figure = f"{result.figure:.2f}" if result.figure < 100 else f"{result.figure:.0f}"
    return figure if result.passed else f"**{figure}**"


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
