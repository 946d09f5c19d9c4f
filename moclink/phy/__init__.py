"""Modems, channels and channel codes, on Sionna and TensorFlow."""
