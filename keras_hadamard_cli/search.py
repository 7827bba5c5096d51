"""The arguments of `keras-hadamard search`."""

from keras_hadamard_cli.arguments import (
    ALGORITHMS,
    DEFAULT_SPACES,
    SPACES,
    STRATEGIES,
    address,
    natural,
    not_negative,
    positive,
    seconds,
    spaces,
    weight,
)
from keras_hadamard_cli.parser import Commands

DESCRIPTION = """\
Searches fusions and gates for a data set, compares the best with the concat baseline, and writes
trials.csv, trials.json, report.html, summary.txt, best.keras and serving/1/ to the run's folder.
The same command resumes a search that was interrupted.

With --workers, --chief or both the trials run in other processes: the chief gives each worker its
trials, and a worker needs only the data set. A worker that dies gives its trial to another, and a
chief that is started again resumes with its workers. Whoever reaches the chief is trusted."""
CHIEF = "127.0.0.1:8476"


def register(commands: Commands) -> None:
    parser = commands.add_parser(
        "search", help="search fusions and gates for a data set", description=DESCRIPTION
    )
    add = parser.add_argument
    add("dataset", help="digits_vqa, sort_of_clevr, a TFDS name, a .npz file or a folder of arrays")
    add("--algorithm", choices=ALGORITHMS, default="random", help="default: %(default)s")
    add(
        "--space",
        type=spaces,
        default=DEFAULT_SPACES,
        metavar="NAMES",
        help=f"what is searched, of {','.join(SPACES)}; default: {','.join(DEFAULT_SPACES)}",
    )
    add("--max-trials", type=positive, default=12, metavar="N", help="default: %(default)s")
    add("--epochs", type=positive, metavar="N", help="the most for one training; default: 8")
    add(
        "--budget",
        type=seconds,
        metavar="TIME",
        help="wall time for the whole search: 600, 10m or 1h; default: no limit",
    )
    add(
        "--latency-weight",
        type=not_negative,
        default=0.0,
        metavar="W",
        help="accuracy traded for doubling the latency of one example, such as 0.01; default: 0",
    )
    add(
        "--weight",
        type=weight,
        action="append",
        default=[],
        metavar="COST=W",
        help="the same of parameters, macs (multiplications) or exported (size); may be repeated",
    )
    add(
        "--folds",
        type=natural,
        default=0,
        metavar="K",
        help="score trials by cross-validation in K parts; default: the data's own split",
    )
    add(
        "--match-parameters",
        type=positive,
        metavar="N",
        help="make every model as wide as N parameters allow; default: fusions draw their widths",
    )
    add(
        "--max-trial-seconds",
        type=seconds,
        metavar="TIME",
        help="a training that takes longer ends with what it has; default: no limit",
    )
    add(
        "--max-parameters",
        type=positive,
        metavar="N",
        help="larger models are recorded without a training; default: no limit",
    )
    add(
        "--max-latency-ms",
        type=not_negative,
        metavar="MS",
        help="slower models, for one example, are recorded without a training; default: no limit",
    )
    add(
        "--max-macs",
        type=positive,
        metavar="N",
        help="models of more multiplications for one example are not trained; default: no limit",
    )
    add(
        "--max-exported-mb",
        type=not_negative,
        metavar="MB",
        help="models that are larger when exported are not trained; default: no limit",
    )
    add(
        "--workers",
        type=natural,
        metavar="N",
        help="processes that run the trials, renewed after ten each, as TensorFlow keeps memory of "
        "every model; 0 for this process; default: 1 for more than 20 trials, else 0",
    )
    add(
        "--chief",
        nargs="?",
        type=address,
        const=CHIEF,
        metavar="HOST:PORT",
        help=f"serve workers at an address of this machine; without one: {CHIEF}",
    )
    add("--worker", type=address, metavar="HOST:PORT", help="run trials of the chief there")
    add(
        "--lease",
        type=seconds,
        default=60.0,
        metavar="TIME",
        help="a worker that is silent for that long loses its trial to another; default: 60",
    )
    add(
        "--strategy",
        choices=STRATEGIES,
        help="one training on several devices, or in all processes of TF_CONFIG, each of which "
        "runs this command; default: on one device",
    )
    add("--tensorboard", action="store_true", help="write logs for its HParams page as well")
    add("--seed", type=natural, default=0, metavar="N", help="default: %(default)s")
    add("--batch-size", type=positive, metavar="N", help="default: 128")
    add("--data-dir", metavar="DIR", help="where TFDS keeps prepared data")
    add("--out", metavar="DIR", help="the run's folder; default: runs/DATASET")
    parser.set_defaults(run="keras_hadamard.cli.search:run")
