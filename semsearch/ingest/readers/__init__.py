"""What file formats mean: bytes of files become documents; which files there are is `semsearch.ingest.finding`."""
