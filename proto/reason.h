/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_PROTO_REASON_H
#define GSRELAY_PROTO_REASON_H

#include <stdint.h>

/* reason.h - why something was dropped, refused or ended.
 *
 * One list for the wire, the counters, the logs and the client library, so that a number means the
 * same wherever somebody meets it. Numbers are part of the protocol (docs/PROTOCOL.md, "Reasons")
 * and are never given to another meaning; names are what logs and counters print.
 *
 * Columns: symbol, number, name, what it says to a person. The ranges say what is lost:
 * 1..39 a datagram, 40..59 a record, 60..79 one delivery of a record to one receiver,
 * 100..149 a control request or connection, 160..179 a membership or session that ended. */

#define REASON_TABLE(X)                                                                            \
    X(NONE, 0, "none", "no reason")                                                                \
    X(SHORT, 1, "short", "datagram below 30 bytes")                                                \
    X(OVERSIZE, 2, "oversize", "datagram above udp.max_datagram")                                  \
    X(BAD_VERSION, 3, "bad_version", "datagram of another protocol version")                       \
    X(BAD_TYPE, 4, "bad_type", "datagram type that a client does not send")                        \
    X(BAD_SLOT, 5, "bad_slot", "slot out of range or not in use")                                  \
    X(BAD_SLOT_TAG, 6, "bad_slot_tag", "slot tag of another or an earlier membership")             \
    X(REPLAYED, 7, "replayed", "sequence seen before or older than the window")                    \
    X(BAD_TAG, 8, "bad_tag", "authentication tag does not fit")                                    \
    X(MALFORMED, 9, "malformed", "body breaks its format")                                         \
    X(BAD_COOKIE, 10, "bad_cookie", "cookie is not the one for this address")                      \
    X(ADDRESS_REFUSED, 11, "address_refused", "udp.rebind forbids the new address")                \
    X(REBIND_LIMIT, 12, "rebind_limit", "udp.rebind_moves in ten seconds are used up")             \
    X(CHALLENGE_LIMIT, 13, "challenge_limit", "too many challenges for this session or address")   \
    X(CLIENT_DATAGRAMS, 14, "client_datagrams", "limits.client_datagrams_s is used up")            \
    X(CLIENT_BYTES, 15, "client_bytes", "limits.client_bytes_s is used up")                        \
    X(STALE, 40, "stale", "older than what the stream has passed on")                              \
    X(NO_RECEIVER, 41, "no_receiver", "the destination has no member")                             \
    X(STREAM_LIMIT, 42, "stream_limit", "limits.streams_per_member streams are in use")            \
    X(CELL_POOL, 43, "cell_pool", "the worker's pool of cells is empty")                           \
    X(CLIENT_RECORDS, 44, "client_records", "limits.client_records_s is used up")                  \
    X(ROOM_DELIVERIES, 45, "room_deliveries", "limits.room_deliveries_s is used up")               \
    X(ROOM_BYTES, 46, "room_bytes", "limits.room_bytes_s is used up")                              \
    X(RECORD_SIZE, 47, "record_size", "the record would not fit a datagram downwards")             \
    X(NOT_BOUND, 60, "not_bound", "the receiver has no validated address yet")                     \
    X(OVERRUN, 61, "overrun", "the receiver fell behind on stream 0")                              \
    X(SEND_FULL, 62, "send_full", "the socket's send buffer was full")                             \
    X(SEND_ERROR, 63, "send_error", "the system refused to send")                                  \
    X(RECEIVER_LEFT, 64, "receiver_left", "the receiver left while it waited")                     \
    X(SENDER_LEFT, 65, "sender_left", "the sender left while it waited")                           \
    X(REFUSED, 100, "refused", "authentication failed")                                            \
    X(BUSY, 101, "busy", "the relay has no room for more at the moment")                           \
    X(VERSION_UNSUPPORTED, 102, "version_unsupported", "protocol version is not supported")        \
    X(BAD_MESSAGE, 103, "bad_message", "message breaks its format")                                \
    X(UNKNOWN_MESSAGE, 104, "unknown_message", "message type is not known")                        \
    X(FRAME_SIZE, 105, "frame_size", "frame above control.frame_max or of no size")                \
    X(COMMAND_RATE, 106, "command_rate", "control.commands_per_s is used up")                      \
    X(NO_SUCH_ROOM, 107, "no_such_room", "no room has this code")                                  \
    X(ROOM_FULL, 108, "room_full", "the room has no place left")                                   \
    X(ROOM_LOCKED, 109, "room_locked", "the room's host has locked it")                            \
    X(NOT_PERMITTED, 110, "not_permitted", "the ticket does not grant this")                       \
    X(NOT_HOST, 111, "not_host", "only the room's host may do this")                               \
    X(NO_SUCH_MEMBER, 112, "no_such_member", "no member of the room has this id")                  \
    X(ROOMS_LIMIT, 113, "rooms_limit", "as many rooms exist as limits.max_rooms allows")           \
    X(ROOM_RATE, 114, "room_rate", "limits.rooms_created_per_minute is used up")                   \
    X(ALREADY_IN_ROOM, 115, "already_in_room", "the session is in a room")                         \
    X(NOT_IN_ROOM, 116, "not_in_room", "the session is in no room")                                \
    X(BAD_CODE, 117, "bad_code", "not a join code")                                                \
    X(BAD_VALUE, 118, "bad_value", "a field is out of its range")                                  \
    X(DRAINING, 119, "draining", "the relay is stopping")                                          \
    X(CLIENTS_LIMIT, 120, "clients_limit", "as many sessions exist as limits.max_clients allows")  \
    X(CONNECTIONS_PER_IP, 121, "connections_per_ip", "control.connections_per_ip is reached")      \
    X(ACCEPTS_PER_IP, 122, "accepts_per_ip", "control.accepts_per_ip_s is used up")                \
    X(LOCKOUT, 123, "lockout", "too many failed authentications from this address")                \
    X(PREAUTH_FULL, 124, "preauth_full", "evicted: control.preauth_max connections wait")          \
    X(HANDSHAKE_TIMEOUT, 125, "handshake_timeout", "no authentication in handshake_timeout")       \
    X(FRAME_TIMEOUT, 126, "frame_timeout", "a frame took longer than control.frame_timeout")       \
    X(IDLE_TIMEOUT, 127, "idle_timeout", "nothing came for control.idle_timeout")                  \
    X(OUTPUT_FULL, 128, "output_full", "the client does not read; control.out_buffer is full")     \
    X(DECRYPT_FAILED, 129, "decrypt_failed", "a frame did not decrypt")                            \
    X(CONNECTION_LOST, 130, "connection_lost", "the connection was reset or failed")               \
    X(CONNECTION_CLOSED, 131, "connection_closed", "the other side closed the connection")         \
    X(TICKET_FORMAT, 132, "ticket_format", "the ticket's name breaks its format")                  \
    X(TICKET_KEY_ID, 133, "ticket_key_id", "no secret has the ticket's key id")                    \
    X(TICKET_EXPIRED, 134, "ticket_expired", "the ticket has expired")                             \
    X(TICKET_AGE, 135, "ticket_age", "the ticket lives longer than auth.ticket_max_age")           \
    X(NO_SUCH_SESSION, 136, "no_such_session", "no session to resume")                             \
    X(JOIN_RATE, 137, "join_rate", "too many wrong join codes from this address")                  \
    X(STALE_EPOCH, 138, "stale_epoch", "the room has had another host since")                      \
    X(BLOB_SIZE, 139, "blob_size", "larger than room.blob_bytes allows")                           \
    X(BLOB_ORDER, 140, "blob_order", "not the next piece of an upload of this host")               \
    X(BLOB_POOL, 141, "blob_pool", "room.blob_pool has no place for one more room")                \
    X(LEFT, 160, "left", "left on its own")                                                        \
    X(KICKED, 161, "kicked", "removed by the host")                                                \
    X(CONTROL_LOST, 162, "control_lost", "no control connection within control.resume_grace")      \
    X(UDP_IDLE, 163, "udp_idle", "no datagram within udp.session_idle")                            \
    X(BIND_TIMEOUT, 164, "bind_timeout", "no validated address within udp.bind_timeout")           \
    X(OVER_LIMIT, 165, "over_limit", "over its limits for limits.over_limit_close")                \
    X(SHUTDOWN, 166, "shutdown", "the relay stopped")                                              \
    X(REPLACED, 167, "replaced", "the same client id began a newer session")                       \
    X(ROOM_CLOSED, 168, "room_closed", "the room reached room.max_age")

enum reason {
#define REASON_ENUM(symbol, number, name, text) REASON_##symbol = (number),
    REASON_TABLE(REASON_ENUM)
#undef REASON_ENUM
};

/* The size of an array that is indexed by reason. */
#define REASON_LIMIT 192

/* The short name that logs and counters print; "unknown" for a number that is not in the table. */
const char *reason_name(unsigned reason);

/* One phrase for a person; "unknown reason" for a number that is not in the table. */
const char *reason_text(unsigned reason);

#endif
