"""How an implementation is asked: messages, what it declares, and the connections that carry them."""
