"""What a request has to pass before it is routed: a Host that is this machine, and a body of bounded size.

Starlette and FastAPI have both, and answer in plain text; every error of this service has the one body of `errors`.
"""

import re

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from semsearch.api.errors import problem

MAX_BODY_BYTES = 10_000_000
_LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?", re.IGNORECASE)


def loopback_host(app: ASGIApp) -> ASGIApp:
    """Answer only to this machine's own names: a web page whose name is bound to 127.0.0.1 is turned away."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        host = Headers(scope=scope).get("host", "") if scope["type"] == "http" else "localhost"
        if _LOOPBACK.fullmatch(host):
            await app(scope, receive, send)
            return
        detail = f"the Host header says {host!r:.80}; this service answers as localhost, 127.0.0.1 and [::1] only"
        await problem(421, "unknown_host", detail)(scope, receive, send)

    return guarded


def bounded_body(app: ASGIApp) -> ASGIApp:
    """Stop reading a body when more bytes have come than are allowed, whatever its Content-Length says."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES:
                raise HTTPException(413, f"the body is larger than {MAX_BODY_BYTES:,} bytes; send less at a time")
            return message

        await app(scope, counted, send)

    return guarded
