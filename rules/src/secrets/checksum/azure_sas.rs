//! Azure's shared access signatures: the address around the signature says what it allows and until when.

use super::{Checksum, Evidence, Mend, Seen};
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

pub(crate) const CHECKSUM: Checksum = Checksum { check, mend: Mend::None };

/// Where an address ends in any file.
fn end(b: &u8) -> bool {
    b.is_ascii_whitespace() || b.is_ascii_control() || b"\"'`<>;,\\".contains(b)
}

/// A parameter of the address that the signature stands in.
fn parameter(seen: &Seen<'_>, name: &[u8]) -> Option<String> {
    let (before, after) = (seen.before(), seen.after());
    let start = before.iter().rposition(end).map_or(0, |i| i + 1);
    let stop = after.iter().position(end).unwrap_or(after.len());
    let fields = [&before[start..], &after[..stop]];
    let pairs = fields.into_iter().flat_map(|part| part.split(|b| matches!(b, b'?' | b'&')));
    let value = pairs.filter_map(|pair| pair.strip_prefix(name)?.strip_prefix(b"=")).next()?;
    String::from_utf8(value.to_vec()).ok().map(|v| v.replace("%3A", ":").replace("%3a", ":"))
}

/// A day or a time, in UTC.
fn seconds(text: &str) -> Option<i64> {
    let time = text.parse::<Timestamp>().ok();
    let minute = || format!("{}:00Z", text.strip_suffix('Z')?).parse::<Timestamp>().ok();
    let day = || Some(text.parse::<civil::Date>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp());
    time.or_else(minute).or_else(day).map(Timestamp::as_second)
}

fn check(seen: &Seen<'_>) -> Evidence {
    let ends = parameter(seen, b"se");
    // Those of messaging services end at a number of seconds.
    let ends = ends.as_deref().and_then(|e| seconds(e).or_else(|| e.parse().ok()));
    Evidence::unknown().name("allows", parameter(seen, b"sp").as_deref()).expires(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> (Option<String>, Option<i64>) {
        let at = text.find("SIG").unwrap();
        let said = check(&Seen::new(text.as_bytes(), (at, at + 3)));
        (said.note(), said.worth.expires)
    }

    #[test]
    fn the_address_tells_when_it_ends() {
        for text in [
            "u=\"https://a.blob.core.windows.net/c?sv=2024-11-04&sp=r&se=2030-01-01&sig=SIG%3D\"",
            "https://x/?se=2030-01-01T00%3A00%3A00Z&sp=r&sig=SIG",
            "https://x/?sig=SIG&se=2030-01-01T00:00Z&sp=r",
            "SharedAccessSignature=sv=1&sp=r&se=1893456000&sig=SIG;Other=1",
        ] {
            assert_eq!(said(text), (Some("allows r".to_owned()), Some(1_893_456_000)), "{text}");
        }
    }

    #[test]
    fn other_addresses_are_not_asked() {
        for text in ["https://x/?se=2030-01-01 https://y/?sig=SIG", "sig=SIG", "se=never&sig=SIG"] {
            assert_eq!(said(text), (None, None), "{text}");
        }
    }
}
