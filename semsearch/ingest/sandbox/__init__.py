"""Untrusted files, parsed in processes that can be ended; which files, and what their formats mean, is not here."""
