"""Everything that can go wrong and that a person can act on.

    FaceHubError
    |- BadPhoto          the file is no picture that we can use
    |- BadVideo          the file is no video that we can use
    |- NoFace            the picture is fine, but shows no face
    |- BadIdentity       an identity's folder is incomplete, malformed or of an unknown schema
    |  `- Withdrawn      the person shown has withdrawn
    |- UnknownIdentity   no identity of that name
    |- HubUnreachable    the hub did not answer, or has trouble of its own: trying again later may help
    |- HubRefused        the hub said no: something must change first
    |- DiskFull          no room for what was to be written
    |- Stopped           the visitor stopped it
    `- BadSetting        a value that makes no sense, and the one that would

Each message is one sentence a visitor can read: what was got, what was wanted, what to do next. No error of a
library below (PIL, dlib, safetensors, huggingface_hub) leaves the package: it is chained as the cause.
"""


class FaceHubError(Exception):
    """Base of every error that this package raises on purpose."""


class BadPhoto(FaceHubError):
    """The file is not a picture, is damaged, or is too large or too small to work with."""


class BadVideo(FaceHubError):
    """The file is not a video, is damaged, or is too large or too long to work with."""


class NoFace(FaceHubError):
    """No face was found, or not the one that was asked for."""


class BadIdentity(FaceHubError):
    """An identity's folder is incomplete, malformed, or does not match its own description."""


class Withdrawn(BadIdentity):
    """The identity stands on the list of those that were withdrawn."""


class UnknownIdentity(FaceHubError):
    """No identity goes by the name that was given."""


class HubUnreachable(FaceHubError):
    """The hub did not answer, broke off, or has trouble of its own."""

    def __init__(self, sentence: str, *, retry_after_s: float = 10.0):
        super().__init__(sentence)
        self.retry_after_s = retry_after_s
        """Seconds after which the same call may succeed."""


class HubRefused(FaceHubError):
    """The hub answered with no: the same call fails again until somebody logs in, gets access, or changes
    what is asked for.
    """


class DiskFull(FaceHubError):
    """There is no room for what was to be written."""


class Stopped(FaceHubError):
    """Whoever waited asked for it to stop. What is whole is kept."""


class BadSetting(FaceHubError):
    """A setting is out of its range."""
