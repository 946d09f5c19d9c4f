"""Specifications of channels: parsing, types, ranges, messages."""

import pytest

from moclink.phy.channel_spec import Parameter, literal, parse, split

PARAMETERS = (
    Parameter("speed", 0.0, "m/s", 0.0, 150.0),
    Parameter("subcarriers", 72, "", 12, 3276),
    Parameter("csi", "perfect", choices=("perfect", "ls")),
    Parameter("common", False),
)


def read(spec: str) -> dict:
    return parse(*split(spec), PARAMETERS)


def test_values_have_the_type_of_their_default():
    values = read("tdl-c?speed=3&subcarriers=144&csi=ls&common=1")
    assert values == {"speed": 3.0, "subcarriers": 144, "csi": "ls", "common": True}
    assert [type(value) for value in values.values()] == [float, int, str, bool]
    assert read("tdl-c?speed=1.5e1") == {
        "speed": 15.0,
        "subcarriers": 72,
        "csi": "perfect",
        "common": False,
    }
    assert read("tdl-c") == {"speed": 0.0, "subcarriers": 72, "csi": "perfect", "common": False}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("tdl-c?speed=151", "channel tdl-c: speed is '151'; it must be a number from 0 to 150 m/s"),
        ("tdl-c?speed=nan", "speed is 'nan'; it must be a number from 0 to 150 m/s"),
        ("tdl-c?speed=fast", "speed is 'fast'; it must be a number from 0 to 150 m/s"),
        (
            "tdl-c?subcarriers=12.5",
            "subcarriers is '12.5'; it must be a whole number from 12 to 3276",
        ),
        ("tdl-c?csi=lmmse", "csi is 'lmmse'; it must be perfect or ls"),
        ("tdl-c?common=2", "common is '2'; it must be 0 or 1"),
        (
            "tdl-c?spead=3",
            r"channel tdl-c has no parameter 'spead' \(did you mean speed\?\); "
            "there are: speed, subcarriers, csi, common",
        ),
        ("tdl-c?speed", "'speed' is not parameter=value"),
        ("tdl-c?", "'' is not parameter=value"),
        ("tdl-c?speed=1&speed=2", "speed is given twice"),
    ],
)
def test_errors_say_in_one_line_what_would_be_right(spec, message):
    with pytest.raises(ValueError, match=message) as caught:
        read(spec)
    assert "\n" not in str(caught.value)


def test_a_parameter_describes_itself_with_its_default():
    assert [str(p) for p in PARAMETERS] == [
        "speed=0 m/s",
        "subcarriers=72",
        "csi=perfect|ls",
        "common=0",
    ]


def test_values_of_undeclared_type_are_read_as_python_would():
    assert [literal(text) for text in ("7", "7.5", "1e-3", "true", "False", "C")] == [
        7, 7.5, 1e-3, True, False, "C",
    ]  # fmt: skip
