//! How edits are taken back: what stood where, except what was secret, and how the place is found again.

use super::receipt::{Around, Bytes, Inverse};
use super::refused::Refused;
use lapwing_rules::fix::plan::Edit;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use zeroize::Zeroizing;

/// Bytes on each side by which a place is found again.
const AROUND: u64 = 32;
/// In files shorter than this every place is tried.
const EVERYWHERE: usize = 1 << 20;
/// Bytes kept of a digest.
const KEPT: usize = 6;

/// The inverse of each edit that took nothing secret out. `secret` says whether text is.
pub(crate) fn inverse(
    old: &File,
    new: &File,
    edits: &[Edit],
    secret: impl Fn(&[u8]) -> bool,
) -> Result<Vec<Inverse>, Refused> {
    let end = new.metadata().map_err(|e| Refused::from_io("look at it", &e))?.len();
    let mut moved = 0i128;
    let mut all = Vec::new();
    for edit in edits {
        let at = u64::try_from(edit.start as i128 + moved).unwrap_or_default();
        moved += edit.with.len() as i128 - (edit.end - edit.start) as i128;
        if edit.secret {
            continue;
        }
        let was = read(old, edit.start as u64, edit.end as u64)?;
        if secret(&was) {
            continue;
        }
        let around = around(&|from, to| read(new, from, to), at, at + edit.with.len() as u64, end)?;
        all.push(Inverse { at, now: Bytes::new(&edit.with), was: Bytes::new(&was), around });
    }
    Ok(all)
}

fn read(file: &File, from: u64, to: u64) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let length = usize::try_from(to.saturating_sub(from)).unwrap_or_default();
    let mut bytes = Zeroizing::new(vec![0; length]);
    file.read_exact_at(&mut bytes, from).map_err(|e| Refused::from_io("read it", &e))?;
    Ok(bytes)
}

fn around(
    read: &dyn Fn(u64, u64) -> Result<Zeroizing<Vec<u8>>, Refused>,
    from: u64,
    to: u64,
    end: u64,
) -> Result<Around, Refused> {
    let (before, after) = (from.min(AROUND), (end - to).min(AROUND));
    Ok(Around {
        before: (before, short(&read(from - before, from)?)),
        after: (after, short(&read(to, to + after)?)),
    })
}

/// A digest that tells a few places of one file apart.
fn short(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..KEPT].iter().map(|b| format!("{b:02x}")).collect()
}

/// Where an inverse applies in `bytes`: at its own place if that still looks the same, else at the only place that does.
pub(crate) fn locate(bytes: &[u8], inverse: &Inverse) -> Option<usize> {
    let own = usize::try_from(inverse.at).ok()?;
    let now = inverse.now.get();
    let mut places: Vec<usize> = Vec::new();
    if fits(bytes, own, inverse) {
        places.push(own);
    } else if now.is_empty() {
        // Nothing stands there now, so that any place may be the one: where lines begin, in what is long.
        let likely = |at: &usize| bytes.len() < EVERYWHERE || *at == 0 || bytes[at - 1] == b'\n';
        let all = (0..=bytes.len()).filter(likely);
        places.extend(all.filter(|at| fits(bytes, *at, inverse)).take(2));
    } else {
        let candidates = bytes.windows(now.len()).enumerate().filter(|(_, w)| *w == now).map(|(at, _)| at);
        places.extend(candidates.filter(|at| fits(bytes, *at, inverse)).take(2));
    }
    match places.as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

/// Whether this place looks as it did.
fn fits(bytes: &[u8], at: usize, inverse: &Inverse) -> bool {
    let now = inverse.now.get();
    let Around { before, after } = &inverse.around;
    let (Ok(ahead), Ok(behind)) = (usize::try_from(before.0), usize::try_from(after.0)) else { return false };
    let end = at + now.len();
    let Some(start) = at.checked_sub(ahead) else { return false };
    let Some(beyond) = bytes.get(end..end + behind) else { return false };
    bytes.get(at..end) == Some(now) && short(&bytes[start..at]) == before.1 && short(beyond) == after.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn file(text: &str) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    const BEFORE: &str =
        "[http]\n\tsslVerify = false\n\tproxy = x\n[user]\n\tname = Dev\n[core]\n\teditor = vi\n";
    const AFTER: &str = "[http]\n\tproxy = x\n[user]\n\tname = Dev\n[core]\n\teditor = vi\n";

    fn gone() -> Inverse {
        let edit = Edit { start: 7, end: 26, with: Vec::new(), secret: false };
        inverse(&file(BEFORE), &file(AFTER), &[edit], |_| false).unwrap().remove(0)
    }

    #[test]
    fn a_place_is_found_again_after_edits_elsewhere() {
        assert_eq!(locate(AFTER.as_bytes(), &gone()), Some(7));
        let more = format!("# mine\n{}", AFTER.replace("vi\n", "emacs\n[alias]\n"));
        assert_eq!(locate(more.as_bytes(), &gone()), Some(14));
        let later = AFTER.replace("vi\n", "emacs\n[alias]\n");
        assert_eq!(locate(later.as_bytes(), &gone()), Some(7));
        assert_eq!(gone().was.get(), b"\tsslVerify = false\n");
    }

    #[test]
    fn edits_at_the_place_itself_are_refused() {
        let touched = AFTER.replace("proxy = x", "proxy = y");
        assert_eq!(locate(touched.as_bytes(), &gone()), None);
    }

    #[test]
    fn what_was_secret_has_no_inverse() {
        let edits = [
            Edit { start: 0, end: 1, with: b"x".to_vec(), secret: true },
            Edit { start: 2, end: 3, with: b"y".to_vec(), secret: false },
        ];
        let all = inverse(&file("abc"), &file("xby"), &edits, |_| false).unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].at, all[0].was.get()), (2, &b"c"[..]));
        assert!(inverse(&file("abc"), &file("xby"), &edits, |b| b == b"c").unwrap().is_empty());
    }
}
