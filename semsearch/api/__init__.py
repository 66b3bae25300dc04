"""The HTTP service; no ranking and no SQL here."""
