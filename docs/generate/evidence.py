"""The tables of `benchmarks/`, as pages."""

import reading

FOLDER = reading.ROOT / "benchmarks"
# Tables get the place of the contents beside them.
WIDE = "---\nhide:\n  - toc\n---\n\n"
TITLES = {
    "README": "Benchmarks",
    "results": "Speed and memory: results",
    "train_defaults": "Every layer with its defaults",
    "support": "Formats: what runs where",
    "foreign_models": "Pruning and adapters on other models",
}


def menu() -> list:
    """The entries of the menu."""
    return [{title: _path(name)} for name, title in TITLES.items() if _file(name).is_file()]


def pages() -> dict[str, str]:
    """The pages by their paths."""
    return {
        _path(name): WIDE + _file(name).read_text("utf-8")
        for name in TITLES
        if _file(name).is_file()
    }


def _file(name: str) -> reading.Path:
    return FOLDER / f"{name}.md"


def _path(name: str) -> str:
    return f"benchmarks/{'index' if name == 'README' else name}.md"
