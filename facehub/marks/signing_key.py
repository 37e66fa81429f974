"""The key this program signs with: a private key and its certificate in one PEM file.

It is the operator's, or made on first use. A certificate made here is signed by itself: it shows that a file
was not changed since, not who made it. An operator with a certificate of an authority names its file in
FACEHUB_SIGNING (the private key, then the certificate and those above it); whoever trusts that authority
trusts the file.
"""

import datetime
import functools
import logging
import os
import pathlib
import stat
import tempfile
from dataclasses import dataclass

from ..errors import BadSetting

VARIABLE = "FACEHUB_SIGNING"
"""Environment variable: the PEM file to sign with."""

SELF_SIGNED = "facehub, signed by itself"
"""The organisation that a certificate made here names."""

VALID_DAYS = 3650
"""How long a certificate made here is valid."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SigningCredential:
    """A private key, the certificates that stand for it, and the algorithm they are used with."""

    key: bytes
    """PEM, PKCS 8. Never printed."""
    chain: bytes
    """PEM, the signer's own certificate first."""
    algorithm: str
    """One of C2PA's names, as es256."""

    def __repr__(self) -> str:
        return f"SigningCredential({self.algorithm})"


def signing_credential() -> SigningCredential:
    """The operator's, if FACEHUB_SIGNING names one, else this user's own, made now if there is none yet.

    Raises BadSetting.
    """
    if named := os.environ.get(VARIABLE):
        return read(pathlib.Path(named))
    return _own(home())


def home() -> pathlib.Path:
    """Where the key made on first use is kept."""
    return (
        pathlib.Path(os.environ.get("XDG_CONFIG_HOME") or pathlib.Path.home() / ".config")
        / "facehub"
        / "signing.pem"
    )


@functools.lru_cache(4)
def read(file: pathlib.Path) -> SigningCredential:
    """A key and certificates from a file that only its owner may read.

    Raises BadSetting, which names the fault.
    """
    try:
        if os.name == "posix" and stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise BadSetting(
                f"{file} holds a private key but can be read by others: allow only its owner (chmod 600), "
                "then try again."
            )
        data = file.read_bytes()
    except OSError as problem:
        why = problem.strerror or problem
        raise BadSetting(
            f"{file} cannot be read ({why}): {VARIABLE} must name a PEM file with a key and its certificate."
        ) from problem
    return parse_pem(data, file.name)


def parse_pem(data: bytes, name: str = "The file") -> SigningCredential:
    """The same from the file's bytes."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_pem_private_key(data, None)
        certificates = x509.load_pem_x509_certificates(data)
    except (ValueError, TypeError) as problem:
        raise BadSetting(
            f"{name} is no PEM file with an unencrypted private key and its certificate: "
            "make one with both in it."
        ) from problem
    own, now = certificates[0], datetime.datetime.now(datetime.timezone.utc)
    if own.public_key() != key.public_key():
        raise BadSetting(
            f"The first certificate in {name} belongs to another key: put the key's own certificate first."
        )
    if not own.not_valid_before_utc <= now <= own.not_valid_after_utc:
        valid = f"from {own.not_valid_before_utc:%Y-%m-%d} to {own.not_valid_after_utc:%Y-%m-%d}"
        raise BadSetting(f"The certificate in {name} is valid {valid}: get a new one.")
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return SigningCredential(
        key.private_bytes(*form),
        b"".join(c.public_bytes(form[0]) for c in certificates),
        _algorithm(key, name),
    )


def create_self_signed() -> bytes:
    """A new key on the curve P-256 and a certificate that it signs for itself, as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.timezone.utc)
    names = [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, SELF_SIGNED),
        x509.NameAttribute(NameOID.COMMON_NAME, "facehub"),
    ]
    uses = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    public = key.public_key()
    # those that C2PA asks of a signer (specification 2.2, section 14.5.1)
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (uses, True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False),
        (x509.SubjectKeyIdentifier.from_public_key(public), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False),
    ]
    maker = x509.CertificateBuilder(x509.Name(names), x509.Name(names), public, x509.random_serial_number())
    maker = maker.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(
        now + datetime.timedelta(days=VALID_DAYS)
    )
    for extension, critical in extensions:
        maker = maker.add_extension(extension, critical)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form) + maker.sign(key, hashes.SHA256()).public_bytes(form[0])


@functools.lru_cache(4)
def _own(file: pathlib.Path) -> SigningCredential:
    """The key in the file; made whole or not at all when it is not there, also if others make it at the same
    time.
    """
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile(dir=file.parent) as part:  # readable by its owner only
                part.write(create_self_signed())
                part.flush()
                try:
                    os.link(part.name, file)
                except FileExistsError:
                    pass  # another process was first: its key is used
    except OSError as problem:
        log.warning(
            "No key can be kept in %s (%s): this process makes one for itself.",
            file.parent,
            problem.strerror or problem,
        )
        return parse_pem(create_self_signed())
    return read(file)


def _algorithm(key: object, name: str) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    curves = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in curves:
        return curves[key.curve.name]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    raise BadSetting(
        f"The key in {name} is of a kind that C2PA does not take: use P-256, P-384, P-521, Ed25519 or RSA."
    )
