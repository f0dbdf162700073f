"""A certificate authority of one's own: servers under test trust its certificate, and its key is forgotten at once."""

import os
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=365)
"""How long certificates are good; with less than a day left they are made anew."""


def server_context(certificate: Path, host: str) -> ssl.SSLContext:
    """Return what a server at ``host`` speaks TLS with; the authority's certificate is in the file, made if need be.

    Beside it, in a file that ends in ``.server.pem``, stand the server's own certificate and key.

    Raises:
        OSError: a file cannot be read or written, or holds something else.
    """
    server = certificate.with_suffix(".server.pem")
    if not _good(certificate) or not _good(server):
        _make(certificate, server, host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(server)
    return context


def _good(path: Path) -> bool:
    """Say whether a certificate is there that is still good; a file with something else in it is not ours to replace.

    Raises:
        OSError: it holds something else.
    """
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
    except FileNotFoundError:
        return False
    except ValueError:
        raise OSError(0, f"{path} holds no certificate") from None
    return found.not_valid_after_utc > datetime.now(UTC) + timedelta(days=1)


def _make(certificate: Path, server: Path, host: str) -> None:
    """Make the authority, and in its name the server's certificate: some clients refuse one that is both."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bearerproof identity provider, for tests only")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    root = (
        _certificate_builder(authority, authority, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    leaf = (
        _certificate_builder(subject, authority, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_names(host)), critical=False)
        .add_extension(identifier, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(server, leaf.public_bytes(pem) + private, 0o600)
    _write(certificate, root.public_bytes(pem), 0o644)


def _certificate_builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _names(host: str) -> list[x509.GeneralName]:
    """Return the names of this machine: it is where servers under test look."""
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    addresses = dict.fromkeys(("127.0.0.1", "::1"))
    try:
        addresses[str(ip_address(host))] = None
    except ValueError:
        names.append(x509.DNSName(host))
    return [*names, *(x509.IPAddress(ip_address(address)) for address in addresses)]


def _write(path: Path, octets: bytes, mode: int) -> None:
    path.unlink(missing_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(file, "wb") as opened:
        opened.write(octets)
