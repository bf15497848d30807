//! What the agent gives up before it looks at anything.
