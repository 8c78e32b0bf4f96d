"""The proof that nothing is lost and nothing doubled: a seeded explorer that breaks the real functions on purpose."""
