//! What the objects of a repository were called: for each version of a file the first commit that has it, and its path
//! there. Only numbers are kept for each, so that a long history fits into memory.

use crate::machine::git::objects::Reader;
use crate::machine::git::pack::Broken;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

/// Names of all files that commits have.
#[derive(Default)]
pub(super) struct Names {
    state: RandomState,
    commits: Vec<Commit>,
    /// Directories and files: the one that it is in, and its name.
    paths: Vec<(u32, u32)>,
    words: Vec<Box<[u8]>>,
    /// By a hash of the id: commit and path.
    files: HashMap<u64, (u32, u32)>,
}

/// A commit, of which only little is of interest.
struct Commit {
    at: i64,
    id: Box<[u8]>,
    tree: Box<[u8]>,
    /// Hashes of the ids of its parents.
    parents: Box<[u64]>,
}

/// Directories that may be in each other.
const DEPTH: usize = 256;
/// No directory at all.
const TOP: u32 = 0;

impl Names {
    /// Adds a commit by its content.
    pub(super) fn commit(&mut self, id: &[u8], bytes: &[u8]) -> Option<()> {
        let head = &bytes[..memchr::memmem::find(bytes, b"\n\n").unwrap_or(bytes.len())];
        let mut lines = head.split(|b| *b == b'\n');
        let tree = data_encoding::HEXLOWER.decode(lines.next()?.strip_prefix(b"tree ")?).ok()?;
        let parent = |l: &[u8]| {
            let id = data_encoding::HEXLOWER.decode(l.strip_prefix(b"parent ")?).ok()?;
            Some(self.state.hash_one(&*id))
        };
        let parents = lines.clone().map_while(parent).collect();
        let committer = lines.find_map(|l| l.strip_prefix(b"committer "))?;
        let date = committer.rsplit(|b| *b == b' ').nth(1)?;
        let at = std::str::from_utf8(date).ok()?.parse().ok()?;
        self.commits.push(Commit { at, id: id.into(), tree: tree.into(), parents });
        Some(())
    }

    /// Reads the trees of all commits, the oldest first.
    pub(super) fn walk(&mut self, reader: &mut Reader<'_>, stop: &dyn Fn(&mut Reader<'_>) -> bool) -> Walked {
        self.sort();
        self.paths = vec![(TOP, 0)];
        let mut walk = Walk {
            met: HashSet::new(),
            words: HashMap::new(),
            children: HashMap::new(),
            missing: 0,
            broken: 0,
        };
        for n in 0..self.commits.len() {
            if stop(reader) {
                break;
            }
            let tree = std::mem::take(&mut self.commits[n].tree);
            self.tree(u32::try_from(n).unwrap_or(u32::MAX), &tree, TOP, 0, reader, &mut walk);
        }
        Walked { missing: walk.missing, broken: walk.broken }
    }

    /// By date; but parents come first, whatever their clocks said.
    fn sort(&mut self) {
        let mut commits: Vec<Option<Commit>> =
            std::mem::take(&mut self.commits).into_iter().map(Some).collect();
        let index: HashMap<u64, usize> =
            commits.iter().flatten().enumerate().map(|(n, c)| (self.state.hash_one(&*c.id), n)).collect();
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); commits.len()];
        let mut waits = vec![0usize; commits.len()];
        for (n, commit) in commits.iter().flatten().enumerate() {
            for parent in commit.parents.iter().filter_map(|p| index.get(p)) {
                children[*parent].push(n);
                waits[n] += 1;
            }
        }
        let date = |commits: &[Option<Commit>], n: usize| commits[n].as_ref().map_or(0, |c| c.at);
        let free = (0..commits.len()).filter(|n| waits[*n] == 0);
        let mut next: BinaryHeap<_> = free.map(|n| Reverse((date(&commits, n), n))).collect();
        while let Some(Reverse((_, n))) = next.pop() {
            for child in std::mem::take(&mut children[n]) {
                waits[child] -= 1;
                if waits[child] == 0 {
                    next.push(Reverse((date(&commits, child), child)));
                }
            }
            self.commits.extend(commits[n].take());
        }
    }

    fn tree(
        &mut self,
        commit: u32,
        id: &[u8],
        dir: u32,
        depth: usize,
        reader: &mut Reader<'_>,
        walk: &mut Walk,
    ) {
        if depth > DEPTH || !walk.met.insert(self.state.hash_one(id)) {
            return;
        }
        let bytes = match reader.read(id) {
            Ok((_, bytes)) => bytes,
            Err(Broken::Missing) => return walk.missing += 1,
            Err(_) => return walk.broken += 1,
        };
        let mut rest: &[u8] = &bytes;
        while let Some((mode, name, child)) = entry(&mut rest, id.len()) {
            let known = self.state.hash_one(child);
            match mode {
                b"40000" | b"040000" if !walk.met.contains(&known) => {
                    let below = self.below(dir, name, walk);
                    self.tree(commit, child, below, depth + 1, reader, walk);
                }
                // A submodule's commit is in another repository.
                b"40000" | b"040000" | b"160000" => {}
                _ if !self.files.contains_key(&known) => {
                    let path = self.below(dir, name, walk);
                    self.files.insert(known, (commit, path));
                }
                _ => {}
            }
        }
    }

    /// The number of a path.
    fn below(&mut self, dir: u32, name: &[u8], walk: &mut Walk) -> u32 {
        let next = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        let word = *walk.words.entry(name.into()).or_insert(next);
        if word == next {
            self.words.push(name.into());
        }
        let next = u32::try_from(self.paths.len()).unwrap_or(u32::MAX);
        let path = *walk.children.entry((dir, word)).or_insert(next);
        if path == next {
            self.paths.push((dir, word));
        }
        path
    }

    /// The first commit that has a file of this content, by its place in time, and what the file is called there.
    pub(super) fn of(&self, id: &[u8]) -> Option<(u32, String)> {
        let (commit, mut path) = *self.files.get(&self.state.hash_one(id))?;
        let mut words = Vec::new();
        while path != TOP {
            let (dir, word) = self.paths[path as usize];
            words.push(crate::text::lossy(self.words[word as usize].to_vec()));
            path = dir;
        }
        words.reverse();
        Some((commit, words.join("/")))
    }

    /// The id of a commit by its place in time.
    pub(super) fn id(&self, commit: u32) -> String {
        self.commits.get(commit as usize).map(|c| crate::text::hex(&c.id)).unwrap_or_default()
    }
}

/// What is only needed while trees are read.
struct Walk {
    met: HashSet<u64>,
    words: HashMap<Box<[u8]>, u32>,
    children: HashMap<(u32, u32), u32>,
    missing: u64,
    broken: u64,
}

/// How far trees were read.
pub(super) struct Walked {
    /// Trees that are not here.
    pub(super) missing: u64,
    pub(super) broken: u64,
}

/// Takes an entry off a tree: mode, name, id. A damaged tree ends at the damage.
fn entry<'t>(tree: &mut &'t [u8], hash: usize) -> Option<(&'t [u8], &'t [u8], &'t [u8])> {
    let space = memchr::memchr(b' ', tree)?;
    let (mode, rest) = (&tree[..space], &tree[space + 1..]);
    let zero = memchr::memchr(0, rest)?;
    let (name, rest) = (&rest[..zero], &rest[zero + 1..]);
    let id = rest.get(..hash)?;
    *tree = &rest[hash..];
    Some((mode, name, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_a_tree_end_at_damage() {
        let tree =
            [b"100644 a.txt\0".as_slice(), &[7; 20], b"40000 src\0", &[8; 20], b"100644 cut\0", &[9; 3]]
                .concat();
        let mut rest: &[u8] = &tree;
        assert_eq!(entry(&mut rest, 20), Some((&b"100644"[..], &b"a.txt"[..], &[7; 20][..])));
        assert_eq!(entry(&mut rest, 20).unwrap().1, b"src");
        assert!(entry(&mut rest, 20).is_none());
    }

    #[test]
    fn parents_come_first_whatever_their_clocks_said() {
        let mut names = Names::default();
        let (tree, hex) = ("ab".repeat(20), |n: u8| crate::text::hex(&[n; 20]));
        for (id, parent, at) in [(3, 2, 5), (2, 1, 9), (1, 0, 7), (4, 9, 1)] {
            let text = format!("tree {tree}\nparent {}\ncommitter a <a@b> {at} +0000\n\n", hex(parent));
            names.commit(&[id; 20], text.as_bytes()).unwrap();
        }
        names.sort();
        assert_eq!(names.commits.iter().map(|c| c.id[0]).collect::<Vec<_>>(), [4, 1, 2, 3]);
    }

    #[test]
    fn commits_say_when_and_which_tree() {
        let mut names = Names::default();
        let tree = "ab".repeat(20);
        let text = format!(
            "tree {tree}\nauthor A <a@b> 5 +0000\ncommitter B > x <a@b> 1700000000 -0330\n\ncommitter no 1 +0\n"
        );
        assert!(names.commit(&[1; 20], text.as_bytes()).is_some());
        assert_eq!((names.commits[0].at, &*names.commits[0].tree), (1_700_000_000, &[0xab; 20][..]));
        for bad in ["", "tree x\n", &format!("tree {tree}\n"), &format!("tree {tree}\ncommitter x\n\n")] {
            assert!(names.commit(&[1; 20], bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
