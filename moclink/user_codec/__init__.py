"""Codecs of a user's own as chains: their names, what they may return, other environments."""
