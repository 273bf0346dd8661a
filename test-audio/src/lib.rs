//! test-audio
