//! gitleaks and betterleaks TOML. Keys are written in any case. A keyword need only be somewhere in the text; the
//! secret is the group `secretGroup`, or the first group that holds anything.

use super::syntax::{Built, Dialect};
use super::{About, Imported, Reading};
use crate::rule::Grade;
use crate::secrets::foreign::allow::{Allow, Needs, Target};
use crate::secrets::foreign::near::Near;
use crate::secrets::foreign::needles::Needles;
use crate::secrets::foreign::{ForeignRule, Group};
use regex_automata::PatternID;
use regex_automata::meta::Regex;
use std::collections::BTreeSet;
use std::sync::Arc;
use toml::{Table, Value};

/// What only a run against the vendor could say.
const VALIDATE: &str = "not used: Lapwing asks nobody on the network whether a secret works";
/// What would take findings away.
const FILTER: &str = "expressions (CEL) are not supported; more may be reported than there";

/// Whether a TOML file is one of theirs.
pub(crate) fn is(file: &Table) -> bool {
    let has = |keys: &[&str]| file.keys().any(|k| keys.contains(&k.to_ascii_lowercase().as_str()));
    has(&["rules", "allowlist", "allowlists", "extend"]) && !has(&["secret", "setting", "place"])
}

/// Reads a file.
pub(crate) fn read(name: &str, file: Table) -> Imported {
    let mut reading = Reading::new(name);
    let mut file = lower(file);
    for field in ["title", "description", "minversion", "betterleaksminversion"] {
        file.remove(field);
    }
    extend(&mut reading, &mut file);
    for field in ["prefilter", "filter"] {
        if file.remove(field).is_some() {
            reading.note(None, format!("field `{field}`: {FILTER}"));
        }
    }
    let (global, targeted) = shared(&mut reading, &mut file);
    for (id, rule) in tables(&mut reading, None, &mut file, "rules").into_iter().map(identified) {
        let mut rule_of = Rule { reading: &mut reading, id: &id, table: rule };
        if let Some(mut rule) = rule_of.read() {
            rule.allow.extend(global.iter().cloned());
            rule.allow.extend(targeted.iter().filter(|(to, _)| to.contains(&id)).map(|(_, a)| Arc::clone(a)));
            reading.out.rules.push(rule);
        }
    }
    reading.unknown(None, &file);
    company(&mut reading);
    reading.out
}

/// All keys in lower case, as these tools read them.
fn lower(table: Table) -> Table {
    fn value(v: Value) -> Value {
        match v {
            Value::Table(t) => Value::Table(lower(t)),
            Value::Array(items) => Value::Array(items.into_iter().map(value).collect()),
            other => other,
        }
    }
    table.into_iter().map(|(k, v)| (k.to_ascii_lowercase(), value(v))).collect()
}

fn identified(table: Table) -> (String, Table) {
    let id = table.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    (id, table)
}

/// What a file takes over from elsewhere: nothing here does.
fn extend(reading: &mut Reading<'_>, file: &mut Table) {
    let Some(Value::Table(mut extend)) = file.remove("extend") else { return };
    if extend.remove("usedefault").is_some_and(|v| v.as_bool() != Some(false)) {
        reading.error(None, "field `extend.useDefault`: the tool's own rules are not part of Lapwing; only those of this file are used");
    }
    for field in ["path", "url"] {
        if extend.remove(field).is_some() {
            reading.error(None, format!("field `extend.{field}`: other files are not read from here; name each with a `--rules` of its own"));
        }
    }
    if extend.remove("disabledrules").is_some() {
        reading.note(None, "field `extend.disabledRules`: not used, as nothing is extended; `rules.off` in Lapwing's configuration switches rules off");
    }
    for field in extend.keys() {
        reading.note(None, format!("field `extend.{field}`: not known here, not used"));
    }
}

/// The tables of a field, whether it is written as one or as many.
fn tables(reading: &mut Reading<'_>, rule: Option<&str>, table: &mut Table, field: &str) -> Vec<Table> {
    let items = match table.remove(field) {
        None => return Vec::new(),
        Some(Value::Array(items)) => items,
        Some(one) => vec![one],
    };
    let mut found = Vec::new();
    for item in items {
        match item {
            Value::Table(table) => found.push(table),
            _ => reading.error(rule, format!("field `{field}`: not a table, not used")),
        }
    }
    found
}

type Shared = (Vec<Arc<Allow>>, Vec<(BTreeSet<String>, Arc<Allow>)>);

/// Allowlists of the file: those for all its rules, and those for some.
fn shared(reading: &mut Reading<'_>, file: &mut Table) -> Shared {
    let (mut global, mut targeted) = (Vec::new(), Vec::new());
    for field in ["allowlist", "allowlists"] {
        for mut table in tables(reading, None, file, field) {
            let to: BTreeSet<String> = reading.list(None, &mut table, "targetrules").into_iter().collect();
            match allow(reading, None, table, field).map(Arc::new) {
                Some(allow) if to.is_empty() => global.push(allow),
                Some(allow) => targeted.push((to, allow)),
                None => {}
            }
        }
    }
    (global, targeted)
}

/// An allowlist. One that cannot be used as it stands is not used at all: more is reported, never less.
fn allow(reading: &mut Reading<'_>, rule: Option<&str>, mut table: Table, field: &str) -> Option<Allow> {
    table.remove("description");
    let unusable = |reading: &mut Reading<'_>, part: &str, why: &str| {
        reading.note(
            rule,
            format!(
                "field `{field}.{part}`: {why}; this allowlist is not used, more may be reported than there"
            ),
        );
        None
    };
    let all =
        match reading.text(rule, &mut table, "condition").unwrap_or_default().to_ascii_uppercase().as_str() {
            "AND" | "&&" => true,
            "" | "OR" | "||" => false,
            _ => return unusable(reading, "condition", "neither AND nor OR"),
        };
    let target = match reading.text(rule, &mut table, "regextarget").as_deref() {
        None | Some("" | "secret") => Target::Secret,
        Some("match") => Target::Match,
        Some("line") => Target::Line,
        Some(_) => return unusable(reading, "regexTarget", "none of secret, match, line"),
    };
    let commits = !reading.list(rule, &mut table, "commits").is_empty();
    if commits {
        reading
            .note(rule, format!("field `{field}.commits`: not used, as files are examined and not commits"));
    }
    if table.remove("resources").is_some() {
        return unusable(reading, "resources", "not supported");
    }
    let mut compiled = [Vec::new(), Vec::new()];
    for (into, part) in compiled.iter_mut().zip(["regexes", "paths"]) {
        for pattern in reading.list(rule, &mut table, part) {
            match reading.build(&pattern, Dialect::Go) {
                Ok(built) => into.push(built.regex),
                Err(why) => return unusable(reading, part, &why),
            }
        }
    }
    let [regexes, paths] = compiled;
    let words = reading.list(rule, &mut table, "stopwords");
    let stopwords = words.into_iter().map(|w| w.to_lowercase()).filter(|w| !w.is_empty()).collect();
    for left in table.keys() {
        reading.note(rule, format!("field `{field}.{left}`: not known here, not used"));
    }
    Some(Allow { all, target, regexes, stopwords, paths, commits })
}

/// One rule, while it is read.
struct Rule<'a, 'r> {
    reading: &'a mut Reading<'r>,
    id: &'a str,
    table: Table,
}

impl Rule<'_, '_> {
    fn read(&mut self) -> Option<ForeignRule> {
        let named = (!self.id.is_empty()).then_some(self.id);
        let rule = Some(named.unwrap_or("?"));
        if named.is_none() {
            self.reading.error(rule, "field `id`: missing; the rule is not used");
            return None;
        }
        self.table.remove("id");
        let built = self.regex()?;
        let path = self.path()?;
        let (groups, secret) = self.groups(&built)?;
        let (reading, table) = (&mut *self.reading, &mut self.table);
        let title = reading.text(rule, table, "description");
        let severity = reading.severity(rule, table);
        let tags = reading.list(rule, table, "tags");
        let page =
            About { id: self.id, title, severity, references: Vec::new(), tags: &tags }.page(reading.file);
        let keywords = reading.list(rule, table, "keywords");
        let entropy = reading.number(rule, table, "entropy").unwrap_or(0.0);
        let silent = reading.truth(rule, table, "skipreport").unwrap_or(false);
        let needles = Needles::of(&built.hir, secret);
        let guessed = needles.literals.is_none() && keywords.is_empty();
        let grade = match (needles.distinctive, guessed) {
            (true, _) => Grade::Shaped,
            (false, true) => Grade::Guessed,
            (false, false) => Grade::Named,
        };
        let (allow, near) = (self.allow(), self.near());
        self.left();
        Some(ForeignRule {
            page: Arc::new(page),
            regex: built.regex,
            needles,
            groups,
            keywords: keywords.into_iter().map(|k| k.to_lowercase()).filter(|k| !k.is_empty()).collect(),
            entropy,
            path,
            needs: Needs::default(),
            allow,
            near,
            silent,
            grade,
            examples: Vec::new(),
            counter_examples: Vec::new(),
        })
    }

    /// Which groups may be the secret, and which it is where that is known.
    fn groups(&mut self, built: &Built) -> Option<(Vec<Group>, Option<usize>)> {
        let rule = Some(self.id);
        let wanted = self.reading.count(rule, &mut self.table, "secretgroup").unwrap_or(0);
        let groups = built.regex.group_info().group_len(PatternID::ZERO);
        match (wanted, groups) {
            (n, _) if n >= groups => {
                let why =
                    format!("field `secretGroup`: the expression has no group {n}; the rule is not used");
                self.reading.error(rule, why);
                None
            }
            (0, 1) => Some((vec![Group::Number(0)], Some(0))),
            // Of several groups it is not known which will hold the secret.
            (0, _) => Some((vec![Group::FirstFilled, Group::Number(0)], (groups == 2).then_some(1))),
            (n, _) => Some((vec![Group::Number(n)], Some(n))),
        }
    }

    /// The expression; a rule without one is not for us.
    fn regex(&mut self) -> Option<Built> {
        let rule = Some(self.id);
        let why = match self.reading.text(rule, &mut self.table, "regex").filter(|r| !r.is_empty()) {
            Some(regex) => match self.reading.build(&regex, Dialect::Go) {
                Ok(built) => return Some(built),
                Err(why) => format!("field `regex`: {why}; the rule is not used"),
            },
            None if self.table.contains_key("path") => {
                "field `path`: rules that look at the path alone are not supported; the rule is not used"
                    .to_owned()
            }
            None => "field `regex`: missing; a rule that only changes one of the tool's own is not used"
                .to_owned(),
        };
        self.reading.error(rule, why);
        None
    }

    /// The path's expression: `None` when it cannot be used.
    fn path(&mut self) -> Option<Option<Regex>> {
        let rule = Some(self.id);
        let Some(path) = self.reading.text(rule, &mut self.table, "path").filter(|p| !p.is_empty()) else {
            return Some(None);
        };
        match self.reading.build(&path, Dialect::Go) {
            Ok(built) => Some(Some(built.regex)),
            Err(why) => {
                self.reading.error(rule, format!("field `path`: {why}; the rule is not used"));
                None
            }
        }
    }

    fn allow(&mut self) -> Vec<Arc<Allow>> {
        let rule = Some(self.id);
        let mut all = Vec::new();
        for field in ["allowlist", "allowlists"] {
            for table in tables(self.reading, rule, &mut self.table, field) {
                all.extend(allow(self.reading, rule, table, field).map(Arc::new));
            }
        }
        all
    }

    /// The rules that must match nearby.
    fn near(&mut self) -> Vec<Near> {
        let rule = Some(self.id);
        let mut all = Vec::new();
        for field in ["required", "components"] {
            for mut table in tables(self.reading, rule, &mut self.table, field) {
                let other = self.reading.text(rule, &mut table, "id").unwrap_or_default();
                let lines = self.reading.count(rule, &mut table, "withinlines");
                let columns = self.reading.count(rule, &mut table, "withincolumns");
                let columns = columns.or(self.reading.count(rule, &mut table, "withincolumn"));
                for left in table.keys() {
                    self.reading.note(rule, format!("field `{field}.{left}`: not known here, not used"));
                }
                all.push(Near { rule: super::valid_id(&other), lines, columns });
            }
        }
        all
    }

    /// Names what is not used.
    fn left(&mut self) {
        let rule = Some(self.id);
        for (field, name, why) in [("filter", "filter", FILTER), ("validate", "validate", VALIDATE)] {
            if self.table.remove(field).is_some() {
                self.reading.note(rule, format!("field `{name}`: {why}"));
            }
        }
        if self.table.remove("tokenefficiency").is_some_and(|v| v.as_bool() != Some(false)) {
            self.reading
                .note(rule, "field `tokenEfficiency`: not supported; more may be reported than there");
        }
        self.reading.unknown(rule, &self.table);
    }
}

/// A rule whose company is not in the file can never be met.
fn company(reading: &mut Reading<'_>) {
    loop {
        let ids: BTreeSet<String> = reading.out.rules.iter().map(|r| r.page.id.clone()).collect();
        let alone = |r: &ForeignRule| r.near.iter().find(|n| !ids.contains(&n.rule)).map(|n| n.rule.clone());
        let Some((at, other)) = reading.out.rules.iter().enumerate().find_map(|(i, r)| Some((i, alone(r)?)))
        else {
            break;
        };
        let rule = reading.out.rules.remove(at);
        reading.error(
            Some(&rule.page.id),
            format!("field `required`: there is no usable rule `{other}`; the rule is not used"),
        );
    }
    // Rules that are there for others alone are searched for whatever their keywords, as their own tool does.
    for rule in reading.out.rules.iter_mut().filter(|r| r.silent) {
        rule.keywords.clear();
    }
}
