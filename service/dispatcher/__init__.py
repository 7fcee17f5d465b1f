"""The role that sends webhooks: `deliveries` and its retry tiers in, POSTs out, `attempts` written."""
