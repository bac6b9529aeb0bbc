"""The fleet's side: check-in, assistance, escalation; nothing is built here yet."""
