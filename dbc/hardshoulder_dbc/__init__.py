"""Our own DBC files and the vehicle profiles beside them.

`reference.dbc` describes the reference car that the simulator drives: one bus at 500 kbit/s
named "main", with a combustion, hybrid or electric drive. Every message that a decision or the
hazard lights depend on carries `Counter` and `Checksum` (CRC-8/SAE-J1850, data id = CAN id).

`obd2.dbc` holds the answers of an engine control unit to OBD-II requests, `gnss.dbc` the frames of a GNSS module.
"""
