"""What one service may know of another's table without asking it: small, read-only, granted in the template."""
