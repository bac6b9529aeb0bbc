"""Where the provider calls back: signed, idempotent, in any order."""

import hmac

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from hardshoulder_fleet.assistance.webhook import PATH, SIGNATURE_HEADER, BadReportError, read_report, sign
from hardshoulder_fleet.desk import Desk, DeskError
from hardshoulder_fleet.web.settings import WebSettings


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
            news = await run_in_threadpool(
                desk.provider_said, report.order_ref, report.state, report.sequence, settings.clock()
            )
        except BadReportError as error:
            return _told(422, str(error))
        except DeskError as error:
            return _told(404, str(error))
        return _told(200, "Taken." if news else "Nothing new.")

    return router


def _told(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"detail": sentence}, status)
