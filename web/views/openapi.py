"""`GET /openapi.json`: the API described for programs."""

from collections.abc import Sequence
from functools import cache
from hashlib import blake2b

import orjson
from pydantic import BaseModel

from web.context import Context
from web.endpoint import REVALIDATED, Endpoint, Reply
from web.openapi import openapi


def described(endpoints: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """`endpoints`, and the one that describes them all and itself."""

    @cache
    def document() -> tuple[bytes, str]:
        body = orjson.dumps(openapi(everything))
        return body, blake2b(body, digest_size=8).hexdigest()

    async def answer(context: Context, query: BaseModel) -> Reply:
        del context, query
        body, etag = document()
        return Reply(body, headers={"Cache-Control": "no-cache"}, etag=etag)

    summary = "This API as an OpenAPI 3.1 document."
    itself = Endpoint(
        "GET",
        "/openapi.json",
        None,
        summary,
        answer,
        others=REVALIDATED,
    )
    everything = (*endpoints, itself)
    return everything
