"""The cases that a plain `pytest` runs of tests that have many.

The whole suite takes an hour of two cores, most of it one check for hundreds of cases of one kind.
A plain `pytest` draws: of the cases of each layer one, another one in each test file; of any other
test with many cases each fifth. `pytest tests`, or any other path, runs all of it, and
`pytest --sample N` draws others.
"""

import inspect
import os
import zlib
from collections import defaultdict
from pathlib import Path
from typing import TypeVar

import pytest

from harness.layer_cases import LayerCase, all_cases

Case = TypeVar("Case")
# Which draw it is, or "all": known to the workers, and before files of tests are imported.
VARIABLE = "KERAS_HADAMARD_TESTS_SAMPLE"
SHARE = 5
# Fewer cases than this all run.
MIN_SAMPLED = 4


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--sample",
        default=None,
        metavar="N",
        help="which cases are drawn of tests that have many: a number, or 'all'",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "whole: all cases run, whatever is drawn")
    if hasattr(config, "workerinput"):
        return
    chosen = config.getoption("sample")
    if chosen is None:
        of_paths = config.args_source is not pytest.Config.ArgsSource.TESTPATHS
        chosen = "all" if of_paths or config.option.keyword else "0"
    os.environ[VARIABLE] = chosen


def pytest_report_header() -> str:
    drawn = _drawn()
    if drawn is None:
        return "sample: all cases"
    return f"sample: draw {drawn}; `pytest tests` runs all cases"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    drawn = _drawn()
    if drawn is None:
        return
    groups: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        groups[item.nodeid.split("[")[0]].append(item)
    kept = {
        item
        for name, group in groups.items()
        for item in (group if _is_whole(group[0]) else share_of(group, name.split("::")[0], drawn))
    }
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


def share_of(cases: list[Case], file: str, drawn: int) -> list[Case]:
    """A share of the cases of a test, another one in another file or draw; few cases as a whole."""
    start = zlib.crc32(file.encode()) + drawn
    return [x for i, x in enumerate(cases) if len(cases) < MIN_SAMPLED or (i + start) % SHARE == 0]


def _is_whole(item: pytest.Item) -> bool:
    """Whether all of it runs: it says so, or its file drew its cases itself."""
    drew = getattr(getattr(item, "module", None), "cases_of_this_run", None) is cases_of_this_run
    return drew or item.get_closest_marker("whole") is not None


def cases_of_this_run() -> dict[str, LayerCase]:
    """The cases of layers that a file of tests takes: all, or one of each layer."""
    cases, drawn = all_cases(), _drawn()
    file = Path(inspect.stack()[1].filename).name
    return cases if drawn is None else one_of_each(cases, file, drawn)


def one_of_each(cases: dict[str, Case], file: str, drawn: int) -> dict[str, Case]:
    """One case of each layer, another one in another file or draw."""
    of_layer: dict[str, list[str]] = defaultdict(list)
    for name in cases:
        of_layer[name.split("-")[0]].append(name)
    chosen = {
        names[(zlib.crc32(f"{file}{layer}".encode()) + drawn) % len(names)]
        for layer, names in of_layer.items()
    }
    return {name: case for name, case in cases.items() if name in chosen}


def _drawn() -> int | None:
    value = os.environ.get(VARIABLE, "all")
    return None if value == "all" else int(value)
