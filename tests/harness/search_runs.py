"""Runs of a search written by hand, as real ones take minutes."""

import numpy as np

from keras_hadamard.search.objectives import OBJECTIVES, objectives_of
from keras_hadamard.search.rebuild import about
from keras_hadamard.search.records import Records
from keras_hadamard.search.run import DatasetInfo, Run
from keras_hadamard.search.settings import SearchSettings
from keras_hadamard.search.trainings import Final, Reference, Trial

FUSIONS = ("concat", "mlb", "mfb", "hadamard", "film", "gmu", "lmf", "sum")
GATINGS = ("dense", "glu", "swiglu", "highway")
START = 1_750_000_000.0
TEST_ROWS = 120


def configuration(number):
    """What a trial drew; the first has the defaults."""
    if number == 1:
        return {"fusion": "concat", "gating": "dense", "units": 128, "learning_rate": 1e-3}
    rng = np.random.default_rng(number)
    drawn = {
        "fusion": str(rng.choice(FUSIONS)),
        "gating": str(rng.choice(GATINGS)),
        "units": int(rng.choice([32, 64, 128, 256])),
        "learning_rate": float(10 ** rng.uniform(-4, -2)),
    }
    if drawn["fusion"] in ("mlb", "mfb", "lmf"):
        drawn["fusion_rank"] = int(rng.integers(1, 33))
    return drawn


def trial(number, objective="accuracy", score=None, status="completed", epochs=8, **fields):
    """A trial with curves that come to its score."""
    rng = np.random.default_rng(100 + number)
    sign = OBJECTIVES[objective].sign
    values = configuration(number)
    if score is None:
        gain = FUSIONS.index(values["fusion"]) % 5 * 0.03 + rng.normal(0, 0.01)
        score = 0.7 + gain if objective != "rmse" else 40 * (1 - gain)
    curve = [float(score - sign * abs(score) * 0.5 * 0.5**e) for e in range(epochs)]
    losses = [float(1.2 * rng.uniform(0.7, 0.9) ** e + 0.2) for e in range(epochs)]
    done = status == "completed"
    return Trial(
        **{
            "status": status,
            "configuration": values,
            "seed": number,
            "objective": objective,
            "score": float(score) if done else None,
            "parameters": int(rng.integers(2_000, 900_000)) if status != "failed" else None,
            "seconds": float(rng.uniform(3, 20)),
            "epochs": epochs,
            "curve": curve if done else [],
            "losses": losses if done else [],
            "validation_losses": [v + 0.02 * e for e, v in enumerate(losses)] if done else [],
            "latency": float(rng.uniform(0.2, 3)) if done else None,
            "started": START + 25.0 * number,
            "worker": f"worker {number % 2}",
            "number": number,
            **fields,
        }
    )


def facts(task, classes, objective, **fields):
    rng = np.random.default_rng(0)
    sizes = {"train": 700, "validation": 150, "test": TEST_ROWS}
    counts = {
        split: {name: int(n) for name, n in zip(classes, part, strict=True)}
        for split, part in (
            (s, rng.multinomial(n, rng.dirichlet(np.full(len(classes), 5.0))))
            for s, n in sizes.items()
        )
    }
    return DatasetInfo(
        **{
            "task": task,
            "classes": tuple(classes),
            "objective": objective,
            "spaces": ("fusion", "gating"),
            "epochs": 8,
            "batch_size": 32,
            "sizes": sizes,
            "inputs": {"image": "image 8 x 8 x 1", "question": "tokens 6"},
            "class_counts": {} if task == "regression" else counts,
            "columns": (
                {
                    "name": "age",
                    "kind": "number",
                    "role": "input",
                    "distinct": 52,
                    "missing": 3,
                    "encoding": "standardised, missing indicator",
                },
                {
                    "name": "city",
                    "kind": "category",
                    "role": "input",
                    "distinct": 47,
                    "missing": 0,
                    "encoding": "47 values as ids, unseen is one of them",
                },
            ),
            "warnings": ("Column 'age' has 3 missing values in train and none in test.",),
            **fields,
        }
    )


def made(folder, trials, known, *, references=(), **settings):
    """A run of these trials without finals."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"max_trials": len(trials), "spaces": ("fusion", "gating"), **settings}
    s = SearchSettings("data/people.csv", out=folder, **settings)
    records = Records(folder, list(trials), references=list(references))
    records.about = about(s, known)
    return Run(s, known, records, ())


def finish(run, tests=None, rows=TEST_ROWS, seeds=3):
    """Adds finals of all finalists, their predictions, and what is served.

    `tests` gives the mean test score of a finalist by its place.
    """
    task, objective = run.facts.task, run.objective
    rng = np.random.default_rng(1)
    outputs = len(run.facts.classes)
    targets, predict = _predictor(task, rng, rows, outputs)
    run.records.keep_test_targets(targets)
    for place, finalist in enumerate(run.finalists):
        for seed in range(seeds):
            noise = (1.0, 1.3, 1.6)[place]
            predictions = predict(noise)
            metrics = {o.name: o.score(task, targets, predictions) for o in objectives_of(task)}
            test = metrics[objective.name]
            if tests is not None:
                test = tests[place] + (seed - 1) * 0.004
            own = {k: v for k, v in vars(finalist.trial).items() if k != "number"}
            own |= {"seed": 1_000_000 + seed, "started": own["started"] + 2_000 + 30 * place}
            final = Final(**own, test=float(test), metrics=metrics)
            run.records.add_final(final, predictions)
    run.records.set_best({"check": "served as trained", "ok": True, "files": {}})
    return run


def _predictor(task, rng, rows, outputs):
    """Targets, and a function of noise that gives predictions of them."""
    if task == "regression":
        targets = rng.normal(200, 60, (rows, outputs)).astype("float32")
        targets = targets[:, 0] if outputs == 1 else targets
        two = targets.reshape(rows, -1)
        return targets, lambda noise: two + rng.normal(0, 12 * noise, two.shape)
    if task == "multilabel":
        targets = (rng.random((rows, outputs)) < 0.3).astype("int32")
        return (
            targets,
            lambda noise: (
                1 / (1 + np.exp(3 - 6 * targets + rng.normal(0, 2 * noise, targets.shape)))
            ),
        )
    targets = np.arange(rows) % outputs
    rng.shuffle(targets)
    truth = np.eye(outputs)[targets]

    def predict(noise):
        logits = 3 * truth + rng.normal(0, noise, truth.shape)
        return np.exp(logits) / np.exp(logits).sum(1, keepdims=True)

    return targets.astype("int32"), predict


def references(objective, scores, reason=None):
    names = (
        ("mean", "ridge regression")
        if objective == "rmse"
        else (
            "majority class",
            "logistic regression",
        )
    )
    found = [Reference(name, value, value, 0.4) for name, value in zip(names, scores, strict=False)]
    last = scores[2] if len(scores) > 2 else None
    return [*found, Reference("gradient boosting", last, last, 2.1, reason)]


CLASSES = ("no", "yes", "maybe")
FOREIGN = ("猫", "كلب", "Größe <b>ß</b>", "наука & труд", "'\"`</script>", "🐦 %{x} ${y} {{ z }}")


def classification(folder):
    """Finished, with fusion; what is tried beats the baseline."""
    known = facts("multiclass", CLASSES, "accuracy")
    run = made(
        folder,
        [trial(n) for n in range(1, 15)],
        known,
        references=references("accuracy", (0.4, 0.71, 0.74)),
    )
    return finish(run, tests=(0.83, 0.80, 0.72))


def regression(folder):
    known = facts("regression", ("price",), "rmse", inputs={"row": "vector 12"})
    trials = [trial(n, "rmse") for n in range(1, 15)]
    run = made(folder, trials, known, references=references("rmse", (61.0, 9.0, 10.5)))
    return finish(run)


def one_trial(folder):
    known = facts("binary", CLASSES[:2], "auc")
    run = made(folder, [trial(1, "auc", epochs=1)], known, max_trials=6)
    run.records.save()
    return run


def failed_and_refused(folder):
    """No configuration is within the limit; others failed."""
    long = "ValueError: <b>no</b> shapes of " + "a_very_long_name_without_a_space_" * 8
    refused = "12,000 parameters, more than 1,000"
    trials = [
        trial(1, parameters=5_000),
        trial(2, status="failed", reason=long),
        trial(3, status="refused", reason=refused, parameters=12_000),
        trial(4, status="refused", reason="1,500 parameters, more than 1,000", parameters=1_500),
    ]
    run = made(folder, trials, facts("multiclass", CLASSES, "accuracy"), max_parameters=1_000)
    run.records.save()
    return run


def sixty(folder):
    known = facts("multiclass", [f"class {n:02d}" for n in range(26)], "accuracy")
    weights = {"exported": 0.01}
    trials = [
        trial(
            n,
            macs=1000 * n * n,
            exported=0.2 * n,
            weights=weights,
            **({"status": "failed", "reason": "OOM"} if n % 17 == 0 else {}),
        )
        for n in range(1, 61)
    ]
    run = made(
        folder,
        trials,
        known,
        weights=weights,
        references=references("accuracy", (0.1, 0.95), "ValueError: too few rows"),
    )
    return finish(run, rows=400)


def foreign(folder):
    """Names in many scripts, with what markup and templates are made of."""
    column = {"kind": "category", "role": "input", "distinct": 5, "missing": 0}
    columns = tuple({"name": n * 3, **column, "encoding": n} for n in FOREIGN)
    known = facts(
        "multiclass",
        FOREIGN,
        "balanced_accuracy",
        columns=columns,
        inputs=dict.fromkeys(FOREIGN, "vector 3"),
        warnings=FOREIGN,
    )
    trials = [trial(n, "balanced_accuracy", 0.5, parameters=1_000) for n in (1, 2)]
    return finish(made(folder, trials, known), seeds=1)


def labels(folder):
    known = facts("multilabel", [f"label {n}" for n in range(5)], "average_precision")
    trials = [trial(n, "average_precision") for n in (1, 2, 3)]
    return finish(made(folder, trials, known), rows=300, seeds=1)


RUNS = {
    f.__name__: f
    for f in (classification, regression, one_trial, failed_and_refused, sixty, foreign, labels)
}
