"""Queries that are sums: of texts, vectors, stored documents and chunks, and centroids of filters, with weights."""
