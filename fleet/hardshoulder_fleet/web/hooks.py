"""Where the provider calls back: signed, idempotent, in any order."""

import hmac

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from hardshoulder_fleet.assistance.webhook import PATH, SIGNATURE_HEADER, BadReportError, read_report, sign
from hardshoulder_fleet.desk import Desk, DeskError, Heard
from hardshoulder_fleet.web.settings import WebSettings

_ANSWERS = {
    Heard.TAKEN: (200, "Taken."),
    Heard.KNOWN: (200, "Nothing new."),
    Heard.KEPT: (202, "Kept until the order is known."),
}


def hook_routes(desk: Desk, settings: WebSettings) -> APIRouter:
    """The provider's webhook."""
    router = APIRouter()

    @router.post(PATH)
    async def provider(request: Request) -> JSONResponse:
        body = await request.body()
        # As bytes: compare_digest refuses text outside ASCII, and a header may carry it.
        signature = request.headers.get(SIGNATURE_HEADER, "")
        if not hmac.compare_digest(signature.encode(), sign(body, settings.webhook_secret).encode()):
            return _told(403, "The report's signature is wrong.")
        try:
            report = read_report(body, signature, settings.webhook_secret)
            heard = await run_in_threadpool(
                desk.provider_said,
                report.order_ref,
                report.state,
                report.sequence,
                settings.clock(),
                report.eta_minutes,
            )
        except BadReportError as error:
            return _told(422, str(error))
        except DeskError as error:
            return _told(404, str(error))
        return _told(*_ANSWERS[heard])

    return router


def _told(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"detail": sentence}, status)
