"""A real Linux CAN stack for tests: Debian's kernel in an emulated machine with two CAN controllers on one bus."""
