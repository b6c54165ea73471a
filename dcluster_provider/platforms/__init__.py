"""Where clusters run."""
