"""What command lines share."""

import pytest

from moclink.results.command_line import Parser, comma_list


def test_a_wrong_argument_is_one_line(capsys):
    parser = Parser(prog="x")
    parser.add_argument("--format", choices=("png", "pdf"))
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(["--format", "gif"])
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("moclink: argument --format: invalid choice: 'gif'")


def test_lists_are_cut_at_commas():
    assert comma_list(" a, b ,,c") == ["a", "b", "c"] and comma_list(" ") == []
