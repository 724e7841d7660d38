"""What every service of the Backbone shares: one clock, one id generator, one error class, one way to speak HTTP,
DynamoDB, S3 and events.  A service imports this package and its own folder, nothing else."""
