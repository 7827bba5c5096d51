"""The arguments of `keras-hadamard layers`."""

from keras_hadamard_cli.arguments import DOMAINS
from keras_hadamard_cli.parser import Commands


def register(commands: Commands) -> None:
    parser = commands.add_parser(
        "layers", help="list the layers, with equation, number of parameters and paper"
    )
    add = parser.add_argument
    add("parts", nargs="*", metavar="NAME", help="a part of a name, in any case; default: all")
    add("--domain", choices=DOMAINS, help="default: all")
    add("--names", action="store_true", help="print only the names")
    add("--markdown", action="store_true", help="print a table with links to the files")
    parser.set_defaults(run="keras_hadamard.cli.catalogue:run")
