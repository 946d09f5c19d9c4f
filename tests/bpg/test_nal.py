from moclink.bpg.nal import first_picture, layer_id, nal_type, split_layers, split_nals

PPS, SLICE, FURTHER_SLICE = b"\x44\x01\xc0", b"\x26\x01\x80", b"\x26\x01\x40"
ALPHA_PPS, ALPHA_SLICE = b"\x44\x09\xc0", b"\x26\x09\x80"


def test_split_nals():
    stream = b"\0\0\0\1\x44\x01ab\0\0\1\x26\x01c\0\0\3\1d\0\0\0\0\1\x4e\x01\0\0\1\0\0\1x"
    assert split_nals(stream) == [b"\x44\x01ab", b"\x26\x01c\0\0\3\1d", b"\x4e\x01"]


def test_header_fields():
    assert (nal_type(PPS), nal_type(SLICE)) == (34, 19)
    assert (layer_id(SLICE), layer_id(ALPHA_SLICE), layer_id(b"\x27\xf9")) == (0, 1, 63)


def test_split_layers_makes_alpha_a_picture_of_its_own():
    colour, alpha = split_layers([ALPHA_PPS, PPS, ALPHA_SLICE, SLICE])
    assert (colour, alpha) == ([PPS, SLICE], [PPS, SLICE])


def test_first_picture_ends_where_the_next_begins():
    first, second = [PPS, SLICE, FURTHER_SLICE], [SLICE, FURTHER_SLICE]
    assert first_picture(first + second, layers=1) == first
    assert first_picture(first + [PPS] + second, layers=1) == first
    assert first_picture(first, layers=1) == first
    both = [ALPHA_PPS, PPS, ALPHA_SLICE, SLICE]
    assert first_picture(both + [ALPHA_SLICE, SLICE], layers=2) == both
