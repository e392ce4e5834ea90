"""A connection to a mail server: the handshake, and the pipelined path of the letters (RFC 5321, RFC 2920)."""
