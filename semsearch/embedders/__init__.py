"""Models that turn text into numbers; nothing here stores anything."""
