"""The serial link between the Linux module and the vehicle's microcontroller; nothing is built here yet."""
