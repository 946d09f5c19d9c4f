"""Source coders: images <-> letters, learned and classical."""
