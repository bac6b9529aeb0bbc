"""The driver's page, the operator's list and the provider's webhook."""
