"""What the provider can be asked, read strictly and no further than a limit."""

from typing import Annotated, TypeVar

from fastapi import Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from hardshoulder_fleet.assistance.address import parse_address

LIMIT_BYTES = 16 * 1024

Name = Annotated[str, Field(min_length=1, max_length=128)]
Reference = Annotated[str, Field(min_length=1, max_length=160)]
"""The incident and the number of the tow."""


class RefusalError(Exception):
    """An answer that is no. status: of HTTP; the text is one sentence, given as `detail`."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def _address(text: str) -> str:
    parse_address(text)
    return text


class _Question(BaseModel):
    """A newer fleet may say more than this provider understands."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


class PositionData(_Question):
    """WGS 84 degrees."""

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]


class QuoteQuestion(_Question):
    """What would a tow cost? position: None when nobody knows."""

    incident_id: Name
    position: PositionData | None
    vehicle: Name
    kind: Name


class OrderQuestion(_Question):
    """Please come. callback_url: where reports go to."""

    quote_id: Name
    reference: Reference
    callback_url: Annotated[str, Field(max_length=2048), AfterValidator(_address)]


Question = TypeVar("Question", bound=_Question)


async def read_question(model: type[Question], request: Request) -> Question:
    """The request's body. Raises RefusalError."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LIMIT_BYTES:
            raise RefusalError(413, f"The request has more than {LIMIT_BYTES // 1024} KiB.")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "body"
        raise RefusalError(422, f"The request cannot be read: {place}: {first['msg']}.") from None
