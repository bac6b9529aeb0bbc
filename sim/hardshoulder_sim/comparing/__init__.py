"""One set of rules beside another: over recordings as they run, and over results that were written down."""
