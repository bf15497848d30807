//! Places: what a path is. Data (`packs/places/*.toml`), matched segment by segment.

use crate::fix::declared::SecretFix;
use crate::pack::{PlaceSecretSpec, PlaceSpec, Relocation};
use crate::rule::Page;
use std::collections::HashMap;
use std::sync::Arc;

/// What a path is.
pub struct Place {
    /// Stable name.
    pub id: String,
    /// The tool whose file it is.
    pub tool: String,
    /// Path patterns, as written.
    pub paths: Vec<String>,
    /// Environment variables that move it.
    pub relocate: Vec<Relocation>,
    /// Reader of its format.
    pub reader: Option<String>,
    /// Widest mode it should have.
    pub mode: Option<u32>,
    /// Lines that a person typed.
    pub history: bool,
    /// It only records what was: no program needs a secret that stands in it.
    pub record: bool,
    /// What mends a secret in any of its entries whose rule does not say.
    pub fix: Option<SecretFix>,
    /// Source code stands in it.
    pub code: bool,
    /// Secrets that its keys give away.
    pub secrets: Vec<(Arc<Page>, PlaceSecretSpec)>,
}

/// All places.
#[derive(Default)]
pub struct Places {
    places: Vec<Place>,
    paths: Paths<usize>,
}

/// Path patterns with something to say for each, indexed by last segment: most paths of a disk match none, and that
/// must cost one look-up.
pub struct Paths<T> {
    /// Patterns whose last segment is literal.
    by_name: HashMap<String, Vec<Pattern<T>>>,
    /// The others.
    wild: Vec<Pattern<T>>,
}

struct Pattern<T> {
    says: T,
    segments: Vec<String>,
    /// How every path begins that matches: most are told by that.
    begins: String,
}

impl<T> Default for Paths<T> {
    fn default() -> Paths<T> {
        Paths { by_name: HashMap::new(), wild: Vec::new() }
    }
}

impl<T: Copy> Paths<T> {
    /// Adds a pattern: `*` within a segment, `**` across segments.
    pub fn add(&mut self, pattern: &str, says: T) {
        let segments: Vec<String> = pattern.split('/').map(str::to_owned).collect();
        let literal: Vec<&str> = pattern.split('/').take_while(|s| !s.contains('*')).collect();
        let made = Pattern { says, begins: literal.join("/"), segments };
        match made.segments.last().filter(|name| !name.contains('*')).cloned() {
            Some(name) => self.by_name.entry(name).or_default().push(made),
            None => self.wild.push(made),
        }
    }

    /// What the first pattern that matches says; literal last segments come before wildcards.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<T> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let named = self.by_name.get(name).into_iter().flatten();
        named.chain(&self.wild).find(|p| p.matches(name, path)).map(|p| p.says)
    }
}

impl Places {
    /// Compiles places; where two match, the earlier wins, and literal names win over wildcards.
    #[must_use]
    pub fn new(specs: Vec<(PlaceSpec, Vec<(Page, PlaceSecretSpec)>)>) -> Places {
        let mut places = Places::default();
        for (spec, secrets) in specs {
            spec.paths.iter().for_each(|path| places.paths.add(path, places.places.len()));
            places.places.push(Place {
                mode: spec.mode.as_deref().and_then(|m| u32::from_str_radix(m, 8).ok()),
                secrets: secrets.into_iter().map(|(page, s)| (Arc::new(page), s)).collect(),
                id: spec.id,
                tool: spec.tool,
                paths: spec.paths,
                relocate: spec.relocate,
                reader: spec.reader,
                history: spec.history,
                record: spec.record || spec.history,
                fix: spec.fix,
                code: spec.code,
            });
        }
        places.share();
        places
    }

    /// Gives the secrets of one place to the others that it names.
    fn share(&mut self) {
        let secrets = self.places.iter().flat_map(|p| p.secrets.iter().cloned());
        let shared: Vec<_> = secrets.filter(|(_, spec)| !spec.also.is_empty()).collect();
        for place in &mut self.places {
            place.secrets.extend(shared.iter().filter(|(_, spec)| spec.also.contains(&place.id)).cloned());
        }
    }

    /// What a path (`~/…` or absolute) is.
    #[must_use]
    pub fn classify(&self, path: &str) -> Option<&Place> {
        self.paths.find(path).and_then(|place| self.places.get(place))
    }

    /// All places.
    #[must_use]
    pub fn all(&self) -> &[Place] {
        &self.places
    }

    /// The place with this id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&Place> {
        self.places.iter().find(|p| p.id == id)
    }
}

impl<T> Pattern<T> {
    fn matches(&self, name: &str, path: &str) -> bool {
        if !path.starts_with(&self.begins)
            || !self.segments.last().is_some_and(|last| last == "**" || wild(last, name))
        {
            return false;
        }
        let segments: Vec<&str> = path.split('/').collect();
        walk(&self.segments, &segments)
    }
}

/// `**` stands for any number of segments, also none.
fn walk(pattern: &[String], path: &[&str]) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        Some((first, rest)) if first == "**" => (0..=path.len()).any(|skip| walk(rest, &path[skip..])),
        Some((first, rest)) => {
            path.split_first().is_some_and(|(seg, more)| wild(first, seg) && walk(rest, more))
        }
    }
}

/// Whether `text` matches `pattern`, in which `*` stands for any run of characters. Linear: no backtracking beyond
/// the last star.
#[must_use]
pub fn wild(pattern: &str, text: &str) -> bool {
    let (p, t) = (pattern.as_bytes(), text.as_bytes());
    let (mut i, mut j, mut star) = (0, 0, None);
    while j < t.len() {
        if i < p.len() && p[i] == b'*' {
            star = Some((i, j));
            i += 1;
        } else if i < p.len() && p[i] == t[j] {
            i += 1;
            j += 1;
        } else if let Some((si, sj)) = star {
            star = Some((si, sj + 1));
            i = si + 1;
            j = sj + 1;
        } else {
            return false;
        }
    }
    p[i..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::Packs;

    fn matches(pattern: &str, path: &str) -> bool {
        let mut paths = Paths::default();
        paths.add(pattern, ());
        paths.find(path).is_some()
    }

    #[test]
    fn stars_stay_within_a_segment() {
        assert!(matches("~/.aws/sso/cache/*.json", "~/.aws/sso/cache/ab.json"));
        assert!(!matches("~/.aws/*.json", "~/.aws/sso/cache/ab.json"));
    }

    #[test]
    fn double_stars_cross_segments() {
        assert!(matches("**/.npmrc", "~/.npmrc"));
        assert!(matches("**/.npmrc", "~/src/a/b/.npmrc"));
        assert!(matches("~/.config/gcloud/**/adc.json", "~/.config/gcloud/adc.json"));
        assert!(matches("~/.config/gcloud/**/adc.json", "~/.config/gcloud/legacy/x/adc.json"));
        assert!(!matches("**/.npmrc", "~/x.npmrc"));
        assert!(matches("~/.cache/**", "~/.cache") && matches("~/.cache/**", "~/.cache/a/b"));
        assert!(!matches("~/.cache/**", "~/.cached") && !matches("~/.cache/*", "/x/.cache/a"));
    }

    #[test]
    fn wildcards_do_not_backtrack_exponentially() {
        assert!(!wild(&"*a".repeat(40), &"a".repeat(39)));
        assert!(wild("a*b*c", "axxbyyc"));
        assert!(!wild("a*b*c", "axxbyy"));
    }

    #[test]
    fn secrets_are_shared_with_places_that_exist() {
        let places = Places::new(Packs::builtin().places);
        for (page, spec) in places.all().iter().flat_map(|p| &p.secrets) {
            for id in &spec.also {
                let other =
                    places.by_id(id).is_some_and(|p| p.secrets.iter().any(|(own, _)| own.id == page.id));
                assert!(other, "{}: {id}", page.id);
            }
        }
    }

    #[test]
    fn every_place_classifies_its_own_paths() {
        let places = Places::new(Packs::builtin().places);
        for place in places.all() {
            for path in &place.paths {
                let example = path.replace("**", "some/where").replace('*', "name");
                let found = places.classify(&example).map(|p| p.id.as_str());
                assert_eq!(found, Some(place.id.as_str()), "{example} ({path})");
            }
        }
    }
}
