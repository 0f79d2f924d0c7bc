"""Benches: what the product costs and how fast it is, measured on real processes."""
