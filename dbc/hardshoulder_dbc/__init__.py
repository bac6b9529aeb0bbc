"""Our own DBC files and the vehicle profiles beside them.

`reference.dbc` describes the reference car that the simulator drives: one bus at 500 kbit/s
named "main", with a combustion, hybrid or electric drive. Every message that a decision or the
hazard lights depend on carries `Counter` and `Checksum` (CRC-8/SAE-J1850, data id = CAN id).
"""
