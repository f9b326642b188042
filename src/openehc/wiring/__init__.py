"""Settings to running objects; the only place that builds them."""
