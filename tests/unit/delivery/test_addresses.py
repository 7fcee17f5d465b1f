"""About 40 spellings of addresses that must not be called, as a literal and as an answer of DNS; and the few that may."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.delivery.addresses import (
    AddressPolicy,
    Reason,
    Refusal,
    Target,
    check_address,
    check_url,
    foretold,
    literal_address,
    why_not_public,
)

PUBLIC_ONLY = AddressPolicy()
LOOPBACK = AddressPolicy.of(["127.0.0.0/8", "::1/128"])

HOSTS = [
    ("127.0.0.1", Reason.LOOPBACK),
    ("127.1", Reason.LOOPBACK),
    ("127.0.1", Reason.LOOPBACK),
    ("127.255.255.254", Reason.LOOPBACK),
    ("2130706433", Reason.LOOPBACK),
    ("0x7f000001", Reason.LOOPBACK),
    ("0x7F.0.0.1", Reason.LOOPBACK),
    ("0x7f.1", Reason.LOOPBACK),
    ("0177.0.0.1", Reason.LOOPBACK),
    ("017700000001", Reason.LOOPBACK),
    ("127.0.0.1.", Reason.LOOPBACK),
    ("１２７.０.０.１", Reason.LOOPBACK),
    ("127。0。0。1", Reason.LOOPBACK),
    ("①②⑦.0.0.1", Reason.LOOPBACK),
    ("[::1]", Reason.LOOPBACK),
    ("[0:0:0:0:0:0:0:1]", Reason.LOOPBACK),
    ("[::ffff:127.0.0.1]", Reason.LOOPBACK),
    ("[::ffff:7f00:1]", Reason.LOOPBACK),
    ("[::127.0.0.1]", Reason.LOOPBACK),
    ("[64:ff9b::7f00:1]", Reason.LOOPBACK),
    ("0", Reason.UNSPECIFIED),
    ("0.0.0.0", Reason.UNSPECIFIED),
    ("[::]", Reason.UNSPECIFIED),
    ("10.0.0.1", Reason.PRIVATE),
    ("172.16.0.1", Reason.PRIVATE),
    ("172.31.255.255", Reason.PRIVATE),
    ("192.168.1.1", Reason.PRIVATE),
    ("0xc0a80101", Reason.PRIVATE),
    ("[fd12:3456::1]", Reason.PRIVATE),
    ("[fec0::1]", Reason.PRIVATE),
    ("100.64.0.1", Reason.SHARED),
    ("169.254.169.254", Reason.METADATA),
    ("[64:ff9b::a9fe:a9fe]", Reason.METADATA),
    ("[::ffff:a9fe:a9fe]", Reason.METADATA),
    ("2852039166", Reason.METADATA),
    ("168.63.129.16", Reason.METADATA),
    ("[fd00:ec2::254]", Reason.METADATA),
    ("169.254.1.1", Reason.LINK_LOCAL),
    ("[fe80::1]", Reason.LINK_LOCAL),
    ("[2002:a9fe:a9fe::1]", Reason.TUNNEL),
    ("[2001::7f00:1]", Reason.TUNNEL),
    ("[64:ff9b:1::1]", Reason.TUNNEL),
    ("192.88.99.1", Reason.TUNNEL),
    ("224.0.0.1", Reason.MULTICAST),
    ("[ff02::1]", Reason.MULTICAST),
    ("240.0.0.1", Reason.RESERVED),
    ("255.255.255.255", Reason.RESERVED),
    ("192.0.0.192", Reason.RESERVED),
    ("198.18.0.1", Reason.RESERVED),
    ("[5f00::1]", Reason.RESERVED),
    ("[4000::1]", Reason.RESERVED),
    ("192.0.2.1", Reason.DOCUMENTATION),
    ("198.51.100.1", Reason.DOCUMENTATION),
    ("203.0.113.1", Reason.DOCUMENTATION),
    ("[2001:db8::1]", Reason.DOCUMENTATION),
]


@pytest.mark.parametrize(("host", "reason"), HOSTS)
def test_hosts_that_are_not_public(host: str, reason: Reason) -> None:
    refusal = check_url(f"https://{host}/hook", PUBLIC_ONLY)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is reason


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.com/", Reason.SCHEME),
        ("file:///etc/passwd", Reason.SCHEME),
        ("gopher://example.com/", Reason.SCHEME),
        ("example.com/hook", Reason.SCHEME),
        ("", Reason.SCHEME),
        ("https://", Reason.MALFORMED),
        ("https://./", Reason.MALFORMED),
        ("https:///hook", Reason.MALFORMED),
        ("https://user@example.com/", Reason.USERINFO),
        ("https://example.com@127.0.0.1/", Reason.USERINFO),
        ("https://:pw@example.com/", Reason.USERINFO),
        ("https://[::1%lo]/", Reason.ZONE),
        ("https://[fe80::1%25eth0]/", Reason.ZONE),
        ("https://127%2e0%2e0%2e1/", Reason.ZONE),
        ("https://example.com:0/", Reason.PORT),
        ("https://example.com:99999/", Reason.MALFORMED),
        ("https://example.com:port/", Reason.MALFORMED),
        ("https://exa mple.com/", Reason.MALFORMED),
        ("https://example.com\\@127.0.0.1/", Reason.MALFORMED),
        ("https://example.com/\r\nHost: internal", Reason.MALFORMED),
        ("https://exam\tple.com/", Reason.MALFORMED),
        ("https://256.1.1.1/", Reason.MALFORMED),
        ("https://1.2.3.4.5/", Reason.MALFORMED),
        ("https://1.2.3.08/", Reason.MALFORMED),
        ("https://example.127/", Reason.MALFORMED),
        ("https://[::1/", Reason.MALFORMED),
        ("https://8.8.8.8:22/", Reason.PORT),
        ("https://[2606:4700::1111]:6379/", Reason.PORT),
        ("http://8.8.8.8/", Reason.PLAIN_HTTP),
    ],
)
def test_urls_that_are_refused_before_dns_is_asked(url: str, reason: Reason) -> None:
    refusal = check_url(url, PUBLIC_ONLY)
    assert isinstance(refusal, Refusal), refusal
    assert refusal.reason is reason
    assert refusal.detail


def test_urls_that_may_be_called() -> None:
    assert check_url("https://example.com/hook?a=1", PUBLIC_ONLY) == Target("https", "example.com", 443, None)
    assert check_url("https://서울시.example/", PUBLIC_ONLY) == Target("https", "서울시.example", 443, None)
    assert check_url("https://8.8.8.8:8443/", PUBLIC_ONLY) == Target("https", "8.8.8.8", 8443, ip_address("8.8.8.8"))
    assert isinstance(check_url("https://[2606:4700::1111]/", PUBLIC_ONLY), Target)
    assert isinstance(check_url("http://8.8.8.8/", AddressPolicy.of([], allow_http=True)), Target)


def test_what_the_operator_allows_may_be_called_on_any_port_in_plain() -> None:
    for url in ("http://127.0.0.1:50123/", "http://127.1:81/", "http://[::1]:9/", "http://[::ffff:127.0.0.1]:9/"):
        assert isinstance(check_url(url, LOOPBACK), Target), url
    for url in ("http://10.0.0.1/", "http://169.254.169.254/", "http://[fd00:ec2::254]/"):
        assert isinstance(check_url(url, LOOPBACK), Refusal), url


@pytest.mark.parametrize(("text", "scheme", "port", "reason"), [
    ("8.8.8.8", "https", 443, None), ("8.8.8.8", "http", 80, Reason.PLAIN_HTTP), ("8.8.8.8", "https", 25, Reason.PORT),
    ("fe80::1%eth0", "https", 443, Reason.ZONE), ("2001:4860:4860::8888", "https", 443, None),
])  # fmt: skip
def test_an_answer_of_dns(text: str, scheme: str, port: int, reason: Reason | None) -> None:
    refusal = check_address(ip_address(text), PUBLIC_ONLY, scheme=scheme, port=port)
    assert (refusal.reason if refusal else None) is reason


@given(number=st.integers(0, 2**32 - 1))
def test_every_spelling_of_an_ipv4_address_is_the_same_address(number: int) -> None:
    address = ip_address(number)
    a, b, c, d = address.packed
    spellings = [
        str(address), str(number), hex(number), f"0{number:o}", f"{a}.{b}.{c}.{d}.", f"{a}.{b << 16 | c << 8 | d}",
        f"{a}.{b}.{c << 8 | d}", f"{a:#x}.{b:#x}.{c:#x}.{d:#x}", f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
    ]  # fmt: skip
    assert {literal_address(spelling) for spelling in spellings} == {address}
    embedded = [ip_address(f"::ffff:{address}"), ip_address(int(ip_address("64:ff9b::")) + number)]
    assert {why_not_public(spelling) for spelling in embedded} == {why_not_public(address)}


@given(number=st.integers(0, 2**32 - 1) | st.integers(0, 2**128 - 1).filter(lambda n: n >= 2**32))
def test_whatever_python_calls_private_is_never_public(number: int) -> None:
    address = ip_address(number)
    mapped = getattr(address, "ipv4_mapped", None)
    if not (mapped or address).is_global:
        # what Python 3.11 calls not global though it is routed: NAT64, judged by what it embeds
        if address in ip_network("64:ff9b::/96") if address.version == 6 else False:
            return
        assert why_not_public(address) is not None


def test_names_are_no_literals() -> None:
    for host in ("localhost", "example.com", "0x7f.example", "a.b.c.d.e", "1.2.3.com", "서울.한국", "0x7g"):
        assert literal_address(host) is None, host


@pytest.mark.parametrize(
    ("url", "policy", "reason"),
    [
        ("https://name.example/", PUBLIC_ONLY, None),
        ("https://name.example:8443/", PUBLIC_ONLY, None),
        ("https://name.example:22/", PUBLIC_ONLY, Reason.PORT),
        ("http://name.example/", PUBLIC_ONLY, Reason.PLAIN_HTTP),
        ("http://localhost:9000/", LOOPBACK, Reason.PORT),
        ("http://name.example/", AddressPolicy.of([], allow_http=True), None),
        ("https://127.0.0.1:22/", LOOPBACK, None),
    ],
)
def test_what_is_foretold_of_a_name_is_what_a_public_address_will_be_told(url, policy, reason):
    target = check_url(url, policy)
    assert isinstance(target, Target)
    told = foretold(target, policy)
    assert (told and told.reason) == reason
    if target.literal is None:
        assert told == check_address(ip_address("8.8.8.8"), policy, scheme=target.scheme, port=target.port)
