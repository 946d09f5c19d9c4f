"""Results of a run: stored in its folder, read, averaged, and shown in tables and figures."""
