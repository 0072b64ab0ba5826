"""What is known of other people's mail servers, as data: a row each, nothing decided."""
