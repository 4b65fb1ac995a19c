//! End-to-end tests: each file of `tests/` is one subject, and `transfuse-harness` holds what they share.
