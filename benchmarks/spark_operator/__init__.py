"""kubeflow's spark-operator, built from its Go modules and run beside a testbed."""
