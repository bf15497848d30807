//! Packs: rules as TOML. One schema for every file (`[[secret]]`, `[[setting]]`,
//! `[[place]]`, `[[indicator]]`), the built-in ones and a
//! user's own. Every error names file, rule and field, and one bad rule never hides the others.

use crate::fix::declared::{RECORDS, SecretFix, SettingFix};
use crate::import::{Imported, gitleaks, kingfisher};
use crate::indicators::IndicatorSpec;
use crate::rule::{self, Grade, Page};
use crate::secrets::foreign::ForeignRule;
use crate::settings::part::Part;
use crate::settings::predicate::Predicate;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use toml::{Table, Value};

include!(concat!(env!("OUT_DIR"), "/packs.rs"));

/// Why a rule of a pack could not be used. The others of the pack still are.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{file}: {}{why}", .rule.as_deref().map(|r| format!("rule `{r}`: ")).unwrap_or_default())]
pub struct PackError {
    /// The file as it was named to us.
    pub file: String,
    /// The rule, where the error is inside one.
    pub rule: Option<String>,
    /// What is wrong, naming the field.
    pub why: String,
}

/// A secret rule as written. Either `anchors` + `pattern` (a token with a shape of its own), or `names` + `value`
/// (a value that only its name gives away).
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretSpec {
    /// Literal bytes that every match contains, case-sensitive; the prefilter looks for these.
    #[serde(default)]
    pub anchors: Vec<String>,
    /// The token. The group `(?P<secret>…)` is the secret when it is not the whole match.
    #[serde(default)]
    pub pattern: Option<String>,
    /// How many bytes before its anchor a match may begin; 0 means that it begins with the anchor.
    #[serde(default)]
    pub before: usize,
    /// Bytes that a match may span from its anchor on, for patterns without a bound of their own: cheaper than counting
    /// inside the pattern.
    #[serde(default)]
    pub reach: Option<usize>,
    /// Words one of which the name must contain; case, `_`, `-`, `.` and spaces between words do not matter.
    #[serde(default)]
    pub names: Vec<String>,
    /// The name must also say that it holds a secret (`key`, `token`, `secret` …) and not an identifier or a hash, so
    /// that `names` may be the vendor's name alone.
    #[serde(default)]
    pub telling: bool,
    /// The whole value, for `names`.
    #[serde(default)]
    pub value: Option<String>,
    /// Least Shannon entropy of the secret, in bits per byte.
    #[serde(default)]
    pub entropy: f64,
    /// A file of `secrets/checksum/`: raises to `proved` or lowers to `guessed`.
    #[serde(default)]
    pub checksum: Option<String>,
    /// Grade when no checksum speaks; by default `shaped` for tokens and `named` for named values.
    #[serde(default)]
    pub grade: Option<Grade>,
    /// The secret is not one when any of these matches it.
    #[serde(default)]
    pub allow: Vec<String>,
    /// Words one of which stands within 1,024 bytes of the secret, capitals or not: for shapes that other vendors use too, and
    /// for parts of a credential that open nothing alone. Where none does, the generic rules leave the secret alone too.
    #[serde(default)]
    pub near: Vec<String>,
    /// Judge the value as the generic rule does: more evidence than a name is needed.
    #[serde(default)]
    pub generic: bool,
    /// The secret is a password that a person chose: words that manuals use and everybody's defaults are not secrets.
    #[serde(default)]
    pub chosen: bool,
    /// Rules (`*` stands for anything) of which this is one part: a key's ID beside its secret is no finding of its own.
    #[serde(default)]
    pub part_of: Vec<String>,
    /// Identifiers, no secrets, that stand beside it and say whose it is.
    #[serde(default)]
    pub beside: Vec<Beside>,
    /// Test suites and manuals are full of these (keys made for a test): among them it is only guessed.
    #[serde(default)]
    pub samples: bool,
    /// Bytes of the match that are public knowledge and may be shown; by default the anchor.
    #[serde(default)]
    pub shown: Option<usize>,
    /// Texts in which exactly this rule must find a secret. `{{…}}` is filled in, see [`crate::testing::fill`].
    #[serde(default)]
    pub examples: Vec<String>,
    /// Texts in which this rule must find nothing.
    #[serde(default)]
    pub counter_examples: Vec<String>,
}

/// An identifier that is shown as evidence where it stands beside a secret.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beside {
    /// What it is, in words: `account`.
    pub what: String,
    /// The identifier.
    pub pattern: String,
}

/// A setting rule as written.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingSpec {
    /// The reader (a file of `settings/readers/`) whose entries it judges.
    pub reader: String,
    /// Only at places with one of these ids; everywhere the reader is used when empty.
    #[serde(default)]
    pub places: Vec<String>,
    /// Key patterns in lower case; `*` stands for anything, dots too.
    pub keys: Vec<String>,
    /// Key patterns that are fine nevertheless.
    #[serde(default)]
    pub except: Vec<String>,
    /// Only under scopes (`Host`, `Match`, section headers) that match one of these patterns.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Not under a scope of names (`Host a b`) each of which matches one of these patterns.
    #[serde(default)]
    pub except_names: Vec<String>,
    /// All must hold for the value to be risky.
    pub risky: Vec<Predicate>,
    /// Never show the value, not even masked.
    #[serde(default)]
    pub hide: bool,
    /// What mends it.
    #[serde(default, deserialize_with = "named_fix")]
    pub fix: Option<SettingFix>,
    /// Files in which exactly this rule must fire.
    #[serde(default)]
    pub examples: Vec<String>,
    /// What the fix makes of each of `examples`, in their order.
    #[serde(default)]
    pub fixed: Vec<String>,
    /// Files in which it must not.
    #[serde(default)]
    pub counter_examples: Vec<String>,
}

/// A place as written.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceSpec {
    /// Stable name, for example `npmrc`.
    pub id: String,
    /// The tool whose file it is, as its vendor spells it.
    pub tool: String,
    /// `~/…`, `**/…` (anywhere in the home) or absolute; `*` within a segment, `**` across segments.
    pub paths: Vec<String>,
    /// Environment variables that move it.
    #[serde(default)]
    pub relocate: Vec<Relocation>,
    /// The reader of its format.
    #[serde(default)]
    pub reader: Option<String>,
    /// The widest mode it should have, octal as text: `"600"`.
    #[serde(default)]
    pub mode: Option<String>,
    /// A history: lines that a person typed.
    #[serde(default)]
    pub history: bool,
    /// It only records what was (a transcript, a log): no program needs a secret that stands in it. Histories do too.
    #[serde(default)]
    pub record: bool,
    /// Source code stands in it: an unquoted word behind `token =` is a variable, not a value.
    #[serde(default)]
    pub code: bool,
    /// What mends a secret in any of its entries whose rule does not say.
    #[serde(default)]
    pub fix: Option<SecretFix>,
    /// Secrets that only this place gives away.
    #[serde(default)]
    pub secret: Vec<Table>,
}

/// An environment variable that moves a place.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relocation {
    /// The variable's name.
    pub env: String,
    /// Appended to the value when it names a directory.
    #[serde(default)]
    pub join: Option<String>,
    /// The value is a `:`-separated list.
    #[serde(default)]
    pub list: bool,
}

/// A secret that its key at a place gives away.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceSecretSpec {
    /// Key patterns of the place's reader, lower case; `*` stands for anything.
    pub keys: Vec<String>,
    /// Least length of a value that counts.
    #[serde(default = "one")]
    pub min_len: usize,
    /// Which part of the value is the secret.
    #[serde(default)]
    pub part: Part,
    /// Ids of other places where the same holds.
    #[serde(default)]
    pub also: Vec<String>,
    /// What mends it, and any other secret that stands in such an entry.
    #[serde(default, deserialize_with = "named_fix")]
    pub fix: Option<SecretFix>,
    /// Files in which it must be found.
    #[serde(default)]
    pub examples: Vec<String>,
    /// Files in which it must not.
    #[serde(default)]
    pub counter_examples: Vec<String>,
}

fn one() -> usize {
    1
}

/// A fix, whose errors say that they are about it: an unknown variant names no field.
fn named_fix<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    let named = |e: D::Error| {
        let why = e.to_string();
        let why = why.trim();
        if why.contains("field `fix`") { e } else { D::Error::custom(format!("field `fix`: {why}")) }
    };
    T::deserialize(from).map(Some).map_err(named)
}

/// Everything that a set of packs says, and what was wrong with them.
#[derive(Default)]
pub struct Packs {
    /// Secret rules.
    pub secrets: Vec<(Page, SecretSpec)>,
    /// Setting rules.
    pub settings: Vec<(Page, SettingSpec)>,
    /// Places, each with the secrets that it gives away.
    pub places: Vec<(PlaceSpec, Vec<(Page, PlaceSecretSpec)>)>,
    /// Indicators of compromise.
    pub indicators: Vec<(Page, IndicatorSpec)>,
    /// Names of vendors whose tokens the secret rules know, small letters and digits only.
    pub vendors: Vec<String>,
    /// Rules that could not be used.
    pub errors: Vec<PackError>,
    /// Rules of other tools.
    pub(crate) foreign: Vec<ForeignRule>,
    /// What rules of other tools ask for and is not used, where nothing is missed by that.
    pub notes: Vec<PackError>,
}

/// Fields that belong to the page, whatever the rule's kind.
const PAGE_FIELDS: [&str; 10] =
    ["id", "title", "severity", "why", "advice", "command", "safety", "revoke", "references", "profile"];

impl Packs {
    /// The packs that come with Lapwing.
    #[must_use]
    pub fn builtin() -> Packs {
        Packs::builtin_under(&[])
    }

    /// The packs that come with Lapwing, under indicators of the machine's administrator (name and text): a file of the same
    /// name replaces a built-in one, and so does an indicator of the same id.
    #[must_use]
    pub fn builtin_under(own: &[(String, String)]) -> Packs {
        let mut packs = Packs::default();
        own.iter().for_each(|(name, text)| packs.read(name, text));
        let known: BTreeSet<String> = packs.indicators.iter().map(|(page, _)| page.id.clone()).collect();
        let file = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
        for (folder, name, text) in PACKS {
            if *folder == "indicators" && own.iter().any(|(path, _)| file(path) == file(name)) {
                continue;
            }
            let before = packs.indicators.len();
            packs.read(name, text);
            let mut fresh = packs.indicators.split_off(before);
            fresh.retain(|(page, _)| !known.contains(&page.id));
            packs.indicators.extend(fresh);
        }
        // Once for all: after each of hundreds of files it would take longer than to read them.
        packs.drop_twins("built-in packs");
        packs
    }

    /// Adds one file; `name` is used in errors.
    pub fn add(&mut self, name: &str, text: &str) {
        self.read(name, text);
        self.drop_twins(name);
    }

    /// How many rules of other tools there are.
    #[must_use]
    pub fn imported(&self) -> usize {
        self.foreign.iter().filter(|rule| !rule.silent).count()
    }

    fn read(&mut self, name: &str, text: &str) {
        let mut file = match text.parse::<Table>() {
            Ok(table) if gitleaks::is(&table) => return self.import(gitleaks::read(name, table)),
            Ok(table) => table,
            Err(_) if kingfisher::is(name, text) => return self.import(kingfisher::read(name, text)),
            Err(e) => {
                let why = format!("not valid TOML: {}", e.to_string().trim_end().replace('\n', "\n  "));
                return self.errors.push(PackError { file: name.to_owned(), rule: None, why });
            }
        };
        let shared =
            Shared { file: name, revoke: file.remove("revoke"), references: file.remove("references") };
        let provider = file.remove("provider");
        let known = self.secrets.len();
        for table in shared.tables(&mut file, "secret", &mut self.errors) {
            let rule = shared.rule(table).and_then(|r: (Page, SecretSpec)| shared.sound(r));
            let rule = rule.map(|(page, spec)| (page.mended(RECORDS), spec));
            keep(rule, &mut self.secrets, &mut self.errors);
        }
        if let (Some(Value::String(provider)), true) = (provider, self.secrets.len() > known) {
            self.vendors.extend(vendor_words(name, &provider));
        }
        for table in shared.tables(&mut file, "setting", &mut self.errors) {
            let rule = shared.rule(table).and_then(|(page, spec): (Page, SettingSpec)| match &spec.fix {
                Some(fix) => match fix.error() {
                    Some(why) => Err(shared.error(Some(&page.id), format!("field `fix`: {why}"))),
                    None => Ok((page.mended(fix.words()), spec)),
                },
                None => Ok((page, spec)),
            });
            keep(rule, &mut self.settings, &mut self.errors);
        }
        for table in shared.tables(&mut file, "place", &mut self.errors) {
            match shared.place(table) {
                Ok((place, secrets)) => {
                    let mut kept = Vec::new();
                    secrets.into_iter().for_each(|s| keep(s, &mut kept, &mut self.errors));
                    self.places.push((place, kept));
                }
                Err(e) => self.errors.push(e),
            }
        }
        for table in shared.tables(&mut file, "indicator", &mut self.errors) {
            keep(shared.rule(with_order(table)), &mut self.indicators, &mut self.errors);
        }
        for key in file.keys() {
            let why = format!(
                "unknown key `{key}`; a pack has `provider`, `revoke`, `references`, `[[secret]]`, `[[setting]]`, `[[place]]`, \
                 `[[indicator]]`"
            );
            self.errors.push(PackError { file: name.to_owned(), rule: None, why });
        }
    }

    /// Takes rules of another tool. One whose id is taken is told apart by a prefix; its file's other rules follow.
    fn import(&mut self, imported: Imported) {
        let checks = crate::checks::ALL.iter().map(|(_, check)| check.id.to_owned());
        let mut taken: BTreeSet<String> = self.pages().map(|page| page.id.clone()).chain(checks).collect();
        let mut renamed = BTreeMap::new();
        let from = self.foreign.len();
        // Ids of many twins: the number that the next one tries first.
        let mut next: BTreeMap<String, usize> = BTreeMap::new();
        for mut rule in imported.rules {
            let id = rule.page.id.clone();
            let number = next.entry(id.clone()).or_insert(0);
            let free = loop {
                let form = match *number {
                    0 => id.clone(),
                    1 => format!("imported.{id}"),
                    n => format!("imported.{id}.{n}"),
                };
                *number += 1;
                if taken.insert(form.clone()) {
                    break form;
                }
            };
            Arc::make_mut(&mut rule.page).id.clone_from(&free);
            renamed.entry(id).or_insert(free);
            self.foreign.push(rule);
        }
        for near in self.foreign[from..].iter_mut().flat_map(|rule| &mut rule.near) {
            if let Some(now) = renamed.get(&near.rule) {
                near.rule.clone_from(now);
            }
        }
        self.errors.extend(imported.errors);
        self.notes.extend(imported.notes);
    }

    fn pages(&self) -> impl Iterator<Item = &Page> {
        let at_places = self.places.iter().flat_map(|(_, secrets)| secrets).map(|(page, _)| page);
        let own = self.secrets.iter().map(|(page, _)| page).chain(self.settings.iter().map(|(page, _)| page));
        let own = own.chain(self.indicators.iter().map(|(page, _)| page));
        own.chain(at_places).chain(self.foreign.iter().map(|rule| rule.page.as_ref()))
    }

    /// A second rule of the same id is an error: an ignore or a policy could not tell them apart.
    fn drop_twins(&mut self, file: &str) {
        let mut seen = BTreeSet::new();
        let mut twins = Vec::new();
        let mut first = |page: &Page| {
            let new = seen.insert(page.id.clone());
            if !new {
                twins.push(page.id.clone());
            }
            new
        };
        self.secrets.retain(|(page, _)| first(page));
        self.settings.retain(|(page, _)| first(page));
        self.indicators.retain(|(page, _)| first(page));
        for (_, secrets) in &mut self.places {
            secrets.retain(|(page, _)| first(page));
        }
        for id in twins {
            let why = "field `id`: another rule already has this id".to_owned();
            self.errors.push(PackError { file: file.to_owned(), rule: Some(id), why });
        }
    }
}

/// What to do is the same for all indicators, and its order matters most: one that does not say otherwise gets it.
const ORDER: &str = "Do not revoke, rotate or delete any credential yet: some worms wipe the home when a token that they stole \
stops working. First disconnect the machine from the network if you can. Then stop and disable the unit, move its files \
away without deleting them, and make sure that nothing of it runs any more. Only then rotate every credential that was on \
this machine, from a machine that you trust.";

/// Fills in what an indicator may leave out.
fn with_order(mut table: Table) -> Table {
    for (field, text) in [("advice", ORDER), ("severity", "critical"), ("safety", "review")] {
        table.entry(field).or_insert_with(|| Value::String(text.to_owned()));
    }
    table
}

/// What identifiers call a vendor: the pack's file name and the provider, without separators. Words of three letters stand
/// in too many others.
fn vendor_words(file: &str, provider: &str) -> Vec<String> {
    let stem = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".toml");
    let squeeze = |text: &str| {
        text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
    };
    let alias = provider.split_once('(').map(|(_, rest)| rest).unwrap_or_default();
    let mut words: Vec<String> =
        [stem, provider, alias].into_iter().map(squeeze).filter(|w| w.len() > 3).collect();
    words.dedup();
    words
}

fn keep<T>(rule: Result<T, PackError>, into: &mut Vec<T>, errors: &mut Vec<PackError>) {
    match rule {
        Ok(rule) => into.push(rule),
        Err(e) => errors.push(e),
    }
}

/// The built-in packs as text: folder, name, TOML. Only tests have their examples.
pub(crate) fn builtin_texts() -> &'static [(&'static str, &'static str, &'static str)] {
    PACKS
}

/// What a file says once for all its rules.
struct Shared<'a> {
    file: &'a str,
    revoke: Option<Value>,
    references: Option<Value>,
}

impl Shared<'_> {
    fn error(&self, rule: Option<&str>, why: impl Into<String>) -> PackError {
        PackError { file: self.file.to_owned(), rule: rule.map(str::to_owned), why: why.into() }
    }

    /// Takes the array of tables `key` out of the file.
    fn tables(&self, file: &mut Table, key: &str, errors: &mut Vec<PackError>) -> Vec<Table> {
        let items = match file.remove(key) {
            None => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(_) => {
                errors.push(self.error(None, format!("`{key}` must be written as `[[{key}]]`")));
                return Vec::new();
            }
        };
        let mut tables = Vec::new();
        for item in items {
            match item {
                Value::Table(t) => tables.push(t),
                _ => errors.push(self.error(None, format!("`{key}` must be written as `[[{key}]]`"))),
            }
        }
        tables
    }

    /// Splits a rule's table into its page and the rest.
    fn rule<S: DeserializeOwned>(&self, mut table: Table) -> Result<(Page, S), PackError> {
        let id = table.get("id").and_then(Value::as_str).unwrap_or("?").to_owned();
        let fail = |why: String| self.error(Some(&id), why);
        let mut page = Table::new();
        for field in PAGE_FIELDS {
            if let Some(value) = table.remove(field) {
                page.insert(field.to_owned(), value);
            }
        }
        for (field, shared) in [("revoke", &self.revoke), ("references", &self.references)] {
            if let (false, Some(value)) = (page.contains_key(field), shared) {
                page.insert(field.to_owned(), value.clone());
            }
        }
        let page: Page = page.try_into().map_err(|e| fail(one_line(&e)))?;
        if !rule::valid_id(&page.id) {
            return Err(fail("field `id`: use lower-case letters, digits, `.` and `-`".to_owned()));
        }
        Ok((page, table.try_into().map_err(|e| fail(one_line(&e)))?))
    }

    fn sound(&self, (page, spec): (Page, SecretSpec)) -> Result<(Page, SecretSpec), PackError> {
        let shape =
            (spec.anchors.is_empty(), spec.pattern.is_some(), spec.names.is_empty(), spec.value.is_some());
        let why = match shape {
            (false, true, true, false) | (true, false, false, true) => None,
            _ => Some("give either `anchors` and `pattern`, or `names` and `value`"),
        };
        let short = spec.anchors.iter().any(|a| a.len() < 2) || spec.names.iter().any(|n| n.len() < 2);
        match why.or(short
            .then_some("fields `anchors`, `names`: at least two bytes each, or every file is a candidate"))
        {
            Some(why) => Err(self.error(Some(&page.id), why)),
            None => Ok((page, spec)),
        }
    }

    #[expect(clippy::type_complexity, reason = "a place and its rules, each of which may be bad on its own")]
    fn place(
        &self,
        table: Table,
    ) -> Result<(PlaceSpec, Vec<Result<(Page, PlaceSecretSpec), PackError>>), PackError> {
        let id = table.get("id").and_then(Value::as_str).unwrap_or("?").to_owned();
        let fail = |why: String| self.error(Some(&id), why);
        let mut place: PlaceSpec = table.try_into().map_err(|e| fail(one_line(&e)))?;
        if let Some(mode) = &place.mode {
            u32::from_str_radix(mode, 8)
                .map_err(|_| fail("field `mode`: write octal digits, for example \"600\"".to_owned()))?;
        }
        let secret = |(page, spec): (Page, PlaceSecretSpec)| match &spec.fix {
            Some(fix) => match fix.error() {
                Some(why) => Err(self.error(Some(&page.id), format!("field `fix`: {why}"))),
                None => Ok((page.mended(fix.words()), spec)),
            },
            None => Ok((page, spec)),
        };
        let secrets = std::mem::take(&mut place.secret);
        let secrets = secrets.into_iter().map(|t| self.rule(t).and_then(secret)).collect();
        Ok((place, secrets))
    }
}

/// TOML errors come with a picture of the line; inside a rule only the sentence helps. Values are not repeated: a
/// rule's examples may be real.
fn one_line(e: &toml::de::Error) -> String {
    let sentence = e.message().trim().replace('\n', " ");
    let quoted = sentence.split('"').enumerate().map(|(n, part)| if n % 2 == 1 { "…" } else { part });
    quoted.collect::<Vec<_>>().join("\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[[secret]]
id = "acme-token"
title = "Acme token"
severity = "high"
why = "w"
advice = "a"
anchors = ["acme_"]
pattern = 'acme_[0-9a-z]{20}'
"#;

    fn errors(text: &str) -> Vec<String> {
        let mut packs = Packs::default();
        packs.add("own.toml", text);
        packs.errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn built_in_packs_have_no_errors() {
        let errors: Vec<_> = Packs::builtin().errors.iter().map(ToString::to_string).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }

    #[test]
    fn a_good_rule_is_read() {
        assert_eq!(errors(GOOD), Vec::<String>::new());
    }

    #[test]
    fn an_error_names_file_rule_and_field() {
        let text = GOOD.replace("title = \"Acme token\"\n", "");
        assert_eq!(errors(&text), ["own.toml: rule `acme-token`: missing field `title`"]);
        let text = GOOD.replace("anchors", "anchor");
        assert!(
            errors(&text)[0].starts_with("own.toml: rule `acme-token`: unknown field `anchor`"),
            "{:?}",
            errors(&text)
        );
        let text = GOOD.replace("\"high\"", "\"terrible\"");
        assert!(errors(&text)[0].contains("unknown variant `terrible`"), "{:?}", errors(&text));
        let text = GOOD.replace("[\"acme_\"]", "\"acme_real\"");
        assert_eq!(
            errors(&text),
            ["own.toml: rule `acme-token`: invalid type: string \"…\", expected a sequence"]
        );
    }

    #[test]
    fn errors_of_a_fix_say_so() {
        let rule = |fix: &str| {
            let text = format!(
                "[[setting]]\nid = \"acme.tls-off\"\ntitle = \"t\"\nseverity = \"high\"\nwhy = \"w\"\nadvice = \"a\"\n\
                 reader = \"ini\"\nkeys = [\"*.verify\"]\nrisky = [{{ bool = false }}]\nfix = {fix}\n"
            );
            errors(&text)
        };
        assert!(rule("{ unset = true }").is_empty());
        for (fix, why) in [
            ("{ unsett = true }", "unknown variant `unsett`"),
            ("{ unset = false }", "write `true`, or leave it out"),
            ("{ unset = true, set = \"x\" }", "exactly 1"),
            ("{ drop = '(' }", "unclosed group"),
            ("{ set = \"a b \" }", "without quotes"),
            ("{ move = \"nowhere\" }", "there is no `nowhere`"),
        ] {
            let told = rule(fix);
            let start = "own.toml: rule `acme.tls-off`: ";
            assert!(told.len() == 1 && told[0].starts_with(start), "{fix}: {told:?}");
            assert!(told[0].contains("field `fix`") && told[0].contains(why), "{fix}: {told:?}");
        }
    }

    #[test]
    fn the_machines_indicators_replace_those_built_in() {
        let ids = |own: &[(String, String)]| {
            let packs = Packs::builtin_under(own);
            assert!(packs.errors.is_empty(), "{:?}", packs.errors);
            packs.indicators.iter().map(|(page, _)| (page.id.clone(), page.title.clone())).collect::<Vec<_>>()
        };
        let builtin = ids(&[]);
        let mine = |id: &str| {
            format!(
                "[[indicator]]\nid = \"{id}\"\ntitle = \"Mine\"\nwhy = \"w\"\ncampaign = \"c\"\npaths = [\"~/x\"]\n"
            )
        };
        // Another file adds, and its ids win.
        let added = ids(&[("/etc/x/acme.toml".to_owned(), mine("ioc.acme") + &mine(&builtin[0].0))]);
        assert_eq!(added.len(), builtin.len() + 1);
        assert_eq!(added.iter().filter(|(id, _)| *id == builtin[0].0).count(), 1);
        assert!(added.contains(&(builtin[0].0.clone(), "Mine".to_owned())));
        // The same file replaces all, an empty one takes all away.
        assert_eq!(ids(&[("/etc/x/worms.toml".to_owned(), mine("ioc.acme"))]).len(), 1);
        assert!(ids(&[("/etc/x/worms.toml".to_owned(), String::new())]).is_empty());
    }

    #[test]
    fn one_bad_rule_hides_no_other() {
        let mut packs = Packs::default();
        packs.add("own.toml", &format!("{}{}", GOOD.replace("acme-token", "Bad Id"), GOOD));
        assert_eq!(packs.secrets.len(), 1);
        assert_eq!(packs.errors.len(), 1);
    }

    #[test]
    fn the_same_id_twice_is_an_error() {
        let found = errors(&format!("{GOOD}{GOOD}"));
        assert_eq!(found, ["own.toml: rule `acme-token`: field `id`: another rule already has this id"]);
    }

    #[test]
    fn broken_toml_says_where() {
        let found = errors("[[secret]\n");
        assert!(found[0].starts_with("own.toml: not valid TOML:"), "{found:?}");
        assert!(found[0].contains("line 1"), "{found:?}");
    }
}
