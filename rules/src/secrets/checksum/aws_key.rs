//! AWS access key ids: sixteen digits of base 32, in whose first 48 bits keys of after 2019 carry the number of their
//! account.

use super::{Checksum, Evidence, Mend, Seen};
use data_encoding::BASE32_NOPAD;

pub(crate) const CHECKSUM: Checksum = Checksum { check, mend: Mend::None };

/// The account; older keys, whose first bit is not set, tell none.
fn account(id: &[u8]) -> Option<u64> {
    let bytes = BASE32_NOPAD.decode(id.get(4..)?).ok().filter(|b| b.len() == 10)?;
    let head = bytes[..6].iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
    let account = (head & 0x7fff_ffff_ff80) >> 7;
    (head >> 47 == 1 && account < 1_000_000_000_000).then_some(account)
}

fn check(seen: &Seen<'_>) -> Evidence {
    let said = Evidence::unknown();
    match account(seen.secret()) {
        Some(account) => said.tell(format!("of account {account:012}")),
        None => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(id: &str) -> Option<String> {
        check(&Seen::alone(id.as_bytes())).note()
    }

    #[test]
    fn the_account_is_in_the_id() {
        // Account 171436882533, as it is published with the method, its letters apart so that this is no id.
        let id = ["AKIA", "SP2TPHJS", "QH3FJRUX"].concat();
        assert_eq!(note(&id).as_deref(), Some("of account 171436882533"));
        let short = ["ASIA", "QNZGKIQY", "56JQ7WML"].concat();
        assert_eq!(note(&short).as_deref(), Some("of account 029608264753"));
    }

    #[test]
    fn older_and_broken_ones_tell_nothing() {
        for id in ["AKIAIOSFODNN7EXAMPLE", "AKIA", "", "AKIA1111111111111111", "AKIA777777777777777"] {
            assert_eq!(note(id), None, "{id}");
        }
    }
}
