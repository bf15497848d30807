//! YAML as the same tree that TOML gives. Aliases are not followed (a small file could stand for a huge one); what
//! follows a mistake is not read.

use saphyr_parser::{Event, Parser, ScalarStyle};
use toml::{Table, Value};

/// Deepest nesting; rule files need six.
const DEPTH: usize = 64;

/// Documents in order, and what was wrong.
pub(crate) fn documents(text: &str) -> (Vec<Value>, Option<String>) {
    let mut stack: Vec<Open> = Vec::new();
    let mut done = Vec::new();
    let mut aliases = false;
    for event in Parser::new_from_str(text) {
        let Ok((event, _)) = event else {
            let line = event.err().map_or(0, |e| e.marker().line());
            return (done, Some(format!("not valid YAML at line {line}; the rest was not read")));
        };
        let complete = match event {
            Event::MappingStart(..) | Event::SequenceStart(..)
                if stack.last().is_some_and(Open::wants_key) =>
            {
                return (done, Some("a YAML key that is not text; the rest was not read".to_owned()));
            }
            Event::MappingStart(..) | Event::SequenceStart(..) if stack.len() >= DEPTH => {
                return (done, Some("YAML nested too deeply; the rest was not read".to_owned()));
            }
            Event::MappingStart(..) => {
                stack.push(Open::Map(Table::new(), None));
                continue;
            }
            Event::SequenceStart(..) => {
                stack.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingEnd | Event::SequenceEnd => stack.pop().map(Open::close),
            Event::Scalar(text, style, ..) => match stack.last_mut() {
                Some(Open::Map(_, key @ None)) => {
                    *key = Some(text.into_owned());
                    continue;
                }
                _ => Some(scalar(&text, style)),
            },
            Event::Alias(_) => {
                aliases = true;
                match stack.last_mut() {
                    Some(Open::Map(_, key @ None)) => {
                        *key = Some("*".to_owned());
                        continue;
                    }
                    _ => Some(None),
                }
            }
            _ => continue,
        };
        let Some(value) = complete else { continue };
        match stack.last_mut() {
            Some(open) => open.take(value),
            None => done.extend(value),
        }
    }
    (
        done,
        aliases.then(|| "YAML aliases (`*name`) are not followed; what they stand for is missing".to_owned()),
    )
}

/// A map or a list whose end has not come.
enum Open {
    Map(Table, Option<String>),
    List(Vec<Value>),
}

impl Open {
    fn wants_key(&self) -> bool {
        matches!(self, Open::Map(_, None))
    }

    /// Takes a value; `None` is YAML's nothing.
    fn take(&mut self, value: Option<Value>) {
        match self {
            Open::Map(table, key) => {
                if let (Some(key), Some(value)) = (key.take(), value) {
                    table.insert(key, value);
                }
            }
            Open::List(items) => items.extend(value),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "a closed map or list is a value like any other")]
    fn close(self) -> Option<Value> {
        Some(match self {
            Open::Map(table, _) => Value::Table(table),
            Open::List(items) => Value::Array(items),
        })
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Option<Value> {
    if style != ScalarStyle::Plain {
        return Some(Value::String(text.to_owned()));
    }
    let number = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => return None,
        "true" | "True" | "TRUE" => Value::Boolean(true),
        "false" | "False" | "FALSE" => Value::Boolean(false),
        _ => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(n), _) if number => Value::Integer(n),
            (_, Ok(n)) if number && n.is_finite() => Value::Float(n),
            _ => Value::String(text.to_owned()),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_that_of_toml() {
        let (docs, wrong) =
            documents("a: 1\nb: [x, 'true', true, 2.5, ~]\nc:\n  d: |\n    one\n    two\n---\n- 7\n");
        assert_eq!(wrong, None);
        let want =
            "a = 1\nb = [\"x\", \"true\", true, 2.5]\n[c]\nd = \"one\\ntwo\\n\"\n".parse::<Table>().unwrap();
        assert_eq!(docs, [Value::Table(want), Value::Array(vec![Value::Integer(7)])]);
    }

    #[test]
    fn what_is_wrong_is_told_and_bounded() {
        assert!(documents("a: [1\nb: }").1.unwrap().contains("line"));
        assert!(documents(&["[".repeat(100), "]".repeat(100)].concat()).1.unwrap().contains("deeply"));
        assert!(documents(&"[".repeat(10_000)).1.is_some());
        assert!(documents("{a: b}: c").1.unwrap().contains("key"));
        let (docs, wrong) = documents("a: &x 1\nb: *x\nc: 2\n");
        assert!(wrong.unwrap().contains("aliases"));
        assert_eq!(docs, [Value::Table("a = 1\nc = 2".parse().unwrap())]);
    }
}
