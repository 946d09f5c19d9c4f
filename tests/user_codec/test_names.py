"""Names of chains that a user brings: what they say, and what is answered to wrong ones."""

import hashlib
from fractions import Fraction

import pytest

from moclink.presets import at_cbr, check_name, is_bit_chain, is_file_chain, split_cbr, user_codec
from moclink.user_codec.chain_arguments import named_chains
from moclink.user_codec.names import (
    is_weights,
    json_file,
    parse_user_codec,
    path_and_scheme,
    split_chains,
)


@pytest.mark.parametrize(
    "name,path,scheme,arguments",
    [
        ("my_module:MyChain", "my_module:MyChain", "", ()),
        ("a.b_c:make", "a.b_c:make", "", ()),
        ("path/to-a/file.py:name", "path/to-a/file.py:name", "", ()),
        ("f.py:C-ldpc-16qam-r12", "f.py:C", "ldpc-16qam-r12", ()),
        ("f.py:C?depth=3&w=x/y.pt", "f.py:C", "", (("depth", "3"), ("w", "x/y.pt"))),
        ("f.py:C-qpsk?depth=3", "f.py:C", "qpsk", (("depth", "3"),)),
    ],
)
def test_an_object_is_named_with_scheme_and_arguments(name, path, scheme, arguments):
    found = parse_user_codec(name)
    assert (found.path, found.scheme, found.arguments) == (path, scheme, arguments)


def test_a_command_is_split_as_a_shell_does():
    found = parse_user_codec("exec-ldpc-mcs13:python3.9 'my codec.py' --depth=3?")
    assert found.command == ("python3.9", "my codec.py", "--depth=3?")
    assert found.scheme == "ldpc-mcs13" and found.path == ""


@pytest.mark.parametrize(
    "name", ["jpeg-ldpc", "moc-rvq-l4", "runs/mine/codec:l2", "runs/mine/codec"]
)
def test_other_names_are_none_of_them(name):
    assert parse_user_codec(name) is None


@pytest.mark.parametrize(
    "name,message",
    [
        ("nowhere.py:C", "there is no file nowhere.py"),
        ("no_such_module:C", "there is no module no_such_module on the Python path"),
        ("exec:", "a command is wanted"),
        ("exec:no-such-program a b", "there is no program no-such-program"),
        ("exec:'x", "No closing quotation"),
        ("json:loads-ldcp", "unknown scheme 'ldcp'; did you mean ldpc"),
        ("json:loads-ldpc-mcs29", "unknown scheme 'ldpc-mcs29'"),
        ("json:loads?depth", "'depth' is not argument=value"),
        ("json:loads@0", "above 0 and up to 1"),
    ],
)
def test_a_wrong_name_is_answered_with_the_remedy(name, message):
    with pytest.raises(ValueError, match=message) as error:
        check_name(name)
    assert "\n" not in str(error.value)


def test_a_ratio_is_taken_off_and_not_dealt_out():
    """What a codec of one's own sends is known when it is made: only @ gives it a ratio."""
    assert split_cbr("json:loads@1/24") == ("json:loads", Fraction(1, 24))
    check_name("json:loads@1/24")
    ratios = [Fraction(1, 24), Fraction(1, 12)]
    assert at_cbr(["json:loads", "exec:true"], ratios) == ("json:loads", "exec:true")


def test_a_file_name_is_not_taken_for_a_chain_of_ours(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file in ("jpeg-ldpc-x.py", "random-codec.py"):
        (tmp_path / file).write_text("C = 1")
        check_name(f"{file}:C")
        assert not is_file_chain(f"{file}:C") and not is_bit_chain(f"{file}:C")


def test_exported_weights_go_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert user_codec("codec:l2") is not None
    (tmp_path / "codec.json").write_text("{}")
    assert user_codec("codec:l2") is None


def test_the_digest_is_that_of_the_files(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("C = 1")
    expected = hashlib.sha256(b"C = 1").hexdigest()
    assert parse_user_codec(f"{file}:C").digest() == expected
    assert parse_user_codec(f"exec:python3 {file} --fast").digest() == expected
    assert parse_user_codec("exec:python3 -c pass").digest() == ""
    assert len(parse_user_codec("json.decoder:JSONDecoder").digest()) == 64


@pytest.mark.parametrize(
    "folder",
    [
        "plain",
        "we,ights",
        "a:b",
        "l4:l2",
        "x?y=1",
        "x@1/24",
        "a, b",
        "ünï",
        "new\nline",
        "jpeg-ldpc",
    ],
)
def test_no_character_in_a_path_to_weights_stands_for_something_else(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = tmp_path / folder
    place.mkdir(parents=True)
    for name in ("codec.json", "co,de,c.json", "mine.py"):
        (place / name).write_text("x = 1")
    names = [
        *(f"{folder}/codec", f"{folder}/codec:l2-no-nrb", f"{folder}/codec.json:l1"),
        *(f"{folder}/co,de,c.weights.h5", f"{folder}/co,de,c:l4"),
    ]
    text = ",".join(["softcast@1/24", *names, " jpeg-ldpc "])
    assert split_chains(text) == ["softcast@1/24", *names, "jpeg-ldpc"]
    assert named_chains(text)[1] == ("softcast@1/24", *names, "jpeg-ldpc")
    assert [path_and_scheme(name)[1] for name in names] == ["", "l2-no-nrb", "l1", "", "l4"]


def test_commas_separate_where_no_file_has_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m,y.py").write_text("x = 1")
    (tmp_path / "f.py").write_text("x = 1")
    names = ["f.py:C?w=1", "m,y.py:C-qpsk?w=2", "softcast", "f.py:C@1/24", "nowhere/a", "b"]
    assert split_chains(",".join(names)) == names
    assert split_chains(" , ,") == [] and split_chains("a@9,b") == ["a@9", "b"]


def test_a_name_longer_than_a_file_may_have_is_unknown():
    with pytest.raises(ValueError, match="unknown chain 'xxx"):
        check_name("x" * 300)


def test_a_tilde_is_the_home_folder_wherever_a_name_holds_a_path(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path))
    for file in ("m,y.py", "codec.json", "a.pt"):
        (tmp_path / file).write_text("C = 1")
    names = ["softcast@1/24", "~/m,y.py:C", "~/codec:l1", "~/codec.json"]
    assert split_chains(",".join(names)) == names
    for name in names:
        check_name(name)
    assert path_and_scheme("~/codec:l1") == ("~/codec", "l1")
    assert json_file("~/codec") == tmp_path / "codec.json" and is_weights("~/codec.weights.h5")
    digest = hashlib.sha256(b"C = 1").hexdigest()
    assert parse_user_codec("~/m,y.py:C").digest() == digest
    # The text of an argument is the codec's to read; the file behind it counts all the same.
    own = parse_user_codec("~/m,y.py:C?weights=~/a.pt")
    assert own.arguments == (("weights", "~/a.pt"),) and own.digest() != digest
    command = parse_user_codec("exec:python3 ~/m,y.py '~/a b' x~/y")
    assert command.command == ("python3", f"{tmp_path}/m,y.py", f"{tmp_path}/a b", "x~/y")
    assert command.digest() == digest
