"""What ``python -m sparsekit`` does."""
