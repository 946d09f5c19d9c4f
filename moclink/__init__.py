"""moclink: an end-to-end link simulator for digital semantic communication."""

__version__ = "0.1.0"
