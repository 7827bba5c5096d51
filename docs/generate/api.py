"""The pages of the interface: what `__all__` of each package names, by mkdocstrings."""

import reading

LAYERS = {
    "high_order": "Layers: higher-order correlation",
    "fusion": "Layers: multimodal fusion",
    "modulation": "Layers: adaptive modulation",
    "pairwise": "Layers: efficient pairwise operations",
    "shared": "Layers: the product itself, and names",
}
PACKAGES = {
    "models": "Models",
    "ops": "Ops",
    "activations": "Activations",
    "config": "Switches",
    "pruning": "Pruning",
    "adapters": "Adapters",
    "analysis": "Analysis",
    "tuning": "Search spaces",
    "search": "Search",
    "serving": "Serving",
    "datasets": "Data sets",
}
SHARED = (
    "Arguments that several layers take, such as `use_bias` or `kernel_initializer`, stand once in "
    "[Shared arguments](arguments.md).\n"
)


def menu() -> list:
    """The entries of the menu."""
    titles = LAYERS | {name: title for name, title in PACKAGES.items() if _file(name)}
    pages = [{title: f"api/{name}.md"} for name, title in titles.items()]
    return [{"Shared arguments": "api/arguments.md"}, *pages]


def pages() -> dict[str, str]:
    """The pages by their paths."""
    found = {}
    for domain, title in LAYERS.items():
        names = [layer.path for layer in reading.layers_of(domain)]
        if domain == "shared":
            names.append("keras_hadamard.layers._catalogue.catalogue")
            names += _registry()
        found[f"api/{domain}.md"] = _page(title, names, SHARED)
    for package, title in PACKAGES.items():
        file = _file(package)
        if file:
            names = [f"{module}.{name}" for name, module in reading.exported(file).items()]
            found[f"api/{package}.md"] = _page(title, names, "", members=True)
    return found


def _file(package: str) -> reading.Path | None:
    places = (reading.PACKAGE / package / "__init__.py", reading.PACKAGE / f"{package}.py")
    return next((place for place in places if place.is_file()), None)


def _page(title: str, names: list[str], head: str, *, members: bool = False) -> str:
    lines = [f"# {title}", "", head]
    for name in names:
        lines.append(f"::: {name}")
        if members:
            lines += ["    options:", "      members: true", '      filters: ["!^_"]']
            lines += ["      inherited_members: false"]
        lines.append("")
    return "\n".join(lines)


def _registry() -> list[str]:
    found = reading.exported(reading.PACKAGE / "layers" / "registry" / "__init__.py")
    return [f"{module}.{name}" for name, module in found.items()]
