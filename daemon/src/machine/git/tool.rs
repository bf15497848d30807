//! Asks the `git` program what a repository has staged and which commits a name leaves out. The user has named the
//! repository, and works in it; still its configuration must not make git run or fetch anything.

use super::super::files::Buffer;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Settings that would make git run a program, or speak to another machine.
const SAFE: &[&str] = &[
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.sshCommand=false",
    "core.alternateRefsCommand=false",
    "credential.helper=",
    "diff.external=",
    "log.showSignature=false",
    "protocol.allow=never",
    "submodule.recurse=false",
];
/// Variables that say which repository git works on: they hold in a hook, for the repository that the hook is of.
const LOCAL: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
];

/// The program, in one repository.
pub(crate) struct Tool {
    dir: PathBuf,
    /// Commits before the oldest are not here.
    pub(crate) shallow: bool,
    /// From the directory that was named to the top of the work tree: empty or `../`, as often as it takes.
    pub(crate) up: PathBuf,
}

/// A file of which a commit, or the index, has another content than before.
pub(crate) struct Change {
    /// The commit, in full; `None` for what is staged.
    pub(crate) commit: Option<String>,
    /// What it was, one for each parent.
    pub(crate) old: Vec<String>,
    pub(crate) new: String,
    /// From the top of the work tree.
    pub(crate) path: PathBuf,
}

/// What came of asking for an object.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Blob {
    Read,
    TooLarge,
    /// Not here: damaged, or kept by a server.
    Missing,
}

impl Tool {
    /// The repository that a directory is in.
    pub(crate) fn open(dir: &Path) -> Result<Tool, String> {
        let mut tool = Tool { dir: dir.to_owned(), shallow: false, up: PathBuf::new() };
        let said = tool.ask(&["rev-parse", "--is-shallow-repository", "--show-cdup"])?;
        let mut lines = said.split(|b| *b == b'\n');
        tool.shallow = lines.next() == Some(b"true");
        tool.up = path(lines.next().unwrap_or_default().to_vec());
        Ok(tool)
    }

    /// The id of the commit that a name stands for.
    pub(crate) fn commit(&self, name: &str) -> Option<String> {
        let name = format!("{name}^{{commit}}");
        let said = self.ask(&["rev-parse", "--verify", "--quiet", "--end-of-options", &name]).ok()?;
        Some(String::from_utf8(said).ok()?.trim().to_owned()).filter(|id| !id.is_empty())
    }

    /// What the next commit changes.
    pub(crate) fn staged(&self, each: impl FnMut(Change)) -> Result<(), String> {
        // Before the first commit everything is new.
        let tree = match self.commit("HEAD") {
            Some(head) => head,
            None => {
                let said = self.ask(&["hash-object", "-t", "tree", "/dev/null"])?;
                String::from_utf8_lossy(&said).trim().to_owned()
            }
        };
        let args = ["diff-index", "--cached", "-r", "--raw", "-z", "--no-abbrev", "-M"];
        let mut command = self.command(&args);
        command.args(["--no-ext-diff", "--ignore-submodules=all", &tree, "--"]);
        self.changes(command, each)
    }

    /// What each commit of `HEAD` that `from` does not have changes, the oldest first.
    pub(crate) fn since(&self, from: &str, each: impl FnMut(Change)) -> Result<(), String> {
        let mut list =
            self.command(&["rev-list", "--reverse", "--topo-order", "HEAD", &format!("^{from}"), "--"]);
        let mut list = list.stderr(Stdio::null()).spawn().map_err(|e| failed(&e))?;
        let Some(ids) = list.stdout.take() else { return Err("its commits could not be listed".to_owned()) };
        // Of a merge, only what it has like none of its parents.
        let args = ["diff-tree", "--stdin", "-r", "-c", "--raw", "-z", "--root", "--no-abbrev", "-M"];
        let mut command = self.command(&args);
        command.args(["--no-ext-diff", "--ignore-submodules=all"]).stdin(ids);
        let told = self.changes(command, each);
        let ended = list.wait();
        told?;
        match ended {
            Ok(status) if status.success() => Ok(()),
            _ => Err("its commits could not be listed to the end".to_owned()),
        }
    }

    /// Hands out objects one by one.
    pub(crate) fn blobs(&self) -> Result<Blobs, String> {
        let mut command = self.command(&["cat-file", "--batch"]);
        let spawned = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child = spawned.map_err(|e| failed(&e))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(ask), Some(answer)) => Ok(Blobs { child, ask: Some(ask), answer: BufReader::new(answer) }),
            _ => Err("git could not be asked".to_owned()),
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        for setting in SAFE {
            command.args(["-c", setting]);
        }
        command.arg("-C").arg(&self.dir).args(args);
        let set = [("GIT_OPTIONAL_LOCKS", "0"), ("GIT_NO_LAZY_FETCH", "1"), ("GIT_TERMINAL_PROMPT", "0")];
        command.envs(set).envs([("GIT_NO_REPLACE_OBJECTS", "1"), ("LC_ALL", "C")]);
        for name in ["GIT_EXTERNAL_DIFF", "GIT_TRACE", "GIT_TRACE2", "GIT_TRACE2_EVENT", "GIT_TRACE_SETUP"] {
            command.env_remove(name);
        }
        if self.dir != Path::new(".") {
            for name in LOCAL {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn ask(&self, args: &[&str]) -> Result<Vec<u8>, String> {
        let out = self.command(args).output().map_err(|e| failed(&e))?;
        if out.status.success() { Ok(out.stdout) } else { Err(complaint(&out.stderr)) }
    }

    fn changes(&self, mut command: Command, mut each: impl FnMut(Change)) -> Result<(), String> {
        let mut child = command.stderr(Stdio::null()).spawn().map_err(|e| failed(&e))?;
        let read = child.stdout.take().map_or(Ok(()), |out| changes(&mut BufReader::new(out), &mut each));
        match (read, child.wait()) {
            (Ok(()), Ok(status)) if status.success() => Ok(()),
            _ => Err("git could not tell what has changed".to_owned()),
        }
    }
}

/// Reads what `--raw -z` prints: `:` for each parent, the modes, the ids, a letter; the path, or two when it has moved.
fn changes(from: &mut dyn BufRead, each: &mut dyn FnMut(Change)) -> io::Result<()> {
    let mut commit = None;
    loop {
        let Some(meta) = token(from)? else { return Ok(()) };
        let parents = meta.iter().take_while(|b| **b == b':').count();
        if parents == 0 {
            commit = Some(String::from_utf8_lossy(meta.trim_ascii()).into_owned());
            continue;
        }
        let text = String::from_utf8_lossy(&meta[parents..]).into_owned();
        let words: Vec<&str> = text.split(' ').collect();
        let (Some(mode), Some(new), Some(status)) =
            (words.get(parents), words.get(2 * parents + 1), words.get(2 * parents + 2))
        else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let moved = parents == 1 && status.starts_with(['R', 'C']);
        let mut name = token(from)?.unwrap_or_default();
        if moved {
            name = token(from)?.unwrap_or_default();
        }
        let old: Vec<String> = words[parents + 1..=2 * parents].iter().map(|w| (*w).to_owned()).collect();
        // Files and links; a submodule is a repository of its own, and what is gone is not news.
        if matches!(mode.as_bytes(), [b'1', b'0' | b'2', ..]) && !old.iter().any(|o| o == new) {
            each(Change { commit: commit.clone(), old, new: (*new).to_owned(), path: path(name) });
        }
    }
}

fn token(from: &mut dyn BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut token = Vec::new();
    let length = from.read_until(0, &mut token)?;
    token.pop_if(|b| *b == 0);
    Ok((length > 0).then_some(token))
}

fn path(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes))
}

/// Objects, one after the other, from one process.
pub(crate) struct Blobs {
    child: Child,
    ask: Option<ChildStdin>,
    answer: BufReader<ChildStdout>,
}

impl Blobs {
    /// Reads an object into a buffer, if it is no larger than this.
    pub(crate) fn read(&mut self, id: &str, buffer: &mut Buffer, largest: u64) -> io::Result<Blob> {
        if let Some(ask) = &mut self.ask {
            ask.write_all(format!("{id}\n").as_bytes())?;
            ask.flush()?;
        }
        let mut head = String::new();
        self.answer.read_line(&mut head)?;
        let size = head.trim_end().rsplit_once(' ').and_then(|(_, size)| size.parse::<u64>().ok());
        let Some(size) = size else {
            return if head.is_empty() {
                Err(io::ErrorKind::UnexpectedEof.into())
            } else {
                Ok(Blob::Missing)
            };
        };
        buffer.keep(0);
        let fits = size <= largest;
        let mut content = (&mut self.answer).take(size);
        if fits {
            let target = usize::try_from(size).unwrap_or_default() + 1;
            buffer.fill_from(&mut content, target)?;
        }
        io::copy(&mut content, &mut io::sink())?;
        self.answer.read_exact(&mut [0])?;
        Ok(if fits { Blob::Read } else { Blob::TooLarge })
    }
}

impl Drop for Blobs {
    fn drop(&mut self) {
        // It ends when nothing more can be asked; one that hangs does not hold us up.
        self.ask = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn failed(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "the `git` program is not installed".to_owned(),
        _ => format!("git could not be run: {error}"),
    }
}

/// What git says, on one line.
fn complaint(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    if said.contains("dubious ownership") {
        return "belongs to somebody else, so git does not trust it; see `safe.directory` in `git help config`".to_owned();
    }
    if said.contains("not a git repository") {
        return "is not in a git repository".to_owned();
    }
    let line = said.lines().next().unwrap_or("git failed");
    format!("git says: {}", line.strip_prefix("fatal: ").unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Change> {
        let mut all = Vec::new();
        changes(&mut text.replace('|', "\0").as_bytes(), &mut |c| all.push(c)).unwrap();
        all
    }

    #[test]
    fn changes_are_read_with_their_commits() {
        let all = read(
            "c1|:000000 100644 00 aa A|new.txt|:100644 100644 bb bb R100|old|same|:100644 100755 bb cc R090|a|b/é\n.txt|\
             c2|::100644 100644 100644 aa bb dd MM|merged|:100644 000000 aa 00 D|gone|:000000 160000 00 ee A|sub|",
        );
        let told: Vec<_> = all
            .iter()
            .map(|c| (c.commit.as_deref().unwrap(), c.new.as_str(), c.path.to_str().unwrap(), c.old.len()))
            .collect();
        assert_eq!(
            told,
            [("c1", "aa", "new.txt", 1), ("c1", "cc", "b/é\n.txt", 1), ("c2", "dd", "merged", 2)]
        );
    }

    #[test]
    fn damage_ends_the_reading() {
        assert!(changes(&mut b":100644\0a\0".as_slice(), &mut |_| {}).is_err());
        assert!(changes(&mut b":".as_slice(), &mut |_| {}).is_err());
        assert!(changes(&mut b"".as_slice(), &mut |_| {}).is_ok());
    }
}
