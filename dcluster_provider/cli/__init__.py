"""``airflow dcluster ...``."""
