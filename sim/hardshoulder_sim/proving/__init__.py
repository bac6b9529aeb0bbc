"""The proving ground: seeded drives by the thousand with their truth, and what the core made of them."""
