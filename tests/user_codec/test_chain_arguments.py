"""The `chains` argument: names and objects, what they are called, and what identifies them."""

import hashlib
import inspect

import numpy as np
import pytest

from moclink.chain_factory import make_chain
from moclink.user_codec.chain_arguments import codec_digests, named_chains


class Shades:
    name = "shades"

    def encode(self, images):
        return images.mean(axis=(1, 2)) - 0.5

    def decode(self, received, height, width):
        shape = (len(received), height, width, 3)
        return np.broadcast_to(received[:, None, None] + 0.5, shape)


def test_names_and_objects_may_be_mixed_and_keep_their_order():
    codec = Shades()
    objects, names = named_chains(["jpeg-ldpc", codec, "softcast@2/48", Shades.encode])
    assert names == ("jpeg-ldpc", "shades", "softcast@1/24", "encode")
    assert objects["shades"] is codec and objects["encode"] is Shades.encode and len(objects) == 2
    assert named_chains(codec) == ({"shades": codec}, ("shades",))  # one needs no list


def test_one_chain_named_twice_is_one_chain():
    names = ["softcast@1/24", "jpeg-ldpc", "softcast@2/48", "softcast@0.0416667", "jpeg-ldpc"]
    assert named_chains(names)[1] == ("softcast@1/24", "jpeg-ldpc")
    assert named_chains("softcast@1/24, softcast@2/48")[1] == ("softcast@1/24",)
    with pytest.raises(ValueError, match="chains have the same name: shades, shades"):
        named_chains([Shades(), Shades()])


@pytest.mark.parametrize(
    "chains,message",
    [
        ([], "chains is empty; name at least one"),
        (7, "chains 7: give names, chain objects, or several of them"),
        ([7], "7 is neither a chain's name nor a chain"),
        ([b"jpeg-ldpc"], "is neither a chain's name nor a chain"),
        ({"mine": Shades()}, "chains is a dict; give a list, .* codec.name = 'mine'"),
        ("jpeg-lpdc", "did you mean jpeg-ldpc"),
    ],
    ids=["empty", "number", "numbers", "bytes", "dict", "typo"],
)
def test_what_is_no_chain_is_answered_with_what_to_give(chains, message):
    with pytest.raises(ValueError, match=message):
        named_chains(chains)


def test_objects_have_no_name_that_is_taken():
    codec = Shades()
    for name, message in (
        ("original", "chain original: the gallery calls the sent picture so"),
        ("softcast", "chain softcast: moclink has a chain of this name"),
    ):
        codec.name = name
        with pytest.raises(ValueError, match=message):
            named_chains([codec])
    made = make_chain("softcast@1/24")  # one of moclink's own may have it
    assert named_chains([made]) == ({"softcast@1/24": made}, ("softcast@1/24",))


def test_a_network_that_is_no_codec_is_refused_and_one_made_again_is_the_same_chain():
    import keras

    class MyNet(keras.Model):
        def encode(self, images):
            return images

        decode = encode

    network = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(3, 1)])
    with pytest.raises(ValueError, match="neither a chain's name nor .* encode and decode"):
        named_chains([network])
    names = [named_chains([MyNet()])[1], named_chains([MyNet()])[1]]
    assert names == [("my_net",), ("my_net",)]
    assert named_chains([MyNet(name="mine_2")])[1] == ("mine_2",)


def test_codecs_of_the_users_own_are_identified_by_their_source(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("class C:\n    pass\n")
    names, codec = ["jpeg-ldpc", f"{file}:C", "shades"], Shades()
    digests = dict(codec_digests(names, {"shades": codec}))
    source = hashlib.sha256(inspect.getsource(Shades).encode()).hexdigest()
    assert digests.keys() == {f"{file}:C", "shades"} and digests["shades"] == source
    file.write_text("class C:\n    gain = 2\n")
    changed = dict(codec_digests(names, {"shades": codec}))
    assert changed["shades"] == source and changed[f"{file}:C"] != digests[f"{file}:C"]
