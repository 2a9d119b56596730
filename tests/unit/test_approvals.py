from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from socialstrike import signatures
from socialstrike.exceptions import InvalidInput, VerificationFailed

NOW = datetime(2020, 1, 20, 9, 0, tzinfo=UTC)
WORDS = "quatre mots au hasard"


def request() -> dict[str, Any]:
    return {
        "database": "home",
        "campaign": None,
        "expires_at": (NOW + timedelta(days=1)).isoformat(),
        "deliveries": [{"id": 1, "hash": "a" * 64, "due_at": NOW.isoformat()}],
    }


def test_an_encrypted_key_opens_with_its_passphrase_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"
    public = signatures.new_key(path, WORDS)
    assert signatures.public_of(signatures.load_key(path, lambda _: WORDS)) == public
    for wrong in ("another", "", None):
        with pytest.raises(InvalidInput, match="passphrase"):
            signatures.load_key(path, lambda _, typed=wrong: typed)


def test_a_key_is_private_never_overwritten_and_refused_once_others_can_read_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "key"
    signatures.new_key(path, None)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(InvalidInput, match="exists"):
        signatures.new_key(path, None)
    path.chmod(0o644)
    with pytest.raises(InvalidInput, match="chmod 600"):
        signatures.load_key(path, lambda _: None)


def test_a_passphrase_too_easy_to_guess_makes_no_key(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="12 characters"):
        signatures.new_key(tmp_path / "key", "court")
    assert not (tmp_path / "key").exists()


@pytest.mark.parametrize("field", ["database", "campaign", "expires_at", "signed_at", "deliveries"])
def test_every_field_of_a_statement_is_under_the_signature(field: str) -> None:
    signed = signatures.sign(request(), Ed25519PrivateKey.generate(), NOW)
    assert signatures.verified(signed).deliveries == ((1, "a" * 64, NOW),)
    signed["statement"][field] = "another"
    with pytest.raises(VerificationFailed):
        signatures.verified(signed)


def test_a_statement_of_another_domain_is_no_approval() -> None:
    signed = signatures.sign(request(), Ed25519PrivateKey.generate(), NOW)
    signed["statement"]["domain"] = "socialstrike-approval-v2"
    with pytest.raises(InvalidInput, match="no approval"):
        signatures.verified(signed)


@pytest.mark.parametrize("odd", [None, [], "text", {}, {"statement": 1, "signature": "x"}])
def test_whatever_is_no_approval_is_refused_in_a_sentence(odd: Any) -> None:
    with pytest.raises(InvalidInput, match="no approval"):
        signatures.verified(odd)


def test_an_expired_request_is_not_signed() -> None:
    with pytest.raises(InvalidInput, match="expired"):
        signatures.sign(request(), Ed25519PrivateKey.generate(), NOW + timedelta(days=1))
