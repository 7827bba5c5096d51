"""The arguments of `keras-hadamard report`."""

from keras_hadamard_cli.parser import Commands


def register(commands: Commands) -> None:
    parser = commands.add_parser("report", help="rebuild the reports of a search")
    add = parser.add_argument
    add("folders", nargs="+", metavar="DIR", help="the folder of a search, ended or not")
    add("--compare", action="store_true", help="compare several searches side by side instead")
    parser.set_defaults(run="keras_hadamard.cli.report:run")
