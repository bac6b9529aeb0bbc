"""TLS to the broker: certificates from files, 1.2 at least, and in plain words what its failures mean."""

import ssl
from collections.abc import Iterator

from hardshoulder.settings import MqttSettings

_OTHERS = 0o007

_CERT = "mqtt.cert_file"
# What OpenSSL calls it when the broker refuses us or we refuse it: what that means, and where to look.
_MEANING = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": f"it asks for a certificate of the car; set {_CERT} and mqtt.key_file",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": f"it agrees on no connection; if it asks for a certificate, set {_CERT}",
    "TLSV1_ALERT_UNKNOWN_CA": f"it does not know the authority of the car's certificate; renew {_CERT}",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": f"the car's certificate has expired; renew {_CERT}",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": f"the car's certificate was taken back; renew {_CERT}",
    "SSLV3_ALERT_BAD_CERTIFICATE": f"it cannot use the car's certificate; renew {_CERT}",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": f"the car's certificate is for another purpose; renew {_CERT}",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": f"it cannot use the car's certificate; renew {_CERT}",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it speaks no TLS 1.2 or later; update the broker",
    "UNSUPPORTED_PROTOCOL": "it speaks no TLS 1.2 or later; update the broker",
    "WRONG_VERSION_NUMBER": "it speaks no TLS on this port; correct mqtt.port, or take out mqtt.ca_file",
}
_NOT_YET_VALID, _EXPIRED = 9, 10


def make_context(settings: MqttSettings) -> ssl.SSLContext | None:
    """What these settings ask for; None: a plain line. Raises OSError for a file that is missing or no certificate."""
    if not (settings.ca_file or settings.cert_file or settings.key_file):
        return None
    context = ssl.create_default_context(cafile=settings.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.cert_file is not None:
        # With a password at hand, an encrypted key is an error and no question at a terminal.
        context.load_cert_chain(settings.cert_file, settings.key_file, password="")
    return context


def explain(error: BaseException | None, *, encrypted: bool) -> str:
    """What an error of the line means, with the remedy where there is one."""
    if isinstance(error, ssl.SSLCertVerificationError):
        clock = "; look at the car's clock too" if error.verify_code in (_NOT_YET_VALID, _EXPIRED) else ""
        return f"certificate verify failed: {error.verify_message}{clock}"
    if isinstance(error, ssl.SSLError) and error.reason in _MEANING:
        return _MEANING[error.reason]
    if isinstance(error, ssl.SSLEOFError):
        return "it hung up in the middle of the greeting"
    if isinstance(error, ConnectionResetError) and not encrypted:
        return "it hung up on a plain line; if it wants TLS, set mqtt.ca_file"
    return str(error)


def open_secrets(settings: MqttSettings) -> Iterator[str]:
    """A sentence for each secret that everybody on this machine can read."""
    for name in ("password_file", "key_file"):
        file = getattr(settings, name)
        if file is not None and file.is_file() and file.stat().st_mode & _OTHERS:
            yield f"mqtt.{name}: everybody can read {file}; take that right away (chmod o= {file})."
