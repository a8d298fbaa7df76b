// HeedJSON: a strict, linear-time reader and writer of JSON (RFC 8259). It imports nothing of this package.
