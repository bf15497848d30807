//! Rules of other tools: gitleaks and betterleaks TOML, kingfisher and noseyparker YAML. Pure: text in, rules and
//! remarks out. What a file asks for and Lapwing does not do is named, one remark for each part.
//!
//! A rule that cannot be searched for as its own tool would is an error (something may be missed); a part without
//! which a rule finds as much or more is a note.

pub(crate) mod gitleaks;
pub(crate) mod kingfisher;
pub(crate) mod syntax;
pub(crate) mod yaml;

use crate::import::syntax::{Built, Dialect, SIZE};
use crate::pack::PackError;
use crate::rule::{Page, Profile, Safety, Severity};
use crate::secrets::foreign::ForeignRule;
use toml::{Table, Value};

/// What a file of another tool says.
#[derive(Default)]
pub(crate) struct Imported {
    pub(crate) rules: Vec<ForeignRule>,
    pub(crate) errors: Vec<PackError>,
    pub(crate) notes: Vec<PackError>,
}

/// Longest title that a rule may bring.
const TITLE: usize = 120;

/// Memory that all expressions of a file may take together: ten times what the largest collections need.
const ROOM: usize = 256 << 20;

/// A file, while it is read.
struct Reading<'a> {
    file: &'a str,
    out: Imported,
    /// Memory left for expressions.
    room: usize,
}

impl<'a> Reading<'a> {
    fn new(file: &'a str) -> Reading<'a> {
        Reading { file, out: Imported::default(), room: ROOM }
    }

    /// Compiles an expression, while there is room.
    fn build(&mut self, pattern: &str, dialect: Dialect) -> Result<Built, String> {
        if self.room == 0 {
            return Err("the expressions of this file are too large together".to_owned());
        }
        let built = syntax::build(pattern, dialect);
        // What is refused has cost something, too.
        let taken = built.as_ref().map_or(SIZE, |built| built.regex.memory_usage());
        self.room = self.room.saturating_sub(taken.max(pattern.len()));
        built
    }

    fn remark(&self, rule: Option<&str>, why: impl Into<String>) -> PackError {
        PackError { file: self.file.to_owned(), rule: rule.map(str::to_owned), why: why.into() }
    }

    /// Something that may be missed.
    fn error(&mut self, rule: Option<&str>, why: impl Into<String>) {
        let remark = self.remark(rule, why);
        self.out.errors.push(remark);
    }

    /// Something that is not used, and without which nothing is missed.
    fn note(&mut self, rule: Option<&str>, why: impl Into<String>) {
        let remark = self.remark(rule, why);
        self.out.notes.push(remark);
    }

    /// Names every field that is left.
    fn unknown(&mut self, rule: Option<&str>, left: &Table) {
        for field in left.keys() {
            self.note(rule, format!("field `{field}`: not known here, not used"));
        }
    }

    /// A list of texts; one text is a list of one.
    fn list(&mut self, rule: Option<&str>, table: &mut Table, field: &str) -> Vec<String> {
        let items = match table.remove(field) {
            None => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(one) => vec![one],
        };
        let count = items.len();
        let texts: Vec<String> = items.iter().filter_map(scalar).collect();
        if texts.len() < count {
            self.note(rule, format!("field `{field}`: an item that is not text is not used"));
        }
        texts
    }

    fn text(&mut self, rule: Option<&str>, table: &mut Table, field: &str) -> Option<String> {
        let value = table.remove(field)?;
        let text = scalar(&value);
        if text.is_none() {
            self.note(rule, format!("field `{field}`: not text, not used"));
        }
        text
    }

    fn number(&mut self, rule: Option<&str>, table: &mut Table, field: &str) -> Option<f64> {
        let value = table.remove(field)?;
        let number = match &value {
            Value::Integer(n) => Some(*n as f64),
            Value::Float(n) => Some(*n),
            other => scalar(other).and_then(|t| t.trim().parse().ok()),
        };
        let number = number.filter(|n| n.is_finite() && *n >= 0.0);
        if number.is_none() {
            self.note(rule, format!("field `{field}`: not a number, not used"));
        }
        number
    }

    fn count(&mut self, rule: Option<&str>, table: &mut Table, field: &str) -> Option<usize> {
        self.number(rule, table, field).map(|n| n as usize)
    }

    fn truth(&mut self, rule: Option<&str>, table: &mut Table, field: &str) -> Option<bool> {
        match table.remove(field)? {
            Value::Boolean(truth) => Some(truth),
            _ => {
                self.note(rule, format!("field `{field}`: neither true nor false, not used"));
                None
            }
        }
    }

    /// The severity that a rule brings, high otherwise.
    fn severity(&mut self, rule: Option<&str>, table: &mut Table) -> Severity {
        let Some(word) = self.text(rule, table, "severity") else { return Severity::High };
        Severity::from_word(&word.to_ascii_lowercase()).unwrap_or_else(|| {
            self.note(rule, "field `severity`: not one of info, low, medium, high, critical; taken as high");
            Severity::High
        })
    }
}

/// What a person is told of a rule from elsewhere, in our words.
struct About<'a> {
    id: &'a str,
    title: Option<String>,
    severity: Severity,
    references: Vec<String>,
    tags: &'a [String],
}

impl About<'_> {
    fn page(self, file: &str) -> Page {
        let name = file.rsplit('/').next().unwrap_or(file);
        let title = self.title.as_deref().map(one_line).filter(|t| !t.is_empty());
        let tags = if self.tags.is_empty() {
            String::new()
        } else {
            format!(" Its tags there: {}.", one_line(&self.tags.join(", ")))
        };
        Page {
            id: valid_id(self.id),
            title: title.unwrap_or_else(|| format!("Secret that the imported rule {} describes", one_line(self.id))),
            severity: self.severity,
            why: format!(
                "Whoever reads the file can use what this secret opens. Imported rule: `{}` of {}.{tags}",
                one_line(self.id),
                one_line(name)
            ),
            advice: "Imported rule: its file does not say how to revoke this secret. Find out who issued it, revoke or rotate it there, then take it out of the file, and out of copies and histories."
                .to_owned(),
            command: None,
            safety: Safety::Manual,
            revoke: None,
            references: self.references.into_iter().filter(|r| r.starts_with("https://")).collect(),
            profile: Profile::Default,
            fix: Some(crate::fix::declared::RECORDS.to_owned()),
        }
    }
}

/// One line of plain text, no full stop at its end, cut to a length that people read.
fn one_line(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    let line = words.join(" ");
    let cut = line.char_indices().nth(TITLE).map_or(line.as_str(), |(at, _)| &line[..at]);
    cut.trim_end_matches('.').to_owned()
}

/// An id as ours are written: lower case, digits, `.`, `-`.
fn valid_id(id: &str) -> String {
    let plain: String = id
        .chars()
        .take(TITLE)
        .map(|c| c.to_ascii_lowercase())
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
        .collect();
    let trimmed = plain.trim_matches(['.', '-']);
    if trimmed.is_empty() { "imported".to_owned() } else { trimmed.to_owned() }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(n) => Some(n.to_string()),
        Value::Float(n) => Some(n.to_string()),
        Value::Boolean(b) => Some(b.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
