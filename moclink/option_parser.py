"""The parser of all command lines: wrong options in one line, and `~` in paths."""

from __future__ import annotations

import argparse
import difflib
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn


class _StoreLast(argparse.Action):
    """Keep the last value of an option, and say so if another was given before."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        before = getattr(namespace, self.dest, self.default)
        if option_string and before is not self.default and before != values:
            print(
                f"moclink: note: {option_string} is given twice; {values} counts, {before} does not",
                file=sys.stderr,
            )
        setattr(namespace, self.dest, values)


class Parser(argparse.ArgumentParser):
    """An argument parser that reports a wrong argument in one line and exits with status 2.

    A text that begins with `~/` is a path in the user's home folder, which shells leave as it is
    behind an equals sign, with type `Path` too; an option of another type, such as `str`, is not
    changed.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.register("action", None, _StoreLast)
        self.register("action", "store", _StoreLast)
        self.register("type", None, os.path.expanduser)
        self.register("type", Path, lambda text: Path(os.path.expanduser(text)))

    def changed(self, args: argparse.Namespace) -> list[str]:
        """The options whose values are not their defaults, by their first names."""
        return [
            action.option_strings[0]
            for action in self._actions
            if action.option_strings
            and getattr(args, action.dest, action.default) != action.default
        ]

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and stop."""
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown != message:
            whole = Path(unknown, "results.sqlite").is_file()  # a folder with blanks in its name
            message += self._hint(unknown if whole else unknown.split(" ")[0])
        self.exit(2, f"moclink: {message} (--help shows the options)\n")

    def _hint(self, argument: str) -> str:
        """What may have been meant by an argument that does not exist."""
        if Path(argument, "results.sqlite").is_file():
            return (
                f"; {argument} is the folder of a run, which continues with --out {shlex.quote(argument)}"
                if "--out" in self._option_string_actions and "--snr" in self._option_string_actions
                else "; one run folder at a time"
            )
        if argument.startswith("-"):
            option = argument.partition("=")[0]
            near = difflib.get_close_matches(option, self._option_string_actions, 1, 0.7)
            return f"; did you mean {near[0]}?" if near else ""
        return "; several values of one option are joined by commas"


def bind_values(arguments: Sequence[str], *options: str) -> list[str]:
    """Join `--snr -5:30` into `--snr=-5:30`, for some options: argparse takes such values for options."""
    bound: list[str] = []
    for argument in arguments:
        if bound and bound[-1] in options and not argument.startswith("--"):
            bound[-1] = f"{bound[-1]}={argument}"
        else:
            bound.append(argument)
    return bound
