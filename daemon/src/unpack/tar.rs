//! Tar: 512 bytes of header, content, padding. Read here rather than by a library, because memory must not depend on
//! what a header says, and because what follows damage is still searched.

use super::budget::Nest;
use super::{Name, Take, WITHIN, drain, fill, visit};
use std::io::{BufRead, Read};

const BLOCK: usize = 512;
/// Longest extended header that is read: names of 4096 bytes fit many times.
const EXTENDED: u64 = 64 << 10;

/// What headers say of the member that follows them.
#[derive(Default)]
struct Ahead {
    name: Option<Vec<u8>>,
    size: Option<u64>,
}

pub(super) fn members(
    nest: &Nest<'_>,
    parents: &str,
    depth: usize,
    from: &mut dyn BufRead,
    take: &mut dyn Take,
) {
    let mut ahead = Ahead::default();
    let (mut ended, mut lost) = (false, false);
    let mut block = [0; BLOCK];
    while !nest.halted() {
        match fill(from, &mut block) {
            Ok(BLOCK) => {}
            Ok(0) => return,
            _ if ended => return,
            _ => return nest.damaged(|| says(parents, "ends early")),
        }
        if block.iter().all(|b| *b == 0) {
            ended = true;
            continue;
        }
        let Some(size) = number(&block[124..136]).filter(|_| sound(&block)) else {
            // Tars may follow each other; anything else behind the end is padding.
            if ended {
                return;
            }
            if !lost {
                nest.damaged(|| says(parents, "is damaged"));
            }
            lost = true;
            continue;
        };
        (ended, lost) = (false, false);
        if !nest.member() {
            return;
        }
        one(nest, parents, depth, &block, size, &mut ahead, from, take);
    }
}

#[expect(clippy::too_many_arguments, reason = "one loop's state, split for length")]
fn one(
    nest: &Nest<'_>,
    parents: &str,
    depth: usize,
    block: &[u8; BLOCK],
    size: u64,
    ahead: &mut Ahead,
    from: &mut dyn BufRead,
    take: &mut dyn Take,
) {
    let kind = block[156];
    match kind {
        b'x' | b'L' => {
            let mut said = Vec::new();
            let _ = (&mut *from).take(size.min(EXTENDED)).read_to_end(&mut said);
            skip(nest, parents, from, size.saturating_sub(EXTENDED), size);
            if kind == b'x' {
                pax(&said, ahead);
            } else {
                said.truncate(said.iter().position(|b| *b == 0).unwrap_or(said.len()));
                ahead.name = Some(said);
            }
            return;
        }
        b'g' | b'K' => return skip(nest, parents, from, size, size),
        _ => {}
    }
    let Ahead { name, size: told } = std::mem::take(ahead);
    let size = told.unwrap_or(size);
    // Links, devices, directories and FIFOs: their size, if they have one, is not of anything that follows.
    if matches!(kind, b'1'..=b'6') {
        return;
    }
    if kind == b'S' && block[482] == 1 {
        sparse(nest, from);
    }
    let own = shown(&name.unwrap_or_else(|| short(block)), nest.budget.name);
    let mut content = (&mut *from).take(size);
    if take.wants(&super::join(parents, &own)) && size > 0 {
        visit(nest, Name { parents, own: &own, hidden: false }, depth, &mut content, take);
    }
    drain(&mut content, nest);
    let left = content.limit();
    skip(nest, parents, from, left, size);
}

/// Passes over the rest of a member and its padding.
fn skip(nest: &Nest<'_>, parents: &str, from: &mut dyn BufRead, left: u64, size: u64) {
    let padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    let mut rest = (&mut *from).take(left.saturating_add(padding));
    drain(&mut rest, nest);
    if rest.limit() > padding {
        nest.damaged(|| says(parents, "ends early"));
    }
}

/// GNU's sparse files: where the holes are is of no use here.
fn sparse(nest: &Nest<'_>, from: &mut dyn BufRead) {
    let mut block = [0; BLOCK];
    while !nest.halted() && fill(from, &mut block).is_ok_and(|n| n == BLOCK) && block[504] == 1 {}
}

/// Whether the sum of a header is right. The sum's own field counts as blanks; old programs added signed bytes.
fn sound(block: &[u8; BLOCK]) -> bool {
    let bytes = || block.iter().enumerate().map(|(i, b)| if (148..156).contains(&i) { b' ' } else { *b });
    let plain: u64 = bytes().map(u64::from).sum();
    let signed: i64 = bytes().map(|b| i64::from(b.cast_signed())).sum();
    number(&block[148..156]).is_some_and(|sum| sum == plain || i64::try_from(sum) == Ok(signed))
}

/// A number: octal digits, or, beginning with 0x80, its bytes.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let (high, low) = field.split_at(field.len() - 8);
        let fits = high.first() == Some(&0x80) && high[1..].iter().all(|b| *b == 0) && low[0] & 0x80 == 0;
        return fits.then(|| low.iter().fold(0, |n, b| (n << 8) | u64::from(*b)));
    }
    let digits = field.iter().skip_while(|b| **b == b' ').take_while(|b| !matches!(**b, 0 | b' '));
    digits.copied().try_fold(0u64, |n, b| {
        matches!(b, b'0'..=b'7').then(|| n.checked_mul(8)?.checked_add(u64::from(b - b'0')))?
    })
}

/// The name in a header. POSIX puts what does not fit before it, GNU puts other things there.
fn short(block: &[u8; BLOCK]) -> Vec<u8> {
    let text = |field: &[u8]| field.split(|b| *b == 0).next().unwrap_or_default().to_vec();
    let (name, prefix) = (text(&block[..100]), text(&block[345..500]));
    let posix = block[257..].starts_with(b"ustar\0");
    if posix && !prefix.is_empty() { [prefix, b"/".to_vec(), name].concat() } else { name }
}

/// Records of an extended header: `LENGTH KEY=VALUE\n`.
fn pax(mut said: &[u8], ahead: &mut Ahead) {
    while let Some(blank) = said.iter().take(20).position(|b| *b == b' ') {
        let length = std::str::from_utf8(&said[..blank]).ok().and_then(|n| n.parse::<usize>().ok());
        let Some(record) = length.and_then(|n| said.get(blank + 1..n)) else { return };
        said = &said[blank + 1 + record.len()..];
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        if let Some(name) = record.strip_prefix(b"path=").or(record.strip_prefix(b"GNU.sparse.name=")) {
            ahead.name = Some(name.to_vec());
        } else if let Some(size) = record.strip_prefix(b"size=") {
            ahead.size = std::str::from_utf8(size).ok().and_then(|n| n.parse().ok());
        }
    }
}

/// A member's name as people see it: the end of it where it is too long, and nothing that steers a terminal or looks
/// like a name of ours.
pub(super) fn shown(name: &[u8], most: usize) -> String {
    let text = String::from_utf8_lossy(name);
    let text = text.trim_start_matches("./").trim_start_matches('/').trim_end_matches('/');
    let from = (text.len().saturating_sub(most)..text.len()).find(|at| text.is_char_boundary(*at));
    let text = &text[from.unwrap_or(0)..];
    let plain = |c: char| if c.is_control() || matches!(c, '\u{200e}'..='\u{202e}') { '\u{fffd}' } else { c };
    text.replace(WITHIN, " > ").chars().map(plain).collect()
}

/// Words about an archive that is in others, or about the file itself.
pub(super) fn says(parents: &str, what: &str) -> String {
    let colon = if parents.is_empty() { "" } else { ": " };
    format!("{parents}{colon}{what}; what comes before was searched")
}
