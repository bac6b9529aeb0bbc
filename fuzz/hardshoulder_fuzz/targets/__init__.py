"""The places where bytes come in, a module for each kind."""
