"""Dictionary learning: all signals at once, or batch by batch."""
