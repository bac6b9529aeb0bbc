"""A small provider of tows, a process of its own: quotes, takes orders, reports how they go."""
