#!/usr/bin/env python3
"""A second, independent reader of what Nexus writes, made from docs/protocol.md alone; sections are those of that page.

    reader.py vectors DIR       verifies every golden vector in DIR/*.json
    reader.py store FILE        verifies the raw export of a store (nexus log show CONV --raw --json)
Where this and the program disagree, one of them or the page is wrong; the page is mended first.
"""
import base64, contextlib, functools, hashlib, hmac, json, pathlib, re, reader_blobs, struct, sys, types, unicodedata
import cbor2
from bech32m.codecs import Encoding, bech32_decode, bech32_encode, convertbits
from blake3 import blake3
from cryptography.hazmat.bindings._rust import openssl  # HPKE; its public part takes no associated data.
from cryptography.hazmat.primitives.asymmetric import ed25519, mlkem, x25519
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from mnemonic import Mnemonic
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt as xchacha

# ---- Vectors: read with hexadecimal as bytes and fields as attributes, compared with what was computed from them.
def unhex(value):
    coded = isinstance(value, str) and re.fullmatch("([0-9a-f]{2})+", value)
    return list(map(unhex, value)) if isinstance(value, list) else bytes.fromhex(value) if coded else value
def load(text):
    return json.loads(text, object_hook=lambda map: types.SimpleNamespace(**{name: unhex(map[name]) for name in map}))
plain = lambda value: json.dumps(value, default=lambda v: v.hex() if type(v) is bytes else vars(v), sort_keys=True)
def same(what, found, wanted):
    assert plain(found) == plain(wanted), f"{what}: found {plain(found)}, wanted {plain(wanted)}"
def agrees(vector, **found):
    same("fields", found, {name: getattr(vector, name) for name in found})
def refuses(why, read, *data):
    taken = False
    with contextlib.suppress(Exception):
        taken = read(*data) is not False
    assert not taken, f"{why}: it was taken"

# ---- 1. Conventions
WORDS = Mnemonic("english").wordlist
number = lambda data: int.from_bytes(data, "big")
be = lambda value, size: value.to_bytes(size, "big")
pieces = lambda data, size: [data[at:at + size] for at in range(0, len(data), size)]
sha256 = lambda data: hashlib.sha256(data).digest()
derive = lambda context, *parts: blake3(b"".join(parts), derive_key_context=context).digest()
mac = lambda key, *parts: blake3(b"".join(parts), key=key).digest()
hkdf = lambda ikm, *parts: hmac.digest(hmac.digest(bytes(32), ikm, "sha256"), b"".join(parts) + b"\1", "sha256")
public = lambda seed: ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
contact_secret = x25519.X25519PrivateKey.from_private_bytes
contact_key = lambda secret: contact_secret(secret).public_key().public_bytes_raw()
agreement = lambda my, their: contact_secret(my).exchange(x25519.X25519PublicKey.from_public_bytes(their))
signing_key = ed25519.Ed25519PublicKey.from_public_bytes
verify = lambda key, context, message, made: signing_key(key).verify(made, context.encode() + b"\0" + message)
signed = lambda pair, key, context: verify(key, context, *pair) or cbor(pair[0])  # The value in [bytes, signature].
six_words = lambda digest: [WORDS[number(digest) >> 245 - 11 * place & 2047] for place in range(6)]
def cbor(data):
    value = cbor2.loads(data)
    assert depth(value) <= 8 and cbor2.dumps(value, canonical=True) == data, "not the deterministic encoding"
    return value
def depth(value):  # How deep a value is nested; only the kinds of values that the page allows pass.
    if type(value) in (list, dict):
        assert type(value) is list or all(type(key) is int and key >= 0 for key in value), "a key of a map"
        return 1 + max(map(depth, value.values() if type(value) is dict else value), default=0)
    assert value is None or type(value) in (bytes, str, bool) or type(value) is int and -2**64 <= value < 2**64
    return 0

# ---- 2. Identity
ADD, REVOKE, PROFILE, CONTACT = 1, 2, 3, 4
NEEDED = {ADD: {2, 3}, REVOKE: {2}, PROFILE: {4, 5}, CONTACT: {6}}
prekey_id = lambda suite, key: derive("nexus prekey v1", bytes([suite]), key)[:16]
connect_id_text = lambda digest: bech32_encode("nx", bytes([0]) + convertbits(digest, 8, 5), Encoding.BECH32M)
sixty_digits = lambda digest: " ".join(pieces(f"{number(digest) % 10**60:060d}", 5))
safety_number = lambda *keys: sixty_digits(derive("nexus safety number v1", *sorted(keys)))
def connect_id_read(text):
    prefix, data, encoding = bech32_decode(text)
    assert (prefix, encoding, data[0], len(data)) == ("nx", Encoding.BECH32M, 0, 53)
    return bytes(convertbits(data[1:], 5, 8, False))
class Card:
    def __init__(self, data):
        self.key, self.pairs = cbor(data)[1], cbor(data)[2]
        self.id, says = sha256(self.key), {pair[0]: signed(pair, self.key, "nexus card v1") for pair in self.pairs}
        assert len(data) <= 48 * 1024 and [p[0] for p in self.pairs] == sorted(says) and len(says) <= 256
        assert all(len(s) <= 512 and NEEDED.get(says[s][1], set()) <= set(says[s]) for s in says), "a statement"
        assert len({s[6] for s in says.values() if s[1] == CONTACT}) <= 1, "two contact keys"
        self.says, self.live = says, summary(says)["live"]
def summary(says):  # What a card comes to, or what two do that have these statements together.
    of = lambda kind: [(data, s) for data, s in says.items() if s[1] == kind]
    revoked = sorted(s[2] for _, s in of(REVOKE))
    added = dict.fromkeys(key for _, key in sorted((s[3], s[2]) for _, s in of(ADD)) if key not in revoked)
    name = max((s[4], derive("nexus statement v1", data), s[5]) for data, s in of(PROFILE))[2]
    return dict(name=name, live=list(added)[:8], revoked=revoked)
def record(data, card):  # What an instance record says, checked against its identity's card.
    pair = cbor(data)
    says = signed(pair, cbor(pair[0])[2], "nexus record v1")
    assert len(data) <= 4096 and says[1] == card.id and says[2] in card.live and (says[4] != 1 or len(says[5]) == 1216)
    return says
def check_identity(v, _):
    instance, digest, card = hkdf(v.instance_seed, b"instance"), sha256(public(v.identity_seed)), Card(v.card)
    head, text = b"nexus identity\0\1" + v.identity_seed + v.contact_secret + v.self_secret, connect_id_text(digest)
    prekey, says = seal_keys(v.prekey.suite, v.prekey.secret)[0], record(v.record.bytes, card)
    agrees(v, identity_file=head + derive("nexus identity file v1", head)[:16], identity_key=public(v.identity_seed),
           contact_key=contact_key(v.contact_secret), connect_id=digest, connect_id_text=text,
           connect_id_short=text[4:12], instance_key_seed=instance, instance_key=public(instance))
    agrees(v.prekey, public=prekey, id=prekey_id(v.prekey.suite, prekey))
    agrees(v.record, seq=says[3], signed=cbor(v.record.bytes)[0], signature=cbor(v.record.bytes)[1])
    same("keys", (card.id, connect_id_read(text.upper()), says[2], says[5]), (digest, digest, v.instance_key, prekey))
    same("statements", card.pairs, sorted([s.signed, s.signature] for s in v.statements))
def check_merged(v, _):
    a, b, merged, part = (Card(data).says for data in (v.a, v.b, v.merged, v.live_part))
    agrees(v, **summary(merged))
    same("union", (summary({**a, **b}), {**a, **b, **merged} == {**a, **b}), (summary(merged), True))
    shows = lambda s: s[1] in (PROFILE, CONTACT) or s[1] == ADD and s[2] in v.live
    same("live part", list(part), [data for data, says in merged.items() if shows(says)])
def seal_keys(suite, secret):  # The public key as bytes, the private key, and the KEM.
    if suite == 2:
        return contact_key(secret), contact_secret(secret), openssl.hpke.KEM.X25519
    seeds = hashlib.shake_256(secret).digest(96)
    first, second = mlkem.MLKEM768PrivateKey.from_seed_bytes(seeds[:64]), contact_secret(seeds[64:])
    return (first.public_key().public_bytes_raw() + contact_key(seeds[64:]),
            openssl.hpke.MLKEM768X25519PrivateKey(first, second), openssl.hpke.KEM.MLKEM768_X25519)
def unseal(suite, secret, info, aad, sealed):
    _, key, kem = seal_keys(suite, secret)
    chosen = openssl.hpke.Suite(kem, openssl.hpke.KDF.HKDF_SHA256, openssl.hpke.AEAD.CHACHA20_POLY1305)
    return openssl.hpke._decrypt_with_aad(chosen, sealed, key, info, aad)
def letter(data, secret, me):
    info = b"nexus letter v1\0" + me
    padded = unseal(data[1], secret, info, data[:34], data[34:])
    pair, rest = cbor(padded[2:2 + number(padded[:2])]), padded[2 + number(padded[:2]):]
    body = cbor(pair[0])
    verify(record(body[6], Card(body[5]))[2], "nexus letter v1", *pair)
    assert data[0] == 1 and len(data) <= 8192 and len(body[4]) <= 500 and len(padded) % 512 == 0 and len(rest) < 512
    prekey = bytes(16) if data[1] == 2 else prekey_id(1, seal_keys(1, secret)[0])
    same("ids", (me, data[2:18], data[18:34]), (body[1], body[2], prekey))
    return dict(header=data[:34], info=info, padded=padded, signed=pair[0], signature=pair[1], id=body[2],
                created=body[3], text=body[4], invite_secret=body.get(7))
def invite(link):
    data = base64.urlsafe_b64decode(link[6:] + "=" * (-len(link[6:]) % 4))
    assert link[:6].lower() == "nexus:" and len(link) <= 2048 and data[-4:] == derive("nexus invite v1", data[:-4])[:4]
    says = cbor(data[:-4])
    return dict(identity_key=says[1], contact_key=signed(says[2], says[1], "nexus card v1")[6], secret=says[3],
                uses=says[4], expires=says[5],
                **{name: says.get(key, []) for key, name in enumerate(("addresses", "servers", "relays"), 6)})
def backup(data, typed):
    phrase = " ".join(unicodedata.normalize("NFKC", typed).split())
    phrase = phrase.lower() if set(phrase.lower().split()) <= set(WORDS) else phrase
    magic, memory, passes, lanes, salt, nonce, commitment = struct.unpack(">14sIII16s24s32s", data[:98])
    keys = Argon2id(salt=salt, length=64, iterations=passes, lanes=lanes, memory_cost=memory).derive(phrase.encode())
    assert magic == b"nexus backup\0\1" and commitment == derive("nexus backup commitment v1", keys[:32])
    pair = cbor(xchacha(data[98:], data[:98], nonce, keys[:32]))
    body = signed(pair, public(cbor(pair[0])[1]), "nexus backup v1")
    assert Card(body[6]).key == public(body[1])
    return dict(phrase=phrase, phrase_normalized=phrase, memory=memory, passes=passes, lanes=lanes, salt=salt,
                nonce=nonce, commitment=commitment, encryption_key=keys[:32], authentication_key=keys[32:],
                version=body[4], created=body[5], keyring=[dict(zip(("log", "epoch", "key"), k)) for k in body[7]],
                contacts=[dict(zip(("connect_id", "card", "name", "state", "verified"), map(c.get, range(1, 6))))
                          for c in body[8]])

# ---- 3. Links, 4. discovery
spki = lambda key: bytes.fromhex("302a300506032b6570032100") + key
def frame(data, limit=73728):
    assert 1 <= number(data[:4]) <= limit and len(data) == 4 + number(data[:4]), "length of a frame"
    return dict(code=data[4], body=data[5:])
def beacon(data):
    magic, version, flags, port, boot = struct.unpack(">4sBBH8s", data[:16])
    assert len(data) <= 512 and (magic, version) == (b"NEXB", 1) and port
    found = dict(kind="contacts" if flags & 1 else "everyone", port=port, boot=boot, answer=bool(flags & 2))
    if flags & 1:
        assert data[32] <= 24 and len(data) == 33 + 16 * data[32]
        return dict(found, nonce=data[16:32])
    end = 81 + data[80]
    assert data[80] <= 64 and len(data) == end + 64
    verify(data[16:48], "nexus beacon v1", data[:end], data[end:])
    return dict(found, name=data[81:end].decode(), signed=data[:end], signature=data[end:])
def check_beacon(v, w):
    agrees(v, **beacon(v.bytes))
    own = mac(w.pair_secret, b"nexus token v1", w.identity.connect_id, v.bytes[:16], v.bytes[16:32])[:16]
    assert not getattr(v, "tokens", []) or {own} <= set(v.tokens) <= set(pieces(v.bytes[33:], 16)), "tokens"
def check_gate(v, w):
    when, hour = (b"nonce", None) if hasattr(v, "nonce") else (b"hour", v.unix_seconds // 3600)
    made = mac(w.pair_secret, b"nexus gate " + when + b" v1", v.dialler, be(hour, 8) if hour else v.nonce)[:16]
    same("gate", (made, hour), (v.gate, getattr(v, "hour", None)))
def check_hello(v, w):
    says, me = cbor(v.body), w.identity
    found = [*frame(v.frame).values(), *(says[key] for key in range(1, 8))]
    same("hello", found, [1, v.body, v.versions, me.connect_id, me.card, me.record, v.capabilities, v.port, v.boot])

# ---- 5. Entries
OPEN, SEALS, ENTRY, HEADER = 1, 2, 3, struct.Struct(">BBH32sQ32sI32s")
BODIES = {1: {1}, 2: {1, 2}, 3: {1}, 4: {1, 2}, 5: {1, 2}, 6: {1, 2, 3, 4}, 7: {1, 2}, 8: {1}, 9: {1},
          10: {1, 3, 4}, 12: {1}, 13: set(), 16: {1}, 17: {1, 2}}
committed = lambda key, log, epoch: derive("nexus epoch v1", key, log, be(epoch, 4))
fingerprint = lambda rows: derive("nexus frontier v1", *sorted(t + log + be(seq, 8) + h for t, log, seq, h in rows))
sized = lambda text, size: be(len(text.encode()), size) + text.encode()
class Topic:
    def __init__(self, v):
        self.members, direct = sorted(v.members), {"direct": True, "own": False}[v.kind]
        self.info = (b"nexus direct v1" if direct else b"nexus self v1") + b"".join(self.members)
        secret = self.topic_secret = hkdf(v.agreement if direct else v.self_secret, self.info)
        self.topic_seed = hkdf(secret, b"topic")
        self.topic = public(self.topic_seed)
        self.conversation = derive("nexus conversation v1", b"\1" if direct else b"\3", self.topic, *self.members)
        self.slot_secret, self.want_secret = hkdf(secret, b"slot"), hkdf(secret, b"want")
        self.pair_secret = hkdf(secret, b"beacon")
        self.want_ids = [mac(self.want_secret, v.exporter, side)[:16] for side in (b"\0", b"\1")]
class Entry:  # What a peer without keys can check of one entry.
    def __init__(self, header, payload, signature):
        version, self.kind, self.flags, self.log, self.seq, self.prev, size, self.payload_hash = HEADER.unpack(header)
        self.header, self.payload, self.signature = header, payload, signature
        self.hash = derive("nexus entry v1", header)
        assert version == 1 and (self.kind in (OPEN, SEALS, ENTRY) or self.kind >= 0x80) and not self.flags & 0xff
        assert (self.kind == OPEN) == (self.seq == 0) == (self.prev == bytes(32)), "OPEN is first, and only it"
        assert len(payload) == size <= 65536 and derive("nexus payload v1", payload) == self.payload_hash, "payload"
        if self.kind == OPEN:
            verify(payload[:32], "nexus open v1", self.log, payload[32:96])
        if signature:
            verify(self.log, "nexus head v1", self.hash, signature)
entry = lambda v: Entry(v.header, v.payload, v.signature)
def run(data):
    entries, rest = [], data[:-64]
    while rest:
        end = 112 + number(rest[76:80])
        entries.append(Entry(rest[:112], rest[112:end], None if rest[end:] else data[-64:]))
        rest = rest[end:]
    assert all((b.log, b.seq, b.prev) == (a.log, a.seq + 1, a.hash) for a, b in zip(entries, entries[1:])), "the chain"
    assert len(data) <= 73664 and 0 < len(entries) <= 300
    return entries
def opened(topic, e):  # What an OPEN tells members.
    nonce, key, associated = e.payload[96:120], hkdf(topic.topic_secret, b"open", e.log), topic.topic + e.log
    cert = xchacha(e.payload[120:], associated, nonce, key)
    identity, instance = cert[65:97], cert[97:129]
    same("certificate", cert[:65] + cert[129:161], topic.conversation + topic.topic + b"\0" + e.log)
    verify(instance, "nexus certificate v1", cert[:161], cert[161:225])
    added = signed([cert[289:], cert[225:289]], identity, "nexus card v1")
    assert (added[1], added[2]) == (ADD, instance) and sha256(identity) in topic.members
    return dict(topic=topic.topic, topic_signature=e.payload[32:96], nonce=nonce, open_key=key, associated=associated,
                certificate_body=cert[:161], certificate=cert, identity=identity, instance=instance,
                connect_id=sha256(identity))
def check_seals(v, w):
    topic, e = Topic(w.topics[0]), entry(v)
    log, epoch, commitment, suite, size, count = struct.unpack(">32sI32sBHB", e.payload[:72])
    assert len(e.payload) == 72 + size * count and count == len(v.slots) <= 48 and size >= 8, "slots"
    agrees(v, **vars(e), sealed_log=log, epoch=epoch, suite=suite, commitment=committed(v.epoch_key, log, epoch))
    for slot, to in zip(pieces(e.payload[72:], size), v.slots):
        info = b"nexus seal v1\0" + topic.conversation + log + be(epoch, 4) + to.instance + to.prekey_id
        agrees(to, tag=mac(topic.slot_secret, log, be(epoch, 4), to.prekey_id)[:8], sealed=slot[8:], info=info,
               prekey_id=prekey_id(suite, seal_keys(suite, to.prekey_secret)[0]))
        same("slot", (slot[:8], unseal(suite, to.prekey_secret, info, commitment, slot[8:])), (to.tag, v.epoch_key))
def readable(topic, e, keys):  # What an ENTRY says to who holds its epoch key, and its body.
    epoch, nonce, associated = number(e.payload[:4]), e.payload[4:28], topic.conversation + e.header[:76]
    key = derive("nexus entry key v1", keys[e.log, epoch], e.log, be(e.seq, 8))
    plaintext = xchacha(e.payload[28:], associated, nonce, key)
    inside, mark = plaintext.rstrip(b"\0")[:-1], plaintext.rstrip(b"\0")[-1]
    says = cbor(inside)
    assert mark == 0x80 and len(says[3]) <= 16 and min(says[1], says[2], says[4]) >= 0
    return dict(epoch=epoch, nonce=nonce, entry_key=key, associated=associated, plaintext=plaintext, cbor=inside,
                hlc=says[1], sent=says[2], deps=says[3], type=says[4], timer=says.get(6)), says[5]
def padme(size):
    bits = max(size, 64).bit_length() - 1
    unit = 1 << bits - bits.bit_length()
    return max(-(-size // unit) * unit, 64)
def check_entry(v, w):
    fields, body = readable(Topic(w.topics[0]), entry(v), {(v.log, v.epoch): v.epoch_key})
    agrees(v, **vars(entry(v)), **fields)
    same("body and padding", (body, padme(len(v.cbor) + 1)), (cbor(v.body), len(v.plaintext)))
def folded(topic, runs, keys):
    """What shows, in order, to who holds these keys (5.8): each message, what was done to it, its row (5.10)."""
    said, unread = [], (dict(hlc=0, type=0), {})
    for entries in runs:
        author = opened(topic, entries[0])["connect_id"]
        for e in (e for e in entries if e.kind == ENTRY):
            says, body = readable(topic, e, keys) if (e.log, number(e.payload[:4])) in keys else unread
            said.append((be(says["hlc"], 8) + e.log + be(e.seq, 8) + e.hash, author, says["type"], body))
            if says["type"] == 13:
                break  # What follows a retire does not show.
    said.sort(key=lambda one: one[0])
    for position, author, type, body in (one for one in said if one[2] not in (2, 3, 4, 7, 8, 10, 12, 13, 16, 17)):
        done = [one[1:] for one in said if type and one[2] in (2, 3, 4) and one[3][1][2] == position[48:]]
        gone = any((who, kind) == (author, 3) for who, kind, _ in done)
        edits = [b[2] for who, kind, b in done if (who, kind) == (author, 2) and type in (1, 5) and not gone]
        text = "" if gone else edits[-1] if edits else body[1 + (type == 5)] if type in (1, 5, 6) else ""
        faces = {who: b[2] for who, kind, b in done if kind == 4 and not gone}
        faces = sorted([who, emoji] for who, emoji in faces.items() if emoji)
        row = [position, be(2 if gone else min(type, 1), 1), sized(text, 4), be(len(faces), 4)]
        yield dict(position=position, author=author, type=type, text=text, edited=bool(edits), retracted=gone,
                   reply_to=body[1][2] if type == 5 else None, reactions=faces,
                   row=b"".join([*row, *(who + sized(emoji, 2) for who, emoji in faces)]))
def check_conversation(v, w):
    topic, runs, keys = Topic(w.topics[0]), [run(data) for data in v.runs], {(k.log, k.epoch): k.key for k in v.keys}
    same("commitments", [committed(k.key, k.log, k.epoch) for k in v.keys], [k.commitment for k in v.keys])
    agrees(v, fingerprint=fingerprint((topic.topic, r[-1].log, r[-1].seq, r[-1].hash) for r in runs))
    for shown, held in ((v, keys), (v.without_keys, {})):
        view = list(folded(topic, runs, held))
        digest = derive("nexus digest v1", topic.conversation, *(m["row"] for m in view))
        agrees(shown, view=view, digest=digest, words=" ".join(six_words(digest)))

# ---- 6. Sync
def rising(data, size, key=slice(None)):
    keys = [item[key] for item in pieces(data, size)]
    return len(data) % size == 0 and keys == sorted(set(keys))
def fork_proof(data):
    sides = []
    while data:
        headers, rest = pieces(data[2:2 + 112 * number(data[:2])], 112), data[2 + 112 * number(data[:2]):]
        chain = [(h[4:36], number(h[36:44]), h[44:76], derive("nexus entry v1", h)) for h in headers]
        assert all(b[:3] == (a[0], a[1] + 1, a[3]) for a, b in zip(chain, chain[1:])), "the chain"
        verify(chain[0][0], "nexus head v1", chain[-1][3], rest[:64])
        sides, data = [*sides, chain[0]], rest[64:]
    a, b = sides
    assert a[3] < b[3] and a[:3] == b[:3], "two sides that part at one place"
    return dict(log=a[0], seq=a[1], branches=[a[3], b[3]])
def fork_frame(body):
    seqs, proof = [number(p[:8]) for p in pieces(body[33:33 + 40 * body[32]], 40)], body[33 + 40 * body[32]:]
    falling = len(seqs) == body[32] <= 66 and seqs == sorted(set(seqs), reverse=True)
    return falling and (not proof or fork_proof(proof)["log"] == body[:32])
FRAMES = {
    1: lambda b: len(b) == 101 and b[0] < 2,
    2: lambda b: b[0] < 2 and rising(b[1:], 32, slice(16)),
    3: lambda b: b[32] < 3 and rising(b"".join(item[:32] + item[40:] for item in pieces(b[33:], 80)), 72)
    and all(item[32:40] <= item[40:48] for item in pieces(b[33:], 80)),
    4: run, 5: lambda b: len(b) == 4, 6: lambda b: b[0] < 2 and len(b) > 1 and rising(b[1:], 32), 7: fork_frame,
    8: lambda b: len(b) == 33 and b[0] < 2, 9: lambda b: len(b) in (1, 33)}
NAMES = "summary want heads run credit mark fork no bye".split()
def check_sync_frame(v, _):
    agrees(v, **frame(v.framed, 73724))
    assert FRAMES[v.code](v.framed[5:]) and v.name.split("_")[0] == NAMES[v.code - 1], "a frame of another form"
    if v.name == "run":
        same("run", v.run, dict(log=run(v.body)[0].log, topic=run(v.body)[0].payload[:32], signature=v.body[-64:],
                                hashes=[e.hash for e in run(v.body)]))
def check_fingerprints(v, _):
    heads = {t.topic: [(t.topic, h.log, h.seq, h.hash) for h in t.heads] for t in v.topics}
    for t in v.topics:
        agrees(t, full=fingerprint(heads[t.topic]), fingerprint=fingerprint(heads[t.topic])[:16])
    wanted = lambda topics: derive("nexus wanted v1", *sorted(topics))
    agrees(v, scope=fingerprint(sum(heads.values(), [])), set=wanted(heads), empty_set=wanted([]))

# ---- What is checked: of each file each section, of a list each item (v); w is the whole file.
refused = lambda read: lambda v, _: refuses(v.why, read, v.bytes)
CHECKS = {"identity": {
    "conventions.derive": lambda v, _: agrees(v, output=derive(v.context, v.input)),
    "conventions.hkdf32": lambda v, _: agrees(v, output=hkdf(v.ikm, v.info)),
    "conventions.signature": lambda v, _: verify(v.public, v.context, v.message, v.signature) or agrees(
        v, public=public(v.seed), signed_bytes=v.context.encode() + b"\0" + v.message),
    "conventions.words": lambda v, _: agrees(v, six=six_words(v.digest)),
    "cbor.accepted": lambda v, _: cbor(v), "cbor.refused": refused(cbor),
    "identities": check_identity, "merged_card": check_merged,
    "agreement": lambda v, w: same("it", v, agreement(w.identities[0].contact_secret, w.identities[1].contact_key)),
    "safety_number": lambda v, w: same("it", v, safety_number(*(i.identity_key for i in w.identities))),
    "connect_ids": lambda v, _: agrees(v, zeros=connect_id_text(bytes(32)), ones=connect_id_text(b"\xff" * 32)),
    "connect_ids.refused": lambda v, _: refuses(v.why, connect_id_read, v.text),
    "sealed": lambda v, _: agrees(v, public=seal_keys(v.suite, v.secret)[0],
                                  plaintext=unseal(v.suite, v.secret, v.info, v.aad, v.sealed)),
    "letters": lambda v, w: agrees(v, **letter(v.sealed, v.recipient_secret, w.identities[1].connect_id)),
    "invite": lambda v, _: agrees(v, **invite(v.link)),
    "backup": lambda v, _: agrees(v, **backup(v.file, v.phrase_as_typed)),
}, "transport": {
    "identity": lambda v, _: agrees(v, connect_id=Card(v.card).id, instance_key=record(v.record, Card(v.card))[2],
                                    spki=spki(public(hkdf(v.instance_seed, b"instance")))),
    "pair_secret": lambda v, _: same("length", len(v), 32),
    "beacons": check_beacon, "refused_beacons": refused(beacon), "gates": check_gate, "hello": check_hello,
    "blob_gate": lambda v, _: agrees(v, gate=mac(v.exporter, b"nexus gate blob v1")[:16]),
    "frames": lambda v, _: agrees(v, **frame(v.frame)), "refused_frames": refused(frame),
}, "log": {
    "topics": lambda v, _: agrees(v, **vars(Topic(v))),
    "logs": lambda v, w: agrees(v, instance=public(hkdf(v.instance_seed, b"instance")), log=public(v.log_seed),
                                log_seed=hkdf(v.instance_seed, w.topics[0].topic, be(v.log_kind, 1)),
                                prekey_id=prekey_id(1, seal_keys(1, v.prekey_secret)[0])),
    "opens": lambda v, w: agrees(v, **vars(entry(v)), **opened(Topic(w.topics[0]), entry(v))),
    "seals": check_seals, "entries": check_entry, "conversation": check_conversation, "refused_runs": refused(run),
    "bodies": lambda v, _: same("keys", BODIES[v.type] <= set(cbor(v.body)), True),
    "padme": lambda v, _: same("length", padme(v[0]), v[1]),
    "fork": lambda v, _: agrees(v, **fork_proof(v.proof)) or same(
        "branches", set(v.branches) <= {e.hash for data in v.runs for e in run(data)}, True),
    "fingerprint": lambda v, _: agrees(v, all=fingerprint(v.rows), first_topic=fingerprint(
        row for row in v.rows if row[0] == v.rows[0][0])),
}, "sync": {
    "want_ids": lambda v, _: agrees(v, want_secret=hkdf(v.topic_secret, b"want"),
                                    id=mac(v.want_secret, v.exporter, be(v.side, 1))[:16]),
    "fingerprints": check_fingerprints, "frames": check_sync_frame,
    "refused": lambda v, _: refuses(v.why, lambda: FRAMES[v.code](v.body)) or same(
        "violation", v.violation, {4: "forged_run", 10: "unknown_frame"}.get(v.code, "malformed_frame")),
}, "blobs": reader_blobs.CHECKS}
def check_vectors(folder):
    files = {file.stem: load(file.read_text()) for file in sorted(pathlib.Path(folder).glob("*.json"))}
    same("files", sorted(files), sorted(CHECKS))
    for name, vectors in files.items():
        same("sections", sorted({path.split(".")[0] for path in CHECKS[name]}), sorted(vars(vectors)))
        for path, check in CHECKS[name].items():
            value = functools.reduce(getattr, path.split("."), vectors)
            for item in value if isinstance(value, list) else [value]:
                check(item, vectors)
        print(f"{name}: {len(CHECKS[name])} sections verified")
def check_store(file):
    rows = [load(line) for line in pathlib.Path(file).read_text().splitlines()]
    held = {e.hash: e for e in map(entry, rows)}
    for row, e in zip(rows, held.values(), strict=True):
        assert (e.log, e.seq) == (row.log, row.seq) and (e.kind != OPEN or e.payload[:32] == row.topic), "a row"
        assert e.kind == OPEN or (held[e.prev].log, held[e.prev].seq) == (e.log, e.seq - 1), "the chain"
    heads = held.keys() - {e.prev for e in held.values()}
    assert heads and all(held[head].signature for head in heads), "a head without signature"
    print(f"{len(held)} entries, {len(heads)} heads, {sum(bool(e.signature) for e in held.values())} signatures: fine")

if __name__ == "__main__":
    command = {"vectors": check_vectors, "store": check_store}.get(sys.argv[1] if len(sys.argv) == 3 else None)
    command(sys.argv[2]) if command else sys.exit(__doc__)
