"""The commands of ``airflow dcluster``."""
