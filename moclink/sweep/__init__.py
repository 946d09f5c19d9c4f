"""The Monte Carlo sweep: chains x pictures x SNRs x trials -> rows, resumable cell by cell."""
