"""What a signature refuses: everything but the file that was signed, by a key that is trusted."""

import hashlib
import hmac
import importlib.util
import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

import skcompress as skc
from skcompress import ir
from skcompress.format import _container, _persist


def linear(*coef):
    return skc.CompactModel(
        ir.Model(
            input=ir.InputSpec(n_features=2),
            chain=ir.Chain(
                transforms=(),
                predictor=ir.LinearMap(coef=np.array([coef]), intercept=np.zeros(1)),
            ),
            head=ir.Numbers(n_outputs=1),
            family="f",
        )
    )


MODEL = linear(1.0, 2.0)
PRIVATE = skc.Ed25519PrivateKey(bytes(range(32)))
PUBLIC = PRIVATE.public_key
SHARED = skc.HmacKey(bytes(range(1, 33)))
OTHER_PRIVATE = skc.Ed25519PrivateKey(bytes(range(2, 34)))
OTHER_SHARED = skc.HmacKey(bytes(range(3, 35)))

UNSIGNED = skc.dumps(MODEL)
# The key that signs, the key that checks, and the file.
SIGNED = {
    "ed25519": (PRIVATE, PUBLIC, skc.dumps(MODEL, key=PRIVATE)),
    "hmac-sha256": (SHARED, SHARED, skc.dumps(MODEL, key=SHARED)),
}
TRUSTED = [PUBLIC, SHARED]

every_algorithm = pytest.mark.parametrize("name", SIGNED)


def refuse(data, keys=TRUSTED, match=None):
    with pytest.raises(skc.SignatureError, match=match):
        skc.loads(data, trusted_keys=keys)
    with pytest.raises(skc.SignatureError, match=match):
        skc.verify_signature(data, keys)


def answers(model):
    return model.predict(np.array([[1.0, 3.0]])).tolist()


def with_checksum(body):
    return body + struct.pack("<I", zlib.crc32(body))


def signed_by(key, body, key_id=None, kind=None):
    """As the specification says it, without the code under test."""
    signed = with_checksum(body) + (key.key_id if key_id is None else key_id)
    number = {skc.Ed25519PrivateKey: 1, skc.HmacKey: 2}[type(key)]
    number = number if kind is None else kind
    message = b"skcompress file signature" + bytes([number]) + hashlib.sha512(signed).digest()
    if isinstance(key, skc.HmacKey):
        signature = hmac.new(key.raw, message, hashlib.sha256).digest()
    else:
        signature = ed25519.Ed25519PrivateKey.from_private_bytes(key.raw).sign(message)
    return signed + signature + bytes([number])


@every_algorithm
def test_trailer_is_as_specified(name):
    key, _, data = SIGNED[name]
    assert data == signed_by(key, UNSIGNED[:-5])


@every_algorithm
def test_plain_python_reads_a_signed_file(name):
    path = Path(__file__).with_name("plain_reader.py")
    spec = importlib.util.spec_from_file_location("plain_reader", path)
    plain_reader = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plain_reader)
    assert plain_reader.read(SIGNED[name][2]) == plain_reader.read(UNSIGNED)


@every_algorithm
@pytest.mark.parametrize("as_file", [False, True])
def test_round_trip_by_file(tmp_path, name, as_file):
    key, trusted, data = SIGNED[name]
    path = tmp_path / "model.skc"
    if as_file:
        with path.open("wb") as file:
            skc.dump(MODEL, file, key=key)
    else:
        skc.dump(MODEL, path, key=key)
    assert path.read_bytes() == data
    for source in (path, str(path), io.BytesIO(data)):
        assert answers(skc.load(source, trusted_keys=[trusted])) == answers(MODEL)
    for source in (path, str(path), io.BytesIO(data), data, bytearray(data), memoryview(data)):
        assert skc.verify_signature(source, [trusted]) == trusted


@every_algorithm
def test_a_signed_file_needs_no_key_to_be_read(name):
    assert answers(skc.loads(SIGNED[name][2])) == answers(MODEL)


@every_algorithm
@pytest.mark.parametrize("collect", [list, tuple, set, iter])
def test_one_of_several_keys(name, collect):
    _, trusted, data = SIGNED[name]
    keys = [OTHER_PRIVATE.public_key, OTHER_SHARED, PUBLIC, SHARED, PUBLIC]
    assert skc.verify_signature(data, collect(keys)) == trusted
    assert answers(skc.loads(data, trusted_keys=collect(keys))) == answers(MODEL)


@every_algorithm
def test_a_single_key(tmp_path, name):
    _, trusted, data = SIGNED[name]
    (tmp_path / "model.skc").write_bytes(data)
    assert skc.verify_signature(data, trusted) == trusted
    skc.loads(data, trusted_keys=trusted)
    skc.load(tmp_path / "model.skc", trusted_keys=trusted)


@every_algorithm
def test_every_changed_byte_is_refused(name):
    _, trusted, data = SIGNED[name]
    changed = bytearray(data)
    for place, old in enumerate(data):
        # Whatever the last byte becomes, it tells another trailer or none.
        news = range(256) if place == len(data) - 1 else {old ^ 1, old ^ 128, old ^ 255}
        for new in set(news) - {old}:
            changed[place] = new
            with pytest.raises(skc.SignatureError):
                skc.loads(changed, trusted_keys=[trusted])
        changed[place] = old
    skc.loads(changed, trusted_keys=[trusted])


@every_algorithm
def test_cut_off_and_extended(name):
    data = SIGNED[name][2]
    for length in range(len(data)):
        refuse(data[:length])
    for place in (0, 9, len(data) // 2, len(data) - 1, len(data)):
        for more in (b"\0", b"\1", b"\2", b"x" * 200):
            refuse(data[:place] + more + data[place:])


@pytest.mark.parametrize("data", [b"", b"\0", b"\1", b"\2", b"\7", b"\1" * 76, b"\2" * 44])
def test_too_short_for_any_file(data):
    refuse(data)


def test_unsigned_is_refused():
    refuse(UNSIGNED, match="not signed")


def test_a_file_of_version_1_is_refused(pytestconfig):
    files = sorted((pytestconfig.rootpath / "tests/format/golden/v1").glob("*.skc"))
    refuse(files[0].read_bytes(), match="not signed")


@every_algorithm
def test_stripped_to_unsigned_is_refused(name):
    data = SIGNED[name][2]
    body = data[: len(UNSIGNED) - 5]
    stripped = with_checksum(body) + b"\0"
    assert answers(skc.loads(stripped)) == answers(MODEL)
    refuse(stripped, match="not signed")
    refuse(data[:-1] + b"\0", match="not signed")


@every_algorithm
def test_another_key_is_refused_by_name(name):
    _, trusted, data = SIGNED[name]
    others = [OTHER_PRIVATE.public_key, OTHER_SHARED]
    refuse(data, others, match=f"{trusted.key_id.hex()}, which is not.*{others[0].key_id.hex()}")


@pytest.mark.parametrize("attacker", [OTHER_PRIVATE, OTHER_SHARED])
def test_another_key_in_the_name_of_a_trusted_one(attacker):
    for trusted in TRUSTED:
        refuse(signed_by(attacker, UNSIGNED[:-5], key_id=trusted.key_id))


@every_algorithm
def test_changed_model_with_the_right_checksum(name):
    key, _, data = SIGNED[name]
    forged = skc.dumps(linear(9.0, 9.0))[:-1] + data[len(UNSIGNED) - 1 :]
    assert answers(skc.loads(forged)) != answers(MODEL)
    refuse(forged, match=f"changed since it was signed with the key {key.key_id.hex()}")


@every_algorithm
def test_signature_of_another_file(name):
    key, _, data = SIGNED[name]
    other = signed_by(key, UNSIGNED[:-5] + b"x")
    size = len(data) - len(UNSIGNED)
    refuse(data[: -size - 1] + other[-size - 1 :])


def test_public_key_as_the_secret_of_a_code():
    """What undid JSON web tokens: everyone knows a public key, so everyone could make the code."""
    forger = skc.HmacKey(PUBLIC.raw)
    forged = signed_by(forger, UNSIGNED[:-5])
    assert skc.verify_signature(forged, [forger]) == forger
    refuse(forged, [PUBLIC])
    refuse(signed_by(forger, UNSIGNED[:-5], key_id=PUBLIC.key_id), [PUBLIC])
    refuse(signed_by(forger, UNSIGNED[:-5], key_id=PUBLIC.key_id, kind=1), [PUBLIC])


@every_algorithm
def test_kind_is_part_of_what_is_signed(name):
    key, trusted, _ = SIGNED[name]
    for kind in {1, 2, 3} - {key.kind}:
        forged = signed_by(key, UNSIGNED[:-5], kind=kind)
        refuse(forged[:-1] + bytes([key.kind]), [trusted], match="changed")


@every_algorithm
def test_signature_on_the_bytes_alone_is_refused(name):
    """A key that was used for something else must not have signed a file unawares."""
    key, trusted, _ = SIGNED[name]
    signed = with_checksum(UNSIGNED[:-5]) + key.key_id
    for message in (signed, hashlib.sha512(signed).digest()):
        refuse(signed + key.sign(message) + bytes([key.kind]), [trusted], match="changed")


def test_nothing_is_parsed_before_the_signature_is_right(monkeypatch):
    def fail(*args, **kwargs):
        pytest.fail("parsed")

    monkeypatch.setattr(_persist, "decode_model", fail)
    monkeypatch.setattr(_container, "unpack_header", fail)
    for body in (UNSIGNED[:-5], b"\x80\4\x95 no file of ours", b""):
        for attacker in (OTHER_PRIVATE, OTHER_SHARED):
            refuse(signed_by(attacker, body), match="not among")
            refuse(signed_by(attacker, body, key_id=PUBLIC.key_id))
        for end in (b"\0", b"\1", b"\2", b"\7"):
            refuse(body + end)
    for _, trusted, data in SIGNED.values():
        refuse(data[:20] + b"x" + data[21:], [trusted])
        assert skc.verify_signature(data, [trusted]) == trusted


@pytest.mark.parametrize("key", [PRIVATE, SHARED])
def test_a_signature_does_not_replace_the_checks(key):
    body = bytearray(UNSIGNED[:-5])
    body[20] ^= 255
    for content in (bytes(body), UNSIGNED[:-5] + b"x", b"PK\3\4", b""):
        data = signed_by(key, content)
        assert skc.verify_signature(data, TRUSTED) in TRUSTED
        with pytest.raises(skc.SkcFormatError):
            skc.loads(data, trusted_keys=TRUSTED)
        with pytest.raises(skc.SkcFormatError):
            skc.loads(data)


@pytest.mark.parametrize("key", [PRIVATE, SHARED])
def test_files_of_version_1_have_no_signature(key):
    body = UNSIGNED[:8] + b"\1" + UNSIGNED[9:-5]
    skc.loads(with_checksum(body) + b"\0")
    with pytest.raises(skc.SkcFormatError, match="version 1 are not signed"):
        skc.loads(signed_by(key, body))


@every_algorithm
def test_damage_is_found_without_keys(name):
    data = SIGNED[name][2]
    for place in range(len(UNSIGNED) - 1):
        damaged = data[:place] + bytes([data[place] ^ 16]) + data[place + 1 :]
        with pytest.raises(skc.SkcFormatError):
            skc.loads(damaged)
    for length in range(len(data)):
        with pytest.raises(skc.SkcFormatError):
            skc.loads(data[:length])


def test_signing_twice_gives_the_same_bytes():
    for key, _, data in SIGNED.values():
        assert skc.dumps(MODEL, key=key) == data


@every_algorithm
def test_a_mapped_file_is_checked_too(tmp_path, name):
    key, trusted, _ = SIGNED[name]
    path = tmp_path / "mapped.skc"
    skc.dump(MODEL, path, layout="mapped", key=key)
    for keys in (None, [trusted]):
        assert answers(skc.load(path, mmap=True, trusted_keys=keys)) == answers(MODEL)
    assert skc.verify_signature(path, [trusted]) == trusted
    data = path.read_bytes()
    for place in (0, 8, 20, len(data) // 2, len(data) - 50, len(data) - 2, len(data) - 1):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(skc.SignatureError):
            skc.load(path, mmap=True, trusted_keys=[trusted])
    for unsigned in (skc.dumps(MODEL, layout="mapped"), b""):
        path.write_bytes(unsigned)
        with pytest.raises(skc.SignatureError, match="not signed"):
            skc.load(path, mmap=True, trusted_keys=[trusted])


def test_max_memory_bounds_what_is_checked(tmp_path):
    path = tmp_path / "model.skc"
    path.write_bytes(SIGNED["ed25519"][2])
    for read in (skc.load, skc.verify_signature):
        with pytest.raises(skc.SkcFormatError, match="max_memory"):
            read(path, trusted_keys=TRUSTED, max_memory=50)


@pytest.mark.parametrize(
    ("key", "match"),
    [
        (PUBLIC, "got Ed25519PublicKey. A public key checks"),
        (PRIVATE.to_text(), r"got str.*from_text"),
        (b"secret", r"got bytes.*generate_key"),
        (True, "got bool"),
    ],
)
def test_what_cannot_sign(key, match):
    with pytest.raises(TypeError, match=match):
        skc.dumps(MODEL, key=key)
    with pytest.raises(TypeError, match=match):
        skc.dump(MODEL, io.BytesIO(), key=key)


@pytest.mark.parametrize(
    ("keys", "match"),
    [
        (PRIVATE, r"got Ed25519PrivateKey\. Give its public_key"),
        ([PUBLIC, PRIVATE], r"got Ed25519PrivateKey\. Give its public_key"),
        (PUBLIC.to_text(), r"got str\. Read the text"),
        ([PUBLIC.to_text()], r"got str\. Read the text"),
        (b"secret", r"got bytes\. Make them"),
        ([None], "got NoneType"),
        (7, "got int"),
    ],
)
def test_what_cannot_be_trusted(keys, match):
    for call in (
        lambda: skc.loads(SIGNED["ed25519"][2], trusted_keys=keys),
        lambda: skc.load("there is no such file", trusted_keys=keys),
        lambda: skc.verify_signature("there is no such file", keys),
    ):
        with pytest.raises(TypeError, match=match):
            call()


@pytest.mark.parametrize("keys", [[], (), set(), iter(())])
def test_no_keys_are_an_error_of_the_caller(keys):
    with pytest.raises(ValueError, match="trusted_keys is empty") as caught:
        skc.loads(UNSIGNED, trusted_keys=keys)
    assert not isinstance(caught.value, skc.SkcompressError)


def test_verification_without_keys_is_an_error_of_the_caller():
    with pytest.raises(TypeError, match="None checks nothing"):
        skc.verify_signature(SIGNED["ed25519"][2], None)


WITHOUT_CRYPTOGRAPHY = """
import importlib.abc, sys

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] in {"cryptography", "sklearn", "scipy", "joblib"}:
            raise ImportError(f"{fullname} is not here")

sys.meta_path.insert(0, Blocker())
import pathlib
import skcompress as skc

unsigned, by_ed25519, by_hmac = map(pathlib.Path, sys.argv[1:4])
public, shared = skc.Ed25519PublicKey.from_text(sys.argv[4]), skc.HmacKey.from_text(sys.argv[5])
for path in (unsigned, by_ed25519, by_hmac):
    skc.load(path)
model = skc.load(by_hmac, trusted_keys=[public, shared])
assert skc.loads(skc.dumps(model, key=shared), trusted_keys=shared)
assert skc.generate_key("hmac-sha256") != shared
for call in (
    skc.generate_key,
    lambda: skc.load(by_ed25519, trusted_keys=[public]),
    lambda: skc.dumps(model, key=skc.Ed25519PrivateKey(bytes(range(32)))),
):
    try:
        call()
    except ImportError as error:
        assert "pip install 'skcompress[sign]'" in str(error), error
    else:
        raise AssertionError("Ed25519 without cryptography")
print("done")
"""


def test_without_cryptography(tmp_path):
    paths = [tmp_path / f"{number}.skc" for number in range(3)]
    files = (UNSIGNED, SIGNED["ed25519"][2], SIGNED["hmac-sha256"][2])
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    keys = (PUBLIC.to_text(), SHARED.to_text())
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_CRYPTOGRAPHY, *paths, *keys],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout, run.returncode) == ("done\n", 0), run.stderr


def test_reading_without_keys_imports_nothing_for_them(tmp_path):
    path = tmp_path / "model.skc"
    path.write_bytes(SIGNED["ed25519"][2])
    code = (
        "import sys, skcompress as skc; skc.load(sys.argv[1]); found = set(sys.modules); "
        "print({'cryptography', 'hashlib', 'logging', 'skcompress.format._keys'} & found)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    )
    assert run.stdout == "set()\n"
