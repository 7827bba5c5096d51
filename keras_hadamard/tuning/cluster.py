"""The processes of `TF_CONFIG`, which train one model in step."""

import functools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from keras_hadamard.tuning.settings import SearchError

# A message is as many characters or a multiple of them, so that few shapes cross.
PAGE = 4096
LOST = (
    "A process of the cluster was lost. Finished trials are kept; the same command in all of them "
    "goes on from here."
)
EXAMPLE = (
    """TF_CONFIG='{"cluster": {"worker": ["10.0.0.1:9000", "10.0.0.2:9000"]}, """
    """"task": {"type": "worker", "index": 0}}'"""
)


class Cluster:
    """What crosses between the processes: sums of tensors, and what is made of them.

    Whatever one process calls, all call in the same order. The chief alone decides and writes.
    """

    def __init__(self) -> None:
        import tensorflow as tf

        spec = tf.distribute.cluster_resolver.TFConfigClusterResolver()
        hosts = spec.cluster_spec().as_dict()
        if set(hosts) - {"chief", "worker"} or sum(map(len, hosts.values())) < 2:
            raise SearchError(
                f"Expected {EXAMPLE} with another index in each process. Received: cluster {hosts}"
            )
        try:
            self.strategy = tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=spec)
        except RuntimeError as error:
            raise SearchError(
                "Expected the strategy multiworker before TensorFlow is used in this process. "
                f"Received: {error}"
            ) from error
        self.size = sum(map(len, hosts.values()))
        first = len(hosts.get("chief", ()))
        self.index = spec.task_id + (first if spec.task_type == "worker" else 0)
        # Once a training broke off, the others wait for what does not come.
        self.broken = False
        self._run = tf.function(self.total, autograph=False)

    @property
    def chief(self) -> bool:
        return self.index == 0

    def total(self, tensors: list[Any]) -> list[Any]:
        """The sums of tensors over the processes, also inside a graph."""
        import tensorflow as tf

        def add() -> Any:
            # A copy, as a tensor from outside has no device to be summed on.
            own = [tf.identity(t) for t in tensors]
            return tf.distribute.get_replica_context().all_reduce("SUM", own)

        sums = self.strategy.run(add)
        sums = [self.strategy.experimental_local_results(t)[0] for t in sums]
        # Of several devices of a process each has added the same.
        here = self.strategy.num_replicas_in_sync // self.size
        return sums if here == 1 else [tf.cast(t / here, t.dtype) for t in sums]

    @contextmanager
    def needed(self) -> Iterator[None]:
        """What breaks off here keeps the processes from going on together."""
        try:
            yield
        except BaseException as error:
            self.broken = True
            if _is_loss(error):
                raise SearchError(LOST) from error
            raise

    def of_chief(self, array: Any) -> np.ndarray:
        """The chief's array, which is of one shape in all processes."""
        import tensorflow as tf

        array = np.asarray(array)
        own = array if self.chief else np.zeros_like(array)
        with self.needed():
            return np.asarray(self._run([tf.constant(own)])[0])

    def message(self, content: Any = None) -> Any:
        """What the chief says, as JSON."""
        if self.broken:
            raise SearchError(LOST)
        text = json.dumps(content).encode()
        pages = int(self.of_chief(np.int32(-(-len(text) // PAGE))))
        codes = np.zeros(pages * PAGE, "int32")
        if self.chief:
            codes[: len(text)] = list(text)
        codes = self.of_chief(codes)
        return json.loads(bytes(codes[codes > 0].astype("uint8")))

    def share_weights(self, model: keras.Model) -> None:
        """Gives all models the weights of the chief's."""
        model.set_weights([self.of_chief(w) for w in model.get_weights()])

    def mean_gradients(self, optimizer: Any) -> None:
        """Makes an optimizer apply the mean of the gradients of all processes."""
        import tensorflow as tf

        apply = optimizer.apply

        def apply_mean(grads: Any, trainable_variables: Any = None) -> Any:
            # A weight that has no part in the loss has no gradient, in all processes alike.
            found = [i for i, g in enumerate(grads) if g is not None]
            own = [tf.convert_to_tensor(grads[i]) / self.size for i in found]
            means = dict(zip(found, self.total(own), strict=True))
            return apply([means.get(i) for i in range(len(grads))], trainable_variables)

        optimizer.apply = apply_mean


def _is_loss(error: BaseException) -> bool:
    """Whether an error says that another process is gone."""
    import tensorflow as tf

    errors = tf.errors
    return isinstance(error, errors.UnavailableError | errors.AbortedError | errors.CancelledError)


@functools.cache
def cluster() -> Cluster:
    """The cluster of this process, which TensorFlow lets it join once."""
    return Cluster()
