//! The agent's object on the session bus.
