"""The arguments of `keras-hadamard export`, `convert` and `check`."""

from keras_hadamard_cli.arguments import PRECISIONS, positive, positives
from keras_hadamard_cli.parser import Commands


def register(commands: Commands) -> None:
    export = commands.add_parser("export", help="write a model where TF Serving looks for it")
    add = export.add_argument
    add("model", metavar="MODEL.keras")
    add("directory", metavar="DIR", help="its versions are DIR/1, DIR/2, ...")
    add("--version", type=positive, metavar="N", help="default: one more than the highest there")
    add("--labels", metavar="FILE", help="the names of the classes, one a line")
    add(
        "--batch-sizes",
        type=positives,
        metavar="N,...",
        help="sizes that batches are padded to and warmed up with; default: 1,8,32",
    )
    add(
        "--max-batch-size",
        type=positive,
        metavar="N",
        help="rows of the largest request that a server with batching takes; default: 1024",
    )
    add("--name", metavar="NAME", help="name of the model on the server; default: that of DIR")
    add(
        "--no-input-checks",
        action="store_true",
        help="leave out the checks of shapes, batches and ids, whose errors name the input",
    )
    add("--xla", action="store_true", help="only for a server that was started with XLA")
    export.set_defaults(run="keras_hadamard.cli.serving:run_export")
    convert = commands.add_parser(
        "convert",
        help="write a model, or the best of a search, for LiteRT or as ONNX",
        description="Writes a model for LiteRT or as ONNX, and compares it with Keras. Of a search "
        "the file takes what best.keras takes, arrays as preprocessing.keras makes them: looking "
        "up texts and categories is no op of LiteRT. Its data calibrate and judge the file, and "
        "the names of its classes are written beside it, FILE.labels.txt.",
    )
    add = convert.add_argument
    add("model", metavar="MODEL.keras|RUN_DIR")
    add("file", metavar="FILE", help="ends in .tflite or in .onnx")
    add("--precision", choices=PRECISIONS, help="precision of LiteRT; default: float32")
    add(
        "--examples",
        metavar="FILE.npz",
        help="arrays by name of input, to calibrate int8 with, and of `target`, to judge by",
    )
    convert.set_defaults(run="keras_hadamard.cli.serving:run_convert")
    check = commands.add_parser("check", help="check that a model runs on a stock TF Serving")
    check.add_argument("directory", metavar="DIR")
    check.set_defaults(run="keras_hadamard.cli.serving:run_check")
