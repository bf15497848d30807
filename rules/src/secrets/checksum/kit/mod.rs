//! What several checks share.

pub(super) mod base64;
pub(super) mod crc;
pub(super) mod evidence;
pub(super) mod json;
pub(super) mod marvin;
#[cfg(test)]
mod property;
