"""`report.html`: one file with everything in it, no scripts and no network."""

import base64
from collections.abc import Sequence
from html import escape

from keras_hadamard._version import __version__
from keras_hadamard.search.costs import known
from keras_hadamard.search.pictures import pictures
from keras_hadamard.search.progress import clock
from keras_hadamard.search.records import Trial, hyperparameters
from keras_hadamard.search.run import Run
from keras_hadamard.search.summary import finalist_rows, method, verdict

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2126; background: #f6f7f9; margin: 0; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 26px; margin: 0 0 4px; }
h2 { font-size: 18px; margin: 36px 0 10px; }
section { background: #fff; border: 1px solid #e2e5e9; border-radius: 10px; padding: 18px 22px;
  overflow-x: auto; }
.verdict { font-size: 17px; border-left: 4px solid #0072b2; }
.facts { color: #5a616b; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(440px, 1fr)); gap: 16px; }
figure { margin: 0; } figure img { width: 100%; height: auto; }
figcaption { font-weight: 600; margin-bottom: 6px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 5px 12px 5px 0; border-bottom: 1px solid #edeff2;
  vertical-align: top; }
th { color: #5a616b; font-weight: 600; white-space: nowrap; }
tr.baseline td { background: #f1f3f5; } tr.failed td { color: #a3282e; }
pre { margin: 0; font-size: 13px; overflow-x: auto; }
"""


def report(run: Run) -> str:
    """The page."""
    s, records = run.settings, run.records
    sizes = ", ".join(f"{count:,} {split}" for split, count in run.facts.sizes.items())
    inputs = ", ".join(f"{name} ({kind})" for name, kind in run.facts.inputs.items())
    facts = (
        f"{inputs}; {run.facts.classes} classes; {sizes}.<br>{s.algorithm} search over "
        f"{', '.join(s.spaces)}: {len(records.trials)} of {s.max_trials} trials, at most "
        f"{s.epochs} epochs, seed {s.seed}, {clock(records.seconds)} of training, "
        f"keras_hadamard {__version__}."
    )
    images = "".join(
        f'<section><figure><figcaption>{escape(title)}</figcaption><img alt="{escape(title)}" '
        f'src="data:image/png;base64,{base64.b64encode(png).decode()}"></figure></section>'
        for title, png in pictures(run).items()
    )
    blocks = [
        f'<section class="verdict">{escape(verdict(run))}</section>',
        *(f"<p>{escape(note)}</p>" for note in run.notes),
        f'<h2>Pictures</h2><div class="pictures">{images}</div>',
        f"<h2>Finalists</h2><section>{_table(finalist_rows(run))}"
        f'<p class="facts">{escape(method(run)).replace(chr(10), "<br>")}</p></section>',
        f"<h2>Trials</h2><section>{_trials(run)}</section>",
    ]
    if records.best is not None:
        check = escape(str(records.best["check"]))
        blocks.append(f"<h2>Serving check</h2><section><pre>{check}</pre></section>")
    title = f"Search of {escape(str(s.dataset))}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main><h1>{title}</h1>"
        f'<p class="facts">{facts}</p>{"".join(blocks)}</main></body></html>\n'
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows[1:]
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _trials(run: Run) -> str:
    """All trials, best first; a hyperparameter that is not active in a trial is an empty cell."""
    records = run.records
    names = hyperparameters(records.trials)
    costs = known(records.trials)
    front = {t.number for t in run.pareto("size", *(cost.field for cost in costs))}
    failed = [t for t in records.trials if not t.completed]
    sizes = ["parameters", "not zero"] if run.pruned else ["parameters"]
    head = ["rank", "trial", *names, "score", *sizes, *(cost.title for cost in costs)]
    head += ["epochs", "seconds", "Pareto"]
    rows = []
    for rank, trial in enumerate([*records.completed, *failed], start=1):
        values = [_value(trial, name) for name in names]
        results = [
            f"{trial.score:.4f}" if trial.score is not None else f"{trial.status}: {trial.reason}",
            f"{trial.parameters:,}" if trial.parameters else "",
            *([f"{trial.size:,}" if trial.completed else ""] if run.pruned else []),
            *(cost.cell(trial) for cost in costs),
            f"{len(trial.curve)}/{trial.epochs}",
            f"{trial.seconds:.1f}",
            "yes" if trial.number in front else "",
        ]
        name = f"{trial.number} (baseline)" if trial.baseline else str(trial.number)
        cells = [str(rank) if trial.completed else "", name, *values, *results]
        kind = "failed" if not trial.completed else "baseline" if trial.baseline else ""
        row = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        rows.append(f'<tr class="{kind}">{row}</tr>')
    titles = "".join(f"<th>{escape(name)}</th>" for name in head)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _value(trial: Trial, name: str) -> str:
    return str(trial.configuration[name]) if name in trial.configuration else ""
