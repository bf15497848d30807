//! Debian packages: an `ar` of three members, two of them a tar.

use super::budget::Nest;
use super::{Name, Take, drain, fill, tar, visit};
use std::io::{BufRead, Read};

/// How a package begins. Other `ar` files are libraries: nothing to read.
pub(super) const DEB: &[u8] = b"!<arch>\ndebian-binary";

pub(super) fn members(
    nest: &Nest<'_>,
    parents: &str,
    depth: usize,
    from: &mut dyn BufRead,
    take: &mut dyn Take,
) {
    let mut magic = [0; 8];
    let _ = fill(from, &mut magic);
    let mut header = [0; 60];
    while !nest.halted() {
        match fill(from, &mut header) {
            Ok(0) => return,
            Ok(60) if header.ends_with(b"`\n") => {}
            _ => return nest.damaged(|| tar::says(parents, "ends early")),
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches([' ', '/']).to_owned();
        let Ok(size) = text(&header[48..58]).parse::<u64>() else {
            return nest.damaged(|| tar::says(parents, "is damaged"));
        };
        if !nest.member() {
            return;
        }
        let own = tar::shown(text(&header[..16]).as_bytes(), nest.budget.name);
        let mut content = (&mut *from).take(size);
        visit(nest, Name { parents, own: &own, hidden: false }, depth, &mut content, take);
        drain(&mut content, nest);
        if size % 2 == 1 {
            drain(&mut (&mut *from).take(1), nest);
        }
    }
}
