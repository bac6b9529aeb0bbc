"""Inputs that nobody meant: what is thrown at every place where bytes come in, and what counts as fine there."""
