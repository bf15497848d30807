//! Reads the machine and remembers what was found. Writes only its own state, never a user's file.

pub mod baseline;
pub mod config;
mod document;
pub mod examine;
#[doc(hidden)]
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod home;
mod key;
mod ledger;
mod machine;
mod memory;
pub mod progress;
pub mod record;
mod sweep;
mod text;
#[doc(hidden)]
pub mod unpack;
