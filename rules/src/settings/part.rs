//! Which part of a value is the secret, where the whole value is not: the password of a URL, what follows
//! `Authorization: Basic`.

use super::predicate::url_password;
use serde::Deserialize;

/// The secret part of an entry.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The value as it is.
    #[default]
    Whole,
    /// The password (or the token in place of a user) of a URL that is the value.
    UrlPassword,
    /// The same of a URL that is part of the key, as in git's `url.<base>.insteadOf`.
    KeyUrlPassword,
    /// The credential of an `Authorization` header or the like, without its scheme.
    Header,
}

impl Part {
    /// The secret and, when it stands in the value, its offset there.
    #[must_use]
    pub fn of<'a>(self, key: &'a str, value: &'a str) -> Option<(Option<usize>, &'a str)> {
        match self {
            Part::Whole => Some((Some(0), value)),
            Part::UrlPassword => url_password(value).map(|(at, password)| (Some(at), password)),
            Part::KeyUrlPassword => url_password(key).map(|(_, password)| (None, password)),
            Part::Header => header(value).map(|(at, credential)| (Some(at), credential)),
        }
    }
}

/// Header names whose value is a credential.
const HEADERS: &[&str] = &["authorization", "proxy-authorization", "private-token", "x-auth-token", "cookie"];

fn header(value: &str) -> Option<(usize, &str)> {
    let (name, rest) = value.split_once(':')?;
    let name = name.trim().to_ascii_lowercase();
    if !HEADERS.contains(&name.as_str()) && !name.ends_with("token") && !name.ends_with("api-key") {
        return None;
    }
    let rest = rest.trim();
    // `Basic dXNlcjpwYXNz`: the scheme is no secret. A cookie has none.
    let credential = match rest.split_once(' ') {
        Some((_, credential)) if name.ends_with("authorization") => credential.trim_start(),
        _ => rest,
    };
    let end = value.trim_end().len();
    (!credential.is_empty()).then(|| (end - credential.len(), credential))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(part: Part, key: &str, value: &str) -> Option<(Option<usize>, String)> {
        part.of(key, value).map(|(at, secret)| (at, secret.to_owned()))
    }

    #[test]
    fn the_secret_part_of_a_value() {
        let found = part(Part::UrlPassword, "remote.origin.url", "https://me:q9x@host.example/r");
        assert_eq!(found, Some((Some(11), "q9x".to_owned())));
        assert_eq!(part(Part::UrlPassword, "remote.origin.url", "git@host.example:r"), None);
        let found =
            part(Part::KeyUrlPassword, "url.https://me:q9x@host.example/.insteadof", "https://host.example/");
        assert_eq!(found, Some((None, "q9x".to_owned())));
    }

    #[test]
    fn the_credential_of_a_header() {
        let of = |value: &str| part(Part::Header, "http.extraheader", value);
        assert_eq!(of("AUTHORIZATION: basic q9xz "), Some((Some(21), "q9xz".to_owned())));
        assert_eq!(of("Authorization:Bearer q9xz"), Some((Some(21), "q9xz".to_owned())));
        assert_eq!(of("PRIVATE-TOKEN: q9xz"), Some((Some(15), "q9xz".to_owned())));
        assert_eq!(of("X-Team: web"), None);
        assert_eq!(of("Authorization:"), None);
    }
}
