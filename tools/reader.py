#!/usr/bin/env python3
"""A second, independent reader of what Nexus writes, made from docs/protocol.md alone.

    reader.py vectors DIR       verifies every golden vector in DIR/*.json
    reader.py store FILE        verifies the raw export of a store (nexus log show CONV --raw --json)

Where this and the program disagree, one of them or the page is wrong; the page is mended first.
"""
import base64
import hashlib
import hmac
import json
import sys
import unicodedata
from pathlib import Path

from bech32m.codecs import Encoding, bech32_decode, bech32_encode, convertbits
from blake3 import blake3
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from mnemonic import Mnemonic
from nacl import bindings as sodium

WORDS = Mnemonic("english").wordlist
unhex = bytes.fromhex

def same(what, found, wanted):
    """The one assertion: names what differs."""
    found, wanted = (v.hex() if isinstance(v, bytes) else v for v in (found, wanted))
    assert found == wanted, f"{what}: found {found!r}, wanted {wanted!r}"

def refuses(what, function, *args):
    try:
        raise SystemExit(f"{what} was taken: {function(*args)}")
    except Exception:
        pass

# ---- 1. conventions ---------------------------------------------------------------------------------------------

def derive(context, *parts):
    return blake3(b"".join(parts), derive_key_context=context).digest()

def hkdf(ikm, *info):
    return HKDF(hashes.SHA256(), 32, salt=None, info=b"".join(info)).derive(ikm)

def public(seed):
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()

def verify(key, context, message, signature):
    Ed25519PublicKey.from_public_bytes(key).verify(signature, context.encode() + b"\0" + message)

def agree(secret, theirs):
    return X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(theirs))

def contact_key(secret):
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()

def six_words(digest):
    bits = int.from_bytes(digest, "big")
    return [WORDS[bits >> 256 - 11 * (i + 1) & 2047] for i in range(6)]

def u(data, at, size):
    return int.from_bytes(data[at:at + size], "big")

def cbor(data):
    value, rest = cbor_item(data, 0)
    assert not rest, "bytes follow the value"
    return value

def cbor_item(data, depth):
    """One value of the deterministic subset, and what follows it."""
    major, short = data[0] >> 5, data[0] & 31
    if major == 7:
        return {20: False, 21: True, 22: None}[short], data[1:]
    size = {24: 1, 25: 2, 26: 4, 27: 8}.get(short, 0)
    assert short < 24 or size, "a length that is not definite"
    number = u(data, 1, size) if size else short
    assert len(data) > size and (not size or number >= (24 if size == 1 else 1 << 4 * size)), "not shortest"
    data = data[1 + size:]
    if major < 2:
        return (number if major == 0 else -1 - number), data
    if major < 4:
        assert number <= len(data), "cut short"
        return (data[:number] if major == 2 else data[:number].decode()), data[number:]
    assert major < 6 and depth < 8, "a tag, or nested too deep"
    items, last = [], -1
    for _ in range(number):
        if major == 5:
            key, data = cbor_item(data, depth + 1)
            assert type(key) is int and key > last, "keys must rise"
            last = key
        value, data = cbor_item(data, depth + 1)
        items.append(value if major == 4 else (key, value))
    return (items if major == 4 else dict(items)), data

def signed(value, key, context):
    """[bytes, signature]: the decoded bytes, once the signature was checked."""
    verify(key, context, value[0], value[1])
    return cbor(value[0])

# ---- 2.1 keys and ConnectID -------------------------------------------------------------------------------------

def connect_id_text(digest):
    return bech32_encode("nx", bytes([0]) + convertbits(digest, 8, 5), Encoding.BECH32M)

def connect_id_read(text):
    prefix, data, encoding = bech32_decode(text)
    assert prefix == "nx" and encoding == Encoding.BECH32M and data[0] == 0 and len(data) == 53
    return bytes(convertbits(data[1:], 5, 8, False))

# ---- 2.2 cards and records --------------------------------------------------------------------------------------

ADD, REVOKE, PROFILE, CONTACT = 1, 2, 3, 4

class Card:
    def __init__(self, data):
        fields = cbor(data)
        self.key, items = fields[1], fields[2]
        self.id = hashlib.sha256(self.key).digest()
        assert len(data) <= 48 * 1024 and len(items) <= 256
        assert [i[0] for i in items] == sorted({i[0] for i in items}), "order of statements"
        self.says = {i[0]: signed(i, self.key, "nexus card v1") for i in items}
        for data, s in self.says.items():
            needed = {ADD: (2, 3), REVOKE: (2,), PROFILE: (4, 5), CONTACT: (6,)}.get(s[1], ())
            assert len(data) <= 512 and all(k in s for k in needed) and len(s.get(5, "").encode()) <= 64
        of = lambda kind: [(d, s) for d, s in self.says.items() if s[1] == kind]
        assert len({s[6] for _, s in of(CONTACT)}) <= 1, "two contact keys"
        self.revoked = sorted(s[2] for _, s in of(REVOKE))
        self.live = [i for _, i in sorted((s[3], s[2]) for _, s in of(ADD) if s[2] not in self.revoked)][:8]
        self.name = max([(s[4], derive("nexus statement v1", d), s[5]) for d, s in of(PROFILE)] or [(0, 0, None)])[2]

    def merge(self, other):
        """The statements of the union in normal form."""
        union = {**self.says, **other.says}
        revoked = {s[2] for s in union.values() if s[1] == REVOKE}
        best = {}
        for data, s in union.items():
            turned = bytes(255 - b for b in derive("nexus statement v1", data))
            place, rank = {ADD: ((ADD, s.get(2)), (s.get(3), data)), PROFILE: (PROFILE, (-s.get(4, 0), turned)),
                           CONTACT: (CONTACT, (0, data))}.get(s[1], (data, (0, data)))
            if not (s[1] == ADD and s[2] in revoked):
                best[place] = min(best.get(place, (rank, data)), (rank, data))
        return sorted(data for _, data in best.values())

    def live_part(self):
        return [d for d, s in self.says.items() if s[1] in (PROFILE, CONTACT) or s[1] == ADD and s[2] in self.live]

def record(data, card):
    pair = cbor(data)
    fields = signed(pair, cbor(pair[0])[2], "nexus record v1")
    assert len(data) <= 4096 and fields[1] == card.id and fields[2] in card.live
    assert fields[4] != 1 or len(fields[5]) == 1216
    return fields

# ---- 2.3 sealing ------------------------------------------------------------------------------------------------

def hmac256(key, data):
    return hmac.digest(key, data, "sha256")

def extract(suite, salt, label, ikm):
    return hmac256(salt or bytes(32), b"HPKE-v1" + suite + label + ikm)

def expand(suite, prk, label, info, size):
    return hmac256(prk, size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info + b"\1")[:size]

def xwing(secret):
    seeds = hashlib.shake_256(secret).digest(96)
    return MLKEM768PrivateKey.from_seed_bytes(seeds[:64]), seeds[64:]

def seal_public(suite, secret):
    if suite == 2:
        return contact_key(secret)
    mlkem, x25519 = xwing(secret)
    return mlkem.public_key().public_bytes_raw() + contact_key(x25519)

def unseal(suite, secret, info, aad, sealed):
    """HPKE in base mode, one message."""
    if suite == 1:
        kem, (encapsulated, sealed) = 0x647a, (sealed[:1120], sealed[1120:])
        mlkem, x25519 = xwing(secret)
        theirs = encapsulated[1088:]
        parts = mlkem.decapsulate(encapsulated[:1088]), agree(x25519, theirs), theirs, contact_key(x25519), rb"\.//^" + b"\\"
        shared = hashlib.sha3_256(b"".join(parts)).digest()
    else:
        kem, (encapsulated, sealed) = 0x20, (sealed[:32], sealed[32:])
        name = b"KEM" + kem.to_bytes(2, "big")
        prk = extract(name, b"", b"eae_prk", agree(secret, encapsulated))
        shared = expand(name, prk, b"shared_secret", encapsulated + contact_key(secret), 32)
    name = b"HPKE" + kem.to_bytes(2, "big") + b"\0\1\0\3"
    context = b"\0" + extract(name, b"", b"psk_id_hash", b"") + extract(name, b"", b"info_hash", info)
    prk = extract(name, shared, b"secret", b"")
    key, nonce = (expand(name, prk, label, context, n) for label, n in ((b"key", 32), (b"base_nonce", 12)))
    return ChaCha20Poly1305(key).decrypt(nonce, sealed, aad)

def prekey_id(suite, key):
    return derive("nexus prekey v1", bytes([suite]), key)[:16]

def xchacha_open(key, nonce, sealed, aad):
    return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, aad, nonce, key)

# ---- 2.4 to 2.7 letters, invites, backup, safety number ---------------------------------------------------------

def letter(data, me, secret):
    assert len(data) <= 8192 and data[0] == 1
    padded = unseal(data[1], secret, b"nexus letter v1\0" + me, data[:34], data[34:])
    size = u(padded, 0, 2)
    assert len(padded) == -(-(2 + size) // 512) * 512 and not any(padded[2 + size:])
    pair = cbor(padded[2:2 + size])
    body = cbor(pair[0])
    card = Card(body[5])
    sender = record(body[6], card)
    signed(pair, sender[2], "nexus letter v1")
    assert body[1] == me and body[2] == data[2:18] and len(body[4]) <= 500
    return padded, pair, body

def invite(link):
    assert link[:6].lower() == "nexus:" and len(link) <= 2048
    data = base64.urlsafe_b64decode(link[6:] + "=" * (-len(link[6:]) % 4))
    same("invite check", data[-4:], derive("nexus invite v1", data[:-4])[:4])
    fields = cbor(data[:-4])
    return fields, signed(fields[2], fields[1], "nexus card v1")

def normalize(phrase):
    phrase = " ".join(unicodedata.normalize("NFKC", phrase).split())
    return phrase.lower() if all(word in WORDS for word in phrase.lower().split()) else phrase

def backup(data, phrase):
    assert data[:14] == b"nexus backup\0\1"
    memory, passes, lanes = (u(data, at, 4) for at in (14, 18, 22))
    kdf = Argon2id(salt=data[26:42], length=64, iterations=passes, lanes=lanes, memory_cost=memory)
    keys = kdf.derive(normalize(phrase).encode())
    same("backup commitment", derive("nexus backup commitment v1", keys[:32]), data[66:98])
    pair = cbor(xchacha_open(keys[:32], data[42:66], data[98:], data[:98]))
    body = cbor(pair[0])
    return keys, signed(pair, public(body[1]), "nexus backup v1")

def safety_number(a, b):
    number = int.from_bytes(derive("nexus safety number v1", min(a, b), max(a, b)), "big") % 10**60
    return " ".join(f"{number:060d}"[i:i + 5] for i in range(0, 60, 5))

def check_identity(v):
    c = v["conventions"]
    same("derive", derive(c["derive"]["context"], unhex(c["derive"]["input"])), c["derive"]["output"])
    same("hkdf32", hkdf(unhex(c["hkdf32"]["ikm"]), unhex(c["hkdf32"]["info"])), c["hkdf32"]["output"])
    s = c["signature"]
    same("public key", public(unhex(s["seed"])), s["public"])
    verify(unhex(s["public"]), s["context"], unhex(s["message"]), unhex(s["signature"]))
    same("six words", six_words(unhex(c["words"]["digest"])), c["words"]["six"])
    cbor(unhex(v["cbor"]["accepted"]))
    for bad in v["cbor"]["refused"]:
        refuses(bad["why"], cbor, unhex(bad["bytes"]))
    for person in v["identities"]:
        seeds = [unhex(person[f"{name}"]) for name in ("identity_seed", "contact_secret", "self_secret")]
        head = b"nexus identity\0\1" + b"".join(seeds)
        same("identity.key", head + derive("nexus identity file v1", head)[:16], person["identity_file"])
        same("identity key", public(seeds[0]), person["identity_key"])
        same("contact key", contact_key(seeds[1]), person["contact_key"])
        same("instance seed", hkdf(unhex(person["instance_seed"]), b"instance"), person["instance_key_seed"])
        same("instance key", public(unhex(person["instance_key_seed"])), person["instance_key"])
        digest, text = hashlib.sha256(unhex(person["identity_key"])).digest(), person["connect_id_text"]
        same("ConnectID", digest, person["connect_id"])
        same("ConnectID text", (connect_id_text(digest), text[4:12]), (text, person["connect_id_short"]))
        same("ConnectID read", connect_id_read(text.upper()), digest)
        key = person["prekey"]
        same("prekey", seal_public(key["suite"], unhex(key["secret"])), key["public"])
        same("prekey id", prekey_id(key["suite"], unhex(key["public"])), key["id"])
        card = Card(unhex(person["card"]))
        same("statements", [d.hex() for d in card.says], sorted(s["signed"] for s in person["statements"]))
        fields = record(unhex(person["record"]["bytes"]), card)
        same("record", (fields[3], fields[5].hex()), (person["record"]["seq"], key["public"]))
    a, b = v["identities"]
    same("agreement", agree(unhex(a["contact_secret"]), unhex(b["contact_key"])), v["agreement"])
    same("safety number", safety_number(unhex(b["identity_key"]), unhex(a["identity_key"])), v["safety_number"])
    same("zeros", connect_id_text(bytes(32)), v["connect_ids"]["zeros"])
    same("ones", connect_id_text(b"\xff" * 32), v["connect_ids"]["ones"])
    for bad in v["connect_ids"]["refused"]:
        refuses(bad["why"], connect_id_read, bad["text"])
    m = v["merged_card"]
    one, two, merged = (Card(unhex(m[name])) for name in ("a", "b", "merged"))
    same("merge", one.merge(two), list(merged.says))
    same("merge the other way", two.merge(one), list(merged.says))
    same("merged", (merged.name, [k.hex() for k in merged.live], [k.hex() for k in merged.revoked]),
         (m["name"], m["live"], m["revoked"]))
    same("live part", merged.live_part(), list(Card(unhex(m["live_part"])).says))
    for s in v["sealed"]:
        secret = unhex(s["secret"])
        same("seal key", seal_public(s["suite"], secret), s["public"])
        same("sealed", unseal(s["suite"], secret, *(unhex(s[k]) for k in ("info", "aad", "sealed"))), s["plaintext"])
    for s in v["letters"]:
        padded, pair, body = letter(unhex(s["sealed"]), unhex(b["connect_id"]), unhex(s["recipient_secret"]))
        same("letter", (padded.hex(), pair[0].hex(), pair[1].hex()), (s["padded"], s["signed"], s["signature"]))
        same("letter body", (body[2].hex(), body[3], body[4], body.get(7, b"").hex() or None),
             (s["id"], s["created"], s["text"], s["invite_secret"]))
    i = v["invite"]
    fields, contact = invite(i["link"])
    same("invite", [fields[1].hex(), contact[6].hex(), fields[3].hex(), fields[4], fields[5]] + [fields.get(k, []) for k in (6, 7, 8)],
         [i[k] for k in ("identity_key", "contact_key", "secret", "uses", "expires", "addresses", "servers", "relays")])
    s = v["backup"]
    keys, body = backup(unhex(s["file"]), s["phrase_as_typed"])
    same("phrase keys", keys, s["encryption_key"] + s["authentication_key"])
    same("backup", [body[4], body[5], [[k.hex(), e, s.hex()] for k, e, s in body[7]]],
         [s["version"], s["created"], [[k["log"], k["epoch"], k["key"]] for k in s["keyring"]]])
    same("backup contacts", [[c[1].hex(), c.get(3), c[4], c[5]] for c in body[8]],
         [[c["connect_id"], c["name"], c["state"], c["verified"]] for c in s["contacts"]])

# ---- 5. entries -------------------------------------------------------------------------------------------------

OPEN, SEALS, ENTRY = 1, 2, 3
TEXT, EDIT, RETRACT, REACTION, REPLY, READ, TIMER, CONTACT_DATA, REQUEST, RETIRE, NAMED = 1, 2, 3, 4, 5, 8, 9, 10, 12, 13, 16

class Topic:
    def __init__(self, kind, root, members):
        label = {1: b"nexus direct v1", 3: b"nexus self v1"}[kind]
        self.members, self.secret = sorted(members), hkdf(root, label, *sorted(members))
        self.seed = hkdf(self.secret, b"topic")
        self.key = public(self.seed)
        self.conversation = derive("nexus conversation v1", bytes([kind]), self.key, *self.members)

class Entry:
    """What a peer without keys can check of one entry."""
    def __init__(self, data, payload, signature=None):
        assert len(data) == 112 and data[0] == 1, "length or version of a header"
        self.data, self.kind, self.flags, self.log, self.seq = data, data[1], u(data, 2, 2), data[4:36], u(data, 36, 8)
        self.prev, self.payload, self.hash = data[44:76], payload, derive("nexus entry v1", data)
        assert (self.kind in (OPEN, SEALS, ENTRY) or self.kind >= 0x80) and not self.flags & 0xff
        assert (self.kind == OPEN) == (self.seq == 0) == (self.prev == bytes(32)), "OPEN is first, and only it"
        assert len(payload) == u(data, 76, 4) <= 65536 and derive("nexus payload v1", payload) == data[80:], "payload"
        if self.kind == OPEN:
            verify(payload[:32], "nexus open v1", self.log, payload[32:96])
        if signature:
            verify(self.log, "nexus head v1", self.hash, signature)

def run(data):
    entries, rest = [], data[:-64]
    while rest:
        end = 112 + u(rest, 76, 4)
        entries.append(Entry(rest[:112], rest[112:end], None if rest[end:] else data[-64:]))
        rest = rest[end:]
    for a, b in zip(entries, entries[1:]):
        assert (b.log, b.seq, b.prev) == (a.log, a.seq + 1, a.hash), "the chain"
    assert len(data) <= 73664 and 0 < len(entries) <= 300
    return entries

def author(topic, opening):
    p = opening.payload
    cert = xchacha_open(hkdf(topic.secret, b"open", opening.log), p[96:120], p[120:], topic.key + opening.log)
    same("certificate", cert[:65] + cert[129:161], topic.conversation + topic.key + b"\0" + opening.log)
    verify(cert[97:129], "nexus certificate v1", cert[:161], cert[161:225])
    added = signed([cert[289:], cert[225:289]], cert[65:97], "nexus card v1")
    writer = hashlib.sha256(cert[65:97]).digest()
    assert (added[1], added[2]) == (ADD, cert[97:129]) and writer in topic.members
    return cert, writer

def seals(p):
    size, count = u(p, 69, 2), p[71]
    assert len(p) == 72 + size * count and count <= 48 and size >= 8
    return p[:32], u(p, 32, 4), p[36:68], p[68], [p[at:at + size] for at in range(72, len(p), size)]

def commitment(key, log, epoch):
    return derive("nexus epoch v1", key, log, epoch.to_bytes(4, "big"))

def open_entry(topic, e, keys):
    key = derive("nexus entry key v1", keys[e.log, u(e.payload, 0, 4)], e.log, e.data[36:44])
    plain = xchacha_open(key, e.payload[4:28], e.payload[28:], topic.conversation + e.data[:76])
    body = plain.rstrip(b"\0")
    assert body[-1] == 0x80
    fields = cbor(body[:-1])
    assert all(k in fields for k in (1, 2, 3, 4, 5)) and len([reference(r) for r in fields[3]]) <= 16
    return plain, body[:-1], fields

def reference(value):
    log, seq, digest = value
    assert len(log) == len(digest) == 32 and seq >= 0
    return digest

def text(value, most):
    assert isinstance(value, str) and len(value.encode()) <= most
    return True

def known(kind, body):
    """Whether a body is as the table says."""
    try:
        return {TEXT: lambda: text(body[1], 32768), EDIT: lambda: reference(body[1]) and text(body[2], 32768),
                RETRACT: lambda: reference(body[1]), REACTION: lambda: reference(body[1]) and text(body[2], 64),
                REPLY: lambda: reference(body[1]) and text(body[2], 32768), TIMER: lambda: body[1] >= 0,
                READ: lambda: len([reference(r) for r in body[1]]) <= 256, RETIRE: lambda: type(body) is dict,
                CONTACT_DATA: lambda: len(body[1]) == 32 and body[3] <= 255 and body[4] in (True, False) and text(body.get(2, ""), 64),
                REQUEST: lambda: len([log[31] + epoch for log, epoch in body[1]]) <= 256, NAMED: lambda: text(body[1], 64)}[kind]() is not False
    except Exception:
        return False

def view(topic, runs, keys):
    """Messages in order: position, author, type, text, edited, retracted, reply to, reactions, row."""
    bases, operations = [], []
    for entries in runs:
        _, writer = author(topic, entries[0])
        retired = False
        for e in (e for e in entries if e.kind == ENTRY and not retired):
            try:
                fields, kind = open_entry(topic, e, keys)[2], None
                kind, body = fields[4], fields[5]
            except Exception:
                kind, body, fields = 0, None, {1: 0}
            position = fields[1].to_bytes(8, "big") + e.log + e.data[36:44] + e.hash
            fits = known(kind, body)
            retired = kind == RETIRE and fits
            if fits and kind in (EDIT, RETRACT, REACTION):
                operations.append((position, writer, kind, body))
            elif not fits or kind in (TEXT, REPLY, TIMER):
                bases.append((position, writer, kind, body, fits, e.hash))
    rows = []
    for position, writer, kind, body, fits, digest in sorted(bases, key=lambda base: base[0]):
        on = [o for o in sorted(operations, key=lambda o: o[0]) if kind and o[3][1][2] == digest]
        edits = [o[3][2] for o in on if o[2] == EDIT and o[1] == writer and fits and kind in (TEXT, REPLY)]
        gone = any(o[2] == RETRACT and o[1] == writer for o in on)
        words = body[1 if kind == TEXT else 2] if fits and kind in (TEXT, REPLY) else ""
        words = "" if gone else (edits or [words])[-1]
        last = {} if gone else {o[1]: o[3][2] for o in on if o[2] == REACTION}
        reactions = [(who, emoji) for who, emoji in sorted(last.items()) if emoji]
        row = position + bytes([2 if gone else 1 if kind else 0]) + len(words.encode()).to_bytes(4, "big") + words.encode()
        row += len(reactions).to_bytes(4, "big") + b"".join(
            who + len(emoji.encode()).to_bytes(2, "big") + emoji.encode() for who, emoji in reactions)
        answers = body[1][2].hex() if kind == REPLY and fits else None
        rows.append([position.hex(), writer.hex(), kind, words, bool(edits) and not gone, gone, answers,
                     [[who.hex(), emoji] for who, emoji in reactions], row.hex()])
    return rows

def check_view(topic, runs, keys, wanted):
    names = ("position", "author", "type", "text", "edited", "retracted", "reply_to", "reactions", "row")
    rows = view(topic, runs, keys)
    for row, message in zip(rows, wanted["view"]):
        same("message", row, [message[name] for name in names])
    digest = derive("nexus digest v1", topic.conversation, *(unhex(row[-1]) for row in rows))
    same("digest", (len(rows), digest.hex(), " ".join(six_words(digest))), (len(wanted["view"]), wanted["digest"], wanted["words"]))

def fingerprint(rows):
    return derive("nexus frontier v1", *sorted(unhex(t) + unhex(log) + seq.to_bytes(8, "big") + unhex(h) for t, log, seq, h in rows))

def padme(size):
    if size <= 64:
        return 64
    e = size.bit_length() - 1
    unit = 1 << e - e.bit_length()
    return -(-size // unit) * unit

def check_log(v):
    topics = []
    for t in v["topics"]:
        root, members = unhex(t.get("agreement") or t["self_secret"]), [unhex(m) for m in t["members"]]
        topic = Topic(1 if t["kind"] == "direct" else 3, root, members)
        topics.append(topic)
        slot, want, pair = (hkdf(topic.secret, label) for label in (b"slot", b"want", b"beacon"))
        wants = [blake3(unhex(t["exporter"]) + bytes([side]), key=want).digest()[:16].hex() for side in (0, 1)]
        same("topic", [k.hex() for k in (topic.secret, topic.seed, topic.key, topic.conversation, slot, want, pair)] + [wants],
             [t[k] for k in ("topic_secret", "topic_seed", "topic", "conversation", "slot_secret", "want_secret", "pair_secret", "want_ids")])
    topic = topics[0]
    slot_secret = hkdf(topic.secret, b"slot")
    for l in v["logs"]:
        seed = hkdf(unhex(l["instance_seed"]), topic.key, bytes([l["log_kind"]]))
        same("log", (public(hkdf(unhex(l["instance_seed"]), b"instance")).hex(), seed.hex(), public(seed).hex()),
             (l["instance"], l["log_seed"], l["log"]))
    made = lambda e: Entry(unhex(e["header"]), unhex(e["payload"]), unhex(e["signature"]))
    for o in v["opens"]:
        cert, writer = author(topic, made(o))
        same("OPEN", (cert.hex(), writer.hex()), (o["certificate"], o["connect_id"]))
    for s in v["seals"]:
        log, epoch, committed, suite, slots = seals(made(s).payload)
        same("SEALS", (log.hex(), epoch, committed.hex()), (s["sealed_log"], s["epoch"], s["commitment"]))
        same("slots", [slot[:8].hex() for slot in slots], [slot["tag"] for slot in s["slots"]])
        for slot, w in zip(slots, s["slots"]):
            place = log + epoch.to_bytes(4, "big")
            same("tag", slot[:8], blake3(place + unhex(w["prekey_id"]), key=slot_secret).digest()[:8])
            info = b"nexus seal v1\0" + topic.conversation + place + unhex(w["instance"]) + unhex(w["prekey_id"])
            key = unseal(suite, unhex(w["prekey_secret"]), info, committed, slot[8:])
            same("epoch key", (key.hex(), commitment(key, log, epoch).hex()), (s["epoch_key"], s["commitment"]))
    for e in v["entries"]:
        plain, body, fields = open_entry(topic, made(e), {(unhex(e["log"]), e["epoch"]): unhex(e["epoch_key"])})
        same("ENTRY", (plain.hex(), body.hex(), fields[1], fields[2], fields[4], fields.get(6)),
             (e["plaintext"], e["cbor"], e["hlc"], e["sent"], e["type"], e["timer"]))
        same("padding", len(plain), padme(len(body) + 1))
    for b in v["bodies"]:
        assert known(b["type"], cbor(unhex(b["body"]))), b
    same("Padmé", [[size, padme(size)] for size, _ in v["padme"]], v["padme"])
    for r in v["refused_runs"]:
        refuses(r["why"], run, unhex(r["bytes"]))
    f, rest = v["fork"], unhex(v["fork"]["proof"])
    for branch in f["branches"]:
        count = u(rest, 0, 2)
        headers, signature, rest = rest[2:2 + 112 * count], rest[2 + 112 * count:66 + 112 * count], rest[66 + 112 * count:]
        hashes_ = [derive("nexus entry v1", headers[at:at + 112]) for at in range(0, len(headers), 112)]
        same("branch", (hashes_[0].hex(), u(headers, 36, 8), headers[4:36].hex()), (branch, f["seq"], f["log"]))
        verify(unhex(f["log"]), "nexus head v1", hashes_[-1], signature)
    assert not rest and f["branches"] == sorted(f["branches"]) and all(run(unhex(r)) for r in f["runs"])
    rows = v["fingerprint"]["rows"]
    same("fingerprints", (fingerprint([r for r in rows if r[0] == rows[0][0]]).hex(), fingerprint(rows).hex()),
         (v["fingerprint"]["first_topic"], v["fingerprint"]["all"]))
    c = v["conversation"]
    runs = [run(unhex(r)) for r in c["runs"]]
    keys = {(unhex(k["log"]), k["epoch"]): unhex(k["key"]) for k in c["keys"]}
    same("commitments", [commitment(k, *place).hex() for place, k in keys.items()], [k["commitment"] for k in c["keys"]])
    check_view(topic, runs, keys, c)
    check_view(topic, runs, {}, c["without_keys"])
    same("frontier", fingerprint([(topic.key.hex(), r[-1].log.hex(), r[-1].seq, r[-1].hash.hex()) for r in runs]), c["fingerprint"])

def check_store(lines):
    held, followed, signatures = {}, set(), 0
    for row in map(json.loads, lines):
        e = Entry(unhex(row["header"]), unhex(row["payload"]), row["signature"] and unhex(row["signature"]))
        same("log and seq", (e.log.hex(), e.seq), (row["log"], row["seq"]))
        assert e.kind != OPEN or row["payload"][:64] == row["topic"], "an OPEN of another topic"
        held[e.hash], signatures = (e, row["signature"]), signatures + bool(row["signature"])
    for e, _ in held.values():
        before = held.get(e.prev, (e,))[0]
        assert e.seq == 0 or (before.log, before.seq) == (e.log, e.seq - 1), "a gap"
        followed.add(e.prev)
    heads = [signature for digest, (_, signature) in held.items() if digest not in followed]
    assert heads and all(heads), "a head without signature"
    print(f"{len(held)} entries, {len(heads)} heads, {signatures} signatures: verified")

CHECKS = {"identity": check_identity, "log": check_log}

def main(command, place):
    if command == "vectors":
        files = sorted(Path(place).glob("*.json"))
        same("files of vectors", [f.stem for f in files], sorted(CHECKS))
        for file in files:
            CHECKS[file.stem](json.loads(file.read_text()))
            print(f"{file}: read and verified")
    elif command == "store":
        check_store(Path(place).read_text().splitlines())
    else:
        sys.exit(__doc__)

if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
