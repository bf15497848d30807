//! Reads the machine and remembers what was found. Writes only its own state, never a user's file.

pub mod baseline;
mod bus;
pub mod client;
mod coalesce;
pub mod config;
mod desktop;
mod document;
mod event;
pub mod examine;
#[doc(hidden)]
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod home;
mod key;
mod ledger;
mod log;
mod machine;
mod memory;
pub mod mend;
mod notice;
mod power;
pub mod progress;
pub mod record;
mod sandbox;
mod sweep;
mod text;
#[doc(hidden)]
pub mod unpack;
mod watch;
mod watchplan;
