"""Results of a run: kept in its folder, read again, averaged, tabled and drawn."""
