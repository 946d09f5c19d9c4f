"""Modems, channels and channel codes, on Sionna and its framework: TensorFlow or PyTorch."""

from moclink.sionna_version import check_sionna

check_sionna()
