"""`make bench-send`: how fast mail leaves, beside its peers; see `__main__`."""
