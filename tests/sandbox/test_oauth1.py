from __future__ import annotations

from urllib.parse import urlsplit

import oauthlib.oauth1
import pytest

from socialstrike.sandbox import oauth1

SECRETS = {"consumer_secret": "c&s é", "token_secret": "t=s/+"}


def signed_by_oauthlib(url: str, method: str, body: str) -> dict[str, str]:
    client = oauthlib.oauth1.Client(
        "key", SECRETS["consumer_secret"], "token", SECRETS["token_secret"]
    )
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
    _, signed, _ = client.sign(url, method, body or None, headers)
    return oauth1.parse_header(signed["Authorization"])


@pytest.mark.parametrize(
    ("url", "method", "form"),
    [
        ("https://api.x.com/2/tweets", "POST", ""),
        ("https://api.x.com/2/users/1/tweets?max_results=5&tweet.fields=a%2Cb", "GET", ""),
        ("https://api.x.com/2/a?b=%C3%A9+%7E&b=&a=2%261", "GET", ""),
        ("https://api.x.com/2/form?z=1", "POST", "status=On+est+l%C3%A0&a="),
    ],
)
def test_what_oauthlib_signs_is_good_and_any_change_makes_it_bad(
    url: str, method: str, form: str
) -> None:
    parts = urlsplit(url)
    right = {
        "method": method,
        "base_urls": ["https://elsewhere.example", f"https://api.x.com{parts.path}"],
        "query": parts.query,
        "form": form,
        **SECRETS,
    }
    parameters = signed_by_oauthlib(url, method, form)

    def good(**changed: object) -> bool:
        return oauth1.is_signed(parameters, **{**right, **changed})  # type: ignore[arg-type] # varied on purpose

    assert good()
    assert not good(method="DELETE")
    assert not good(base_urls=["https://elsewhere.example"])
    assert not good(query=parts.query + "&x=1")
    assert not good(form=form + "&x=1")
    assert not good(consumer_secret="other")
    assert not good(token_secret="")
    assert not oauth1.is_signed({**parameters, "oauth_nonce": "1"}, **right)  # type: ignore[arg-type]
    assert not oauth1.is_signed({}, **right)  # type: ignore[arg-type]
