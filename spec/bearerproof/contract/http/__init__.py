"""A key server that runs somewhere, asked over HTTP as the profile of it says."""
