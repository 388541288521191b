"""The command ``skdeepmir``, also ``python -m skdeepmir``, over public functions.

A command is a module with ``add_parser(subparsers)``, listed in ``_main.COMMANDS``. At
the top it imports nothing heavy, so that ``--help`` is quick.
"""

from skdeepmir._command_line._main import main

__all__ = ["main"]
