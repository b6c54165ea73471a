"""The demonstration: real flights through a real cluster, in an Airflow of its own. Not part of the package."""
