"""Everything that can go wrong and that a person can act on.

    FaceHubError
    |- BadPhoto          the file is no picture that we can use
    |- NoFace            the picture is fine, but shows no face
    |- BadIdentity       an identity's folder is incomplete, malformed or of an unknown schema
    |- UnknownIdentity   no identity of that name
    |- HubUnreachable    the hub did not answer, or said no
    `- BadSetting        a value that makes no sense, and the one that would

Each message is one sentence a visitor can read: what was got, what was wanted, what to do next.
No error of a library below (PIL, dlib, safetensors, huggingface_hub) leaves the package: it is chained as the cause.
"""


class FaceHubError(Exception):
    """Base of every error that this package raises on purpose."""


class BadPhoto(FaceHubError):
    """The file is not a picture, is damaged, or is too large or too small to work with."""


class NoFace(FaceHubError):
    """No face was found, or not the one that was asked for."""


class BadIdentity(FaceHubError):
    """An identity's folder is incomplete, malformed, or does not match its own description."""


class UnknownIdentity(FaceHubError):
    """No identity goes by the name that was given."""


class HubUnreachable(FaceHubError):
    """The hub did not answer, or refused."""


class BadSetting(FaceHubError):
    """A setting is out of its range."""
