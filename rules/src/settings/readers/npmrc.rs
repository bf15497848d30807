//! `.npmrc`: like INI, but only `=` links, because names are URLs: `//registry.npmjs.org/:_authtoken`. `${NAME}` stays
//! as it is written.

use super::{Reader, ini};
use crate::settings::entry::Read;

pub(crate) const READER: Reader = Reader { read, bounded: false };

fn read(bytes: &[u8]) -> Read {
    ini::parse(bytes, b"=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_be_urls() {
        let text = "//registry.example/:_authToken = ${TOKEN}\nstrict-ssl=false\nca[]=\"x\"\n";
        let found: Vec<(String, String)> =
            read(text.as_bytes()).entries.into_iter().map(|e| (e.key, e.value)).collect();
        let want = [("//registry.example/:_authtoken", "${TOKEN}"), ("strict-ssl", "false"), ("ca", "x")];
        assert_eq!(found, want.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }
}
