"""Resource servers of other makes, each an example as its users write it, judged by URL."""
