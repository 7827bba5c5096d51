"""Runs a SavedModel's signatures in the server's loader, and compares what they answer."""

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf

from keras_hadamard.serving import _check_server, _loader, _samples
from keras_hadamard.serving._compare import compare
from keras_hadamard.serving._endpoint import endpoint_of
from keras_hadamard.serving._loader import Batches, Calls, LoaderRun
from keras_hadamard.serving._saved_model import SIGNATURE
from keras_hadamard.serving.report import CheckItem


@dataclass(frozen=True)
class Runs:
    """What there is to run: the signatures' inputs, and the warm-up requests."""

    path: Path
    version: int | None
    specs: Mapping[str, Mapping[str, tf.TensorSpec]]
    warm: Calls
    tolerance: float
    xla: bool

    def items(self, model: keras.Model | None) -> Iterator[CheckItem]:
        try:
            record = _samples.read_record(self.path)
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            yield CheckItem("record", False, f"assets.extra cannot be read: {error}")
            record = None
        unknown = any(not s.shape.rank for specs in self.specs.values() for s in specs.values())
        if record is None and unknown:
            yield CheckItem(
                "batches", False, "not run: no inputs are recorded, and shapes are unknown"
            )
            return
        calls = record[0] if record else self._random()
        run = _loader.run(self.path, {**calls, **self.warm}, self.xla)
        if not run.switched:
            yield CheckItem("XLA", None, "not switched off here: not checked")
        for batch in _samples.BATCH_SIZES:
            yield self._batch(batch, calls, run)
        if self.warm:
            yield self._warmed(run)
        yield self._outputs(calls, record, run, model)
        # What the record says, and of other signatures what the loader says.
        expected = {**run.outputs, **(record[1] if record else {})}
        if run.error or any(run.failures.values()):
            expected = {}
        known = {name: expected[name] for name in calls if name in expected}
        yield from _check_server.items(self, calls, known)

    def _random(self) -> Calls:
        return {name: _samples.random_inputs(specs) for name, specs in self.specs.items()}

    def _batch(self, batch: int, calls: Calls, run: LoaderRun) -> CheckItem:
        name = f"batch {batch}"
        if run.error:
            return CheckItem(name, False, run.error)
        for signature in calls:
            failure = run.failures.get(signature, {}).get(batch)
            outputs = run.outputs.get(signature, {}).get(batch, {})
            # With batching on, the server hands each request its rows of every output.
            wrong = {n: v.shape for n, v in outputs.items() if v.shape[:1] != (batch,)}
            if wrong and not failure:
                failure = f"outputs without a row for each input: {wrong}"
            if failure:
                return CheckItem(name, False, _of(signature) + failure)
        if not run.switched:
            return CheckItem(name, True, "runs")
        return CheckItem(name, True, f"runs with XLA {'enabled' if self.xla else 'disabled'}")

    def _warmed(self, run: LoaderRun) -> CheckItem:
        if run.error:
            return CheckItem("warm-up", False, run.error)
        for call, batches in self.warm.items():
            for batch in batches:
                failure = run.failures.get(call, {}).get(batch)
                if failure:
                    where = f"{_of(call.partition('@')[0])}batch {batch}: "
                    return CheckItem("warm-up", False, where + failure)
        count = sum(map(len, self.warm.values()))
        return CheckItem("warm-up", True, f"{count} requests run")

    def _outputs(
        self, calls: Calls, record: tuple[Calls, Calls] | None, run: LoaderRun, model: object
    ) -> CheckItem:
        if run.error or any(run.failures.values()):
            return CheckItem("outputs", None, "not compared: see the batches")
        expected = dict(record[1]) if record else {}
        if model is not None:
            try:
                expected[SIGNATURE] = _answers(model, calls[SIGNATURE])
            except ValueError as error:
                return CheckItem("outputs", False, str(error))
        if not expected:
            return CheckItem(
                "outputs", None, "not compared: none are recorded, and no model is given"
            )
        results = [
            (*compare(outputs, run.outputs[name], self.tolerance), name)
            for name, outputs in sorted(expected.items(), key=lambda item: item[0] != SIGNATURE)
        ]
        passed, detail, name = next((r for r in results if not r[0]), results[0])
        return CheckItem("outputs", passed, detail if passed else _of(name) + detail)


def _of(signature: str) -> str:
    return "" if signature == SIGNATURE else f"{signature}: "


def _answers(model: object, inputs: Batches) -> Batches:
    some = next(iter(inputs.values()))
    endpoint = endpoint_of(model, None if getattr(model, "inputs", None) else some)
    if set(endpoint.specs) != set(some):
        raise ValueError(f"the model's inputs are {list(endpoint.specs)}")
    return _samples.keras_outputs(endpoint, inputs)
