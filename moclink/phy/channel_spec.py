"""Channel specifications: a name and typed parameters in one string, `tdl-c?delay_spread=300e-9&speed=3`.

Nothing here loads TensorFlow or Sionna.
"""

from __future__ import annotations

import difflib
import inspect
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Value = int | float | str | bool
FEW = 4  # choices that a description spells out
SWITCH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True)
class Parameter:
    """A parameter of a channel.

    Attributes:
        name: As it is spelled in a specification.
        default: Value if it is not given; its type (bool, int, float or str) is that of the
            parameter.
        unit: Unit of a number.
        low: Least value of a number.
        high: Largest value of a number.
        choices: Values of a string.
    """

    name: str
    default: Value
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """The values that are possible, in words."""
        if isinstance(self.default, bool):
            return "0 or 1"
        if self.choices:
            return " or ".join((", ".join(self.choices[:-1]), self.choices[-1]))
        kind = "a whole number" if isinstance(self.default, int) else "a number"
        return f"{kind} from {self.low:g} to {self.high:g} {self.unit}".rstrip()

    def parse(self, text: str) -> Value:
        """Read a value.

        Raises:
            ValueError: If the text is no such value; the message says what is.
        """
        value: Value | None = None
        if isinstance(self.default, bool):
            value = SWITCH.get(text.lower())
        elif isinstance(self.default, str):
            value = text if text in self.choices else None
        else:
            try:
                number = int(text) if isinstance(self.default, int) else float(text)
            except ValueError:
                number = math.nan
            value = number if self.low <= number <= self.high else None
        if value is None:
            raise ValueError(f"{self.name} is {text!r}; it must be {self.allowed}")
        return value

    def __str__(self) -> str:
        if 0 < len(self.choices) <= FEW:
            return f"{self.name}={'|'.join(self.choices)}"  # the default first
        shown = str(self.default) if isinstance(self.default, str) else f"{self.default:g}"
        return f"{self.name}={shown} {self.unit}".rstrip()


def split(spec: str) -> tuple[str, dict[str, str]]:
    """Take a specification apart.

    Args:
        spec: `name` or `name?parameter=value&parameter=value`.

    Returns:
        (name, the texts of the parameters by their names).

    Raises:
        ValueError: If a parameter has no value or is given twice.
    """
    name, question, query = spec.partition("?")
    texts: dict[str, str] = {}
    for part in query.split("&") if question else ():
        key, equals, text = part.partition("=")
        if not (key and equals and text):
            raise ValueError(
                f"channel {spec!r}: {part!r} is not parameter=value, as in tdl-c?delay_spread=300e-9&speed=3"
            )
        if key in texts:
            raise ValueError(f"channel {spec!r}: {key} is given twice")
        texts[key] = text
    return name, texts


def parse(name: str, texts: Mapping[str, str], parameters: Sequence[Parameter]) -> dict[str, Value]:
    """Values of all parameters: those given, and the defaults of the others.

    Raises:
        ValueError: If a parameter is unknown or a value is out of range, in one line with the
            remedy.
    """
    known = {parameter.name: parameter for parameter in parameters}
    for key in texts:
        if key not in known:
            raise ValueError(
                f"channel {name} has no parameter {key!r}{nearest(key, known)}; "
                f"there are: {', '.join(known) or 'none'}"
            )
    try:
        return {key: p.parse(texts[key]) if key in texts else p.default for key, p in known.items()}
    except ValueError as error:
        raise ValueError(f"channel {name}: {error}") from None


def literal(text: str) -> Value:
    """A value whose type nobody has declared: a whole number, a number, true or false, or text."""
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)


def with_switches(arguments: Mapping[str, Any], target: Any) -> dict[str, Any]:
    """Arguments of a function or class, as `literal` reads them, with true or false where that is meant.

    Where the default is True or False, 0, no and false are False: as text they would be true.

    Raises:
        ValueError: If such an argument is something else.
    """
    try:
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError):  # built-in code without a signature
        return dict(arguments)
    read = dict(arguments)
    for name, value in arguments.items():
        if name in parameters and isinstance(parameters[name].default, bool):
            found = SWITCH.get(str(value).lower())
            if found is None:
                raise ValueError(f"{name} is {value!r}; it must be 0 or 1")
            read[name] = found
    return read


def nearest(name: str, names: Iterable[Any]) -> str:
    """A hint at the nearest of some names, " (did you mean ...?)", or nothing."""
    near = difflib.get_close_matches(name.lower(), list(names), 1)
    return f" (did you mean {near[0]}?)" if near else ""
