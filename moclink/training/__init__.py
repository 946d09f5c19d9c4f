"""How a codec is made: patches, losses, the discriminator, the training stages and their loop."""
