"""The REST API below ``/dcluster``: the calls of the dCluster API, with Airflow's authentication and rights."""
