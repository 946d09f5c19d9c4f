"""Modems, channels and channel codes, on Sionna and TensorFlow."""

from moclink.phy.sionna_version import check_sionna

check_sionna()
