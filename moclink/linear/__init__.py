"""Pictures over analog and octonary symbols without entropy coding: adaptive linear transform codecs.

`transform` and `source_models` turn a picture into coefficients of known variance, `softcast` and
`octonary` send them, `restoration` is a network that may follow. Pure NumPy and SciPy but for the
network.
"""
