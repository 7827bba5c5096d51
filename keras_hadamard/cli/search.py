"""`keras-hadamard search`."""

import argparse
import sys

from keras_hadamard_cli.errors import FAILED, INTERRUPTED, InputError

# Trials whose memory is better given back meanwhile.
MANY = 20


def workers_of(arguments: argparse.Namespace) -> int:
    if arguments.workers is not None:
        return int(arguments.workers)
    other = arguments.chief is not None or arguments.strategy == "multiworker"
    alone = arguments.max_trials <= MANY or other
    return 0 if alone else 1


def run(arguments: argparse.Namespace) -> int:
    from keras_hadamard.search.settings import SearchError, SearchSettings

    given = {
        "out": arguments.out,
        "epochs": arguments.epochs,
        "batch_size": arguments.batch_size,
        "data_dir": arguments.data_dir,
        "max_trial_seconds": arguments.max_trial_seconds,
        "match_parameters": arguments.match_parameters,
        "max_parameters": arguments.max_parameters,
        "max_latency_ms": arguments.max_latency_ms,
        "max_macs": arguments.max_macs,
        "max_exported_mb": arguments.max_exported_mb,
        "chief": arguments.chief,
        "workers": workers_of(arguments),
    }
    try:
        settings = SearchSettings(
            arguments.dataset,
            algorithm=arguments.algorithm,
            spaces=arguments.space,
            max_trials=arguments.max_trials,
            budget=arguments.budget,
            seed=arguments.seed,
            latency_weight=arguments.latency_weight,
            lease=arguments.lease,
            weights=dict(arguments.weight),
            folds=arguments.folds,
            tensorboard=arguments.tensorboard,
            strategy=arguments.strategy,
            **{name: value for name, value in given.items() if value is not None},
        )
        from keras_hadamard.search.search import SearchFailed, search

        if arguments.worker is not None:
            from keras_hadamard.search.chief import work

            work(arguments.worker, settings)
            return 0
        if settings.strategy == "multiworker":
            from keras_hadamard.search.cluster import cluster

            if not cluster().chief:
                from keras_hadamard.search.follow import follow

                follow(settings)
                return 0
        try:
            search(settings)
        except SearchFailed as error:
            sys.stderr.write(f"keras-hadamard: {error}\n")
            return FAILED
    except SearchError as error:
        raise InputError(str(error)) from error
    except KeyboardInterrupt:
        sys.stderr.write(
            "\nInterrupted. Finished trials are kept; the same command resumes from here.\n"
        )
        return INTERRUPTED
    return 0
