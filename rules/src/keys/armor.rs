//! The armour around a key: finds a PEM block and strips whatever a file format has wrapped around its base64 body.

use super::NoKey;
use data_encoding::BASE64_NOPAD;
use memchr::memmem;
use zeroize::Zeroizing;

/// Longest label: `ENCRYPTED PRIVATE KEY` and a few more.
const LABEL: usize = 40;
/// Fewer decoded bytes than this hold no key of any kind.
const SMALLEST: usize = 32;

/// A PEM block of a private key.
pub(super) struct Block<'a> {
    /// The words between the dashes, for example `RSA PRIVATE KEY`.
    pub(super) label: &'a [u8],
    /// What is between header and footer.
    pub(super) body: &'a [u8],
}

/// The first private key block, closed by a footer.
pub(super) fn first(bytes: &[u8]) -> Option<Block<'_>> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    let mut rest = bytes;
    loop {
        rest = &rest[memmem::find(rest, BEGIN)? + BEGIN.len()..];
        let dashes = memmem::find(&rest[..rest.len().min(LABEL + 5)], b"-----");
        let Some(end) = dashes.filter(|end| rest[..*end].ends_with(b"PRIVATE KEY")) else { continue };
        let (label, body) = (&rest[..end], &rest[end + 5..]);
        return memmem::find(body, b"-----END ").map(|end| Block { label, body: &body[..end] });
    }
}

impl Block<'_> {
    /// Whether its headers say that it is encrypted.
    pub(super) fn locked(&self) -> bool {
        self.label == b"ENCRYPTED PRIVATE KEY"
            || memmem::find(self.body, b"4,ENCRYPTED").is_some()
            || memmem::find(self.body, b"DEK-Info:").is_some()
    }

    /// The decoded body.
    pub(super) fn decode(&self) -> Result<Zeroizing<Vec<u8>>, NoKey> {
        let text = unescape(self.body);
        let mut letters = Zeroizing::new(Vec::with_capacity(text.len()));
        // Every line of a patch begins with a plus, which is a letter of the alphabet too.
        let lines = || text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|l| !l.is_empty());
        let patch = lines().all(|l| l.starts_with(b"+"));
        for line in lines().filter(|l| !l.contains(&b':')) {
            for word in line[usize::from(patch)..].split(|b| separator(*b)) {
                // Signs that join the lines of a string in source code, or begin a comment.
                if word == b"." || word.iter().all(|b| matches!(b, b'+' | b'/')) {
                    continue;
                }
                if !word.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')) {
                    return Err(NoKey::Blank);
                }
                letters.extend_from_slice(word);
            }
        }
        let padding = letters.iter().rev().take_while(|b| **b == b'=').count();
        let end = letters.len() - padding;
        if end < SMALLEST * 4 / 3 {
            return Err(NoKey::Blank);
        }
        // A body that was cut anywhere still shows how it began; that it was cut, the parse will notice.
        let decoded = BASE64_NOPAD.decode(&letters[..end]);
        let whole = decoded.or_else(|_| BASE64_NOPAD.decode(&letters[..end & !3]));
        whole.map(Zeroizing::new).map_err(|_| NoKey::Blank)
    }
}

fn separator(b: u8) -> bool {
    b.is_ascii_whitespace() || b"\"'`,;()&|>#*\\-".contains(&b)
}

/// Turns the escapes of strings into what they stand for; an escape of a line's end becomes one.
pub(super) fn unescape(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut at = 0;
    while at < text.len() {
        if text[at] != b'\\' {
            out.push(text[at]);
            at += 1;
            continue;
        }
        // A string within a string doubles its backslashes.
        at += text[at..].iter().take_while(|b| **b == b'\\').count();
        let (byte, skip) = match &text[at..] {
            [b'n' | b'r', ..] => (b'\n', 1),
            [b't', ..] => (b' ', 1),
            [b'u', b'0', b'0', high, low, ..] => (hex(*high) * 16 + hex(*low), 5),
            [b'/', ..] => (b'/', 1),
            _ => (b' ', 0),
        };
        out.push(byte);
        at += skip;
    }
    out
}

/// The value of a hexadecimal digit; others make a byte that is in no alphabet or a wrong one, which the parse notices.
fn hex(digit: u8) -> u8 {
    char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fill;

    fn body(text: &str) -> Option<Vec<u8>> {
        first(text.as_bytes())?.decode().ok().map(|b| b.to_vec())
    }

    #[test]
    fn the_same_key_however_it_is_quoted() {
        let plain = fill("{{pem:rsa}}", "armor");
        let want = body(&plain);
        assert!(want.is_some());
        let each = |f: &dyn Fn(&str) -> String| plain.lines().map(f).collect::<String>();
        for quoted in [
            plain.replace('\n', "\r\n"),
            plain.replace('\n', "\\n"),
            plain.replace('\n', "\\r\\n"),
            plain.replace('\n', "\\\\n"),
            plain.replace('\n', " "),
            plain.replace('\n', "\\n\\\n"),
            plain.replace('\n', "\\n").replace('/', "\\/").replace('+', "\\u002B").replace('=', "\\u003d"),
            each(&|l| format!("    {l}\n")),
            each(&|l| format!("  \"{l}\\n\" +\n")),
            each(&|l| format!("  '{l}',\n")),
            each(&|l| format!("  . \"{l}\\n\"\n")),
            each(&|l| format!("+{l}\n")),
            each(&|l| format!("# {l}\n")),
            each(&|l| format!("// {l}\n")),
            each(&|l| format!("> {l}\n")),
        ] {
            assert_eq!(body(&quoted), want, "{quoted}");
        }
    }

    #[test]
    fn what_was_left_out_is_no_key() {
        let block =
            |inner: &str| fill("{{pem:rsa}}", "a").lines().next().unwrap().to_owned() + inner + "-----END x";
        for inner in
            ["\n...\n", "\n<your key>\n", "\\n", "\nMIIEowIBAAKCAQEA...\n", "\nMIIEow\n", "\n[snip]\n"]
        {
            let text = block(inner);
            assert_eq!(first(text.as_bytes()).unwrap().decode().err(), Some(NoKey::Blank), "{inner}");
        }
    }

    #[test]
    fn public_blocks_are_passed_over() {
        assert!(first(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----").is_none());
        assert!(first(b"-----BEGIN ").is_none());
        assert!(first(b"-----BEGIN A-----BEGIN B").is_none());
    }
}
