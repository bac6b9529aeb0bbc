"""Ids as the contract has them."""

from hypothesis import strategies as st

ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}", fullmatch=True)
"""Whatever may name an incident or an event."""
