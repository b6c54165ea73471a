"""The use cases: plain Python that joins registry and platform, usable without Airflow."""
