"""Features and distances of perception: LPIPS, ST-LPIPS and the VGG features of the semantic guidance."""
