//! What holds for every check.

use crate::secrets::checksum::{ALL, Checksum, Mend, Proof, Seen, checksum};

/// SplitMix64: inputs need spread, not secrecy.
fn dice(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Runs a check, and what comes of it: whatever the input, it ends, and its note is one short line of ASCII.
fn run(name: &str, check: &Checksum, secret: &[u8]) {
    const BEFORE: &[u8] = b"https://x.test/?se=2020-01-01&x={\"d\":\"";
    let framed = [BEFORE, secret, b"\",\"kty\":\"RSA\"} end"].concat();
    let start = BEFORE.len();
    for seen in [Seen::alone(secret), Seen::new(&framed, (start, start + secret.len()))] {
        let said = (check.check)(&seen);
        let note = said.note().unwrap_or_default();
        assert!(note.len() <= 200 && note.bytes().all(|b| (b' '..=b'~').contains(&b)), "{name}: {note:?}");
    }
    if let Mend::Proof(mend) | Mend::Shape(mend) = check.mend {
        let made = mend(secret);
        let said = (check.check)(&Seen::alone(&made));
        // What can be mended at all never fails afterwards.
        if made != secret {
            assert!(!matches!(said.proof, Proof::Fails(_)), "{name}: {}", String::from_utf8_lossy(&made));
        }
    }
}

#[test]
fn no_input_makes_a_check_panic() {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=.~ :";
    let mut state = 7;
    for (name, check) in ALL {
        for len in (0..100).chain([126, 127, 128, 200, 1000, 5000]) {
            let noise: Vec<u8> = (0..len).map(|_| dice(&mut state) as u8).collect();
            let text: Vec<u8> = noise.iter().map(|b| LETTERS[usize::from(*b) % LETTERS.len()]).collect();
            run(name, check, &noise);
            run(name, check, &text);
        }
    }
}

/// Every rule's examples, cut, changed and doubled.
#[test]
fn no_near_miss_makes_a_check_panic() {
    let mut state = 11;
    for (page, spec) in crate::pack::Packs::builtin().secrets {
        let Some(check) = spec.checksum.as_deref().and_then(checksum) else { continue };
        for example in &spec.examples {
            let text = crate::testing::fill(example, &page.id).into_bytes();
            // The examples are whole lines; the token is somewhere in them.
            let longest = text.split(|b| b" =\"'<>".contains(b)).max_by_key(|w| w.len()).unwrap_or_default();
            for _ in 0..60 {
                let mut changed = longest.to_vec();
                for _ in 0..=dice(&mut state) % 3 {
                    let at = dice(&mut state) as usize % changed.len().max(1);
                    match dice(&mut state) % 4 {
                        0 => changed.truncate(at),
                        1 => changed.splice(at..at, [dice(&mut state) as u8]).for_each(drop),
                        2 => changed.rotate_left(at),
                        _ => changed.iter_mut().skip(at).take(1).for_each(|b| *b ^= dice(&mut state) as u8),
                    }
                }
                run(&page.id, check, &changed);
            }
        }
    }
}
