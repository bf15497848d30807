//! Reads the machine and remembers what was found. Writes only its own state, never a user's file.

mod agent;
pub mod baseline;
mod bus;
pub mod client;
mod coalesce;
pub mod config;
mod desktop;
mod document;
mod event;
pub mod examine;
mod eyes;
#[doc(hidden)]
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod history;
pub mod home;
pub mod indicators;
mod key;
mod ledger;
mod log;
mod looker;
mod machine;
mod memory;
pub mod mend;
mod notice;
mod pool;
mod power;
pub mod progress;
pub mod record;
mod sandbox;
mod schedule;
mod setup;
mod shell;
pub mod start;
mod sweep;
mod text;
#[doc(hidden)]
pub mod unpack;
mod watch;
mod watchplan;
mod whole;
mod world;
