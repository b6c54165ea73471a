"""The DAGs that come with the package, and the bundle that brings them into Airflow."""
