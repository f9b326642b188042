"""A second implementation of SM2 to compare with: `gmalg`, pure Python and slow.

The key and the two results are those printed in the examples of GB/T 32918.5.
"""

import gmalg

ID = b"1234567812345678"

PUBLISHED_KEY = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
PUBLISHED_POINT = bytes.fromhex(
    "0409F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
PUBLISHED_SIGNATURE = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)
PUBLISHED_CIPHERTEXT = bytes.fromhex(
    "0404EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73"
    "E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0"
    "59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766"
    "21886CA989CA9C7D58087307CA93092D651EFA"
)


def oracle_public(scalar: bytes) -> bytes:
    return bytes(gmalg.SM2(scalar).generate_pk(scalar))


def oracle_sign(scalar: bytes, data: bytes, *, identity: bytes = ID) -> bytes:
    """R || s; `identity` may be wrong, but gmalg wants one byte or more."""
    r, s = gmalg.SM2(scalar, identity, oracle_public(scalar)).sign(data)
    return bytes(r.rjust(32, b"\0") + s.rjust(32, b"\0"))


def oracle_accepts(point: bytes, data: bytes, signature: bytes) -> bool:
    oracle = gmalg.SM2(pk=point, uid=ID)
    return bool(oracle.verify(data, signature[:32], signature[32:]))


def oracle_encrypt(point: bytes, plaintext: bytes) -> bytes:
    """C1 || C3 || C2 with the leading 04."""
    return bytes(gmalg.SM2(pk=point).encrypt(plaintext))


def oracle_decrypt(scalar: bytes, ciphertext: bytes) -> bytes:
    return bytes(gmalg.SM2(scalar).decrypt(ciphertext))
