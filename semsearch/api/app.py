"""The service put together, and run on this machine's loopback interface; there is no way to open it to a network."""

import contextlib
import copy
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter
from starlette.exceptions import HTTPException

import semsearch
from semsearch.api.errors import MEDIA_TYPE, Problem, answer
from semsearch.api.guards import bounded_body, loopback_host
from semsearch.api.maintenance import MaintenanceThread
from semsearch.api.registry import OpenCollections
from semsearch.api.routes import collections, health, images
from semsearch.config import Settings
from semsearch.errors import SemsearchError
from semsearch.index.device import choose_device


def create_app(settings: Settings) -> FastAPI:
    """The service over the collections in `settings.indexes`, as an ASGI application.

    Raises:
        ConfigError: the device to search on is not there.
    """
    choose_device(settings.search_device)  # now, and not at the first request
    schema = TypeAdapter(Problem).json_schema()
    app = FastAPI(
        title="semsearch",
        version=semsearch.__version__,
        docs_url=None,  # FastAPI's pages load scripts from a CDN
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
        generate_unique_id_function=lambda route: route.name,
        responses={"default": {"description": "Any error", "content": {MEDIA_TYPE: {"schema": schema}}}},
    )
    app.state.collections = OpenCollections(
        settings.indexes.absolute(), settings.device, settings.search_device, settings.reranker
    )
    for kind in (SemsearchError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, answer)
    app.add_middleware(bounded_body)
    app.add_middleware(loopback_host)
    app.include_router(health.router)
    app.include_router(collections.router)
    app.include_router(images.router)
    return app


def serve(settings: Settings, *, port: int) -> None:
    """Run the service on 127.0.0.1 until the process is interrupted or terminated; its log goes to stderr.

    Args:
        settings: where the collections lie, and where they are searched and their models run.
        port: 0 takes a free one, which the log names.

    Raises:
        ConfigError: the device to search on is not there.
        SystemExit: the port cannot be had, as the log says.
    """
    import uvicorn

    log = copy.deepcopy(uvicorn.config.LOGGING_CONFIG)
    log["handlers"]["access"]["stream"] = "ext://sys.stderr"
    uvicorn.run(create_app(settings), host="127.0.0.1", port=port, log_config=log)


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    with MaintenanceThread() as maintenance:
        app.state.maintenance = maintenance
        yield
    app.state.collections.close()
