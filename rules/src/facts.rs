//! What rules may ask about the machine. The engine never reads anything itself: who calls it hands in a
//! [`Facts`], which the agent answers from the file system and tests answer from a home written as text.

/// What is known of a file. Modes are the twelve permission bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Meta {
    /// Permission bits, for example `0o600`.
    pub mode: u32,
    /// Owned by the user whose home is examined.
    pub own: bool,
    /// Owned by root.
    pub root: bool,
    /// What it is.
    pub kind: FileKind,
    /// Length in bytes.
    pub size: u64,
}

/// Kinds of file that matter to rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link (facts are about the link itself).
    Link,
    /// FIFO, socket or device.
    Other,
}

/// A program that runs.
#[derive(Clone, PartialEq, Eq)]
pub struct Program {
    /// Process id.
    pub id: u32,
    /// Its command line, word by word. May hold secrets.
    pub argv: Vec<String>,
}

/// An answer about the machine: unknown is its own answer and never means "fine".
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fact<T> {
    /// It is there.
    Known(T),
    /// It is not there.
    Absent,
    /// It could not be looked at; the reason, one line.
    Unknown(String),
}

impl<T> Fact<T> {
    /// The answer, when there is one.
    pub fn known(self) -> Option<T> {
        match self {
            Fact::Known(value) => Some(value),
            Fact::Absent | Fact::Unknown(_) => None,
        }
    }
}

/// The version in what a program says of itself.
pub(crate) fn number(said: &str) -> Option<&str> {
    said.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
}

/// Questions a rule may ask. Paths are `~/…` (the examined home) or absolute.
pub trait Facts: Sync {
    /// Follows symbolic links, as the program that uses the path would.
    fn stat(&self, path: &str) -> Fact<Meta>;
    /// A small regular file, whole; too large or special files are `Unknown`.
    fn read(&self, path: &str) -> Fact<Vec<u8>>;
    /// Names in a directory, sorted.
    fn list(&self, path: &str) -> Fact<Vec<String>>;
    /// A variable of the user's environment; always `None` for another's home.
    fn env(&self, name: &str) -> Option<String>;
    /// What a program of the user's search path prints on standard output when it is asked about itself. Unknown for another's
    /// home.
    fn told(&self, program: &str, args: &[&str]) -> Fact<String>;
    /// The version that a program says it has, for example `2.47.3`.
    fn version(&self, program: &str) -> Fact<String> {
        match self.told(program, &["--version"]) {
            Fact::Known(said) => {
                let none = || Fact::Unknown("it does not say its version".to_owned());
                number(&said).map_or_else(none, |v| Fact::Known(v.to_owned()))
            }
            other => other,
        }
    }
    /// The user's programs that run in this home; absent for another's.
    fn programs(&self) -> Fact<Vec<Program>>;
    /// Whole days since a file was last changed.
    fn age_days(&self, path: &str) -> Fact<u64>;
    /// Seconds since 1970, to tell what has expired.
    fn now(&self) -> i64;
    /// Turns an absolute path inside the home into `~/…`; leaves others as they are.
    fn tilde(&self, path: &str) -> String;
}

impl Meta {
    /// Somebody other than the owner may write it.
    #[must_use]
    pub fn others_write(&self) -> bool {
        self.mode & 0o022 != 0
    }

    /// Somebody other than the owner may read it.
    #[must_use]
    pub fn others_read(&self) -> bool {
        self.mode & 0o044 != 0
    }

    /// Neither the user's nor root's.
    #[must_use]
    pub fn foreign(&self) -> bool {
        !self.own && !self.root
    }
}
