"""`python -m moclink`."""

import importlib.util

from moclink import __main__


def test_the_commands_are_named_and_there(capsys):
    assert __main__.main() == 2
    printed = capsys.readouterr().err
    for name in __main__.COMMANDS:
        assert f"  {name} " in printed
        assert importlib.util.find_spec(f"moclink.{name}") is not None
