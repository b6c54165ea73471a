"""From an Airflow connection to the use cases."""
