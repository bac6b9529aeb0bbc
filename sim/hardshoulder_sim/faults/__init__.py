"""Faults on purpose: processes killed where it hurts, lines that break, disks that fail; and what got through."""
