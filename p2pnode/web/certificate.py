"""The certificate of the page on the local network: signed by itself, with a key of its own, in `web-lan.pem`.

No authority could sign for `192.168.1.7`; so a browser warns once, and the fingerprint tells its user whether it is
this node that it warns of. The key stays when the certificate is renewed. The library is libp2p's as well.
"""

import ipaddress
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from p2pnode.bounds import CERTIFICATE_LIFE, CERTIFICATE_RENEWED, MAX_CERTIFICATE_NAMES
from p2pnode.home.files import write_atomic
from protocols.limits import DAY

SUBJECT = "p2pnode, this household's own certificate"


@dataclass(frozen=True)
class Certificate:
    """fingerprint: SHA-256 of the certificate, as browsers show it. names: addresses and names that it is for."""

    file: Path
    fingerprint: str
    names: tuple[str, ...]
    until: int


def have_certificate(file: Path, names: Sequence[str], now: int) -> Certificate:
    """The certificate in `file` if it is good for these names and will be for a while, else a new one with the same
    key. now: ms. A file that cannot be read counts as none. `OSError` if it cannot be written.
    """
    key, found = _load(file)
    if key is not None and found is not None:
        known = _names(found)
        left = _ms(found.not_valid_after_utc) - now
        if set(names) <= set(known) and left > CERTIFICATE_RENEWED:
            return _described(file, found)
        names = list(dict.fromkeys((*names, *known)))[:MAX_CERTIFICATE_NAMES]
    key = key or ec.generate_private_key(ec.SECP256R1())
    made = _signed(key, names[:MAX_CERTIFICATE_NAMES], now)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + made.public_bytes(serialization.Encoding.PEM)
    write_atomic(file, pem)
    return _described(file, made)


def server_context() -> ssl.SSLContext:
    """TLS of a server, without a certificate yet: 1.2 or newer, HTTP/1.1 only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    return context


def _signed(key: ec.EllipticCurvePrivateKey, names: Sequence[str], now: int) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SUBJECT)])
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_time(now - 2 * DAY))  # clocks of the household differ
        .not_valid_after(_time(now + CERTIFICATE_LIFE))
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _load(file: Path) -> tuple[ec.EllipticCurvePrivateKey | None, x509.Certificate | None]:
    try:
        pem = file.read_bytes()
        key = serialization.load_pem_private_key(pem, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            return None, None
        found = x509.load_pem_x509_certificate(pem)
    except (OSError, ValueError, TypeError):
        return None, None
    return key, found if found.public_key() == key.public_key() else None


def _described(file: Path, found: x509.Certificate) -> Certificate:
    fingerprint = ":".join(f"{byte:02X}" for byte in found.fingerprint(hashes.SHA256()))
    return Certificate(file, fingerprint, tuple(_names(found)), _ms(found.not_valid_after_utc))


def _names(found: x509.Certificate) -> list[str]:
    try:
        listed = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(one.value) for one in listed]


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(max(0, ms) / 1000, UTC)


def _ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)
