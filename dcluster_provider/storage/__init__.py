"""Files that are elsewhere than the processes that need them."""
