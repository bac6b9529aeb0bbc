"""Composition: the fleet as one process, from its configuration to its end."""

import logging
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

import uvicorn
from sqlalchemy.exc import SQLAlchemyError

from hardshoulder_fleet.assistance.http import HttpProvider
from hardshoulder_fleet.assistance.webhook import PATH
from hardshoulder_fleet.config import (
    Config,
    ConfigError,
    ListenKeys,
    beside,
    load_config,
    read_or_make_secret,
    read_secret,
    zone_of,
)
from hardshoulder_fleet.core.views import CheckInView
from hardshoulder_fleet.deeds import Deeds
from hardshoulder_fleet.desk import Desk, Limits, Patience
from hardshoulder_fleet.errands import Errands
from hardshoulder_fleet.ingest import BrokerSettings, Ingest, IngestError
from hardshoulder_fleet.links import Links
from hardshoulder_fleet.messages import send_check_in
from hardshoulder_fleet.store.database import Database, DatabaseError, open_database
from hardshoulder_fleet.store.lock import only_one
from hardshoulder_fleet.web.app import WebSettings, create_app

LEAVE_S = 3
"""How long an answer that is being given may take at the end."""

log = logging.getLogger("hardshoulder_fleet")


def serve(path: Path) -> None:
    """Serves what this configuration says until a signal ends it. Raises ConfigError for all bad input."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    for name in ("alembic", "apprise", "httpx"):
        # Each request would be a line, and some hold an address with a password in it.
        logging.getLogger(name).setLevel(logging.WARNING)
    config = load_config(path)
    with ExitStack() as stack:
        listener = stack.enter_context(_listen(path, config.listen))
        database = stack.enter_context(_open(beside(path, config.database)))
        fleet = Fleet(path, config, database)
        stack.callback(fleet.stop)
        fleet.run(listener)


class Fleet:
    """All parts of one fleet around one database."""

    def __init__(self, path: Path, config: Config, database: Database) -> None:
        """path: of the configuration. Raises ConfigError."""
        self._ending = False
        self._started = False
        webhook_secret = read_secret(beside(path, config.provider.webhook_secret_file))
        links_secret = read_or_make_secret(beside(path, config.secret_file))
        self._links = Links(links_secret, config.base_url, config.link_valid_h * 3600)
        self._channels = tuple(config.notify.urls)
        self._emergency_number = config.emergency_number
        self._assistance = HttpProvider(
            config.provider.url,
            (config.provider.callback_url or config.base_url) + PATH,
            webhook_secret,
            config.provider.timeout_s,
        )
        desk = _desk(database, config)
        self._desk = desk
        self._ingest = _ingest(path, config, desk)
        self._errands = Errands(desk, Deeds(desk, self._send_link, self._assistance, _now), _now)
        settings = WebSettings(
            _operator_token(path, config),
            webhook_secret,
            _now,
            self._is_ending,
            config.emergency_number,
            zone_of(config.time_zone),
        )
        app = create_app(desk, self._links, self._assistance, settings)
        # No access log: the address of a driver's page is her key.
        self._server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=LEAVE_S)
        )

    def run(self, listener: socket.socket) -> None:
        """Until SIGTERM or SIGINT."""
        # uvicorn raises a signal again after its own end; the rest of the house has to be closed then.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        self._started = True
        self._take_over()
        self._ingest.start()
        self._errands.start()
        host, port = listener.getsockname()[:2]
        log.info("pages on http://%s:%d, operator's list on http://%s:%d/operator", host, port, host, port)
        self._server.run(sockets=[listener])

    def _take_over(self) -> None:
        try:
            self._desk.take_over(_now())
        except SQLAlchemyError as error:
            # A full disk passes, and what a dead process was at is free after its lease, too.
            log.error("the database does not answer: %s", getattr(error, "orig", None) or error)

    def stop(self) -> None:
        """Take nothing more, finish what is at hand."""
        if self._started:
            self._ingest.stop()
            self._errands.stop()
            log.info("stopped; taken=%d rejected=%d", self._ingest.taken, self._ingest.rejected)
        self._assistance.close()

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._ending = True
        self._server.should_exit = True

    def _is_ending(self) -> bool:
        return self._ending or self._server.should_exit

    def _send_link(self, view: CheckInView) -> None:
        link = self._links.make(view.incident_id, _now())
        send_check_in(self._channels, view, link, self._emergency_number)


def _now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def _open(path: Path) -> Iterator[Database]:
    """The database, locked before anything in it is looked at. Raises ConfigError."""
    with ExitStack() as stack:
        try:
            stack.enter_context(only_one(path))
            database = open_database(f"sqlite:///{path}")
        except DatabaseError as error:
            raise ConfigError(str(error)) from error
        stack.callback(database.close)
        yield database


def _desk(database: Database, config: Config) -> Desk:
    keys = config.lost_contact
    patience = Patience(answer=timedelta(seconds=config.answer_within_s), contact=timedelta(seconds=keys.grace_s))
    return Desk(database, patience, Limits(keys.above_kph, keys.at_once))


def _ingest(path: Path, config: Config, desk: Desk) -> Ingest:
    keys = config.mqtt
    names = (keys.password_file, keys.ca_file, keys.cert_file, keys.key_file)
    password, authorities, certificate, key = (beside(path, name) if name else None for name in names)
    settings = BrokerSettings(
        keys.host, keys.port, keys.username, password, authorities, certificate, key, keys.client_id
    )
    try:
        return Ingest(desk, settings, _now)
    except IngestError as error:
        raise ConfigError(f"{path}: mqtt: {error}") from error


def _operator_token(path: Path, config: Config) -> str | None:
    if config.operator_token_file is None:
        return None
    return read_secret(beside(path, config.operator_token_file)).decode()


@contextmanager
def _listen(path: Path, keys: ListenKeys) -> Iterator[socket.socket]:
    """The address is taken before anything else begins, so that a second fleet on it ends at once."""
    family = socket.AF_INET6 if ":" in keys.host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((keys.host, keys.port))
            listener.listen()
        except OSError as error:
            reason = error.strerror or error
            raise ConfigError(f"{path}: listen: {keys.host}:{keys.port} cannot be used: {reason}; free it") from None
        yield listener
