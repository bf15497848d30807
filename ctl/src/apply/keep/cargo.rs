//! What Cargo's provider `cargo:libsecret` keeps: written as Cargo writes it, because `cargo login` would ask the registry's
//! server first.

use super::{Found, Kept};
use crate::vault;

const SCHEMA: (&str, &str) = ("xdg:schema", "org.rust-lang.cargo.registry");

pub(super) fn put(registry: &str, index: &str, secret: &[u8]) -> Result<(), Kept> {
    Ok(vault::put(&format!("cargo-registry:{registry}"), &[SCHEMA, ("url", index)], secret, false)?)
}

pub(super) fn get(index: &str) -> Result<Found, Kept> {
    Ok(vault::get(&[SCHEMA, ("url", index)])?)
}

pub(super) fn remove(index: &str) -> Result<(), Kept> {
    Ok(vault::remove(&[SCHEMA, ("url", index)]).map(drop)?)
}
