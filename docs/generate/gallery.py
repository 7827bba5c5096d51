"""The programs of `examples/`, as pages and as notebooks."""

import ast
import re
import tomllib

import jupytext
import reading

FOLDER = reading.ROOT / "examples"
# Which columns of which tables of examples/README.md are drawn: table, column and `log`.
DRAWN = "gallery.toml"


def names() -> list[str]:
    """The examples, by name."""
    return sorted(path.stem for path in FOLDER.glob("*.py"))


def menu() -> list:
    """The entries of the menu."""
    return ["gallery/index.md", *({name: f"gallery/{name}.md"} for name in names())]


def pages() -> dict[str, str]:
    """The pages and the notebooks by their paths."""
    found = {"gallery/index.md": _index()}
    for name in names():
        found[f"gallery/{name}.md"] = _page(name)
        found[f"gallery/{name}.ipynb"] = notebook(name)
    return found


def tables(example: str) -> list[list[list[str]]]:
    """The tables of an example in examples/README.md."""
    return reading.tables_under((FOLDER / "README.md").read_text("utf-8"), f"`{example}.py`")


def notebook(example: str) -> str:
    """The example as a notebook, which runs its quick form."""
    text = (FOLDER / f"{example}.py").read_text("utf-8")
    tree = ast.parse(text)
    head = (ast.get_docstring(tree) or "").replace(
        "\n    python examples", "\n\n    python examples"
    )
    first, main = tree.body[0].end_lineno or 0, tree.body[-1].lineno
    code = "\n".join(text.splitlines()[first : main - 1])
    cells = [f"# %% [markdown]\n{_commented(head)}"]
    # What a file knows of itself and a notebook does not; it runs in the repository's folder.
    known = {"__doc__": head.splitlines()[0], "__file__": f"examples/{example}.py"}
    lines = [f"{name} = {value!r}" for name, value in known.items() if name in code]
    cells += ["# %%\n" + "\n".join(lines)] if lines else []
    cells += [f"# %%\n{part}" for part in re.split(r"\n\n\n+", code) if part.strip()]
    cells.append(
        "# %% [markdown]\n# The quick form; without `--quick` it is the run whose figures the "
        "gallery has.\n"
    )
    started = f'["{example}.py", "--quick", "--out", "runs/{example}"]'
    cells.append(f"# %%\nimport sys\n\nsys.argv = {started}\nmain()\n")
    book = jupytext.reads("\n\n".join(cells), fmt="py:percent")
    book.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    return jupytext.writes(book, fmt="ipynb")


def _commented(text: str) -> str:
    return "\n".join(f"# {line}".rstrip() for line in text.splitlines())


def _section(example: str) -> str:
    """What examples/README.md says of an example, without its heading."""
    text = (FOLDER / "README.md").read_text("utf-8")
    found = re.search(rf"^## `{example}\.py`(.*?)\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    return found[2].strip() if found else ""


def _title(example: str) -> str:
    text = (FOLDER / "README.md").read_text("utf-8")
    found = re.search(rf"^## `{example}\.py`: (.*)$", text, re.M)
    return found[1] if found else example


def _drawings(example: str) -> str:
    file = reading.ROOT / "docs" / DRAWN
    drawn = tomllib.loads(file.read_text("utf-8")).get(example, {}).get("bars", [])
    return "\n\n".join(f"{{{{ bars {example} {bars} }}}}" for bars in drawn)


def _picture(example: str) -> list[str]:
    """The picture that a full run drew, where one is kept."""
    if not (reading.ROOT / "docs" / "gallery" / f"{example}.jpg").is_file():
        return []
    said = f"Drawn by a full run of `examples/{example}.py`, not the one of the table."
    return [f"![The picture of {example}.py]({example}.jpg)", "", said, ""]


def _page(example: str) -> str:
    code = (FOLDER / f"{example}.py").read_text("utf-8")
    title = _title(example)
    return "\n".join(
        [
            "---\nhide:\n  - toc\n---\n",
            f"# {title[0].upper()}{title[1:]}",
            "",
            _section(example),
            "",
            _drawings(example),
            "",
            *_picture(example),
            "The bars are drawn from the table above when this site is built.",
            "",
            "```sh",
            'pip install "keras-hadamard[examples]"',
            f"python examples/{example}.py          # the full run; --quick is a small one",
            "```",
            "",
            f"[The program as a notebook]({example}.ipynb){{ download }}",
            "",
            f'??? example "examples/{example}.py"',
            "",
            "    ```{.py}",
            *(f"    {line}".rstrip() for line in code.splitlines()),
            "    ```",
            "",
        ]
    )


def _index() -> str:
    head = (FOLDER / "README.md").read_text("utf-8").partition("\n## ")[0]
    lines = [head.replace("# Examples", "# Gallery"), ""]
    for name in names():
        title = _title(name)
        lines += [f"## [{title[0].upper()}{title[1:]}]({name}.md)", ""]
        lines += [_drawings(name).partition("\n\n")[0], ""]
    return "\n".join(lines)
