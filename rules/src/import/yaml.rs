//! YAML as the same tree that TOML gives. Aliases are followed up to a limit, as a small file could stand for a huge
//! one; what follows a mistake is not read.

use saphyr_parser::{Event, Parser, ScalarStyle};
use std::collections::HashMap;
use toml::{Table, Value};

/// Deepest nesting; rule files need six.
const DEPTH: usize = 64;
/// Values that all aliases of a file may stand for together.
const COPIES: usize = 100_000;

/// Documents in order, and what was wrong.
pub(crate) fn documents(text: &str) -> (Vec<Value>, Option<String>) {
    let mut stack: Vec<Open> = Vec::new();
    let mut done = Vec::new();
    let mut anchors = Anchors { named: HashMap::new(), left: COPIES };
    for event in Parser::new_from_str(text) {
        let Ok((event, _)) = event else {
            let line = event.err().map_or(0, |e| e.marker().line());
            return (done, Some(format!("not valid YAML at line {line}; the rest was not read")));
        };
        let wants_key = stack.last().is_some_and(Open::wants_key);
        let (anchor, value) = match event {
            Event::MappingStart(..) | Event::SequenceStart(..) if wants_key => {
                return (done, Some("a YAML key that is not text; the rest was not read".to_owned()));
            }
            Event::MappingStart(..) | Event::SequenceStart(..) if stack.len() >= DEPTH => {
                return (done, Some("YAML nested too deeply; the rest was not read".to_owned()));
            }
            Event::MappingStart(anchor, _) => {
                stack.push(Open { anchor, kind: Kind::Map(Table::new(), None) });
                continue;
            }
            Event::SequenceStart(anchor, _) => {
                stack.push(Open { anchor, kind: Kind::List(Vec::new()) });
                continue;
            }
            Event::MappingEnd | Event::SequenceEnd => match stack.pop() {
                Some(open) => (open.anchor, Some(open.close())),
                None => continue,
            },
            Event::Scalar(text, _, anchor, _) if wants_key => {
                (anchor, Some(Value::String(text.into_owned())))
            }
            Event::Scalar(text, style, anchor, _) => (anchor, scalar(&text, style)),
            Event::Alias(anchor) => match anchors.copy(anchor) {
                Ok(value) => (0, value),
                Err(why) => return (done, Some(why)),
            },
            _ => continue,
        };
        if let (1.., Some(value)) = (anchor, &value)
            && let Err(why) = anchors.name(anchor, value)
        {
            return (done, Some(why));
        }
        match stack.last_mut() {
            Some(open) => open.take(value),
            None => done.extend(value),
        }
    }
    (done, None)
}

/// Values that have a name.
struct Anchors {
    named: HashMap<usize, Value>,
    /// Values that may still be copied.
    left: usize,
}

impl Anchors {
    fn name(&mut self, anchor: usize, value: &Value) -> Result<(), String> {
        self.pay(size(value))?;
        self.named.insert(anchor, value.clone());
        Ok(())
    }

    fn copy(&mut self, anchor: usize) -> Result<Option<Value>, String> {
        self.pay(self.named.get(&anchor).map_or(1, size))?;
        Ok(self.named.get(&anchor).cloned())
    }

    fn pay(&mut self, values: usize) -> Result<(), String> {
        let left = self.left.checked_sub(values);
        self.left = left.ok_or("YAML aliases that stand for too much; the rest was not read")?;
        Ok(())
    }
}

/// How many values a value is.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Table(table) => table.values().map(size).sum(),
        Value::Array(items) => items.iter().map(size).sum(),
        _ => 0,
    }
}

/// A map or a list whose end has not come.
struct Open {
    anchor: usize,
    kind: Kind,
}

enum Kind {
    /// With the key whose value comes next.
    Map(Table, Option<String>),
    List(Vec<Value>),
}

impl Open {
    fn wants_key(&self) -> bool {
        matches!(self.kind, Kind::Map(_, None))
    }

    /// Takes a key or a value; `None` is YAML's nothing.
    fn take(&mut self, value: Option<Value>) {
        match &mut self.kind {
            Kind::Map(table, key) => match key.take() {
                // A key that an alias stands for may be anything; what is no text is no key of ours.
                None => *key = Some(value.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned()),
                Some(key) => {
                    if let Some(value) = value {
                        table.insert(key, value);
                    }
                }
            },
            Kind::List(items) => items.extend(value),
        }
    }

    fn close(self) -> Value {
        match self.kind {
            Kind::Map(table, _) => Value::Table(table),
            Kind::List(items) => Value::Array(items),
        }
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
    }

    #[test]
    fn aliases_are_followed_up_to_a_limit() {
        let (docs, wrong) = documents("c: &y t\n*y : 3\n");
        assert_eq!((docs, wrong), (vec![Value::Table("c = \"t\"\nt = 3".parse().unwrap())], None));
        assert!(documents("d: *none\n").1.is_some());
        let (docs, wrong) = documents("a: &x [1, 2]\nb: {c: *x}\n");
        assert_eq!(wrong, None);
        assert_eq!(docs, [Value::Table("a = [1, 2]\n[b]\nc = [1, 2]".parse().unwrap())]);
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..30 {
            let before = format!("*a{}", n - 1);
            bomb.push_str(&format!("a{n}: &a{n} [{}]\n", [before.as_str(); 8].join(", ")));
        }
        assert!(documents(&bomb).1.unwrap().contains("too much"));
    }
}
