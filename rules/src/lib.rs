//! What a leak or a risk is, how sure, why it matters, how to mend it.
//!
//! Pure: bytes and facts in, findings out. No files, no clock, no network, no environment; whoever calls it brings
//! them ([`facts::Facts`]).
//!
//! # Code map
//!
//! | where | what |
//! |---|---|
//! | `packs/{secrets,settings,places,indicators}/*.toml` | the rules, places and indicators that are data |
//! | [`rule`], [`finding`], [`fingerprint`], [`secret`] | the words of the field |
//! | [`pack`] | TOML to rules; every error names file, rule and field |
//! | `import/` | rule files of other tools |
//! | [`place`] | what a path is |
//! | `secrets/` | prefilter → match → judge → grade; decoders; checksums |
//! | [`settings`] | readers (one format a file) and predicates |
//! | `checks/` | rules that need code, one file each |
//! | [`fix`] | what would mend a finding: plans as data |
//! | `keys/` | private keys by content |
//! | [`indicators`] | what known worms leave |
//! | [`baseline`] | which findings were there already |
//! | [`engine`] | which rules judge a target |
//! | [`testing`] | examples made at test time, and every rule's own tests |
//!
//! # Always true
//!
//! 1. A secret's bytes never leave this crate in a finding: those carry a masked preview and a keyed id. Of plans only the steps
//!    that store a credential, or look for it in a database, hold one, as a [`secret::Secret`].
//! 2. Nothing here fails: bad input costs a problem, never the rest.
//! 3. Time is linear in the input and memory does not grow with a file searched in windows.

pub mod baseline;
mod checks;
pub mod cx;
pub mod engine;
pub mod facts;
pub mod finding;
pub mod fingerprint;
pub mod fix;
pub mod ignore;
mod import;
pub mod indicators;
mod keys;
pub mod pack;
pub mod place;
pub mod policy;
mod redact;
pub mod rule;
pub mod secret;
pub mod secrets;
pub mod settings;
pub mod target;
pub mod testing;
