"""The command line."""

from tensorflowlr.cli.commands import app as app
from tensorflowlr.cli.commands import main as main
