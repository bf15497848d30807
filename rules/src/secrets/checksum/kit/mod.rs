//! What several checks share.

pub(super) mod crc;
pub(super) mod evidence;
#[cfg(test)]
mod property;
