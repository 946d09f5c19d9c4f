"""Event files against the standard's check value and TensorFlow's reader."""

import struct

import pytest

from moclink.training.event_file import EventWriter, masked_crc


def test_crc32c_of_the_standards_check_string():
    crc = 0xE3069283  # "123456789"
    assert masked_crc(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_tensorboard_reads_what_was_written(tmp_path):
    events = pytest.importorskip("tensorflow").compat.v1.train.summary_iterator
    writer = EventWriter(tmp_path)
    writer.scalars(300, {"loss": 0.25, "val/l4": 27.5})
    found = list(events(str(writer.path)))
    assert found[0].file_version == "brain.Event:2"
    assert found[1].step == 300
    assert {v.tag: v.simple_value for v in found[1].summary.value} == {"loss": 0.25, "val/l4": 27.5}
    assert struct.unpack("<Q", writer.path.read_bytes()[:8])[0] > 0
