"""The serial link between the Linux module and the vehicle's microcontroller; docs/PROTOCOL.md is its contract."""
