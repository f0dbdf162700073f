"""What it takes to run the key server: the HTTP binding, a process that serves it, Redis, a file of events."""
