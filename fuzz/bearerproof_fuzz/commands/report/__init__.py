"""What is made of result streams for people and machines: the page, SARIF, the badge, the difference of two."""
