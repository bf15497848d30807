//! kingfisher and noseyparker YAML: `rules:` with `name`, `id`, `pattern`. The secret is the group `TOKEN`, else the
//! first named group that took part, else the first group, else all.

use super::syntax::Dialect;
use super::{About, Imported, Reading, yaml};
use crate::rule::Grade;
use crate::secrets::foreign::allow::Needs;
use crate::secrets::foreign::needles::Needles;
use crate::secrets::foreign::{ForeignRule, Group};
use regex_automata::PatternID;
use regex_automata::meta::Regex;
use std::sync::Arc;
use toml::{Table, Value};

/// Fields that say what to do with a secret once found, and why they are not used.
const UNUSED: &[(&str, &str)] = &[
    ("validation", "not used: Lapwing asks nobody on the network whether a secret works"),
    ("revocation", "not used: Lapwing revokes nothing"),
    ("depends_on_rule", "not used: what is found is reported whether or not the other rule's part is there"),
    ("tls_mode", "not used: it is about validation"),
];

/// Fields without any bearing on what is found.
const PLAIN: &[&str] = &["categories", "description", "notes"];

/// Whether a file that is no TOML is one of theirs: by its name, or by its first words.
pub(crate) fn is(name: &str, text: &str) -> bool {
    let named = [".yml", ".yaml"].iter().any(|e| name.to_ascii_lowercase().ends_with(e));
    named || text.lines().any(|l| l.trim_end() == "rules:")
}

/// Reads a file.
pub(crate) fn read(name: &str, text: &str) -> Imported {
    let mut reading = Reading::new(name);
    let (documents, wrong) = yaml::documents(text);
    if let Some(why) = wrong {
        reading.error(None, why);
    }
    let mut any = false;
    for document in documents {
        let Value::Table(mut file) = document else { continue };
        if file.remove("rulesets").is_some() {
            reading.note(None, "field `rulesets`: not used: every rule of a file is on");
            any = true;
        }
        let Some(Value::Array(rules)) = file.remove("rules") else { continue };
        any = true;
        for rule in rules {
            let Value::Table(table) = rule else {
                reading.error(None, "field `rules`: an item that is not a rule is not used");
                continue;
            };
            let rule = one(&mut reading, table);
            reading.out.rules.extend(rule);
        }
        reading.unknown(None, &file);
    }
    if !any && reading.out.errors.is_empty() {
        reading.error(None, "no rules: a YAML file of rules has a list `rules:`");
    }
    reading.out
}

fn one(reading: &mut Reading<'_>, mut table: Table) -> Option<ForeignRule> {
    let title = reading.text(None, &mut table, "name");
    let id = reading.text(None, &mut table, "id").or_else(|| title.clone()).unwrap_or_default();
    let rule = Some(if id.is_empty() { "?" } else { id.as_str() });
    let Some(pattern) = reading.text(rule, &mut table, "pattern") else {
        reading.error(rule, "field `pattern`: missing; the rule is not used");
        return None;
    };
    let built = match reading.build(&pattern, Dialect::Rust) {
        Ok(built) => built,
        Err(why) => {
            reading.error(rule, format!("field `pattern`: {why}; the rule is not used"));
            return None;
        }
    };
    let path = match reading.text(rule, &mut table, "path").map(|path| reading.build(&path, Dialect::Rust)) {
        None => None,
        Some(Ok(path)) => Some(path.regex),
        Some(Err(why)) => {
            reading.error(rule, format!("field `path`: {why}; the rule is not used"));
            return None;
        }
    };
    let (groups, named) = groups(&built.regex);
    let needles = Needles::of(&built.hir, Some(secret(&groups)));
    let confidence = reading.text(rule, &mut table, "confidence").unwrap_or_default();
    let grade = match confidence.to_ascii_lowercase().as_str() {
        _ if needles.distinctive => Grade::Shaped,
        "low" => Grade::Guessed,
        _ => Grade::Named,
    };
    let severity = reading.severity(rule, &mut table);
    let references = reading.list(rule, &mut table, "references");
    let tags = reading.list(rule, &mut table, "tags");
    let page = About { id: &id, title, severity, references, tags: &tags }.page(reading.file);
    let made = ForeignRule {
        page: Arc::new(page),
        needles,
        entropy: reading.number(rule, &mut table, "min_entropy").unwrap_or(0.0),
        needs: needs(reading, rule, &mut table, named || built.regex.captures_len() > 2),
        silent: !reading.truth(rule, &mut table, "visible").unwrap_or(true),
        examples: reading.list(rule, &mut table, "examples"),
        counter_examples: reading.list(rule, &mut table, "negative_examples"),
        regex: built.regex,
        groups,
        grade,
        keywords: Vec::new(),
        path,
        allow: Vec::new(),
        near: Vec::new(),
    };
    for (field, why) in UNUSED {
        if table.remove(*field).is_some() {
            reading.note(rule, format!("field `{field}`: {why}"));
        }
    }
    PLAIN.iter().for_each(|field| drop(table.remove(*field)));
    reading.unknown(rule, &table);
    Some(made)
}

/// Which group is the secret, in order of preference, and whether any is named.
fn groups(regex: &Regex) -> (Vec<Group>, bool) {
    let names: Vec<Option<&str>> = regex.group_info().pattern_names(PatternID::ZERO).collect();
    let named = |want: &dyn Fn(&str) -> bool| {
        let hits =
            names.iter().enumerate().filter(|(_, n)| n.is_some_and(want)).map(|(i, _)| Group::Number(i));
        hits.collect::<Vec<_>>()
    };
    let mut order = named(&|n| n.eq_ignore_ascii_case("token"));
    let all = named(&|_| true);
    let any = !all.is_empty();
    order.extend(all);
    order.extend((names.len() > 1).then_some(Group::Number(1)));
    order.push(Group::Number(0));
    (order, any)
}

/// The group that is the secret most of the time.
fn secret(groups: &[Group]) -> usize {
    match groups.first() {
        Some(Group::Number(n)) => *n,
        _ => 0,
    }
}

fn needs(reading: &mut Reading<'_>, rule: Option<&str>, table: &mut Table, whole: bool) -> Needs {
    let Some(Value::Table(mut wants)) = table.remove("pattern_requirements") else { return Needs::default() };
    let mut least = |field: &str| reading.count(rule, &mut wants, field).unwrap_or(0);
    let (digits, upper) = (least("min_digits"), least("min_uppercase"));
    let (lower, special) = (least("min_lowercase"), least("min_special_chars"));
    let specials = reading.text(rule, &mut wants, "special_chars").unwrap_or_default();
    let without = reading.list(rule, &mut wants, "ignore_if_contains");
    for field in wants.keys() {
        let why = "not supported; more may be reported than there";
        reading.note(rule, format!("field `pattern_requirements.{field}`: {why}"));
    }
    let without = without.into_iter().map(|w| w.to_lowercase()).filter(|w| !w.is_empty()).collect();
    Needs { digits, upper, lower, special, specials, without, whole }
}
