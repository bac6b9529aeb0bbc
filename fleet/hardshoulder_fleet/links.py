"""Signed, expiring links: whoever holds one speaks for the driver of one incident, until it expires.

The time of issue is part of what is signed, so that the caller's clock decides and no clock of a
library. A link may be opened again and again: what has become of the check-in is for the desk to say.
"""

from datetime import UTC, datetime
from enum import Enum
from hashlib import sha256

from itsdangerous import BadData, URLSafeSerializer

SECRET_BYTES_MIN = 16

_TOKEN_CHARACTERS_MAX = 1024
_LINK_SALT = "hardshoulder-fleet check-in link"
_FORM_SALT = "hardshoulder-fleet form"


class LinkFault(Enum):
    """Why a link opens nothing."""

    EXPIRED = "expired"
    FORGED = "forged"


_SENTENCES = {
    LinkFault.EXPIRED: "This link has expired. If you still need help, call your fleet.",
    LinkFault.FORGED: "This link is not complete. Please open it again from the message you were sent.",
}


class LinkError(ValueError):
    """A link that opens nothing; the text is one sentence or two for the driver."""

    def __init__(self, kind: LinkFault) -> None:
        super().__init__(_SENTENCES[kind])
        self.kind = kind


class Links:
    """Makes and reads the links of one fleet.

    secret: known to the fleet alone; another secret makes every link sent so far a forged one.
    base_url: where drivers reach the fleet. valid_s: how long a link works.
    """

    def __init__(self, secret: bytes, base_url: str, valid_s: float) -> None:
        if len(secret) < SECRET_BYTES_MIN:
            raise ValueError(f"The links' secret has {len(secret)} bytes, and {SECRET_BYTES_MIN} are the least.")
        self._links = _serializer(secret, _LINK_SALT)
        self._forms = _serializer(secret, _FORM_SALT)
        self._base_url = base_url.rstrip("/")
        self._valid_s = valid_s

    def make(self, incident_id: str, now: datetime) -> str:
        """The address of the driver's page of this incident."""
        return f"{self._base_url}/c/{_signed(self._links, incident_id, now)}"

    def read(self, token: str, now: datetime) -> str:
        """The incident a link's token names. Raises LinkError for any other."""
        return self._read(self._links, token, now)

    def make_form(self, incident_id: str, now: datetime) -> str:
        """What a page puts into its forms, so that no page of somebody else can send them."""
        return _signed(self._forms, incident_id, now)

    def check_form(self, form: str, incident_id: str, now: datetime) -> None:
        """Raises LinkError unless the form comes from a page of ours about this incident."""
        if self._read(self._forms, form, now) != incident_id:
            raise LinkError(LinkFault.FORGED)

    def _read(self, serializer: URLSafeSerializer, token: str, now: datetime) -> str:
        incident_id, issued_at = _opened(serializer, token)
        # A link from the future is a clock put right since: the driver must still get in.
        if (now - issued_at).total_seconds() > self._valid_s:
            raise LinkError(LinkFault.EXPIRED)
        return incident_id


def _serializer(secret: bytes, salt: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt=salt, signer_kwargs={"key_derivation": "hmac", "digest_method": sha256})


def _signed(serializer: URLSafeSerializer, incident_id: str, now: datetime) -> str:
    return serializer.dumps([incident_id, int(now.timestamp())])


def _opened(serializer: URLSafeSerializer, token: str) -> tuple[str, datetime]:
    """What was signed and when. Raises LinkError for anything that we have not signed letter by letter."""
    if len(token) > _TOKEN_CHARACTERS_MAX:
        raise LinkError(LinkFault.FORGED)
    try:
        incident_id, issued_at_s = serializer.loads(token)
    except (BadData, UnicodeError):
        raise LinkError(LinkFault.FORGED) from None
    issued_at = datetime.fromtimestamp(issued_at_s, UTC)
    # Base 64 leaves bits of the last letter unused; one link shall have one spelling.
    if token != _signed(serializer, incident_id, issued_at):
        raise LinkError(LinkFault.FORGED)
    return incident_id, issued_at
