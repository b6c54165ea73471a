"""The plugin: REST API and job logs in Airflow's API server."""
