"""Everything with which a key server is tried: its configuration, its identities, and the world it stands in."""
