"""Addresses that one side is told and calls: checked when they are told, so that calling cannot surprise."""

import ipaddress

import httpx


def parse_address(text: str) -> httpx.URL:
    """An http or https address with a host. Raises ValueError with one sentence."""
    try:
        url = httpx.URL(text)
        # What the resolver will do with it: a label too long would only be noticed there.
        url.raw_host.decode("ascii").encode("idna")
    except (httpx.InvalidURL, UnicodeError) as error:
        raise ValueError(f"{text!r} is no address: {error}.") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"{text!r} is no address that could be called, such as https://towing.example.")
    return url


def on_this_machine(url: httpx.URL) -> bool:
    """Whether it is a loopback address: such a one is not called through a proxy."""
    try:
        return ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        return url.host == "localhost"
