//! The one way to the terminal.

use crate::cli::Color;
use anstream::{AutoStream, ColorChoice};
use std::io::{self, BufWriter, IsTerminal, Stderr, Stdout, Write};

/// Wider text is hard to read.
const WIDEST: usize = 100;
const NARROWEST: usize = 40;
/// Width when it is not a terminal that reads.
const USUAL: usize = 80;

/// Standard output for answers, standard error for remarks. A reader that has gone away (`lapwing list | head`) is no
/// error: what nobody reads any more is dropped, and the exit code stays the honest one.
pub(crate) struct Out {
    stdout: BufWriter<AutoStream<Stdout>>,
    stderr: AutoStream<Stderr>,
    terminal: bool,
    closed: bool,
}

impl Out {
    /// Opens both.
    pub(crate) fn new(color: Color) -> Out {
        let choice = match color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Out {
            stdout: BufWriter::new(AutoStream::new(io::stdout(), choice)),
            stderr: AutoStream::new(io::stderr(), choice),
            terminal: io::stdout().is_terminal(),
            closed: false,
        }
    }

    /// Whether a person reads the answers.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Columns to use.
    pub(crate) fn width(&self) -> usize {
        if self.terminal { textwrap::termwidth().clamp(NARROWEST, WIDEST) } else { USUAL }
    }

    /// One line on standard error. If that fails there is nobody left to tell.
    pub(crate) fn remark(&mut self, kind: &str, text: &str) {
        let _ = self.stdout.flush();
        let _ = writeln!(self.stderr, "{kind}: {text}");
    }

    fn unless_gone<T>(&mut self, result: io::Result<T>, gone: T) -> io::Result<T> {
        match result {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(gone)
            }
            other => other,
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.closed {
            return Ok(bytes.len());
        }
        let result = self.stdout.write(bytes);
        self.unless_gone(result, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let result = self.stdout.flush();
        self.unless_gone(result, ())
    }
}
