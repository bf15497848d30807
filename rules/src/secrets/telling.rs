//! Whether a name says that it holds a secret. A vendor's name alone does not: `ACME_MD5` and `ACME_CLIENT_ID` look like
//! `ACME_PROD_KEY`, and their values look like keys.

/// Words of names that hold secrets.
const TELLING: &[&[u8]] = &[
    b"key", b"token", b"secret", b"auth", b"api", b"pass", b"pwd", b"cred", b"access", b"private", b"pat",
    b"bearer",
];
/// Words of names that hold identifiers, public keys or hashes, whatever else they say.
const HARMLESS: &[&[u8]] = &[
    b"keyid",
    b"clientid",
    b"appid",
    b"accountid",
    b"projectid",
    b"userid",
    b"tokenid",
    b"public",
    b"publishable",
    b"sitekey",
    b"sha1",
    b"sha256",
    b"md5",
    b"checksum",
    b"digest",
    b"hash",
    b"fingerprint",
    b"thumbprint",
    b"etag",
    b"commit",
    b"revision",
];

/// Judges everything between the name's first byte and its value.
pub(crate) fn telling(name: &[u8]) -> bool {
    let plain: Vec<u8> =
        name.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
    let has = |words: &[&[u8]]| words.iter().any(|w| memchr::memmem::find(&plain, w).is_some());
    has(TELLING) && !has(HARMLESS)
}

#[cfg(test)]
mod tests {
    use super::telling;

    #[test]
    fn a_name_says_what_it_holds() {
        for name in
            ["ACME_PROD_API_KEY=", "acmeToken = \"", "acme.client-secret: ", "ACME_PAT=", "x-acme-auth\": \""]
        {
            assert!(telling(name.as_bytes()), "{name}");
        }
        for name in [
            "ACME_MD5=",
            "acme: ",
            "acme_client_id: ",
            "ACME_PUBLIC_KEY=",
            "acme-api-key-id: ",
            "acme_token_sha256=",
        ] {
            assert!(!telling(name.as_bytes()), "{name}");
        }
    }
}
