"""Vectors and FAISS; no text and no SQL here."""
