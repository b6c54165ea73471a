"""The images that pods of the tests run."""
