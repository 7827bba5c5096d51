"""What the other processes of a cluster do while its chief searches."""

import json
import sys
from typing import Any, TextIO

from keras_hadamard.tuning.cluster import cluster
from keras_hadamard.tuning.in_step import take_part
from keras_hadamard.tuning.problem import hypermodel_of, load
from keras_hadamard.tuning.run_folder import differences, identity
from keras_hadamard.tuning.settings import SearchError, SearchSettings
from keras_hadamard.tuning.training import falling_rate


def follow(settings: SearchSettings, data: Any = None, stream: TextIO | None = None) -> int:
    """Takes part in the trainings of a search with `strategy="multiworker"`, until it ends.

    All processes of `TF_CONFIG` are given the same settings and data. The first of them calls
    `search`, which decides and writes; the others call this.

    Args:
        settings: `SearchSettings` of the search.
        data: `keras_hadamard.datasets.ArrayDataset`. Defaults to `None`, which loads
            `settings.dataset`.
        stream: Text file for progress. Defaults to `None`, standard output.

    Returns:
        The number of trainings it took part in.

    Raises:
        SearchError: If `TF_CONFIG` says of no cluster, the chief searches something else, or
            another process was lost.

    Example:

    >>> from keras_hadamard import tuning
    >>> settings = tuning.SearchSettings("digits_vqa", strategy="multiworker")
    >>> try:
    ...     tuning.follow(settings)
    ... except tuning.SearchError:
    ...     print("no cluster in TF_CONFIG")
    no cluster in TF_CONFIG
    """
    among = cluster()
    if among.chief:
        raise SearchError("The first process of the cluster searches, the others follow.")
    data = load(settings) if data is None else data
    hypermodel = hypermodel_of(settings, data)
    stream = stream or sys.stdout
    done = 0
    # As JSON has it, in which the chief's has come.
    own = json.loads(json.dumps(identity(settings, data)))
    changes = differences(among.message()["identity"], own)
    if changes:
        raise SearchError(f"The chief searches something else ({changes} here).")
    while "over" not in (task := among.message()):
        stream.write(f"training {done + 1}, of at most {task['epochs']} epochs\n")
        stream.flush()
        take_part(among, hypermodel, data, task, falling_rate(task["epochs"]))
        done += 1
    stream.write(f"The search is over; {done} trainings were shared.\n")
    return done
