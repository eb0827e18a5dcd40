"""The second part of reader.py: blobs, made from section 9 of docs/protocol.md alone. Called by reader.py only."""
import struct, unicodedata
from blake3 import blake3
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

GROUP, MAX_BLOB = 65536, 2**44
PARENT, ROOT = 4, 8
derive = lambda context, *parts: blake3(b"".join(parts), derive_key_context=context).digest()
content = lambda length: (bytes(range(251)) * (length // 251 + 1))[:length]
pieces = lambda data, size: [data[at:at + size] for at in range(0, len(data), size)] or [b""]
def same(what, found, wanted):
    assert found == wanted, f"{what}: found {found}, wanted {wanted}"
def refuses(why, read, *data):
    try:
        read(*data)
    except Exception:
        return
    raise AssertionError(f"{why}: it was taken")

# ---- 9.1 The tree
IV = struct.unpack(">8I", bytes.fromhex("6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19"))
ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
MIXES = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
         (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
def parent(left, right, flags):  # One compression of BLAKE3.
    state, words = [*IV, *IV[:4], 0, 0, 64, flags], struct.unpack("<16I", left + right)
    turn = lambda word, by: (word >> by | word << 32 - by) & 0xffffffff
    for _ in range(7):
        for place, (a, b, c, d) in enumerate(MIXES):
            for word, first, second in ((words[2 * place], 16, 12), (words[2 * place + 1], 8, 7)):
                state[a] = state[a] + state[b] + word & 0xffffffff
                state[d] = turn(state[d] ^ state[a], first)
                state[c] = state[c] + state[d] & 0xffffffff
                state[b] = turn(state[b] ^ state[c], second)
        words = [words[at] for at in ORDER]
    return struct.pack("<8I", *(state[at] ^ state[at + 8] for at in range(8)))
def merge(hashes, flags=PARENT | ROOT):
    if len(hashes) == 1:
        return hashes[0]
    left = 1 << (len(hashes) - 1).bit_length() - 1
    return parent(merge(hashes[:left], PARENT), merge(hashes[left:], PARENT), flags)
def check_tree(v, _):
    same("groups", len(v.group_hashes), max(1, -(-v.length // GROUP)))
    # Nobody finds other hashes that merge to this root.
    same("root", (merge(v.group_hashes), v.root), (blake3(content(v.length)).digest(),) * 2)

# ---- 9.5 Sealed form
def check_sealed(v, _):
    groups, root = pieces(content(v.length), GROUP), blake3(content(v.length)).digest()
    key = derive("nexus blob v1", v.secret, root)
    nonce = lambda at: struct.pack(">Q3xB", at, at + 1 == len(groups))
    sealed = [AESGCM(key).encrypt(nonce(at), group, None) for at, group in enumerate(groups)]
    whole = b"".join(sealed)
    same("keys", (v.root, v.key), (root, key))
    same("sealed", (v.tags, v.sealed_length, v.sealed_root),
         ([group[-16:] for group in sealed], len(whole), blake3(whole).digest()))
    same("bytes", getattr(v, "bytes", whole), whole)

# ---- 9.4 Manifest
HIDDEN = [(0xad, 0xad), (0x34f, 0x34f), (0x61c, 0x61c), (0x115f, 0x1160), (0x17b4, 0x17b5), (0x180b, 0x180f),
          (0x200b, 0x200b), (0x200e, 0x200f), (0x2028, 0x202e), (0x2060, 0x206f), (0x3164, 0x3164), (0xfeff, 0xfeff),
          (0xffa0, 0xffa0), (0xfff9, 0xfffb), (0xe0000, 0xe0fff)]
DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$", *(
    device + number for device in ("COM", "LPT") for number in "0123456789¹²³")}
def name(data):
    text = data.decode()
    hidden = lambda c: unicodedata.category(c) == "Cc" or any(a <= ord(c) <= b for a, b in HIDDEN)
    joiner = lambda c: c in "\u200c\u200d"
    joins = lambda c: c and not c.isascii() and not joiner(c) and not c.isspace()
    around = zip(["", *text], text, [*text[1:], ""])
    assert 0 < len(data) <= 255 and text not in (".", "..") and not set(text) & set("/\\"), "no name"
    assert not any(map(hidden, text)) and all(joins(a) and joins(b) for a, c, b in around if joiner(c)), "hidden"
    assert text == text.strip() and text[-1] != "." and unicodedata.is_normalized("NFC", text), "its form"
    upper = lambda text: "".join(c.upper() if c.isascii() else c for c in text)
    assert upper(text.split(".")[0].rstrip()) not in DEVICES, "a device"
    return text
def manifest(data, blob_size):
    magic, version, count, size, total = struct.unpack(">4sBIQQ", data[:25])
    assert (magic, version) == (b"NXFM", 1) and 1 <= count <= 1_000_000 and 25 + size <= 2**28, "the header"
    assert len(data) == 25 + size and 25 + size + total == blob_size <= MAX_BLOB, "sizes"
    at, start, last, last_kind, entries = 25, 25 + size, [], None, []
    def take(form):
        nonlocal at
        at += struct.calcsize(form)
        return struct.unpack(form, data[at - struct.calcsize(form):at])
    names = lambda: [name(take(f">{take('>B')[0]}s")[0]) for _ in range(take(">B")[0])]
    for _ in range(count):
        kind, shared = take(">BB")
        path = last[:shared] + names()
        encoded = [one.encode() for one in path]
        common = next((n for n, (a, b) in enumerate(zip(last, path)) if a != b), min(len(last), len(path)))
        assert shared == common and encoded > [one.encode() for one in last] and len(path) <= 64, "the path"
        assert len(b"/".join(encoded)) <= 4096 and (common < len(last) or last_kind in (None, 3)), "the place"
        entry = dict(path="/".join(path), kind={1: "file", 2: "file", 3: "folder", 4: "link"}[kind])
        if kind in (1, 2):
            length, mtime = take(">Qq")
            entry.update(size=length, mtime=mtime, executable=kind == 2, start=start)
            start += length
        elif kind == 3:
            entry.update(mtime=take(">q")[0])
        else:
            up, down = take(">B")[0], names()
            target = "/".join([".."] * up + down)
            assert 1 <= up + len(down) <= 64 and up + 2 <= len(path) and len(target.encode()) <= 4096, "a link"
            entry.update(target=target)
        entries, last, last_kind = [*entries, entry], path, kind
    assert (at, start) == (len(data), blob_size), "bytes left over, or other content"
    return entries

# ---- 9.2 Frames
def frame(data):
    length, code = struct.unpack(">IB", data[:5])
    assert 1 <= length <= 65596 and len(data) == 4 + length, "the length"
    request, rest = struct.unpack(">I", data[5:9])[0], data[9:]
    if code == 1:
        blob, what, first, count = struct.unpack(">32sBQI", rest)
        assert what < 2 and 1 <= count <= 4096, "a GET"
        return "get", dict(request=request, blob=blob, what=what, first=first, count=count)
    if code == 3:
        assert 8 <= len(rest) <= 8 + GROUP, "a GROUP"
        return "group", dict(request=request, index=int.from_bytes(rest[:8], "big"), bytes=rest[8:])
    if code == 4:
        hashes = pieces(rest[8:], 32)
        assert len(hashes[-1]) == 32 and len(hashes) <= 1024, "HASHES"
        return "hashes", dict(request=request, first=int.from_bytes(rest[:8], "big"), hashes=hashes)
    if code == 6:
        return "no", dict(request=request, why=struct.unpack(">B", rest)[0])
    assert not rest, "bytes left over"
    return {2: "stop", 5: "end"}[code], dict(request=request)

CHECKS = {
    "ids": lambda v, _: same("id", v.id, derive("nexus blob id v1", v.secret)),
    "trees": check_tree, "sealed": check_sealed,
    "manifests": lambda v, _: same("manifest", manifest(v.bytes, v.size), [vars(entry) for entry in v.entries]),
    "refused_manifests": lambda v, _: refuses(v.why, manifest, v.bytes, v.size),
    "refused_names": lambda v, _: refuses(v.name, lambda: name(v.name.encode())),
    "frames": lambda v, _: same("frame", (frame(v.framed), v.framed[4]), ((v.name, vars(v.says)), v.code)),
    "refused_frames": lambda v, _: refuses(v.why, frame, v.framed),
}
