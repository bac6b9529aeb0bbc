"""The part that decides: pure functions and state machines, no clock, no sockets, no files."""
