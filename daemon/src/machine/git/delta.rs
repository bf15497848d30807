//! Objects that a pack keeps as the difference to another one.

/// What a delta is for and makes: the sizes of base and result, and where its instructions begin.
pub(crate) fn sizes(delta: &[u8]) -> Option<(usize, usize, usize)> {
    let (base, at) = size(delta, 0)?;
    let (result, at) = size(delta, at)?;
    Some((base, result, at))
}

/// Makes an object from its base. `None` when the delta is damaged; the result is never larger than it says.
pub(crate) fn apply(base: &[u8], delta: &[u8]) -> Option<Vec<u8>> {
    let (from, to, mut at) = sizes(delta)?;
    if from != base.len() {
        return None;
    }
    let mut out = Vec::with_capacity(to);
    while let Some(&op) = delta.get(at) {
        at += 1;
        let piece = if op & 0x80 == 0 {
            // So many bytes follow; none at all is not in use.
            let piece = delta.get(at..at + usize::from(op)).filter(|p| !p.is_empty())?;
            at += piece.len();
            piece
        } else {
            let (start, next) = number(delta, at, op, 4)?;
            let (length, next) = number(delta, next, op >> 4, 3)?;
            at = next;
            let length = if length == 0 { 0x1_0000 } else { length };
            base.get(start..start.checked_add(length)?)?
        };
        if out.len() + piece.len() > to {
            return None;
        }
        out.extend_from_slice(piece);
    }
    (out.len() == to).then_some(out)
}

/// A number of which only the bytes that are not zero are written: a bit of `which` for each.
fn number(delta: &[u8], mut at: usize, which: u8, bytes: u32) -> Option<(usize, usize)> {
    let mut value = 0;
    for n in 0..bytes {
        if which & (1 << n) != 0 {
            value |= usize::from(*delta.get(at)?) << (8 * n);
            at += 1;
        }
    }
    Some((value, at))
}

/// Seven bits a byte, the lowest first.
fn size(delta: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let mut value = 0usize;
    for shift in (0..56).step_by(7) {
        let byte = *delta.get(at)?;
        at += 1;
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value, at));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_and_insertions() {
        let base = b"the quick brown fox";
        let delta = [19, 12, 0x91, 4, 5, 3, b'e', b'r', b' ', 0x91, 16, 3, 1, b'!'];
        assert_eq!(apply(base, &delta).unwrap(), b"quicker fox!");
    }

    #[test]
    fn damage_is_told_and_never_panics() {
        let base = b"the quick brown fox";
        let good = [19, 12, 0x91, 4, 5, 3, b'e', b'r', b' ', 0x91, 16, 3, 1, b'!'];
        for at in 0..good.len() {
            assert!(apply(base, &good[..at]).is_none());
            for value in 0..=255 {
                let mut bad = good;
                bad[at] = value;
                assert!(apply(base, &bad).is_none_or(|out| out.len() <= 127 + 128 * 255));
            }
        }
        // A result of 2^55 bytes is not made room for: see `Reader`, which asks for the sizes first.
        assert!(sizes(&[0xff; 20]).is_none());
    }
}
