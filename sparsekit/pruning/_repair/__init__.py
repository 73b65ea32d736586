"""Repair of pruned networks by least squares, which also chooses weights and neurons."""
