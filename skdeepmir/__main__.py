"""``python -m skdeepmir``: the commands of the package."""

import sys

from skdeepmir._command_line import main

if __name__ == "__main__":
    sys.exit(main())
