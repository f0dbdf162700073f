"""A resource server that runs somewhere, asked over HTTP as the profile of it says, with tokens of our own issuer."""
