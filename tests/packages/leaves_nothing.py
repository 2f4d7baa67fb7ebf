"""End well, without any output."""
