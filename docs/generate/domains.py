"""The layers of a domain: equation, picture, numbers, and when to take them."""

import functools

import reading

BENCHMARKS = reading.ROOT / "benchmarks"


def section(domain: str) -> str:
    """A section for each layer of a domain."""
    return "\n".join(_section(layer, domain) for layer in reading.layers_of(domain))


def _section(layer: reading.Layer, domain: str) -> str:
    entry = reading.entries().get(layer.name)
    lines = [f"## `{layer.name}` {{ #{layer.name} }}", "", layer.summary, ""]
    if entry:
        lines += [f"$${entry['equation']}$$", "", f"{{{{ picture {layer.name} }}}}", ""]
        lines += [f"**When:** {entry['when']}", ""]
    elif layer.equation:
        lines += [f"`{layer.equation}`", ""]
    lines += [f"- Weights: `{layer.weights}`"] if layer.weights else []
    lines += _figures(layer.name)
    lines += [f"- Paper: {layer.paper}"] if layer.paper else []
    lines += [f"- Arguments, shapes, masks and precision: [`{layer.name}`][{layer.path}]", ""]
    return "\n".join(lines)


def _figures(name: str) -> list[str]:
    """What the tables of the benchmarks say of a layer."""
    lines = []
    trained = _rows("train_defaults.md").get(name)
    if trained:
        lines.append(
            f"- Trained on digits with its defaults, in the frame *{trained[0]}*: {trained[1]} % "
            "right ([table](../benchmarks/train_defaults.md), which compares no layers)"
        )
    timed = _rows("results.md").get(name)
    if timed and len(timed) == 7:
        graph, xla = (timed[i].strip("*") for i in (3, 4))
        lines.append(
            f"- Time of forward + gradient over plain Keras's: {graph} in a graph, {xla} under XLA "
            "([table](../benchmarks/results.md))"
        )
    return lines


@functools.cache
def _rows(file: str) -> dict[str, list[str]]:
    return reading.rows_of(BENCHMARKS / file)
