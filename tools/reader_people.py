"""The reader's first half: conventions, identities, links and discovery (docs/protocol.md, sections 1 to 4)."""
import base64
import hashlib
import hmac
import unicodedata

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
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt as xchacha

def plain(v):
    return v.hex() if isinstance(v, bytes) else [plain(x) for x in v] if isinstance(v, (list, tuple)) else v

def same(what, found, wanted):
    assert plain(found) == plain(wanted), f"{what}: found {plain(found)!r}, wanted {plain(wanted)!r}"

def eq(vector, **fields):
    """The named fields of a vector are what was computed."""
    for name, found in fields.items():
        same(name, found, vector[name])

def refuses(why, function, *args):
    try:
        raise SystemExit(f"{why} was taken: {function(*args)}")
    except Exception:
        pass

# ---- 1. conventions
WORDS, unhex, sha256 = Mnemonic("english").wordlist, bytes.fromhex, lambda data: hashlib.sha256(data).digest()
derive = lambda context, *parts: blake3(b"".join(parts), derive_key_context=context).digest()
keyed = lambda key, *parts: blake3(b"".join(parts), key=key).digest()
hkdf = lambda ikm, *info: HKDF(hashes.SHA256(), 32, salt=None, info=b"".join(info)).derive(ikm)
public = lambda seed: Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
contact_key = lambda secret: X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
agree = lambda mine, theirs: X25519PrivateKey.from_private_bytes(mine).exchange(X25519PublicKey.from_public_bytes(theirs))
six_words = lambda digest: [WORDS[int.from_bytes(digest, "big") >> 245 - 11 * i & 2047] for i in range(6)]
u = lambda data, at, size: int.from_bytes(data[at:at + size], "big")
be = lambda number, size: number.to_bytes(size, "big")

def verify(key, context, message, signature):
    Ed25519PublicKey.from_public_bytes(key).verify(signature, context.encode() + b"\0" + message)

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
    assert short < 24 or size and len(data) > size, "a length that is not definite"
    number, data = u(data, 1, size) if size else short, data[1 + size:]
    assert not size or number >= (24 if size == 1 else 1 << 4 * size), "not shortest"
    if major < 2:
        return (-1 - number if major else number), data
    if major < 4:
        assert number <= len(data), "cut short"
        return (data[:number] if major == 2 else data[:number].decode()), data[number:]
    assert major < 6 and depth < 8, "a tag, or nested too deep"
    items = []
    for _ in range(number * (major - 3)):
        item, data = cbor_item(data, depth + 1)
        items.append(item)
    if major == 4:
        return items, data
    keys = items[::2]
    assert all(type(k) is int and k >= 0 for k in keys) and keys == sorted(set(keys)), "keys must rise"
    return dict(zip(keys, items[1::2])), data

def signed(pair, key, context):
    """[bytes, signature]: the decoded bytes, once the signature was checked."""
    verify(key, context, *pair)
    return cbor(pair[0])

# ---- 2.1 keys and ConnectID, 2.2 cards and records
ADD, REVOKE, PROFILE, CONTACT = 1, 2, 3, 4

def connect_id_text(digest):
    return bech32_encode("nx", bytes([0]) + convertbits(digest, 8, 5), Encoding.BECH32M)

def connect_id_read(text):
    prefix, data, encoding = bech32_decode(text)
    assert prefix == "nx" and encoding == Encoding.BECH32M and data[0] == 0 and len(data) == 53
    return bytes(convertbits(data[1:], 5, 8, False))

class Card:
    def __init__(self, data):
        fields = cbor(data)
        self.key, items = fields[1], fields[2]
        self.id = sha256(self.key)
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
        union, best = {**self.says, **other.says}, {}
        revoked = {s[2] for s in union.values() if s[1] == REVOKE}
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

# ---- 2.3 sealing: HPKE in base mode, one message
def hmac256(key, data):
    return hmac.digest(key, data, "sha256")

def extract(suite, salt, label, ikm):
    return hmac256(salt or bytes(32), b"HPKE-v1" + suite + label + ikm)

def expand(suite, prk, label, info, size):
    return hmac256(prk, be(size, 2) + b"HPKE-v1" + suite + label + info + b"\1")[:size]

def xwing(secret):
    seeds = hashlib.shake_256(secret).digest(96)
    return MLKEM768PrivateKey.from_seed_bytes(seeds[:64]), seeds[64:]

def seal_public(suite, secret):
    if suite == 2:
        return contact_key(secret)
    mlkem, x25519 = xwing(secret)
    return mlkem.public_key().public_bytes_raw() + contact_key(x25519)

def unseal(suite, secret, info, aad, sealed):
    if suite == 1:
        kem, encapsulated, sealed = 0x647a, sealed[:1120], sealed[1120:]
        (mlkem, x25519), theirs = xwing(secret), encapsulated[1088:]
        parts = mlkem.decapsulate(encapsulated[:1088]), agree(x25519, theirs), theirs, contact_key(x25519), b"\\.//^\\"
        shared = hashlib.sha3_256(b"".join(parts)).digest()
    else:
        kem, encapsulated, sealed = 0x20, sealed[:32], sealed[32:]
        prk = extract(b"KEM\0\x20", b"", b"eae_prk", agree(secret, encapsulated))
        shared = expand(b"KEM\0\x20", prk, b"shared_secret", encapsulated + contact_key(secret), 32)
    name = b"HPKE" + be(kem, 2) + b"\0\1\0\3"
    context = b"\0" + extract(name, b"", b"psk_id_hash", b"") + extract(name, b"", b"info_hash", info)
    prk = extract(name, shared, b"secret", b"")
    key, nonce = expand(name, prk, b"key", context, 32), expand(name, prk, b"base_nonce", context, 12)
    return ChaCha20Poly1305(key).decrypt(nonce, sealed, aad)

# ---- 2.4 to 2.7 letters, invites, backup, safety number
def letter(data, me, secret):
    assert len(data) <= 8192 and data[0] == 1
    padded = unseal(data[1], secret, b"nexus letter v1\0" + me, data[:34], data[34:])
    size = u(padded, 0, 2)
    assert len(padded) == -(-(2 + size) // 512) * 512 and not any(padded[2 + size:])
    pair = cbor(padded[2:2 + size])
    body = cbor(pair[0])
    signed(pair, record(body[6], Card(body[5]))[2], "nexus letter v1")
    assert body[1] == me and body[2] == data[2:18] and len(body[4]) <= 500
    return padded, pair, body

def invite(link):
    data = base64.urlsafe_b64decode(link[6:] + "=" * (-len(link[6:]) % 4))
    assert link[:6].lower() == "nexus:" and len(link) <= 2048 and data[-4:] == derive("nexus invite v1", data[:-4])[:4]
    fields = cbor(data[:-4])
    return fields, signed(fields[2], fields[1], "nexus card v1")

def normalize(phrase):
    phrase = " ".join(unicodedata.normalize("NFKC", phrase).split())
    return phrase.lower() if all(word in WORDS for word in phrase.lower().split()) else phrase

def backup(data, phrase):
    memory, passes, lanes = (u(data, at, 4) for at in (14, 18, 22))
    keys = Argon2id(salt=data[26:42], length=64, iterations=passes, lanes=lanes, memory_cost=memory).derive(phrase.encode())
    assert data[:14] == b"nexus backup\0\1" and derive("nexus backup commitment v1", keys[:32]) == data[66:98]
    pair = cbor(xchacha(data[98:], data[:98], data[42:66], keys[:32]))
    return keys, signed(pair, public(cbor(pair[0])[1]), "nexus backup v1")

def check_identity(v):
    c = v["conventions"]
    eq(c["derive"], output=derive(c["derive"]["context"], unhex(c["derive"]["input"])))
    eq(c["hkdf32"], output=hkdf(unhex(c["hkdf32"]["ikm"]), unhex(c["hkdf32"]["info"])))
    eq(c["signature"], public=public(unhex(c["signature"]["seed"])))
    verify(unhex(c["signature"]["public"]), c["signature"]["context"], *(unhex(c["signature"][k]) for k in ("message", "signature")))
    eq(c["words"], six=six_words(unhex(c["words"]["digest"])))
    cbor(unhex(v["cbor"]["accepted"]))
    for bad in v["cbor"]["refused"]:
        refuses(bad["why"], cbor, unhex(bad["bytes"]))
    for p in v["identities"]:
        seeds = [unhex(p[name]) for name in ("identity_seed", "contact_secret", "self_secret")]
        head, key, digest = b"nexus identity\0\1" + b"".join(seeds), p["prekey"], sha256(public(seeds[0]))
        instance = hkdf(unhex(p["instance_seed"]), b"instance")
        eq(p, identity_file=head + derive("nexus identity file v1", head)[:16], identity_key=public(seeds[0]), connect_id=digest,
           contact_key=contact_key(seeds[1]), instance_key_seed=instance, instance_key=public(instance),
           connect_id_text=connect_id_text(digest), connect_id_short=connect_id_text(digest)[4:12])
        same("ConnectID read", connect_id_read(p["connect_id_text"].upper()), digest)
        eq(key, public=seal_public(key["suite"], unhex(key["secret"])),
           id=derive("nexus prekey v1", bytes([key["suite"]]), unhex(key["public"]))[:16])
        card = Card(unhex(p["card"]))
        same("statements", list(card.says), sorted(s["signed"] for s in p["statements"]))
        fields = record(unhex(p["record"]["bytes"]), card)
        same("record", (fields[3], fields[5]), (p["record"]["seq"], key["public"]))
    a, b = v["identities"]
    number = int.from_bytes(derive("nexus safety number v1", *sorted(unhex(i["identity_key"]) for i in (a, b))), "big")
    eq(v, agreement=agree(unhex(a["contact_secret"]), unhex(b["contact_key"])),
       safety_number=" ".join(f"{number % 10**60:060d}"[i:i + 5] for i in range(0, 60, 5)))
    eq(v["connect_ids"], zeros=connect_id_text(bytes(32)), ones=connect_id_text(b"\xff" * 32))
    for bad in v["connect_ids"]["refused"]:
        refuses(bad["why"], connect_id_read, bad["text"])
    m = v["merged_card"]
    one, two, merged = (Card(unhex(m[name])) for name in ("a", "b", "merged"))
    same("merges", (one.merge(two), two.merge(one)), (list(merged.says), list(merged.says)))
    eq(m, name=merged.name, live=merged.live, revoked=merged.revoked)
    same("live part", merged.live_part(), list(Card(unhex(m["live_part"])).says))
    for s in v["sealed"]:
        eq(s, public=seal_public(s["suite"], unhex(s["secret"])),
           plaintext=unseal(s["suite"], *(unhex(s[k]) for k in ("secret", "info", "aad", "sealed"))))
    for s in v["letters"]:
        padded, pair, body = letter(unhex(s["sealed"]), unhex(b["connect_id"]), unhex(s["recipient_secret"]))
        eq(s, padded=padded, signed=pair[0], signature=pair[1], id=body[2], created=body[3], text=body[4], invite_secret=body.get(7))
    f, contact = invite(v["invite"]["link"])
    eq(v["invite"], identity_key=f[1], contact_key=contact[6], secret=f[3], uses=f[4], expires=f[5],
       addresses=f.get(6, []), servers=f.get(7, []), relays=f.get(8, []))
    s = v["backup"]
    keys, body = backup(unhex(s["file"]), normalize(s["phrase_as_typed"]))
    eq(s, encryption_key=keys[:32], authentication_key=keys[32:], version=body[4], created=body[5],
       keyring=[{"log": log.hex(), "epoch": e, "key": k.hex()} for log, e, k in body[7]],
       contacts=[{"connect_id": c[1].hex(), "card": plain(c.get(2)), "name": c.get(3), "state": c[4], "verified": c[5]} for c in body[8]])

# ---- 3. links, 4. discovery
def frame(data, most):
    assert 1 <= u(data, 0, 4) <= most and len(data) == 4 + u(data, 0, 4), "length of a frame"
    return data[4], data[5:]

def beacon(data):
    assert len(data) <= 512 and data[:5] == b"NEXB\1" and u(data, 6, 2) > 0
    fields = dict(kind="contacts" if data[5] & 1 else "everyone", port=u(data, 6, 2), boot=data[8:16], answer=bool(data[5] & 2))
    if data[5] & 1:
        assert data[32] <= 24 and len(data) == 33 + 16 * data[32]
        return {**fields, "nonce": data[16:32]}
    end = 81 + data[80]
    assert data[80] <= 64 and len(data) == end + 64
    verify(data[16:48], "nexus beacon v1", data[:end], data[end:])
    return {**fields, "name": data[81:end].decode(), "signed": data[:end], "signature": data[end:]}

def check_transport(v):
    me, pair = v["identity"], unhex(v["pair_secret"])
    mac = lambda label, who, *parts: keyed(pair, label, unhex(who), *parts)[:16]
    card = Card(unhex(me["card"]))
    eq(me, connect_id=card.id, instance_key=public(hkdf(unhex(me["instance_seed"]), b"instance")),
       spki=unhex("302a300506032b6570032100") + record(unhex(me["record"]), card)[2])
    for b in v["beacons"]:
        data = unhex(b["bytes"])
        eq(b, **beacon(data))
        tokens = [data[at:at + 16].hex() for at in range(33, len(data), 16)]
        if "tokens" in b and b["tokens"]:
            assert set(b["tokens"]) <= set(tokens) and mac(b"nexus token v1", me["connect_id"], data[:16], data[16:32]).hex() in b["tokens"]
    for bad in v["refused_beacons"]:
        refuses(bad["why"], beacon, unhex(bad["bytes"]))
    for g in v["gates"]:
        if g.get("nonce"):
            eq(g, gate=mac(b"nexus gate nonce v1", g["dialler"], unhex(g["nonce"])))
        else:
            eq(g, hour=g["unix_seconds"] // 3600, gate=mac(b"nexus gate hour v1", g["dialler"], be(g["unix_seconds"] // 3600, 8)))
    code, body = frame(unhex(v["hello"]["frame"]), 73728)
    hello = cbor(body)
    eq(v["hello"], body=body, versions=hello[1], capabilities=hello[5], port=hello[6], boot=hello[7])
    same("hello", (code, hello[2], hello[3], hello[4]), (1, me["connect_id"], me["card"], me["record"]))
    for f in v["frames"]:
        same("frame", frame(unhex(f["frame"]), 73728), (f["code"], f["body"]))
    for bad in v["refused_frames"]:
        refuses(bad["why"], frame, unhex(bad["bytes"]), 73728)
