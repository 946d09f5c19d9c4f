"""Modems, channels and channel codes: the room of Sionna and TensorFlow."""
