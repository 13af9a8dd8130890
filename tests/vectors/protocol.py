#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes protocol.txt, the test vectors of docs/PROTOCOL.md: python3 protocol.py > protocol.txt

Follows that page and shares no code with the relay. Needs nothing but Python's standard library;
the primitives are plain transcriptions of the SipHash paper, RFC 7748, RFC 8439 and the Noise
Protocol Framework, slow and not constant in time: for vectors only.
"""

import hashlib
import hmac
import struct

MASK = (1 << 64) - 1


def siphash(key, message):
    """SipHash-2-4 (Aumasson, Bernstein 2012)."""
    k0, k1 = struct.unpack("<QQ", key)
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D,
         k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def rotate(x, n):
        return (x << n | x >> (64 - n)) & MASK

    def rounds(count):
        for _ in range(count):
            v[0] = (v[0] + v[1]) & MASK
            v[2] = (v[2] + v[3]) & MASK
            v[1] = rotate(v[1], 13) ^ v[0]
            v[3] = rotate(v[3], 16) ^ v[2]
            v[0] = rotate(v[0], 32)
            v[2] = (v[2] + v[1]) & MASK
            v[0] = (v[0] + v[3]) & MASK
            v[1] = rotate(v[1], 17) ^ v[2]
            v[3] = rotate(v[3], 21) ^ v[0]
            v[2] = rotate(v[2], 32)

    padded = message + bytes(7 - len(message) % 8) + bytes([len(message) & 255])
    for (word,) in struct.iter_unpack("<Q", padded):
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 255
    rounds(4)
    return struct.pack("<Q", v[0] ^ v[1] ^ v[2] ^ v[3])


def x25519(scalar, point):
    """RFC 7748, section 5."""
    p = 2**255 - 19
    k = int.from_bytes(scalar, "little") & ~7 & ~(128 << 248) | 64 << 248
    x1 = int.from_bytes(point, "little") & (1 << 255) - 1
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb = d * a, c * b
        x3, z3 = (da + cb) ** 2 % p, x1 * (da - cb) ** 2 % p
        aa, bb = a * a % p, b * b % p
        e = aa - bb
        x2, z2 = aa * bb % p, e * (aa + 121665 * e) % p
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, p - 2, p) % p).to_bytes(32, "little")


def chacha20_block(key, counter, nonce):
    """RFC 8439, section 2.3."""
    start = list(struct.unpack("<16L", b"expand 32-byte k" + key + struct.pack("<L", counter) + nonce))
    x = start[:]

    def quarter(a, b, c, d):
        for add, into, xor, n in ((b, a, d, 16), (d, c, b, 12), (b, a, d, 8), (d, c, b, 7)):
            x[into] = (x[into] + x[add]) & 0xFFFFFFFF
            x[xor] ^= x[into]
            x[xor] = (x[xor] << n | x[xor] >> (32 - n)) & 0xFFFFFFFF

    for _ in range(10):
        for column in range(4):
            quarter(column, 4 + column, 8 + column, 12 + column)
        for column in range(4):
            quarter(column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4)
    return struct.pack("<16L", *((a + b) & 0xFFFFFFFF for a, b in zip(x, start)))


def poly1305(key, message):
    """RFC 8439, section 2.5."""
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for at in range(0, len(message), 16):
        total = (total + int.from_bytes(message[at:at + 16] + b"\1", "little")) * r % (2**130 - 5)
    return ((total + int.from_bytes(key[16:], "little")) & (1 << 128) - 1).to_bytes(16, "little")


def aead(key, counter, associated, text):
    """RFC 8439, section 2.8, with Noise's nonce."""
    nonce = bytes(4) + struct.pack("<Q", counter)
    stream = b"".join(chacha20_block(key, 1 + n, nonce) for n in range(len(text) // 64 + 1))
    sealed = bytes(a ^ b for a, b in zip(text, stream))

    def pad(part):
        return part + bytes(-len(part) % 16)

    mac = pad(associated) + pad(sealed) + struct.pack("<QQ", len(associated), len(sealed))
    return sealed + poly1305(chacha20_block(key, 0, nonce)[:32], mac)


def hkdf(chaining_key, material, count):
    temp = hmac.digest(chaining_key, material, "sha256")
    outputs, last = [], b""
    for number in range(1, count + 1):
        last = hmac.digest(temp, last + bytes([number]), "sha256")
        outputs.append(last)
    return outputs


class Handshake:
    """What both sides of NNpsk0 compute; it knows both private keys."""

    def __init__(self, prologue, psk):
        self.hash = hashlib.sha256(b"Noise_NNpsk0_25519_ChaChaPoly_SHA256").digest()
        self.chaining_key = self.hash
        self.key, self.counter = None, 0
        self.mix_hash(prologue)
        self.psk = psk

    def mix_hash(self, part):
        self.hash = hashlib.sha256(self.hash + part).digest()

    def mix_key(self, material):
        self.chaining_key, self.key = hkdf(self.chaining_key, material, 2)
        self.counter = 0

    def message(self, private, remote_public, is_first):
        if is_first:
            self.chaining_key, mixed, self.key = hkdf(self.chaining_key, self.psk, 3)
            self.mix_hash(mixed)
        public = x25519(private, b"\x09" + bytes(31))
        self.mix_hash(public)
        self.mix_key(public)
        if not is_first:
            self.mix_key(x25519(private, remote_public))
        sealed = aead(self.key, self.counter, self.hash, b"")
        self.mix_hash(sealed)
        return public + sealed

    def split(self):
        return hkdf(self.chaining_key, b"", 2)


def section(kind, title, /, **fields):
    print(f"\n[{kind} {title}]")
    for key, value in fields.items():
        if isinstance(value, (bytes, bytearray)):
            value = bytes(value).hex()
        print(f"{key} = {value}".rstrip())


def counted(first, size):
    return bytes((first + n) & 255 for n in range(size))


SECRET = counted(0, 32)


def ticket_key(name):
    return hmac.digest(SECRET, b"gsr1-ticket" + name.encode(), "sha256")


def tickets():
    good = ["gsr1:k1:1700000600:alice:create,join=*",
            "gsr1:main_2024-01:999999999999:p.1@x_y-z:join=K7QX9P,join=K7*,create"]
    bad = ["gsr2:k1:1:a:create", "gsr1:k1:01:a:create", "gsr1:k1:1:a:", "gsr1:k1:1:a b:create",
           "gsr1:k1:1:a:create,kick", "gsr1:k1:1:a:join=k7qx", "gsr1:k1:1:a:create,create"]
    for number, name in enumerate(good):
        section("ticket", f"good_{number}", secret=SECRET, name=name, key=ticket_key(name))
    for number, name in enumerate(bad):
        section("bad_ticket", f"bad_{number}", name=name)


def join_codes():
    for number, (typed, code) in enumerate([("K7QX9P", "K7QX9P"), ("k7q-x9p", "K7QX9P"),
                                            ("bg sz", "8652"), ("23456789cdfh", "23456789CDFH")]):
        section("join_code", f"good_{number}", typed=typed, code=code)
    for number, typed in enumerate(["K7Q", "K7QX0", "K7QXO", "K7QX1", "K7QXL", "HEllO",
                                    "23456789CDFHJ", "K7QX_"]):
        section("bad_join_code", f"bad_{number}", typed=typed)
    section("made_join_code", "no_bias", random=bytes([255, 254, 253, 252, 0, 23, 229] + [255] * 33),
            code="X22X")


TYPES = dict(DATA=1, BIND=2, CHALLENGE=3, CONFIRM=4, BOUND=5, PING=6, PONG=7, BYE=8, PROBE=9)
KEY_UP, KEY_DOWN = counted(0x10, 16), counted(0x80, 16)


def datagram(direction, type_name, slot, slot_tag, sequence, body):
    key = KEY_UP if direction == "up" else KEY_DOWN
    head = bytes([1 << 6 | TYPES[type_name] << 2]) + slot.to_bytes(3, "big") + \
        slot_tag.to_bytes(4, "big") + sequence.to_bytes(6, "big")
    return head + body + siphash(key, head + body)


def put_record(direction, member, stream, payload, retained=False, age_ms=0):
    out = struct.pack(">HBH", member, stream, retained << 15 | len(payload))
    if retained and direction == "down":
        out += struct.pack(">L", age_ms)
    return out + payload


RETAINED = [(0x0102, 1, b"map=forest"), (0x0102, 255, b""), (0xFEFF, 7, counted(0, 300)), (0x0201, 1, b"map=forest")]


def retained_hash(member, stream, payload):
    return int.from_bytes(siphash(b"gsrelay state" + struct.pack(">HB", member, stream), payload), "big")


DIGEST = sum(retained_hash(*state) for state in RETAINED) & MASK
PING_BODY = struct.pack(">QQL", 1_000_000, 2_000_000, 1500) + (77).to_bytes(6, "big") + (70).to_bytes(6, "big") + \
    struct.pack(">Q", DIGEST)
QUEUE = struct.pack(">LL", 850, 16_200)
COOKIE = counted(0xC0, 8)

DATAGRAMS = [
    ("up", "DATA", put_record("up", 0xFFFF, 1, b"x=1;y=2")),
    ("up", "BIND", struct.pack(">Q", 123456789) + bytes(34)),
    ("down", "CHALLENGE", COOKIE),
    ("up", "CONFIRM", COOKIE + bytes(34)),
    ("down", "BOUND", bytes(10) + b"\xff\xff" + bytes([192, 0, 2, 33]) + struct.pack(">H", 50000)),
    ("up", "PING", PING_BODY + bytes(8)),
    ("down", "PONG", PING_BODY + QUEUE),
    ("down", "BYE", struct.pack(">H", 166) + bytes(6)),
    ("down", "PROBE", bytes(8)),
    ("down", "DATA", put_record("down", 2, 0, b"")),
]


def datagrams():
    section("siphash", "paper", key=counted(0, 16), message=counted(0, 15), tag=siphash(counted(0, 16), counted(0, 15)))
    for number, (direction, type_name, body) in enumerate(DATAGRAMS):
        slot, slot_tag, sequence = 0x0A0B0C + number, 0xDEADBEEF, (1 << 48) - 1 - number if number else 1
        section("datagram", f"{type_name.lower()}_{direction}", direction=direction, type=TYPES[type_name],
                key=KEY_UP if direction == "up" else KEY_DOWN, slot=slot, slot_tag=slot_tag,
                sequence=sequence, body=body, bytes=datagram(direction, type_name, slot, slot_tag, sequence, body))


def retained():
    total = 0
    for number, (member, stream, payload) in enumerate(RETAINED):
        total = total + retained_hash(member, stream, payload) & MASK
        section("retained", f"state_{number}", member=member, stream=stream, payload=payload,
                hash=f"{retained_hash(member, stream, payload):016x}", digest=f"{total:016x}")


def dropped_datagrams():
    good = datagram("up", *("DATA", 1, 2, 3, DATAGRAMS[0][2]))
    bind = datagram("up", *("BIND", 1, 2, 3, DATAGRAMS[1][2]))
    cases = dict(
        short=(good[:29], "short"), empty=(b"", "short"), oversize=(good + bytes(1232), "oversize"),
        version_0=(bytes([good[0] & 0x3F]) + good[1:], "bad_version"),
        version_2=(bytes([good[0] ^ 0xC0]) + good[1:], "bad_version"),
        type_0=(bytes([0x40]) + good[1:], "bad_type"),
        type_down=(bytes([0x40 | 3 << 2]) + good[1:], "bad_type"),
        type_unknown=(bytes([0x40 | 10 << 2]) + good[1:], "bad_type"),
        flags=(bytes([good[0] | 1]) + good[1:], "bad_type"),
        tag=(good[:-1] + bytes([good[-1] ^ 1]), "bad_tag"),
        body_changed=(good[:20] + bytes([good[20] ^ 1]) + good[21:], "bad_tag"),
        sequence_changed=(good[:13] + b"\x04" + good[14:], "bad_tag"),
        cut=(bind[:63], "bad_tag"),
        bind_of_63=(datagram("up", "BIND", 1, 2, 3, bytes(41)), "malformed"),
        ping_of_63=(datagram("up", "PING", 1, 2, 3, bytes(41)), "malformed"),
        data_of_padding_cut=(datagram("up", "DATA", 1, 2, 3, put_record("up", 0, 0, bytes(9))[:-1]), "malformed"),
    )
    for name, (data, reason) in cases.items():
        section("dropped", name, key=KEY_UP, max_datagram=1232, bytes=data, reason=reason)


def bodies():
    up = [(0xFFFF, 1, b"ab", True, 0), (0xFFFE, 0, b"", False, 0), (0xFF00, 9, b"g", False, 0),
          (0xFEFF, 255, counted(0, 40), False, 0)]
    down = [(1, 1, b"old", True, 70000), (2, 0, b"chat", False, 0), (0xFEFF, 255, b"", False, 0)]
    for direction, records in (("up", up), ("down", down)):
        body, lines = b"", {}
        for number, (member, stream, payload, retained, age_ms) in enumerate(records):
            body += put_record(direction, member, stream, payload, retained, age_ms)
            lines[f"record_{number}"] = f"{member} {stream} {int(retained)} {age_ms} {payload.hex()}"
            if number == 0:
                body += put_record(direction, 0, 0, bytes(3))
        section("body", direction, direction=direction, bytes=body, **lines)
    bad = dict(empty=b"", head_cut=counted(0, 4), size_over=put_record("up", 1, 1, b"abc")[:-1],
               one_over=put_record("up", 1, 1, b"abc") + b"\0",
               unknown_flag=struct.pack(">HBH", 0xFFFF, 1, 1 << 14),
               retained_stream_0=put_record("up", 0xFFFF, 0, b"", True),
               retained_to_host=put_record("up", 0xFFFE, 1, b"", True),
               unassigned_ff40=put_record("up", 0xFF40, 1, b""),
               unassigned_fffd=put_record("up", 0xFFFD, 1, b""),
               padding_stream=put_record("up", 0, 1, b""),
               records_65=put_record("up", 1, 1, b"") * 65)
    for name, body in bad.items():
        section("bad_body", name, direction="up", bytes=body)
    section("bad_body", "down_from_all", direction="down", bytes=put_record("down", 0xFFFF, 1, b""))
    section("bad_body", "down_age_cut", direction="down", bytes=put_record("down", 1, 1, b"", True)[:-1])


def bytes16(part):
    return struct.pack(">H", len(part)) + part


def text8(part):
    return bytes([len(part)]) + part


def message(type_number, request, *fields):
    return struct.pack(">BL", type_number, request) + b"".join(fields)


def u8(v):
    return struct.pack(">B", v)


def u16(v):
    return struct.pack(">H", v)


def u32(v):
    return struct.pack(">L", v)


def u64(v):
    return struct.pack(">Q", v)


def qualities(rows):
    return u8(len(rows)) + b"".join(struct.pack(">HLLLLL", *row) for row in rows)


# (direction, name, type, request, [(field, encoder, value), ...]) in the order of the page's tables.
MESSAGES = [
    ("up", "START", 0x01, 1, [("features", u32, 3)]),
    ("up", "CREATE", 0x02, 2, [("members_max", u16, 8), ("tick_us", u32, 16000), ("flags", u8, 1), ("metadata", bytes16, b"map=2"), ("down_bytes_s", u32, 65536), ("election", u8, 2)]),
    ("up", "JOIN", 0x03, 3, [("code", text8, b"k7q-x9p"), ("down_bytes_s", u32, 0)]),
    ("up", "LEAVE", 0x04, 4, []),
    ("up", "KICK", 0x05, 5, [("host_epoch", u32, 1), ("member", u16, 0x0102)]),
    ("up", "LOCK", 0x06, 6, [("host_epoch", u32, 0xFFFFFFFF), ("locked", u8, 1)]),
    ("up", "HAND_OVER", 0x07, 7, [("host_epoch", u32, 2), ("member", u16, 0x0103)]),
    ("up", "SET_METADATA", 0x08, 8, [("host_epoch", u32, 0x01020304), ("metadata", bytes16, b"map=3")]),
    ("up", "ROOM_STATE", 0x09, 9, []),
    ("up", "PING", 0x0A, 10, [("token", u64, 0x0102030405060708)]),
    ("up", "BYE", 0x0B, 0xFFFFFFFF, []),
    ("up", "SUBSCRIBE", 0x0C, 12, [("groups", u64, 1 << 63 | 1 << 8 | 1)]),
    ("up", "SET_HEIR", 0x0D, 13, [("host_epoch", u32, 4), ("member", u16, 0x0104)]),
    ("up", "BLOB_PUT", 0x0E, 14, [("host_epoch", u32, 5), ("version", u32, 7), ("total", u32, 65536), ("offset", u32, 0), ("bytes", bytes16, b"saved")]),
    ("down", "WELCOME", 0x81, 1, [("features", u32, 1), ("flags", u8, 3), ("session_id", bytes, counted(0x20, 16)),
                                  ("resume_key", bytes, counted(0x40, 32)), ("resume_grace_ms", u32, 30000),
                                  ("idle_timeout_ms", u32, 60000), ("frame_max", u16, 4096)]),
    ("down", "MEMBERSHIP", 0x82, 2, [
        ("code", text8, b"K7QX9P"), ("room_flags", u8, 1), ("member", u16, 0x0201), ("host", u16, 0x0102),
        ("host_epoch", u32, 4), ("election", u8, 2), ("tick_us", u32, 16000), ("members_max", u16, 8), ("address", text8, b"relay.example"),
        ("udp_port", u16, 7778), ("slot", lambda v: v.to_bytes(3, "big"), 0x0A0B0C), ("slot_tag", u32, 0xDEADBEEF),
        ("key_up", bytes, KEY_UP), ("key_down", bytes, KEY_DOWN), ("max_datagram", u16, 1232), ("streams", u8, 8),
        ("datagrams_s", u32, 120), ("bytes_s", u32, 65536), ("records_s", u32, 480), ("down_bytes_s", u32, 65536),
        ("members", lambda v: u16(len(v)) + b"".join(map(u16, v)), [0x0102, 0x0201, 0xFEFF]), ("metadata", bytes16, b"map=2")]),
    ("down", "OK", 0x83, 4, []),
    ("down", "PONG", 0x84, 10, [("token", u64, 0x0102030405060708)]),
    ("down", "ERROR", 0x85, 3, [("reason", u16, 108), ("limit", u32, 64), ("retry_ms", u32, 1500)]),
    ("down", "JOINED", 0xC1, 0, [("member", u16, 0x0201)]),
    ("down", "LEFT", 0xC2, 0, [("member", u16, 0x0201), ("reason", u16, 161)]),
    ("down", "HOST_CHANGED", 0xC3, 0, [("host", u16, 0x0201), ("host_epoch", u32, 5)]),
    ("down", "METADATA", 0xC4, 0, [("metadata", bytes16, b"map=3")]),
    ("down", "LOCKED", 0xC5, 0, [("locked", u8, 0)]),
    ("down", "NOTICE", 0xC6, 0, [("reason", u16, 14), ("limit", u32, 120), ("retry_ms", u32, 250)]),
    ("down", "REMOVED", 0xC7, 0, [("reason", u16, 163)]),
    ("down", "DRAINING", 0xC8, 0, [("deadline_ms", u32, 5000)]),
    ("down", "DRAINING_UNBOUNDED", 0xC8, 0, [("deadline_ms", u32, 0xFFFFFFFF)]),
    ("down", "BYE", 0xC9, 0, [("reason", u16, 166)]),
    ("down", "BLOB_PART", 0xCB, 0, [("version", u32, 7), ("total", u32, 65536), ("offset", u32, 65531), ("bytes", bytes16, b"saved")]),
    ("down", "MEMBER_QUALITY", 0xCC, 0, [("qualities", qualities, [
        (0x0201, 40000, 2500, 10000, 0, 850), (0xFEFE, 4294967295, 0, 1000000, 333333, 16200)])]),
]


def show(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return (" " if isinstance(value, list) else ":").join(map(show, value))
    return str(value)


def messages():
    for direction, name, number, request, fields in MESSAGES:
        data = message(number, request, *(encode(value) for _, encode, value in fields))
        section("message", f"{name.lower()}_{direction}", direction=direction, type=number, request=request,
                **{f"field_{field}": show(value) for field, _, value in fields}, bytes=data)


def channel(name, mode, hello_name, psk):
    """First flight, answer, and two frames each way."""
    client, relay = counted(0x11, 32), counted(0x51, 32)
    prologue = bytes([1, mode]) + text8(hello_name)
    noise = Handshake(prologue, psk)
    first = noise.message(client, None, True)
    second = noise.message(relay, first[:32], False)
    channel_hash = noise.hash
    key_up, key_down = noise.split()
    by_name = {(d, n): message(t, r, *(e(v) for _, e, v in f)) for d, n, t, r, f in MESSAGES}
    up = [by_name["up", "START"], by_name["up", "CREATE"]]
    down = [by_name["down", "WELCOME"], by_name["down", "MEMBERSHIP"]]
    frames = {}
    for direction, key, texts in (("up", key_up, up), ("down", key_down, down)):
        for number, text in enumerate(texts):
            sealed = aead(key, number, b"", text)
            frames[f"{direction}_{number}_text"] = text
            frames[f"{direction}_{number}"] = u16(len(sealed)) + sealed
    section("channel", name, mode=mode, name=hello_name, psk=psk, client_private=client, relay_private=relay,
            first_flight=u16(len(prologue + first)) + prologue + first,
            answer=u16(2 + len(second)) + bytes([1, 0]) + second, hash=channel_hash, **frames)


def hellos():
    channel("open", 0, b"", bytes(32))
    name = "gsr1:k1:1700000600:alice:create,join=*"
    channel("ticket", 1, name.encode(), ticket_key(name))
    channel("resume", 2, counted(0x20, 16), counted(0x40, 32))
    section("refusal", "busy", status=1, mode=0, retry_s=5, bytes=bytes([0, 5, 1, 1, 0, 0, 5]))
    section("refusal", "refused", status=2, mode=1, retry_s=300, bytes=bytes([0, 5, 1, 2, 1, 1, 44]))
    section("refusal", "version", status=3, mode=1, retry_s=0, bytes=bytes([0, 5, 1, 3, 1, 0, 0]))
    section("refusal", "draining", status=4, mode=0, retry_s=0, bytes=bytes([0, 5, 1, 4, 0, 0, 0]))


def main():
    print("# Test vectors of the gsrelay protocol, version 1: docs/PROTOCOL.md. Made by protocol.py.")
    print("# Bytes are hexadecimal, numbers decimal; a [kind name] and its fields; text stands as it is.")
    tickets()
    join_codes()
    datagrams()
    retained()
    dropped_datagrams()
    bodies()
    messages()
    hellos()


if __name__ == "__main__":
    main()
