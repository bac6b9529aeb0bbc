/* The numbers of docs/PROTOCOL.md. A test holds them against the page and against the Python end. */
#ifndef HS_PROTOCOL_H
#define HS_PROTOCOL_H

#define HS_PROTOCOL_VERSION 1u
/* Written by `scripts/firmware hash`. */
#define HS_PROTOCOL_HASH {0x7f, 0x73, 0x86, 0xa1, 0x60, 0x08, 0xf7, 0x66}
#define HS_HASH_BYTES 8u

#define HS_BODY_MIN 6u
#define HS_BODY_MAX 250u
#define HS_PAYLOAD_MAX 244u
#define HS_ENCODED_MAX 251u
#define HS_COMMAND_WINDOW 8u
#define HS_STATUS_EVERY_US 100000u
#define HS_REPORT_WAITS_US 1000u
#define HS_NO_END_MS 0xFFFFFFFFu
#define HS_UNKNOWN_MV 0xFFFFu

enum hs_kind {
    HS_HELLO = 0x01,
    HS_HEARTBEAT = 0x02,
    HS_CREDIT = 0x03,
    HS_TRANSMIT = 0x10,
    HS_LAMP = 0x11,
    HS_WELCOME = 0x81,
    HS_STATUS = 0x82,
    HS_RECEIVED = 0x83,
    HS_ACK = 0x84
};

enum hs_wants { HS_WANTS_INCIDENT = 1, HS_WANTS_HAZARDS = 2, HS_WANTS_CONFIRMED = 4 };

enum hs_seen {
    HS_SEEN_HAZARDS_ON = 1,
    HS_SEEN_HELD = 2,
    HS_SEEN_SWITCH = 4,
    HS_SEEN_FLASHING = 8,
    HS_SEEN_PERMIT_OPEN = 16
};

/* Why hazards last ended. */
typedef enum {
    HS_END_NEVER = 0,
    HS_END_RELEASED = 1,
    HS_END_SILENT = 2,
    HS_END_SWITCH = 3,
    HS_END_DROVE_ON = 4,
    HS_END_SUPPLY = 5,
    HS_END_LEASE = 6
} hs_end;

/* What became of a command. */
typedef enum {
    HS_DONE = 0,
    HS_CLOSED = 1,
    HS_NOT_LISTED = 2,
    HS_WRONG_LENGTH = 3,
    HS_WRONG_BITS = 4,
    HS_TOO_FAST = 5,
    HS_MALFORMED = 6,
    HS_BUSY = 7,
    HS_NOT_DONE = 0xFF
} hs_verdict;

#endif
