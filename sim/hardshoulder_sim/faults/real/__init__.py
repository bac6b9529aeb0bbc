"""The whole line as processes of this machine: mosquitto, the daemon, the fleet, and lines between them that fail."""
