/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_GSRELAY_REASON_H
#define GSRELAY_GSRELAY_REASON_H

/* gsrelay_reason.h - why something was dropped, refused or ended.
 *
 * The numbers are those of the protocol, of the relay's counters and of its logs (docs/PROTOCOL.md,
 * "Reasons"); a number never changes its meaning. A newer relay may send one that is not here. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum gsrelay_reason {
    GSRELAY_REASON_NONE = 0,                  /* no reason */
    GSRELAY_REASON_SHORT = 1,                 /* datagram below 30 bytes */
    GSRELAY_REASON_OVERSIZE = 2,              /* datagram above udp.max_datagram */
    GSRELAY_REASON_BAD_VERSION = 3,           /* datagram of another protocol version */
    GSRELAY_REASON_BAD_TYPE = 4,              /* datagram type that a client does not send */
    GSRELAY_REASON_BAD_SLOT = 5,              /* slot out of range or not in use */
    GSRELAY_REASON_BAD_SLOT_TAG = 6,          /* slot tag of another or an earlier membership */
    GSRELAY_REASON_REPLAYED = 7,              /* sequence seen before or older than the window */
    GSRELAY_REASON_BAD_TAG = 8,               /* authentication tag does not fit */
    GSRELAY_REASON_MALFORMED = 9,             /* body breaks its format */
    GSRELAY_REASON_BAD_COOKIE = 10,           /* cookie is not the one for this address */
    GSRELAY_REASON_ADDRESS_REFUSED = 11,      /* udp.rebind forbids the new address */
    GSRELAY_REASON_REBIND_LIMIT = 12,         /* udp.rebind_moves in ten seconds are used up */
    GSRELAY_REASON_CHALLENGE_LIMIT = 13,      /* too many challenges for this session or address */
    GSRELAY_REASON_CLIENT_DATAGRAMS = 14,     /* limits.client_datagrams_s is used up */
    GSRELAY_REASON_CLIENT_BYTES = 15,         /* limits.client_bytes_s is used up */
    GSRELAY_REASON_STALE = 40,                /* older than what the stream has passed on */
    GSRELAY_REASON_NO_RECEIVER = 41,          /* the destination has no member */
    GSRELAY_REASON_STREAM_LIMIT = 42,         /* limits.streams_per_member streams are in use */
    GSRELAY_REASON_CELL_POOL = 43,            /* the worker's pool of cells is empty */
    GSRELAY_REASON_CLIENT_RECORDS = 44,       /* limits.client_records_s is used up */
    GSRELAY_REASON_ROOM_DELIVERIES = 45,      /* limits.room_deliveries_s is used up */
    GSRELAY_REASON_ROOM_BYTES = 46,           /* limits.room_bytes_s is used up */
    GSRELAY_REASON_RECORD_SIZE = 47,          /* the record would not fit a datagram downwards */
    GSRELAY_REASON_NOT_BOUND = 60,            /* the receiver has no validated address yet */
    GSRELAY_REASON_OVERRUN = 61,              /* the receiver fell behind on stream 0 */
    GSRELAY_REASON_SEND_FULL = 62,            /* the socket's send buffer was full */
    GSRELAY_REASON_SEND_ERROR = 63,           /* the system refused to send */
    GSRELAY_REASON_RECEIVER_LEFT = 64,        /* the receiver left while it waited */
    GSRELAY_REASON_SENDER_LEFT = 65,          /* the sender left while it waited */
    GSRELAY_REASON_REFUSED = 100,             /* authentication failed */
    GSRELAY_REASON_BUSY = 101,                /* the relay has no room for more at the moment */
    GSRELAY_REASON_VERSION_UNSUPPORTED = 102, /* protocol version is not supported */
    GSRELAY_REASON_BAD_MESSAGE = 103,         /* message breaks its format */
    GSRELAY_REASON_UNKNOWN_MESSAGE = 104,     /* message type is not known */
    GSRELAY_REASON_FRAME_SIZE = 105,          /* frame above control.frame_max or of no size */
    GSRELAY_REASON_COMMAND_RATE = 106,        /* control.commands_per_s is used up */
    GSRELAY_REASON_NO_SUCH_ROOM = 107,        /* no room has this code */
    GSRELAY_REASON_ROOM_FULL = 108,           /* the room has no place left */
    GSRELAY_REASON_ROOM_LOCKED = 109,         /* the room's host has locked it */
    GSRELAY_REASON_NOT_PERMITTED = 110,       /* the ticket does not grant this */
    GSRELAY_REASON_NOT_HOST = 111,            /* only the room's host may do this */
    GSRELAY_REASON_NO_SUCH_MEMBER = 112,      /* no member of the room has this id */
    GSRELAY_REASON_ROOMS_LIMIT = 113,         /* as many rooms exist as limits.max_rooms allows */
    GSRELAY_REASON_ROOM_RATE = 114,           /* limits.rooms_created_per_minute is used up */
    GSRELAY_REASON_ALREADY_IN_ROOM = 115,     /* the session is in a room */
    GSRELAY_REASON_NOT_IN_ROOM = 116,         /* the session is in no room */
    GSRELAY_REASON_BAD_CODE = 117,            /* not a join code */
    GSRELAY_REASON_BAD_VALUE = 118,           /* a field is out of its range */
    GSRELAY_REASON_DRAINING = 119,            /* the relay is stopping */
    GSRELAY_REASON_CLIENTS_LIMIT = 120, /* as many sessions exist as limits.max_clients allows */
    GSRELAY_REASON_CONNECTIONS_PER_IP = 121, /* control.connections_per_ip is reached */
    GSRELAY_REASON_ACCEPTS_PER_IP = 122,     /* control.accepts_per_ip_s is used up */
    GSRELAY_REASON_LOCKOUT = 123,            /* too many failed authentications from this address */
    GSRELAY_REASON_PREAUTH_FULL = 124,       /* evicted: control.preauth_max connections wait */
    GSRELAY_REASON_HANDSHAKE_TIMEOUT = 125,  /* no authentication in handshake_timeout */
    GSRELAY_REASON_FRAME_TIMEOUT = 126,      /* a frame took longer than control.frame_timeout */
    GSRELAY_REASON_IDLE_TIMEOUT = 127,       /* nothing came for control.idle_timeout */
    GSRELAY_REASON_OUTPUT_FULL = 128,     /* the client does not read; control.out_buffer is full */
    GSRELAY_REASON_DECRYPT_FAILED = 129,  /* a frame did not decrypt */
    GSRELAY_REASON_CONNECTION_LOST = 130, /* the connection was reset or failed */
    GSRELAY_REASON_CONNECTION_CLOSED = 131, /* the other side closed the connection */
    GSRELAY_REASON_TICKET_FORMAT = 132,     /* the ticket's name breaks its format */
    GSRELAY_REASON_TICKET_KEY_ID = 133,     /* no secret has the ticket's key id */
    GSRELAY_REASON_TICKET_EXPIRED = 134,    /* the ticket has expired */
    GSRELAY_REASON_TICKET_AGE = 135,        /* the ticket lives longer than auth.ticket_max_age */
    GSRELAY_REASON_NO_SUCH_SESSION = 136,   /* no session to resume */
    GSRELAY_REASON_JOIN_RATE = 137,         /* too many wrong join codes from this address */
    GSRELAY_REASON_STALE_EPOCH = 138,       /* the room has had another host since */
    GSRELAY_REASON_BLOB_SIZE = 139,         /* larger than room.blob_bytes allows */
    GSRELAY_REASON_BLOB_ORDER = 140,        /* not the next piece of an upload of this host */
    GSRELAY_REASON_BLOB_POOL = 141,         /* room.blob_pool has no place for one more room */
    GSRELAY_REASON_LEFT = 160,              /* left on its own */
    GSRELAY_REASON_KICKED = 161,            /* removed by the host */
    GSRELAY_REASON_CONTROL_LOST = 162,      /* no control connection within control.resume_grace */
    GSRELAY_REASON_UDP_IDLE = 163,          /* no datagram within udp.session_idle */
    GSRELAY_REASON_BIND_TIMEOUT = 164,      /* no validated address within udp.bind_timeout */
    GSRELAY_REASON_OVER_LIMIT = 165,        /* over its limits for limits.over_limit_close */
    GSRELAY_REASON_SHUTDOWN = 166,          /* the relay stopped */
    GSRELAY_REASON_REPLACED = 167,          /* the same client id began a newer session */
    GSRELAY_REASON_ROOM_CLOSED = 168        /* the room reached room.max_age */
};

/* The short name that the relay's logs print, "room_full"; "unknown" for an unknown number. */
const char *gsrelay_reason_name(uint32_t reason);

/* One phrase for a person, "the room has no place left". */
const char *gsrelay_reason_text(uint32_t reason);

#ifdef __cplusplus
}
#endif

#endif
