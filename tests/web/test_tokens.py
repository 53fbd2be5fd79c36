"""Tokens as they are made, configured and recognised."""

import hashlib

import pytest

from openride_stream.errors import ConfigurationError
from web.tokens import PREFIX, ROLES, Caller, caller_of, entry_of, new_token, parse_tokens

HASH = "a" * 64


def test_a_new_token_has_its_prefix_and_256_random_bits() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(token.startswith(PREFIX) and len(token) >= len(PREFIX) + 43 for token in tokens)


def test_an_entry_holds_the_hash_and_finds_its_caller_again() -> None:
    token = new_token()
    text = entry_of("grafana", "viewer", token).text()
    assert text == f"grafana:viewer:{hashlib.sha256(token.encode()).hexdigest()}"
    assert token not in text
    entries = parse_tokens(f" other:admin:{HASH} , {text} ,")
    assert caller_of(token, entries) == Caller("grafana", "viewer")
    for wrong in (token[:-1], token + " ", token.upper(), "", "\udcff", "grafana"):
        assert caller_of(wrong, entries) is None


def test_each_role_includes_the_ones_before() -> None:
    assert ROLES == ("viewer", "analyst", "admin")
    may = {(role, needed): Caller("x", role).may(needed) for role in ROLES for needed in ROLES}
    assert [pair for pair, allowed in may.items() if not allowed] == [
        ("viewer", "analyst"),
        ("viewer", "admin"),
        ("analyst", "admin"),
    ]


@pytest.mark.parametrize("text", ["", " ", ",", " , "])
def test_an_empty_setting_is_no_tokens(text: str) -> None:
    assert parse_tokens(text) == ()


@pytest.mark.parametrize(
    "entry",
    [
        "me",
        "me:admin",
        f"me:root:{HASH}",
        f"me:Admin:{HASH}",
        f":admin:{HASH}",
        f"a b:admin:{HASH}",
        f"{'n' * 65}:admin:{HASH}",
        f"me:admin:{HASH[1:]}",
        f"me:admin:{HASH}:more",
        f"me:admin:{'g' * 64}",
    ],
)
def test_an_entry_that_cannot_be_read_is_named_by_its_place(entry: str) -> None:
    with pytest.raises(ConfigurationError, match="OPENRIDE_API_TOKENS: entry 2 "):
        parse_tokens(f"first:viewer:{'b' * 64},{entry}")


def test_a_name_or_a_token_stands_once() -> None:
    with pytest.raises(ConfigurationError, match="same name"):
        parse_tokens(f"me:viewer:{HASH},me:admin:{'b' * 64}")
    with pytest.raises(ConfigurationError, match="same token"):
        parse_tokens(f"me:viewer:{HASH},you:admin:{HASH.upper()}")


def test_a_token_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="32 characters"):
        entry_of("me", "admin", "correct horse battery staple")
