/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_PROTO_LIMITS_H
#define GSRELAY_PROTO_LIMITS_H

/* limits.h - the numbers that the protocol itself fixes (docs/PROTOCOL.md).
 *
 * What an operator may change stands in relay.ini; these are the walls around it, and what sizes
 * the structs of this layer. */

#define PROTOCOL_VERSION 1

/* UDP payload bytes. Below the minimum a client pads, so that a CHALLENGE is never larger than what
 * it answers. The range is what udp.max_datagram may be: the largest leaves room for IPv6, UDP and
 * an option or a tunnel within 1500 bytes. */
#define DATAGRAM_UP_SIZE_MIN  30
#define DATAGRAM_LIMIT_MIN    256
#define DATAGRAM_LIMIT_MAX    1400
#define DATAGRAM_LIMIT_NORMAL 1232

/* One DATA body. */
#define RECORDS_MAX      64
#define RECORD_SIZE_BITS 11

/* Rooms. */
#define ROOM_MEMBERS_MAX       256
#define ROOM_METADATA_SIZE_MAX 512
#define BLOB_SIZE_MAX          65536
#define BLOB_PART_SIZE_MAX     1024        /* What one BLOB_PART carries. */
#define ROOM_TICK_DEFAULT      0xFFFFFFFFu /* CREATE: "the relay's default". */

/* The control channel. Sizes of frames are those that the length field says. */
#define HELLO_NAME_SIZE_MAX    200
#define HELLO_SIZE_MAX         512 /* The whole first flight, its length field included. */
#define CONTROL_FRAME_SIZE_MIN 17
#define CONTROL_FRAME_SIZE_MAX 16384 /* What control.frame_max may be at most. */
#define CONTROL_REQUESTS_MAX   16    /* Unanswered at a time. */
#define SESSION_ID_SIZE        16
#define RESUME_KEY_SIZE        32
#define ADVERTISE_SIZE_MAX     255 /* The address in MEMBERSHIP. */

#endif
