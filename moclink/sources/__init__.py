"""Source coders: images <-> indices, learned and classical."""
