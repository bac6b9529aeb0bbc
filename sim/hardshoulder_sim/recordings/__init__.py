"""Recorded drives: read, replayed through the core, and spliced with a shutdown."""
