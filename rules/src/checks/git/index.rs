//! The paths in git's index: which files a repository tracks.

/// Calls `each` with every path, in order, as far as the index can be read. `hash` is 20, or 32 for SHA-256.
pub(crate) fn paths(index: &[u8], hash: usize, each: &mut dyn FnMut(&[u8])) -> Option<()> {
    let number = |at: usize| Some(u32::from_be_bytes(index.get(at..at + 4)?.try_into().ok()?));
    if !index.starts_with(b"DIRC") {
        return None;
    }
    let (version, count) = (number(4)?, number(8)?);
    let mut name = Vec::new();
    let mut at = 12;
    for _ in 0..count {
        let start = at;
        // Times, device, inode, mode, owner and size; then the object's id and flags.
        at += 40 + hash + 2;
        let extended = index.get(at - 2)? & 0x40 != 0;
        at += if version >= 3 && extended { 2 } else { 0 };
        if version == 4 {
            let (cut, length) = offset(index.get(at..)?)?;
            name.truncate(name.len().checked_sub(cut)?);
            at += length;
        } else {
            name.clear();
        }
        let length = memchr::memchr(0, index.get(at..)?)?;
        name.extend_from_slice(&index[at..at + length]);
        at += length + 1;
        if version < 4 {
            at = start + (at - start).next_multiple_of(8);
        }
        each(&name);
    }
    Some(())
}

/// Git's variable-length number and how many bytes it takes.
fn offset(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0usize;
    for (i, byte) in bytes.iter().take(5).enumerate() {
        value = (value << 7) + usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, i + 1));
        }
        value += 1;
    }
    None
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An index of version 2 with these paths.
    pub(crate) fn made(names: &[&str]) -> Vec<u8> {
        let mut index =
            [b"DIRC".as_slice(), &2u32.to_be_bytes(), &(names.len() as u32).to_be_bytes()].concat();
        for name in names {
            let start = index.len();
            index.extend([0; 60]);
            index.extend((name.len() as u16).to_be_bytes());
            index.extend(name.as_bytes());
            index.push(0);
            index.resize(start + (index.len() - start).next_multiple_of(8), 0);
        }
        index
    }

    fn read(index: &[u8], hash: usize) -> Vec<String> {
        let mut names = Vec::new();
        paths(index, hash, &mut |n| names.push(String::from_utf8_lossy(n).into_owned()));
        names
    }

    #[test]
    fn version_two() {
        assert_eq!(read(&made(&["a", "b/c.txt", "longer/name-x"]), 20), ["a", "b/c.txt", "longer/name-x"]);
    }

    #[test]
    fn version_four_shares_prefixes() {
        let mut index = [b"DIRC".as_slice(), &4u32.to_be_bytes(), &2u32.to_be_bytes()].concat();
        for (cut, rest) in [(0u8, "src/main.rs\0"), (7, "lib.rs\0")] {
            index.extend([0; 62]);
            index.push(cut);
            index.extend(rest.as_bytes());
        }
        assert_eq!(read(&index, 20), ["src/main.rs", "src/lib.rs"]);
        assert_eq!(offset(&[0x80, 0x00]), Some((128, 2)));
    }

    #[test]
    fn broken_ones_end_early() {
        let whole = made(&["a", "b"]);
        for end in 0..whole.len() {
            let _ = read(&whole[..end], 20);
        }
        assert_eq!(read(&whole[..90], 20), ["a"]);
        assert!(read(b"DIRC\0\0\0\x04\xff\xff\xff\xff", 20).is_empty());
    }
}
