"""User-defined codecs as chains: their names, what they may return, other environments."""
