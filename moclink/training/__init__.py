"""Training: patches, losses, the discriminator, the stages and their loop.

Modules `link_*` belong to the commands `link`, `link-gpu`, `link-classes` and `link-codebooks` of
`python -m moclink.train`, which train the codecs of `moclink.linear` and their restoration network.
"""
