#!/usr/bin/env python3
"""A second, independent reader of what Nexus writes, made from docs/protocol.md alone.

    reader.py vectors DIR       verifies every golden vector in DIR/*.json
    reader.py store FILE        verifies the raw export of a store (nexus log show CONV --raw --json)

Where this and the program disagree, one of them or the page is wrong; the page is mended first.
"""
import hashlib
import hmac
import io
import json
import sys
from pathlib import Path

import cbor2
from blake3 import blake3
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl import bindings as sodium

ZERO = bytes(32)


# ---- section 1: conventions -------------------------------------------------------------------------------------

def derive(context, *parts):
    return blake3(b"".join(parts), derive_key_context=context).digest()


def keyed(key, *parts):
    return blake3(b"".join(parts), key=key).digest()


def hkdf(secret, *info):
    return HKDF(hashes.SHA256(), 32, salt=None, info=b"".join(info)).derive(secret)


def public(seed):
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def verify(key, context, message, signature):
    Ed25519PublicKey.from_public_bytes(key).verify(signature, context.encode() + b"\0" + message)


def agree(secret, theirs):
    return X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(theirs))


def xchacha_open(key, nonce, sealed, aad):
    return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, aad, nonce, key)


def cbor(data):
    """Exactly one value in deterministic encoding."""
    stream = io.BytesIO(data)
    value = cbor2.load(stream)
    assert stream.tell() == len(data), "bytes follow the CBOR value"
    assert cbor2.dumps(value, canonical=True) == data, "CBOR is not deterministic"
    return value
