#!/usr/bin/env python3
"""A Hearth client in plain Python, written from docs/protocol.md alone.

It signs in by an invite, posts, and tails. Nothing but the standard library: the WebSocket is the few lines of
RFC 6455 that a client needs, and the host's proof is checked with the curve written out. It shows that the document
is enough; it is not made to be fast, or to be copied into a product.

    client.py join  LINK --name NAME --state FILE     sign in by an invite link, keep the session in FILE
    client.py post  ROOM TEXT --state FILE            post, print the acknowledgement
    client.py tail  --state FILE [--count N]          print what is missed and what happens, one JSON line each
"""

import argparse
import base64
import hashlib
import json
import os
import secrets
import socket
import ssl
import struct
import sys
import time
import urllib.parse

PATIENCE = 60


class Refused(Exception):
    """The host said no."""


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# --- ECDSA on P-256, as in FIPS 186-5: just enough to verify the host's proof (section 3). ---

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
SPKI_START = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200" + "04")


def add(one, other):
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2) = one, other
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    if one == other:
        slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, P)
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, P)
    x = (slope * slope - x1 - x2) % P
    return x, (slope * (x1 - x) - y1) % P


def multiply(point, times):
    result = None
    while times:
        if times & 1:
            result = add(result, point)
        point, times = add(point, point), times >> 1
    return result


def proven(spki, message, signature):
    """Whether signature (r and s, 64 bytes) over message was made with the key in spki."""
    if len(spki) != 91 or not spki.startswith(SPKI_START) or len(signature) != 64:
        return False
    key = int.from_bytes(spki[27:59], "big"), int.from_bytes(spki[59:], "big")
    if (key[1] ** 2 - key[0] ** 3 + 3 * key[0] - B) % P:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < N and 0 < s < N):
        return False
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    w = pow(s, -1, N)
    point = add(multiply(G, digest * w % N), multiply(key, r * w % N))
    return point is not None and point[0] % N == r


# --- The WebSocket (section 1). ---


class Socket:
    """One connection: text messages out and in."""

    def __init__(self, address, host_id):
        name, _, port = address.rpartition(":")
        name = name.strip("[]")
        self.raw = socket.create_connection((name, int(port)), timeout=PATIENCE)
        loopback = name in ("localhost", "::1") or name.startswith("127.")
        if not loopback:
            self.raw = self.encrypted(self.raw, host_id)
        self.rest = b""
        self.upgrade(address)

    @staticmethod
    def encrypted(raw, host_id):
        # The standard library can not check a certificate against a key it never signed. It checks the handshake;
        # which key it was is compared here, with what the id promises.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        raw = context.wrap_socket(raw)
        certificate = raw.getpeercert(binary_form=True)
        at = certificate.find(SPKI_START)
        if at < 0 or hashlib.sha256(certificate[at : at + 91]).hexdigest() != host_id:
            raise Refused("another key than the expected one answered at this address")
        return raw

    def upgrade(self, address):
        key = base64.b64encode(os.urandom(16)).decode()
        self.raw.sendall(
            f"GET /ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: hearth.v1\r\n\r\n".encode()
        )
        while b"\r\n\r\n" not in self.rest:
            self.rest += self.receive()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        expected = base64.b64encode(hashlib.sha1((key + guid).encode()).digest()).decode()
        if " 101 " not in lines[0] or headers.get("sec-websocket-accept") != expected:
            raise Refused(f"no WebSocket here: {lines[0]}")
        if headers.get("sec-websocket-protocol") != "hearth.v1":
            raise Refused("the host does not speak hearth.v1")

    def receive(self):
        data = self.raw.recv(65536)
        if not data:
            raise Refused("the host hung up")
        return data

    def take(self, count):
        while len(self.rest) < count:
            self.rest += self.receive()
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def send(self, payload, opcode=1):
        mask = os.urandom(4)
        size = len(payload)
        if size < 126:
            head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
        elif size < 65536:
            head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, size)
        self.raw.sendall(head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)))

    def next(self):
        """The next text message; pings are answered on the way."""
        message = b""
        while True:
            first, second = self.take(2)
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack("!H", self.take(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", self.take(8))
            payload = self.take(size)
            opcode = first & 0x0F
            if opcode == 8:
                code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else 1005
                raise Refused(f"the host closed with {code}: {payload[2:].decode()}")
            if opcode == 9:
                self.send(payload, 10)
            elif opcode in (0, 1):
                message += payload
                if first & 0x80:
                    return message.decode()


# --- The protocol. ---


class Client:
    """One signed-in device."""

    def __init__(self, address, host_id):
        self.socket = Socket(address, host_id)
        self.last = 0
        self.pushed = []
        nonce = os.urandom(32)
        welcome = self.ask("hello", nonce=b64(nonce), client={"name": "python-example", "version": "1"})
        key = unb64(welcome["public_key"])
        if hashlib.sha256(key).hexdigest() != host_id or welcome["host"]["id"] != host_id:
            raise Refused("this is another host than the expected one; nothing was sent to it")
        if not proven(key, b"hearth.v1 host proof\0" + nonce, unb64(welcome["proof"])):
            raise Refused("the host could not prove its key; nothing was sent to it")
        self.welcome = welcome

    def ask(self, kind, **fields):
        self.last += 1
        frame = {"req": self.last, "type": kind, **fields}
        self.socket.send(json.dumps(frame, ensure_ascii=False).encode())
        while True:
            answer = json.loads(self.socket.next())
            if "req" not in answer:
                self.pushed.append(answer)
            elif answer["req"] == self.last:
                if answer["type"] == "error":
                    raise Refused(f"{answer['code']}: {answer['message']}")
                return answer

    def sign_in(self, by):
        answer = self.ask("sign_in", by=by, device="a Python script")
        self.rooms = answer["rooms"]
        return answer

    def room(self, name):
        found = [room for room in self.rooms if room["name"] == name.lstrip("#")]
        if not found:
            raise Refused(f"not_found: you are in no room called {name}")
        return found[0]["id"]

    def events(self):
        """What happens, for ever."""
        while True:
            frame = self.pushed.pop(0) if self.pushed else json.loads(self.socket.next())
            if frame["type"] == "event":
                yield frame["event"]


def uuid7():
    """RFC 9562, 5.7: 48 bits of milliseconds, then random bits."""
    value = int(time.time() * 1000) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def parse_invite(link):
    """Either form of section 4: the host id, the addresses, the token."""
    url = urllib.parse.urlsplit(link)
    host_id = url.path.strip("/").split("/")[-1]
    if url.scheme == "hearth":
        query = urllib.parse.parse_qs(url.query)
        return host_id, query["a"], query["t"][0]
    return host_id, [url.netloc], url.fragment.removeprefix("t=")


def reachable(addresses, host_id):
    for address in addresses:
        try:
            return address, Client(address, host_id)
        except OSError as error:
            failure = error
    raise failure


def join(options):
    host_id, addresses, token = parse_invite(options.link)
    address, client = reachable(addresses, host_id)
    answer = client.sign_in({"kind": "invite", "token": token, "name": options.name})
    state = {"host": host_id, "address": address, "token": answer["token"], "cursors": {}}
    write_state(options.state, state)
    return {"member": answer["member"]["id"], "rooms": [room["name"] for room in answer["rooms"]]}


def resumed(options):
    with open(options.state, encoding="utf-8") as file:
        state = json.load(file)
    client = Client(state["address"], state["host"])
    client.sign_in({"kind": "session", "token": state["token"]})
    return client, state


def write_state(path, state):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(state, file)


def post(options):
    client, _ = resumed(options)
    answer = client.ask("post", room=client.room(options.room), message=uuid7(), text=options.text)
    return {"message": answer["message"], "seq": answer["seq"]}


def tail(options):
    client, state = resumed(options)
    cursors = state["cursors"]
    asked = [{"room": room, "after": after} for room, after in cursors.items()]
    missed = [event for room in client.ask("sync", cursors=asked)["rooms"] for event in room["events"]]
    names = {room["id"]: room["name"] for room in client.rooms}
    shown = 0

    def show(event):
        nonlocal shown
        # Live events may come before the sync's answer: each is shown once.
        if event["seq"] <= cursors.get(event["room"], 0):
            return
        cursors[event["room"]] = event["seq"]
        change = event["change"]
        line = {"room": names.get(event["room"]), "seq": event["seq"], "by": event["by"], "kind": change["kind"]}
        print(json.dumps({**line, "text": change.get("text")}, ensure_ascii=False), flush=True)
        shown += change["kind"] == "posted"

    for event in missed:
        show(event)
    print(json.dumps({"kind": "live"}), flush=True)
    events = client.events()
    while options.count is None or shown < options.count:
        show(next(events))
    write_state(options.state, state)
    return {"kind": "over", "shown": shown}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("join")
    command.add_argument("link")
    command.add_argument("--name", required=True)
    command.set_defaults(run=join)
    command = commands.add_parser("post")
    command.add_argument("room")
    command.add_argument("text")
    command.set_defaults(run=post)
    command = commands.add_parser("tail")
    command.add_argument("--count", type=int)
    command.set_defaults(run=tail)
    for command in commands.choices.values():
        command.add_argument("--state", required=True)
    options = parser.parse_args()
    try:
        print(json.dumps(options.run(options), ensure_ascii=False), flush=True)
    except (Refused, OSError) as error:
        sys.exit(f"client.py: {error}")


if __name__ == "__main__":
    main()
