"""Which addresses a webhook may go to: the rules against server-side request forgery, without any IO.

A URL comes from a stranger and is called from inside our network. So: only public addresses, unless the operator has
named the network; every answer of DNS must be allowed, not just the one that is dialled; an address is judged as what
it reaches, whatever it is written as (`127.1`, `0x7f000001`, `[::ffff:127.0.0.1]`, full-width digits).
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

DEFAULT_PORTS = (80, 443, 8080, 8443)


class Reason(StrEnum):
    """Why an address or a URL may not be called."""

    MALFORMED = "malformed"
    SCHEME = "scheme"
    USERINFO = "userinfo"
    PORT = "port"
    PLAIN_HTTP = "plain_http"
    ZONE = "zone"
    UNSPECIFIED = "unspecified"
    LOOPBACK = "loopback"
    PRIVATE = "private"
    SHARED = "shared"
    LINK_LOCAL = "link_local"
    METADATA = "metadata"
    MULTICAST = "multicast"
    RESERVED = "reserved"
    DOCUMENTATION = "documentation"
    TUNNEL = "tunnel"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is refused, and the sentence that a subscriber is shown."""

    reason: Reason
    detail: str

    def __str__(self) -> str:
        return self.detail


_NOT_PUBLIC: tuple[tuple[Network, Reason], ...] = tuple(
    (ip_network(text), reason)
    for text, reason in (
        ("0.0.0.0/8", Reason.UNSPECIFIED),
        ("10.0.0.0/8", Reason.PRIVATE),
        ("100.64.0.0/10", Reason.SHARED),
        ("127.0.0.0/8", Reason.LOOPBACK),
        ("169.254.169.254/32", Reason.METADATA),
        ("169.254.0.0/16", Reason.LINK_LOCAL),
        ("172.16.0.0/12", Reason.PRIVATE),
        ("192.0.0.0/24", Reason.RESERVED),
        ("192.0.2.0/24", Reason.DOCUMENTATION),
        ("192.88.99.0/24", Reason.TUNNEL),
        ("192.168.0.0/16", Reason.PRIVATE),
        ("198.18.0.0/15", Reason.RESERVED),
        ("198.51.100.0/24", Reason.DOCUMENTATION),
        ("203.0.113.0/24", Reason.DOCUMENTATION),
        ("168.63.129.16/32", Reason.METADATA),  # Azure's WireServer: a public number that only its own guests reach
        ("224.0.0.0/4", Reason.MULTICAST),
        ("240.0.0.0/4", Reason.RESERVED),
        ("::/128", Reason.UNSPECIFIED),
        ("::1/128", Reason.LOOPBACK),
        ("fd00:ec2::254/128", Reason.METADATA),
        ("fc00::/7", Reason.PRIVATE),
        ("fe80::/10", Reason.LINK_LOCAL),
        ("fec0::/10", Reason.PRIVATE),
        ("ff00::/8", Reason.MULTICAST),
        ("2001:db8::/32", Reason.DOCUMENTATION),
        ("3fff::/20", Reason.DOCUMENTATION),
        ("2001::/32", Reason.TUNNEL),
        ("2001::/23", Reason.RESERVED),
        ("2002::/16", Reason.TUNNEL),
        ("64:ff9b:1::/48", Reason.TUNNEL),
    )
)
_UNICAST6 = IPv6Network("2000::/3")
"""All of IPv6 that is routed in public today; what lies outside (SRv6 and what comes) is refused."""
_EMBEDS_IPV4 = tuple(IPv6Network(text) for text in ("::ffff:0:0/96", "64:ff9b::/96", "::/96"))


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What the operator allows beyond public addresses on web ports by HTTPS."""

    allow: tuple[Network, ...] = ()
    """Networks that may be called although they are not public; any port and plain HTTP with them."""
    ports: frozenset[int] = frozenset(DEFAULT_PORTS)
    allow_http: bool = False

    @classmethod
    def of(
        cls, cidrs: Iterable[str], ports: Iterable[int] = DEFAULT_PORTS, *, allow_http: bool = False
    ) -> "AddressPolicy":
        """From texts such as `127.0.0.0/8`."""
        return cls(tuple(ip_network(cidr, strict=False) for cidr in cidrs), frozenset(ports), allow_http)

    def allows_network(self, address: Address) -> bool:
        """The operator has named a network that holds it."""
        return any(address.version == network.version and address in network for network in self.allow)


def reached(address: Address) -> Address:
    """The address that is really reached: IPv4 inside an IPv6 spelling (mapped, NAT64, compatible) is unwrapped."""
    if isinstance(address, IPv6Address):
        if address in (IPv6Address("::"), IPv6Address("::1")):
            return address
        if any(address in network for network in _EMBEDS_IPV4):
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def why_not_public(address: Address) -> Reason | None:
    """Why an address is not public; None when it is."""
    real = reached(address)
    for network, reason in _NOT_PUBLIC:
        if real.version == network.version and real in network:
            return reason
    return Reason.RESERVED if isinstance(real, IPv6Address) and real not in _UNICAST6 else None


def check_address(address: Address, policy: AddressPolicy, *, scheme: str, port: int) -> Refusal | None:
    """Whether a connection to `address` may be made; judged for every answer of DNS, and again when dialling."""
    if isinstance(address, IPv6Address) and address.scope_id:
        return Refusal(Reason.ZONE, f"{address} names an interface of this machine")
    if policy.allows_network(address) or policy.allows_network(reached(address)):
        return None
    reason = why_not_public(address)
    if reason is not None:
        return Refusal(
            reason,
            f"{address} is not a public address ({reason}); the operator may allow its network with "
            "BONGSU_DELIVERY_ALLOW_ADDRESSES",
        )
    return _check_way(policy, scheme, port)


def _check_way(policy: AddressPolicy, scheme: str, port: int) -> Refusal | None:
    """Whether a public address may be called this way."""
    if port not in policy.ports:
        ports = ", ".join(map(str, sorted(policy.ports)))
        return Refusal(Reason.PORT, f"port {port} is not one of {ports} (BONGSU_DELIVERY_PORTS)")
    if scheme != "https" and not policy.allow_http:
        return Refusal(
            Reason.PLAIN_HTTP, "plain http to a public address; use https (or BONGSU_DELIVERY_ALLOW_HTTP=true)"
        )
    return None


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart; `literal` is set when its host is an address, in whatever spelling."""

    scheme: str
    host: str
    port: int
    literal: Address | None


def check_url(url: str, policy: AddressPolicy) -> Target | Refusal:
    """What can be said of a URL before DNS is asked. For registration and again before each attempt."""
    target = _taken_apart(url)
    if isinstance(target, Refusal) or target.literal is None:
        return target
    return check_address(target.literal, policy, scheme=target.scheme, port=target.port) or target


def foretold(target: Target, policy: AddressPolicy) -> Refusal | None:
    """Why a name will be refused whatever DNS says of it, unless that is in a network that the operator allows.

    For registration: at a call the answers of DNS decide.
    """
    return None if target.literal is not None else _check_way(policy, target.scheme, target.port)


def _taken_apart(url: str) -> Target | Refusal:
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname or ""
        literal = literal_address(host)
    except ValueError as error:
        return Refusal(Reason.MALFORMED, f"not a URL that can be called: {error}")
    doubts = (
        # urlsplit drops tabs and line ends, other parsers read a backslash as a slash: nobody may read it differently
        (any(character <= " " or character in "\\\x7f" for character in url), Reason.MALFORMED,
         "the URL holds white space, a control character or a backslash"),
        (parts.scheme not in ("http", "https"), Reason.SCHEME,
         f"the URL starts with {parts.scheme or 'nothing'}:; only https and http are called"),
        ("@" in parts.netloc, Reason.USERINFO, "the URL holds a user name; the signature proves who calls"),
        ("%" in parts.netloc, Reason.ZONE, "the host holds a %: neither escapes nor names of interfaces are called"),
        (not host.strip("."), Reason.MALFORMED, "the URL has no host"),
        (port == 0, Reason.PORT, "port 0 cannot be called"),
    )  # fmt: skip
    for doubtful, reason, detail in doubts:
        if doubtful:
            return Refusal(reason, detail)
    return Target(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), literal)


def literal_address(host: str) -> Address | None:
    """The address that a host spells, in any way that a resolver would accept; None for a name.

    Raises:
        ValueError: it looks like an address and is none (256.1.1.1, 1.2.3.4.5).
    """
    plain = unicodedata.normalize("NFKC", host).replace("。", ".").rstrip(".").strip("[]").lower()
    if ":" in plain:
        return ip_address(plain)
    parts = plain.split(".")
    if not _is_number(parts[-1]):
        return None  # a name: its last label is not a number (WHATWG URL says the same)
    if len(parts) > 4 or not all(map(_is_number, parts)):
        raise ValueError(f"{host!r} ends like an IPv4 address and is none")
    numbers = [_number(part) for part in parts]
    # inet_aton: the last number fills all bytes that the others left
    if any(number > 255 for number in numbers[:-1]) or numbers[-1] >= 256 ** (5 - len(numbers)):
        raise ValueError(f"{host!r} ends like an IPv4 address and is none")
    value = numbers[-1]
    for index, number in enumerate(numbers[:-1]):
        value += number << (8 * (3 - index))
    return IPv4Address(value)


def _is_number(label: str) -> bool:
    if label.startswith("0x"):
        return all(digit in "0123456789abcdef" for digit in label[2:])
    return label.isascii() and label.isdigit()


def _number(label: str) -> int:
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    if len(label) > 1 and label.startswith("0"):
        return int(label, 8)  # raises ValueError on 08, as it should: no resolver agrees on it
    return int(label)
