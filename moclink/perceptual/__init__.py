"""Perceptual distances, LPIPS and ST-LPIPS, and the VGG features of the semantic guidance."""
