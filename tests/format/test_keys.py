import errno
import hashlib
import os
import stat

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519

import skcompress as skc

KINDS = [skc.Ed25519PrivateKey, skc.Ed25519PublicKey, skc.HmacKey]
SECRETS = [skc.Ed25519PrivateKey, skc.HmacKey]
RAW = bytes(range(32))


def unhex(*texts):
    return [bytes.fromhex(text) for text in texts]


@pytest.mark.parametrize(
    ("secret", "public", "message", "signature"),
    [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            (
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
                "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
            ),
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            (
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e"
                "458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
            ),
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            (
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290"
                "ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
            ),
        ),
    ],
)
def test_vectors_of_rfc_8032(secret, public, message, signature):
    secret, public, message, signature = unhex(secret, public, message, signature)
    key = skc.Ed25519PrivateKey(secret)
    assert key.public_key == skc.Ed25519PublicKey(public)
    assert key.sign(message) == signature
    key.public_key.verify(signature, message)
    with pytest.raises(skc.SignatureError):
        key.public_key.verify(signature, message + b"x")


@pytest.mark.parametrize(
    ("secret", "message", "code"),
    [
        (
            b"\x0b" * 20,
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
    ],
)
def test_vectors_of_rfc_4231(secret, message, code):
    # HMAC itself fills keys with zeros to the 64 bytes of a block.
    key = skc.HmacKey(secret.ljust(32, b"\0"))
    assert key.sign(message) == bytes.fromhex(code)
    key.verify(bytes.fromhex(code), message)
    with pytest.raises(skc.SignatureError):
        key.verify(bytes.fromhex(code), message + b"x")


@pytest.mark.parametrize("length", [0, 31, 63, 65])
def test_a_signature_of_another_length_is_wrong(length):
    for key in (skc.generate_key().public_key, skc.HmacKey(RAW)):
        with pytest.raises(skc.SignatureError):
            key.verify(bytes(length), b"")


@pytest.mark.parametrize("kind", KINDS)
def test_text_round_trip(kind):
    key = kind(RAW)
    assert kind.from_text(key.to_text()) == key
    assert kind.from_text(f"  {key.to_text()}\r\n") == key


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_text_of_another_kind_is_refused(kind, other):
    if kind is other:
        return
    text = other(RAW).to_text()
    with pytest.raises(ValueError, match=f"{kind.prefix}:, got {other.prefix}") as caught:
        kind.from_text(text)
    assert text.partition(":")[2] not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "ssh-ed25519 AAECAwQ"],
)
def test_text_that_may_be_a_secret_is_not_repeated(text):
    with pytest.raises(ValueError, match="got something else") as caught:
        skc.HmacKey.from_text(text)
    assert "AAECAwQ" not in str(caught.value)


@pytest.mark.parametrize(
    "encoded", ["", "AAEC", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "AAEC*", "\N{SNOWMAN}"]
)
def test_damaged_text(encoded):
    with pytest.raises(ValueError, match=r"damaged|takes 32 bytes") as caught:
        skc.HmacKey.from_text(f"skc-hmac-sha256:{encoded}")
    assert not encoded or encoded not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("raw", [b"", RAW[1:], RAW + b"x", bytearray(RAW), RAW.hex(), None])
def test_a_key_is_32_bytes(kind, raw):
    with pytest.raises(ValueError, match=r"takes 32 bytes.*generate_key"):
        kind(raw)


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_that_was_never_filled_in(kind):
    with pytest.raises(ValueError, match="all zero"):
        kind(bytes(32))


def test_a_public_key_is_no_secret():
    public = skc.generate_key().public_key
    with pytest.raises(ValueError, match="takes 32 bytes"):
        skc.HmacKey(public)
    assert skc.HmacKey(public.raw) != public


@pytest.mark.parametrize("kind", SECRETS)
def test_secrets_are_not_shown(kind):
    key = kind(RAW)
    shown = f"{key!r} {key} {[key]}"
    assert shown == f"{kind.__name__}(secret) {kind.__name__}(secret) [{kind.__name__}(secret)]"


def test_a_public_key_is_shown():
    key = skc.Ed25519PublicKey(RAW)
    assert repr(key) == f"Ed25519PublicKey({key.to_text()})"


def test_key_id_is_the_hash_of_the_text():
    for key in (skc.Ed25519PublicKey(RAW), skc.HmacKey(RAW)):
        assert key.key_id == hashlib.sha256(key.to_text().encode()).digest()[:8]
    private = skc.Ed25519PrivateKey(RAW)
    assert private.key_id == private.public_key.key_id


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("ed25519", skc.Ed25519PrivateKey), ("hmac-sha256", skc.HmacKey)]
)
def test_generated_keys_differ(algorithm, kind):
    one, other = skc.generate_key(algorithm), skc.generate_key(algorithm)
    assert type(one) is type(other) is kind
    assert one != other


def test_unknown_algorithm():
    with pytest.raises(ValueError, match=r"\['ed25519', 'hmac-sha256'\]; got 'rsa'"):
        skc.generate_key("rsa")


@pytest.mark.parametrize("kind", KINDS)
def test_file_round_trip(tmp_path, kind):
    path = tmp_path / "key"
    kind(RAW).to_file(path)
    assert kind.from_file(path) == kind.from_file(str(path)) == kind(RAW)
    assert path.read_bytes() == kind(RAW).to_text().encode() + b"\n"


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_is_its_owners_from_the_start(tmp_path, kind, monkeypatch):
    modes = []
    fdopen = os.fdopen

    def record(descriptor, *args, **kwargs):
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return fdopen(descriptor, *args, **kwargs)

    monkeypatch.setattr(os, "fdopen", record)
    before = os.umask(0o022)
    try:
        kind(RAW).to_file(tmp_path / "key")
    finally:
        os.umask(before)
    mode = stat.S_IMODE((tmp_path / "key").stat().st_mode)
    assert modes == [mode] == [0o600 if kind in SECRETS else 0o644]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_there_is_not_replaced(tmp_path, kind):
    path = tmp_path / "key"
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError, match="choose another name"):
        kind(RAW).to_file(path)
    assert path.read_bytes() == b"precious"


def test_a_link_to_nowhere_is_not_followed(tmp_path):
    (tmp_path / "key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        skc.HmacKey(RAW).to_file(tmp_path / "key")
    assert not (tmp_path / "elsewhere").exists()


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    def fail(self):
        raise OSError(errno.ENOSPC, "the disk is full")

    monkeypatch.setattr(skc.HmacKey, "to_text", fail)
    with pytest.raises(OSError, match="full"):
        skc.HmacKey(RAW).to_file(tmp_path / "key")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"x" * 10**6])
def test_a_file_without_a_key(tmp_path, content):
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(ValueError, match="got something else"):
        skc.Ed25519PublicKey.from_file(tmp_path / "key")


def private_pem(key, password=None):
    lock = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption_algorithm=lock
    )


def public_pem(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def test_pem_round_trip():
    theirs = ed25519.Ed25519PrivateKey.from_private_bytes(RAW)
    ours = skc.Ed25519PrivateKey(RAW)
    assert skc.Ed25519PrivateKey.from_pem(private_pem(theirs)) == ours
    assert skc.Ed25519PrivateKey.from_pem(private_pem(theirs).decode()) == ours
    assert skc.Ed25519PublicKey.from_pem(public_pem(theirs)) == ours.public_key
    assert skc.Ed25519PublicKey.from_pem(public_pem(theirs).decode()) == ours.public_key


def test_encrypted_pem():
    pem = private_pem(ed25519.Ed25519PrivateKey.from_private_bytes(RAW), b"open")
    for password in (b"open", "open"):
        assert skc.Ed25519PrivateKey.from_pem(pem, password) == skc.Ed25519PrivateKey(RAW)
    with pytest.raises(ValueError, match="password"):
        skc.Ed25519PrivateKey.from_pem(pem, "shut")
    with pytest.raises(TypeError, match="Password"):
        skc.Ed25519PrivateKey.from_pem(pem)


def test_pem_of_another_kind_is_refused():
    other = x25519.X25519PrivateKey.generate()
    with pytest.raises(ValueError, match="another kind: X25519PrivateKey"):
        skc.Ed25519PrivateKey.from_pem(private_pem(other))
    with pytest.raises(ValueError, match="another kind: X25519PublicKey"):
        skc.Ed25519PublicKey.from_pem(public_pem(other))


def test_pem_is_told_from_text():
    pem = private_pem(ed25519.Ed25519PrivateKey.generate()).decode()
    with pytest.raises(ValueError, match="from_pem"):
        skc.Ed25519PrivateKey.from_text(pem)
