"""Commands of the terminal, run in this process."""

import pytest

from skdeepmir._command_line import main


def run(capsys, *arguments):
    """Run a command; return its status, output and errors."""
    status = main([str(argument) for argument in arguments])
    return status, *capsys.readouterr()


def refused(capsys, *arguments):
    """Return the one line that says what is wrong with arguments."""
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert left.value.code == 2
    assert out == "" and err.count("\n") == 1 and ": error: " in err
    return err
