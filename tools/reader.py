#!/usr/bin/env python3
"""A second, independent reader of what Nexus writes, made from docs/protocol.md alone.

    reader.py vectors DIR       verifies every golden vector in DIR/*.json
    reader.py store FILE        verifies the raw export of a store (nexus log show CONV --raw --json)

Where this and the program disagree, one of them or the page is wrong; the page is mended first.
"""
import json
import sys
from pathlib import Path

from reader_people import (ADD, blake3, cbor, check_identity, check_transport, derive, eq, frame, hkdf, keyed, public,
                           refuses, same, sha256, signed, six_words, u, unhex, unseal, verify, xchacha)

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
    cert = xchacha(p[120:], topic.key + opening.log, p[96:120], hkdf(topic.secret, b"open", opening.log))
    same("certificate", cert[:65] + cert[129:161], topic.conversation + topic.key + b"\0" + opening.log)
    verify(cert[97:129], "nexus certificate v1", cert[:161], cert[161:225])
    added = signed([cert[289:], cert[225:289]], cert[65:97], "nexus card v1")
    writer = sha256(cert[65:97])
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
    plain = xchacha(e.payload[28:], topic.conversation + e.data[:76], e.payload[4:28], key)
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
        want = hkdf(topic.secret, b"want")
        eq(t, topic_secret=topic.secret, topic_seed=topic.seed, topic=topic.key, conversation=topic.conversation, want_secret=want,
           slot_secret=hkdf(topic.secret, b"slot"), pair_secret=hkdf(topic.secret, b"beacon"),
           want_ids=[keyed(want, unhex(t["exporter"]), bytes([side]))[:16] for side in (0, 1)])
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
    f = v["fork"]
    same("fork", fork_proof(unhex(f["proof"])), (f["log"], f["seq"], f["branches"]))
    assert all(run(unhex(r)) for r in f["runs"])
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

# ---- 6. sync

NAMES = {1: "summary", 2: "want", 3: "heads", 4: "run", 5: "credit", 6: "mark", 7: "fork", 8: "no", 9: "bye"}

def items(data, size, key=lambda item: item):
    """Items of one size that rise strictly by their key."""
    found = [data[at:at + size] for at in range(0, len(data), size)]
    keys = [key(item) for item in found]
    assert len(data) % size == 0 and keys == sorted(set(keys)), "items"
    return found

def fork_proof(data):
    sides = []
    for _ in range(2):
        end = 2 + 112 * u(data, 0, 2)
        headers = [data[at:at + 112] for at in range(2, end, 112)]
        hashed = [derive("nexus entry v1", header) for header in headers]
        assert 1 <= len(headers) <= 300 and all(len(header) == 112 for header in headers)
        for before, header, digest in zip(headers, headers[1:], hashed):
            assert (header[4:36], u(header, 36, 8), header[44:76]) == (before[4:36], u(before, 36, 8) + 1, digest)
        verify(headers[0][4:36], "nexus head v1", hashed[-1], data[end:end + 64])
        sides.append((hashed[0], headers[0]))
        data = data[end + 64:]
    (a, first), (b, second) = sides
    assert not data and a < b and first[4:76] == second[4:76], "two sides that part at one place"
    return first[4:36], u(first, 36, 8), [a, b]

def sync_frame(code, body):
    if code == 1:
        assert len(body) == 101 and body[0] < 2
    elif code == 2:
        assert body[0] < 2 and items(body[1:], 32, lambda item: item[:16]) is not None
    elif code == 3:
        rows = items(body[33:], 80, lambda item: item[:32] + item[40:])
        assert body[32] < 3 and all(u(row, 32, 8) <= u(row, 40, 8) for row in rows)
    elif code == 4:
        run(body)
    elif code == 6:
        assert body[0] < 2 and items(body[1:], 32)
    elif code == 7:
        end = 33 + 40 * body[32]
        seqs = [u(body, at, 8) for at in range(33, end, 40)]
        assert body[32] <= 66 and seqs == sorted(set(seqs), reverse=True) and len(body) >= end
        assert len(body) == end or fork_proof(body[end:])[0] == body[:32]
    else:
        assert len(body) in {5: (4,), 8: (33,), 9: (1, 33)}[code] and (code != 8 or body[0] < 2)

def check_sync(v):
    for w in v["want_ids"]:
        secret = hkdf(unhex(w["topic_secret"]), b"want")
        eq(w, want_secret=secret, id=keyed(secret, unhex(w["exporter"]), bytes([w["side"]]))[:16])
    f, rows = v["fingerprints"], []
    for t in f["topics"]:
        own = [(t["topic"], h["log"], h["seq"], h["hash"]) for h in t["heads"]]
        rows += own
        eq(t, full=fingerprint(own), fingerprint=fingerprint(own)[:16])
    topics = sorted(unhex(t["topic"]) for t in f["topics"])
    eq(f, scope=fingerprint(rows), set=derive("nexus wanted v1", *topics), empty_set=derive("nexus wanted v1"))
    for s in v["frames"]:
        same("frame", frame(unhex(s["framed"]), 73724), (s["code"], s["body"]))
        if s["code"] < 128:
            sync_frame(s["code"], unhex(s["body"]))
        if s["name"] == "run":
            entries = run(unhex(s["body"]))
            eq(s["run"], log=entries[0].log, hashes=[e.hash for e in entries], signature=unhex(s["body"])[-64:])
    for bad in v["refused"]:
        refuses(bad["why"], sync_frame, bad["code"], unhex(bad["body"]))

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

CHECKS = {"identity": check_identity, "log": check_log, "sync": check_sync, "transport": check_transport}

def main(command, place):
    if command == "vectors":
        files = sorted(Path(place).glob("*.json"))
        assert {"identity", "log", "transport"} <= {f.stem for f in files} <= set(CHECKS), "a file that nobody reads"
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
