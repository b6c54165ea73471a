"""The domain: records, specifications, states and diagnoses as pure values and functions, without I/O."""
