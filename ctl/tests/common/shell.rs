//! Real interactive shells, each in a tmux server of its own, so that their histories are what shells really write.

use super::{Home, must, until};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A shell at a prompt.
pub(crate) struct Shell<'a> {
    home: &'a Home,
    socket: PathBuf,
}

impl<'a> Shell<'a> {
    /// Starts a shell with variables of its own.
    pub(crate) fn start(home: &'a Home, line: &[&str], env: &[(&str, &str)]) -> Shell<'a> {
        // A server that is going away answers for a moment: no two shells share a socket.
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let socket = home.beside(&format!("{}-{}", line[0], NEXT.fetch_add(1, Ordering::Relaxed)));
        let shell = Shell { home, socket };
        super::tool(line[0]);
        let size = ["-x", "200", "-y", "50"];
        let mut command = shell
            .tmux(&[&["-u", "-f", "/dev/null", "new-session", "-d", "-s", "t"], &size[..], line].concat());
        command.env("TERM", "xterm-256color").env("SHELL", "/bin/sh").envs(env.iter().copied());
        must(&mut command);
        shell
    }

    fn tmux(&self, args: &[&str]) -> std::process::Command {
        let mut command = self.home.tool("tmux", ["-S"]);
        command.arg(&self.socket).args(args);
        command
    }

    /// Types a line and the return key.
    pub(crate) fn type_line(&self, line: &str) -> &Shell<'a> {
        must(&mut self.tmux(&["send-keys", "-t", "t", "-l", "--", line]));
        must(&mut self.tmux(&["send-keys", "-t", "t", "Enter"]));
        self
    }

    /// Waits until the shell has printed something.
    pub(crate) fn wait(&self, text: &str) -> &Shell<'a> {
        until(&format!("{} prints {text}", self.socket.display()), || {
            let screen = super::run(&mut self.tmux(&["capture-pane", "-p", "-J", "-t", "t"]));
            screen.stdout().contains(text).then_some(())
        });
        self
    }

    /// Ends the shell and waits until it is gone.
    pub(crate) fn exit(self) {
        self.type_line("exit");
        until(&format!("{} ends", self.socket.display()), || {
            (super::run(&mut self.tmux(&["has-session", "-t", "t"])).code != 0).then_some(())
        });
    }
}
