"""Whether the service runs; nothing here touches a collection."""

from fastapi import APIRouter

import semsearch
from semsearch.api.schemas import Health

router = APIRouter()


@router.get("/healthz")
def healthz() -> Health:
    """Tell that the service runs."""
    return Health(status="ok", version=semsearch.__version__)
