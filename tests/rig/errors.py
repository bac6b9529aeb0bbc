"""What can go wrong with the rig itself, told in one sentence."""


class RigError(Exception):
    """The machine could not be built, did not start, or has stopped."""
