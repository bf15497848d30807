//! How a finding is mended: plans as data, made by rules and applied by `ctl`. Pure: bytes in, edits out.

pub mod plan;
