"""The site: its code runs, every layer has an entry, and its pages open without errors."""

import functools
import http.server
import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import keras
import pytest
from harness import browser

from keras_hadamard import layers

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# What mkdocs writes pages with is no package: its files stand beside the pages.
sys.path.insert(0, str(DOCS / "generate"))
import reading  # noqa: E402

EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))
FENCE = re.compile(r"^( *)```python(?: title=\"(.*?)\")?\n(.*?)^\1```", re.M | re.S)
# Titles of blocks that do not run here: lines of another library, or a file that is not here.
NOT_RUN = ("Before", "Needs")


def blocks():
    """Each Python block that runs, with the page and the line it begins in."""
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text("utf-8")
        for match in FENCE.finditer(text):
            if not (match[2] or "").startswith(NOT_RUN):
                line = text.count("\n", 0, match.start()) + 1
                slow = pytest.mark.slow if re.search(r"Search\(|serving\.", match[3]) else ()
                yield pytest.param(match[3], id=f"{page.relative_to(DOCS)}:{line}", marks=slow)


@pytest.mark.whole
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("block", list(blocks()))
def test_a_block_runs_by_itself(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keras.utils.clear_session()
    exec(compile(block, "a block", "exec"), {"__name__": "__main__"})


def test_every_block_that_does_not_run_says_why():
    """A fence of another word is no way around the test."""
    for page in DOCS.rglob("*.md"):
        fences = re.findall(r"^ *```(\S.*)$", page.read_text("utf-8"), re.M)
        for fence in fences:
            language = fence.split()[0].strip("{}.")
            assert language in ("python", "sh"), f"{page.name}: {fence}"


def test_the_site_reads_the_layers_that_the_package_has():
    """The site reads files and imports nothing; both find the same layers, in the same words."""
    found = {
        layer.name: layer
        for domain in (*reading.DOMAINS, "shared")
        for layer in reading.layers_of(domain)
    }
    rows = {row.name: row for row in layers.catalogue()}
    assert found.keys() == rows.keys()
    for name, layer in found.items():
        row = rows[name]
        assert (layer.summary, layer.equation, layer.weights) == (
            row.summary,
            row.equation,
            row.weights,
        )


def test_every_layer_has_an_entry():
    names = {row.name for row in layers.catalogue()}
    entries = reading.entries()
    missing = sorted(names - entries.keys())
    assert not missing, f"docs/layers.toml, whose head says how, has no entry for {missing}."
    unknown = sorted(entries.keys() - names)
    assert not unknown, f"docs/layers.toml has entries for layers that are none: {unknown}."


@pytest.mark.whole
@pytest.mark.parametrize("name", list(reading.entries()))
def test_an_entry_is_complete(name):
    entry = reading.entries()[name]
    where = f"The entry of {name} in docs/layers.toml"
    lacks = {"equation", "branches", "when"} - entry.keys()
    assert not lacks, f"{where} lacks {sorted(lacks)}."
    more = entry.keys() - {"equation", "branches", "when", "product", "reduce"}
    assert not more, f"{where} has keys that nothing reads: {sorted(more)}."
    assert len(entry["branches"]) >= 2, f"{where} has fewer than two branches."
    assert entry["when"].endswith("."), f"{where} has a `when` that is no sentence."
    assert entry["equation"].count("{") == entry["equation"].count("}"), f"{where}: braces."


@pytest.mark.whole
@pytest.mark.parametrize("name", list(reading.entries()))
def test_an_equation_parses(name):
    convert = pytest.importorskip("latex2mathml.converter").convert
    drawn = convert(reading.entries()[name]["equation"])
    unknown = re.findall(r"\\\w+", drawn)
    assert not unknown, f"The equation of {name} in docs/layers.toml has {unknown}."


def test_every_figure_of_the_choices_stands_in_the_tables():
    """What `choose.md` says was measured, the examples say too."""
    said = (DOCS / "choose.md").read_text("utf-8")
    table = (ROOT / "examples" / "README.md").read_text("utf-8")
    rows = [line for line in said.splitlines() if line.startswith("|")]
    figures = {f for row in rows for f in re.findall(r"\d+\.\d+", row)}
    strange = sorted(f for f in figures if f not in table)
    assert not strange, f"docs/choose.md has figures that examples/README.md has not: {strange}"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site, strictly."""
    if not importlib.util.find_spec("material") or not importlib.util.find_spec("mkdocstrings"):
        pytest.skip("the extra docs is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_the_site_builds_strictly(site):
    for name in ("index.html", "domains/fusion.html", "api/fusion.html", "gallery/index.html"):
        assert (site / name).is_file()
    page = (site / "domains" / "fusion.html").read_text("utf-8")
    assert page.count("<math") >= len(reading.layers_of("fusion"))
    assert page.count('class="drawing"') == len(reading.layers_of("fusion"))
    assert all((site / "gallery" / f"{example}.ipynb").is_file() for example in EXAMPLES)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("example", EXAMPLES)
def test_a_notebook_reaches_its_last_cell(example, monkeypatch):
    """Its code is that of the example, which another test runs: what is new is the start."""
    pytest.importorskip("jupytext")
    import gallery

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", ["a notebook"])
    cells = json.loads(gallery.notebook(example))["cells"]
    *code, last = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    names = {"__name__": "__main__"}
    for cell in code:
        exec(compile(cell, f"{example}.ipynb", "exec"), names)
    assert callable(names["main"])
    started = []
    names["main"] = lambda: started.append(sys.argv)
    exec(compile(last, f"{example}.ipynb", "exec"), names)
    assert started == [[f"{example}.py", "--quick", "--out", f"runs/{example}"]]


@pytest.mark.slow
def test_no_page_asks_another_server(site):
    """Everything that a page loads is a file of the site."""
    loads = re.compile(r"<(?:script|link|img)[^>]*(?:src|href)=\"?(https?:[^\s\">]+)")
    for page in site.rglob("*.html"):
        assert not loads.findall(page.read_text("utf-8")), page.name


OF_EACH_KIND = (
    "index.html",
    "choose.html",
    "domains/pairwise.html",
    "moving/tfmot.html",
    "gallery/index.html",
    "gallery/inpainting.html",
    "api/ops.html",
    "benchmarks/support.html",
)
# The views are frames of one page, which tells what it found.
FRAMES = """<!doctype html><html style="color-scheme: %(scheme)s"><body>
<pre id="told"></pre><script>
const views = %(views)s, told = [];
async function open(page, width) {
  const frame = document.createElement("iframe");
  frame.style = `width: ${width}px; height: 900px; border: 0; color-scheme: %(scheme)s`;
  frame.src = page;
  document.body.append(frame);
  await new Promise((done) => frame.addEventListener("load", done));
  await new Promise((done) => setTimeout(done, 50));
  const body = frame.contentDocument.body, root = frame.contentDocument.documentElement;
  told.push({page, width, over: root.scrollWidth - root.clientWidth,
    scheme: body.getAttribute("data-md-color-scheme"), text: body.innerText.length});
  frame.remove();
}
(async () => {
  for (const [page, width] of views) await open(page, width);
  document.getElementById("told").textContent = JSON.stringify(told);
  document.title = "done";
})();
</script>"""


@pytest.mark.slow
@pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_open_without_errors(site, scheme, tmp_path):
    pages = [str(page.relative_to(site)) for page in sorted(site.rglob("[!_4]*.html"))]
    # Every page on a telephone; on a screen and in the dark, a page of each kind.
    views = [(page, 1280) for page in OF_EACH_KIND]
    views += [(page, 400) for page in (pages if scheme == "light" else OF_EACH_KIND)]
    frames = {"scheme": scheme, "views": json.dumps(views)}
    (site / f"_frames_{scheme}.html").write_text(FRAMES % frames, "utf-8")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(site))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/_frames_{scheme}.html"
    flags = [flag for flag in browser.FLAGS if "host-resolver" not in flag]
    command = [
        browser.CHROMIUM,
        *flags,
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--enable-logging=stderr",
        f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}",
        f"--user-data-dir={tmp_path}",
        "--virtual-time-budget=600000",
        "--dump-dom",
        address,
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    finally:
        server.shutdown()
        server.server_close()
    told = re.search(r'<pre id="told">(.+?)</pre>', done.stdout, re.S)
    assert told, done.stderr[-2000:]
    found = json.loads(told[1])
    assert len(found) == len(views)
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert not said
    wide = [(row["page"], row["width"], row["over"]) for row in found if row["over"] > 0]
    assert not wide
    expected = "slate" if scheme == "dark" else "default"
    assert {row["scheme"] for row in found} == {expected}
    assert all(row["text"] > 200 for row in found)
