"""The certificate: its key stays, its names are those of the machine, it is renewed in time, and its file is closed."""

import stat
from pathlib import Path

import pytest
from cryptography import x509

from p2pnode.bounds import CERTIFICATE_LIFE, CERTIFICATE_RENEWED, MAX_CERTIFICATE_NAMES
from p2pnode.web.certificate import have_certificate, server_context
from protocols.limits import DAY

NOW = 1_800_000_000_000
NAMES = ["192.168.1.7", "fd00::7", "pi.local"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "web-lan.pem"


def key_of(file: Path) -> object:
    return x509.load_pem_x509_certificate(file.read_bytes()).public_key()


def test_it_is_for_the_machines_names(file: Path) -> None:
    made = have_certificate(file, NAMES, NOW)
    assert set(made.names) == set(NAMES) and made.until - NOW == CERTIFICATE_LIFE
    assert len(made.fingerprint.split(":")) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    server_context().load_cert_chain(file)


def test_it_stays_while_it_is_good(file: Path) -> None:
    made = have_certificate(file, NAMES, NOW)
    later = NOW + CERTIFICATE_LIFE - CERTIFICATE_RENEWED - DAY
    assert have_certificate(file, NAMES, later) == made
    assert have_certificate(file, NAMES[:1], NOW) == made, "an address that is gone may come back"
    assert have_certificate(file, NAMES, 0) == made, "a clock that is behind renews nothing"


def test_it_is_renewed_before_its_end_with_the_same_key(file: Path) -> None:
    made, key = have_certificate(file, NAMES, NOW), key_of(file)
    later = NOW + CERTIFICATE_LIFE - CERTIFICATE_RENEWED
    again = have_certificate(file, NAMES, later)
    assert again.fingerprint != made.fingerprint and key_of(file) == key
    assert again.until == later + CERTIFICATE_LIFE


def test_a_new_address_is_taken_in_and_the_old_ones_stay(file: Path) -> None:
    have_certificate(file, NAMES, NOW)
    key = key_of(file)
    again = have_certificate(file, ["10.0.0.3"], NOW)
    assert set(again.names) == {"10.0.0.3", *NAMES} and key_of(file) == key
    for n in range(2 * MAX_CERTIFICATE_NAMES):
        again = have_certificate(file, [f"10.0.1.{n}"], NOW)
    assert len(again.names) == MAX_CERTIFICATE_NAMES and again.names[0] == f"10.0.1.{n}"


@pytest.mark.parametrize(
    "damaged", [b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_damaged_file_is_made_anew(file: Path, damaged: bytes) -> None:
    file.write_bytes(damaged)
    made = have_certificate(file, NAMES, NOW)
    assert have_certificate(file, NAMES, NOW) == made


def test_a_certificate_of_another_key_does_not_count(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    have_certificate(file, NAMES, NOW)
    have_certificate(other, NAMES, NOW)
    mixed = (
        file.read_bytes().split(b"-----BEGIN CERT")[0]
        + b"-----BEGIN CERT"
        + other.read_bytes().split(b"-----BEGIN CERT")[1]
    )
    file.write_bytes(mixed)
    have_certificate(file, NAMES, NOW)
    server_context().load_cert_chain(file)
