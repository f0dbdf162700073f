"""A key server of another make, written from the contract alone, and the proof that one is judged by its URL."""
