"""What the repository's files say, read without importing the package."""

import ast
import inspect
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "keras_hadamard"
DOMAINS = ("high_order", "fusion", "modulation", "pairwise")


@dataclass(frozen=True)
class Layer:
    """A public layer by its docstring."""

    name: str
    module: str
    summary: str
    equation: str
    weights: str
    paper: str

    @property
    def path(self) -> str:
        return f"{self.module}.{self.name}"


def layers_of(domain: str) -> list[Layer]:
    """The public layers of a domain, by name; of `shared` the one that belongs to no domain."""
    if domain == "shared":
        return [_layer("keras_hadamard.layers.hadamard_product", "HadamardProduct")]
    found = exported(PACKAGE / "layers" / domain / "__init__.py")
    return [_layer(module, name) for name, module in sorted(found.items(), key=_by_name)]


def exported(file: Path) -> dict[str, str]:
    """The names of a package's `__all__`, each with the module it is from."""
    tree = ast.parse(file.read_text("utf-8"))
    place = file.parent if file.name == "__init__.py" else file.with_suffix("")
    package = ".".join(place.relative_to(ROOT).parts)
    names: list[str] = []
    places: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names = ast.literal_eval(node.value)
        elif isinstance(node, ast.ImportFrom) and node.module:
            places |= {name.asname or name.name: node.module for name in node.names}
    return {name: places.get(name, package) for name in names}


def entries() -> dict[str, dict]:
    """The entries of `docs/layers.toml`."""
    return tomllib.loads((ROOT / "docs" / "layers.toml").read_text("utf-8"))


def rows_of(file: Path) -> dict[str, list[str]]:
    """The rows of a page's tables whose first cell is a name in backquotes, the first of each."""
    rows: dict[str, list[str]] = {}
    for line in file.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        name = re.fullmatch(r"`(\w+)`", cells[0])
        if line.startswith("|") and name:
            rows.setdefault(name[1], cells[1:])
    return rows


def tables_under(text: str, heading: str) -> list[list[list[str]]]:
    """The tables of a section, each a list of rows of cells, its header first."""
    section = re.search(rf"^## .*{re.escape(heading)}.*?\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    blocks = re.findall(r"(?:^\|.*\n?)+", section[1] if section else "", re.M)
    tables = []
    for block in blocks:
        rows = [[c.strip() for c in line.strip("|").split("|")] for line in block.splitlines()]
        tables.append([rows[0], *rows[2:]])
    return tables


def _layer(module: str, name: str) -> Layer:
    file = ROOT / f"{module.replace('.', '/')}.py"
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            text = inspect.cleandoc(ast.get_docstring(node) or "")
            break
    else:
        raise ValueError(f"Expected a class {name} in {file}.")
    head = text.partition("\nArgs:")[0]
    equations = [f for f in _formulas(head) if " = " in f]
    weights = _formulas(_section(text, "Weights"))
    paper = re.search(r"\[(.*?)\]\(\s*(.*?)\)", _section(text, "Reference"), re.S)
    return Layer(
        name,
        module,
        text.splitlines()[0] if text else "",
        equations[0] if equations else "",
        weights[0] if weights else "",
        f"[{' '.join(paper[1].split())}]({paper[2]})" if paper else "",
    )


def _section(text: str, title: str) -> str:
    found = re.search(rf"^{title}:\n((?: .*\n?|\n)*)", text, re.M)
    return found[1] if found else ""


def _formulas(text: str) -> list[str]:
    return [" ".join(formula.split()) for formula in re.findall(r"`([^`]*)`", text)]


def _by_name(item: tuple[str, str]) -> str:
    return item[0].lower()
