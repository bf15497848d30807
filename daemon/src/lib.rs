//! Reads the machine and remembers what was found. Writes only its own state, never a user's file.

pub mod config;
pub mod examine;
pub mod home;
pub mod machine;
pub mod record;
mod text;
