//! Plans for what is found: the same search as a scan, the same findings, and beside each what would mend it.

use super::copies::{Copies, Taken, telling};
use super::declared::{SecretFix, SettingFix};
use super::drafts::{binary, counted, manual, planned, records, redaction, root_owned, summary, together};
use super::edit::{apply, digest, tidy};
use super::mender::Mender;
use super::moves::{Moving, mover};
use super::plan::{Draft, Edit, Plan, Step};
use super::redact::{self, Shape};
use super::{section, setting};
use crate::checks::{Case, Check, Fix, Found, Run, entry};
use crate::cx::Cx;
use crate::engine::{ENVIRONMENT, Engine, included};
use crate::facts::Fact;
use crate::finding::{Finding, Report};
use crate::place::{Place, wild};
use crate::rule::Kind;
use crate::secret::Secret;
use crate::secrets::decode::utf16;
use crate::settings::entry::{Entry, Lines, Read};
use crate::settings::reader;
use crate::settings::readers::gitconfig;
use crate::settings::rules::SettingRule;
use crate::target::Target;
use std::collections::{BTreeMap, BTreeSet};

/// A finding and what would mend it.
pub type Planned = (Finding, Plan);

impl Engine {
    /// Plans for what [`Engine::scan`] finds in a file and in what it includes: one a finding, however often the secret stands
    /// there. Plans for one file are for the same bytes, see [`crate::fix::edit::merge`].
    #[must_use]
    pub fn plans(&self, target: &Target<'_>, cx: &Cx<'_>) -> Vec<Planned> {
        let mut plans = Vec::new();
        self.plan_all(target, cx, None, &mut BTreeSet::from([target.path.to_owned()]), &mut plans);
        plans.extend(self.plans_at(target.path, cx));
        plans
    }

    /// Plans for what [`Engine::scan_home`] finds.
    #[must_use]
    pub fn plans_home(&self, cx: &Cx<'_>) -> Vec<Planned> {
        let git = gitconfig::from_env(&|name| cx.facts.env(name));
        let environment = self.risky("gitconfig", Some("git-config"), &git, cx);
        let said = "the environment sets this, not a file: look for it in your shell's start-up files";
        let mut plans: Vec<Planned> = environment
            .map(|(rule, index)| {
                let finding = self.setting(rule, &git[index], ENVIRONMENT, cx);
                manual(finding, said)
            })
            .collect();
        for (page, check) in self.checks.iter().filter(|(page, _)| !cx.switched_off(page)) {
            let Run::Home(run) = check.run else { continue };
            for found in run(cx.facts) {
                let draft = checked(check, &found, (None, &[]), cx);
                plans.push(planned(self.finding(page, Kind::Check, found, ENVIRONMENT, cx), draft));
            }
        }
        plans.extend(self.plans_compromised(cx));
        plans
    }

    fn plan_all(
        &self,
        target: &Target<'_>,
        cx: &Cx<'_>,
        from: Option<&str>,
        met: &mut BTreeSet<String>,
        plans: &mut Vec<Planned>,
    ) {
        let format = target.place.and_then(|p| p.reader.as_deref());
        let read = format.map(|n| self.read(n, target, &mut Report::default())).unwrap_or_default();
        let file = File { engine: self, target, cx, read: &read, guard: digest(target.bytes) };
        let mut found = file.secrets();
        let hidden: Vec<(usize, usize)> = found.iter().flat_map(|(_, spans)| spans.iter().copied()).collect();
        let mut own: Vec<Planned> = found.drain(..).map(|(planned, _)| planned).collect();
        own.extend(file.settings(&hidden));
        own.extend(file.checks(&hidden));
        let own = together(own);
        for (finding, mut plan) in own {
            // A setting that is said several times may be all that a section says.
            if let (Some(name), [Step::Edit { path, edits, .. }]) = (format, &mut plan.steps[..])
                && path == target.path
            {
                *edits = section::emptied(name, target.bytes, std::mem::take(edits));
            }
            let finding = Finding { path: finding.path.or_else(|| from.map(str::to_owned)), ..finding };
            root_owned(target, &mut plan);
            plans.push((finding, plan));
        }
        for path in included(target, &read.entries, cx.facts, met) {
            if let Fact::Known(bytes) = cx.facts.read(&path) {
                let meta = cx.facts.stat(&path).known();
                let below = Target { path: &path, place: target.place, bytes: &bytes, meta };
                self.plan_all(&below, cx, Some(&path), met, plans);
            }
        }
    }
}

/// One file that is planned for.
struct File<'a> {
    engine: &'a Engine,
    target: &'a Target<'a>,
    cx: &'a Cx<'a>,
    read: &'a Read,
    guard: [u8; 32],
}

/// A secret with all its places in a file.
struct Stood {
    finding: Finding,
    secret: Secret,
    edits: Vec<Edit>,
    /// The bytes that hold it.
    spans: Vec<(usize, usize)>,
    lines: Vec<u64>,
}

impl File<'_> {
    fn edit(&self, edits: Vec<Edit>) -> Step {
        Step::Edit { path: self.target.path.to_owned(), guard: self.guard, edits }
    }

    fn secrets(&self) -> Vec<(Planned, Vec<(usize, usize)>)> {
        let Target { path, place, bytes, .. } = *self.target;
        let mut stood: Vec<Stood> = Vec::new();
        let mut known = BTreeMap::new();
        let mut mender = Mender::new(self.engine, path, place);
        mender.each(
            bytes,
            true,
            self.cx,
            |text| self.engine.place_hits(self.target, text, &self.read.entries),
            &mut |seen| {
                let index = *known.entry(seen.finding.id).or_insert(stood.len());
                let line = seen.finding.at.line;
                if index == stood.len() {
                    let (secret, finding) = (Secret::new(seen.secret.to_vec()), seen.finding);
                    stood.push(Stood {
                        finding,
                        secret,
                        edits: Vec::new(),
                        spans: Vec::new(),
                        lines: Vec::new(),
                    });
                }
                let one = &mut stood[index];
                one.edits.extend(seen.edits);
                one.spans.push(seen.at);
                one.lines.push(line);
            },
        );
        if records(place, path) {
            self.copies(mender.shape(), &mut stood);
        }
        stood.into_iter().map(|one| self.secret(one)).collect()
    }

    /// Adds the copies of secrets that nothing but their bytes gives away.
    fn copies(&self, shape: Option<Shape>, stood: &mut [Stood]) {
        let bytes = self.target.bytes;
        let Some(shape) = shape.filter(|s| *s != Shape::Fixed && utf16::detect(bytes).is_none()) else {
            return;
        };
        let mut taken = Taken::default();
        stood.iter().flat_map(|one| &one.edits).for_each(|edit| _ = taken.take((edit.start, edit.end)));
        let telling = stood.iter().enumerate().filter(|(_, s)| telling(&s.finding, s.secret.expose()));
        let Some(copies) = Copies::new(telling.map(|(index, s)| (index, s.secret.expose()))) else { return };
        let mut lines = Lines::new(bytes);
        for (owner, span) in copies.each(bytes).filter(|(_, span)| taken.take(*span)) {
            stood[owner].edits.extend(redact::edits(shape, bytes, span, None));
            stood[owner].spans.push(span);
            stood[owner].lines.push(lines.line(span.0));
        }
    }

    fn secret(&self, stood: Stood) -> (Planned, Vec<(usize, usize)>) {
        // A file without entries is one as a whole.
        let whole = Entry::default();
        let unread = self.target.place.is_some_and(|p| p.reader.is_none());
        let entry = stood.spans.first().and_then(|at| self.entry_at(*at)).or(unread.then_some(&whole));
        let declared = entry.and_then(|entry| Some((entry, fix_of(self.target.place?, entry)?)));
        let draft = match declared {
            Some((entry, SecretFix::Move(name))) => {
                let at = stood.spans.first().copied().unwrap_or_default();
                self.moved(name, entry, at, stood.secret.expose())
            }
            Some((_, SecretFix::Redact(_))) => self.redaction(&stood),
            None if records(self.target.place, self.target.path) => self.redaction(&stood),
            None => None,
        };
        (planned(stood.finding, draft), stood.spans)
    }

    /// The entry whose value holds these bytes.
    fn entry_at(&self, at: (usize, usize)) -> Option<&Entry> {
        self.read.entries.iter().find(|e| e.span.0 <= at.0 && at.1 <= e.span.1 && at.0 < at.1)
    }

    fn redaction(&self, stood: &Stood) -> Option<Draft> {
        if stood.edits.is_empty() {
            return None;
        }
        if binary(self.target.bytes) {
            return Some(Draft::left(counted(self.target.place)));
        }
        let Some(edits) = self.read_alike(tidy(stood.edits.clone())) else {
            return Some(Draft::left("its file could not be read any more with a marker in its place"));
        };
        Some(redaction(&stood.finding, self.edit(edits), &stood.lines))
    }

    /// Redactions after which the file's reader finds the same keys: with the marker in quotes where a bare word is no value.
    fn read_alike(&self, edits: Vec<Edit>) -> Option<Vec<Edit>> {
        let place = self.target.place.filter(|p| !p.record);
        let Some(reader) = place.and_then(|p| p.reader.as_deref()).and_then(reader) else {
            return Some(edits);
        };
        let keys =
            |read: &Read| read.entries.iter().map(|e| (e.key.clone(), e.scope.clone())).collect::<Vec<_>>();
        let alike = |edits: &Vec<Edit>| {
            let after = apply(self.target.bytes, edits).map(|bytes| (reader.read)(&bytes));
            after.is_ok_and(|a| keys(&a) == keys(self.read) && a.problems.len() <= self.read.problems.len())
        };
        let quoted = || {
            let quote = |edit: &Edit| Edit { with: [b"\"", &edit.with[..], b"\""].concat(), ..edit.clone() };
            edits.iter().map(quote).collect::<Vec<_>>()
        };
        [edits.clone(), quoted()].into_iter().find(alike)
    }

    fn settings(&self, hidden: &[(usize, usize)]) -> Vec<Planned> {
        let Some(place) = self.target.place else { return Vec::new() };
        let Some(name) = place.reader.as_deref() else { return Vec::new() };
        let risky = self.engine.risky(name, Some(&place.id), &self.read.entries, self.cx);
        risky
            .map(|(rule, index)| {
                let finding = self.engine.setting(rule, &self.read.entries[index], self.target.path, self.cx);
                let draft = self.setting(name, rule, index, hidden);
                let stuck =
                    || Draft::left("it cannot be changed here without touching what stands around it");
                planned(finding, draft.or_else(|| rule.spec.fix.as_ref().map(|_| stuck())))
            })
            .collect()
    }

    fn setting(
        &self,
        name: &str,
        rule: &SettingRule,
        index: usize,
        hidden: &[(usize, usize)],
    ) -> Option<Draft> {
        let fix = rule.spec.fix.as_ref()?;
        let entry = &self.read.entries[index];
        if let SettingFix::Move(name) = fix {
            return self.moved(name, entry, entry.span, entry.value.as_bytes());
        }
        let change = setting::wanted(fix, &entry.value)?;
        if let setting::Change::Value(new) = &change {
            let after = Entry { value: new.clone(), ..entry.clone() };
            if rule.fires(self.target.place.map(|p| p.id.as_str()), &after) {
                return None;
            }
        }
        let changed = |change| self.changed(name, index, change, hidden, rule.spec.hide);
        changed(&change).or_else(|| {
            let comment = matches!(change, setting::Change::Comment);
            comment.then(|| changed(&setting::Change::Unset)).flatten()
        })
    }

    fn moved(&self, name: &str, entry: &Entry, at: (usize, usize), secret: &[u8]) -> Option<Draft> {
        let (target, entries, facts) = (self.target, &self.read.entries[..], self.cx.facts);
        (mover(name)?.plan)(&Moving { target, entries, entry, at, secret, facts })
    }

    fn changed(
        &self,
        name: &str,
        index: usize,
        change: &setting::Change,
        hidden: &[(usize, usize)],
        hide: bool,
    ) -> Option<Draft> {
        // Of a file in UTF-16 the reader has seen a transcription: its spans are not the file's.
        if utf16::detect(self.target.bytes).is_some() {
            return None;
        }
        let mut edits = setting::change(name, self.target.bytes, self.read, index, change)?;
        let mut secret = false;
        for edit in &mut edits {
            edit.secret = hide || hidden.iter().any(|h| h.0 < edit.end && edit.start < h.1);
            secret |= edit.secret;
        }
        let entry = &self.read.entries[index];
        let mut draft = Draft::new(summary(entry, change, hide || secret), vec![self.edit(edits)]);
        if name == "shell_rc" {
            draft.left.push("shells that are open keep the value until they end".to_owned());
        }
        if secret {
            draft.left.push("what it held is not kept: undo cannot bring it back".to_owned());
        }
        Some(draft)
    }

    fn checks(&self, hidden: &[(usize, usize)]) -> Vec<Planned> {
        let Target { path, place, .. } = *self.target;
        let name = place.and_then(|p| p.reader.as_deref());
        let mut plans = Vec::new();
        for (page, check, all) in self.engine.checked(self.target, &self.read.entries, self.cx) {
            for found in all {
                let draft = match check.fix {
                    Fix::Unset => {
                        name.zip(entry(&found, &self.read.entries)).and_then(|(name, (index, _))| {
                            self.changed(name, index, &setting::Change::Unset, hidden, false)
                        })
                    }
                    _ => checked(check, &found, (Some(self.target), &self.read.entries), self.cx),
                };
                plans.push(planned(self.engine.finding(page, Kind::Check, found, path, self.cx), draft));
            }
        }
        plans
    }
}

/// The fix of the place's secret that an entry is.
fn fix_of<'a>(place: &'a Place, entry: &Entry) -> Option<&'a SecretFix> {
    let specs = place.secrets.iter().map(|(_, spec)| spec);
    let own =
        specs.filter(|spec| spec.keys.iter().any(|k| wild(k, &entry.key))).find_map(|spec| spec.fix.as_ref());
    own.or(place.fix.as_ref())
}

/// What a check's own fix proposes.
fn checked(
    check: &Check,
    found: &Found,
    (target, entries): (Option<&Target<'_>>, &[Entry]),
    cx: &Cx<'_>,
) -> Option<Draft> {
    match check.fix {
        Fix::None | Fix::Unset => None,
        Fix::Close(bits) => {
            let (path, meta) = match (&found.path, target) {
                (Some(path), _) => (path.clone(), cx.facts.stat(path).known()?),
                (None, Some(target)) => (target.path.to_owned(), target.meta?),
                (None, None) => return None,
            };
            super::mode::close(path, meta, bits)
        }
        Fix::Steps(_, steps) => steps(&Case { found, target, entries, facts: cx.facts }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::edit::apply;
    use crate::fix::redact::MARKER;
    use crate::rule::Safety;
    use crate::testing::{Home, fill, plans};

    #[test]
    fn a_setting_and_a_secret_get_plans() {
        let engine = Engine::builtin();
        let text = "[http]\n\tsslVerify = false\n[user]\n\tname = Dev\n";
        let home = Home::default().file("~/.gitconfig", text);
        let found = plans(&engine, &home, "~/.gitconfig");
        assert_eq!(found.len(), 1);
        let Step::Edit { edits, .. } = &found[0].1.steps[0] else { panic!("no edit") };
        assert_eq!(apply(text.as_bytes(), edits).unwrap(), b"[user]\n\tname = Dev\n");

        let text = fill("ls\nexport GITHUB_TOKEN=glpat-{{alnum:20}}\ncd\n", "planner");
        let found = plans(&engine, &Home::default().file("~/.bash_history", &text), "~/.bash_history");
        let Step::Edit { edits, .. } = &found[0].1.steps[0] else { panic!("no edit") };
        let after = apply(text.as_bytes(), edits).unwrap();
        assert_eq!(after, format!("ls\nexport GITHUB_TOKEN={MARKER}\ncd\n").as_bytes());
        assert!(found[0].1.safety == Safety::Review && found[0].1.credential);
    }
}
