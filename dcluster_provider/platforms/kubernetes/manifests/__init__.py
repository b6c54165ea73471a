"""What the objects of clusters and jobs have in common."""
