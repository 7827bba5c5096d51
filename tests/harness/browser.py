"""Pages opened in headless Chromium, and what they say of themselves."""

import html
import json
import re
import shutil
import subprocess

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    # WebGL by the processor, as there is no graphics card.
    "--enable-unsafe-swiftshader",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    # Nothing may come from anywhere.
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
# Runs before all else of the page and tells the page around it of errors and widths.
PROBE = """<script>
const errors = [], tell = (e) => errors.push(String(e));
addEventListener("error", (e) => tell(e.message), true);
addEventListener("unhandledrejection", (e) => tell(e.reason));
// What a page does when the system turns dark, for scripts to call.
const changed = [], media = matchMedia.bind(window);
window.matchMedia = (query) => {
  const found = media(query);
  found.addEventListener = (_, told) => changed.push(told);
  return found;
};
for (const name of ["error", "warn"]) console[name] = (...said) => tell(said.join(" "));
addEventListener("load", () => setTimeout(() => {
  %s;
  const page = document.documentElement;
  const plots = [...document.querySelectorAll(".plot")];
  const widest = [...document.querySelectorAll("main *")].filter((e) => !e.closest(".scroll, pre"))
    .reduce((most, e) => Math.max(most, e.getBoundingClientRect().right), 0);
  parent.postMessage({
    errors,
    width: page.clientWidth,
    scrollWidth: page.scrollWidth,
    widest,
    height: page.scrollHeight,
    plots: plots.length,
    drawn: plots.filter((p) => p.querySelector(".main-svg")).length,
    resources: performance.getEntriesByType("resource").map((r) => r.name),
    ink: getComputedStyle(document.body).color,
    text: document.body.innerText,
    found: window.found,
  }, "*");
}, 300));
</script>"""
# A browser's window is never as narrow as a phone's, a frame is.
FRAME = '<iframe src="%s?%d" style="border:0;width:%dpx;height:%dpx"></iframe>'
AROUND = """<!doctype html><meta charset="utf-8"><body style="margin:0">
<script>
const told = {};
addEventListener("message", (e) => {
  told[e.data.width] = e.data;
  document.getElementById("told").textContent = JSON.stringify(told);
});</script>%s<pre id="told"></pre>"""


def opened(page, folder, widths, *, dark=False, script=""):
    """What a page says of itself at each width, after a script ran in it."""
    framed = _framed(page, folder, [(width, 900) for width in widths], script)
    done = _run("--virtual-time-budget=30000", "--dump-dom", dark=dark, page=framed)
    told = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.S)
    assert told and told[1], done.stderr[-2000:]
    found = json.loads(html.unescape(told[1]))
    return [found[str(width)] for width in widths]


def picture(page, folder, target, width, height, *, dark=False, script=""):
    """Writes a picture of a page at a width."""
    size = f"--window-size={max(width, 500)},{height}"
    shot = f"--screenshot={target}"
    framed = _framed(page, folder, [(width, height)], script)
    _run("--virtual-time-budget=30000", shot, size, dark=dark, page=framed)


def _framed(page, folder, sizes, script):
    """A file that shows the page in frames, with the probe in it."""
    text = page.read_text("utf-8")
    probed = folder / f"probed-{page.parent.name}.html"
    # After the declaration of the encoding, which has to come first.
    probed.write_text(text.replace("<title>", PROBE % script + "<title>", 1), "utf-8")
    framed = folder / f"framed-{page.parent.name}.html"
    frames = "".join(FRAME % (probed.name, w, w, h) for w, h in sizes)
    framed.write_text(AROUND % frames, "utf-8")
    return framed


def _run(*options, dark, page):
    theme = [f"--blink-settings=preferredColorScheme={0 if dark else 1}"]
    profile = page.parent / "profile"
    command = [CHROMIUM, *FLAGS, *theme, f"--user-data-dir={profile}", *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
