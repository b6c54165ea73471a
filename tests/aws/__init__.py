"""AWS for the tests: moto's server, and in front of it what makes it behave as EC2 does where it does not."""
