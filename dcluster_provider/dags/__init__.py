"""The bundled DAGs, and the bundle that brings them into Airflow."""
