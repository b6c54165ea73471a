"""One file for each bundled DAG; Airflow reads this folder."""
