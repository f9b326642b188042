"""Why a message or a timestamp is refused, each reason by its own name.

    MessageRefused
    ├── MessageMalformed       not the structure, or an algorithm that is not SM2, SM3, SM4
    ├── SignerUnknown          no signature, or the signer's certificate is not there
    ├── MessageSignatureBroken the signature does not belong to the content
    │   └── MessageWithoutId   it does, but was made without the fixed id
    ├── WrongRecipient         sealed for others
    ├── EnvelopeBroken         sealed for us, but truncated or changed
    └── TimestampRefused
        ├── ImprintDiffers     the token is about other data
        ├── NonceDiffers       the token answers another request
        ├── TimestampInFuture  the token claims a time that has not come
        └── StampDenied        the authority answered with a refusal

A signer or an authority that is not to be relied on raises the reasons of
`certificates/errors.py`.
"""


class MessageRefused(ValueError):
    """A message that must not be acted on."""


class MessageMalformed(MessageRefused):
    """Not the expected structure, or other algorithms than SM2, SM3 and SM4."""


class SignerUnknown(MessageRefused):
    """The message has no signer, or none whose certificate is at hand."""


class MessageSignatureBroken(MessageRefused):
    """The signature does not belong to the content."""


class MessageWithoutId(MessageSignatureBroken):
    """The signature was made without the id 1234567812345678 (GM/T 0009 10)."""


class WrongRecipient(MessageRefused):
    """The envelope holds no key for this certificate."""


class EnvelopeBroken(MessageRefused):
    """The envelope is for this certificate, and does not open."""


class TimestampRefused(MessageRefused):
    """A timestamp that proves nothing."""


class ImprintDiffers(TimestampRefused):
    """The timestamp was made for other data."""


class NonceDiffers(TimestampRefused):
    """The timestamp answers another request than ours."""


class TimestampInFuture(TimestampRefused):
    """The timestamp claims a time that has not come yet."""


class StampDenied(TimestampRefused):
    """The timestamp authority refused the request."""
