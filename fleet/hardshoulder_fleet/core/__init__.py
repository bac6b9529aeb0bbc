"""The part of the fleet's side that decides: no clock, no database, no network."""
