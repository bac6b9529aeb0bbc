"""What came of a drive, for people to look at: recorded while it is replayed, drawn as one page."""
