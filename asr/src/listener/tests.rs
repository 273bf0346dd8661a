//! What a caller does and what the listener makes of it.
