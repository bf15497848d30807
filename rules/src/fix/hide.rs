//! A file as people may see it: every secret masked. For showing what a fix changes.

use super::edit::{apply, merge};
use super::mender::Mender;
use super::plan::Edit;
use crate::cx::Cx;
use crate::engine::Engine;
use crate::finding::Report;
use crate::policy::Policy;
use crate::rule::Profile;
use crate::secret::mask;
use crate::target::Target;

impl Engine {
    /// A file's text with every secret masked as in previews, and every value of which a rule says that it is never shown.
    #[must_use]
    pub fn hide(&self, target: &Target<'_>, cx: &Cx<'_>) -> Vec<u8> {
        hide(self, target, cx)
    }
}

fn hide(engine: &Engine, target: &Target<'_>, cx: &Cx<'_>) -> Vec<u8> {
    let name = target.place.and_then(|p| p.reader.as_deref());
    let read = name.map(|n| engine.read(n, target, &mut Report::default())).unwrap_or_default();
    let mut masks: Vec<Vec<Edit>> = Vec::new();
    // A rule that is off and a line that is to be let alone may still hold a secret.
    let policy = Policy { profile: Profile::Strict, ..Policy::default() };
    let cx = &Cx { policy: &policy, ..*cx };
    let mut mender = Mender::new(engine, target.path, target.place).all();
    let more = |text: &[u8]| engine.place_hits(target, text, &read.entries);
    mender.each(target.bytes, true, cx, more, &mut |seen| {
        let with = mask(seen.secret, seen.shown).into_bytes();
        masks.push(vec![Edit { start: seen.at.0, end: seen.at.1, with, secret: true }]);
    });
    if let Some((name, place)) = name.zip(target.place) {
        for (rule, index) in engine.risky(name, Some(&place.id), &read.entries, cx) {
            let (start, end) = read.entries[index].span;
            if rule.spec.hide && start < end {
                masks.push(vec![Edit { start, end, with: "…".into(), secret: true }]);
            }
        }
    }
    // A mask that cannot be made would show what it was for: then nothing is shown.
    apply(target.bytes, &merge(masks).0).unwrap_or_default()
}
