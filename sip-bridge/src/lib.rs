//! sip-bridge
