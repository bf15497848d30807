//! Asks another program something, and waits no longer than an answer may take.

use lapwing_rules::facts::Fact;
use std::io::{ErrorKind, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;
use zeroize::Zeroizing;

/// Longest answer that is read.
const LONGEST: u64 = 1 << 20;

/// What a program prints, whatever its exit code; absent when it is not installed.
pub(crate) fn ask(command: &mut Command, patience: Duration) -> Fact<Zeroizing<Vec<u8>>> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(e) if e.kind() == ErrorKind::NotFound => return Fact::Absent,
        Err(e) => return Fact::Unknown(e.to_string()),
    };
    let (send, receive) = channel();
    if let Some(out) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut said = Zeroizing::new(Vec::new());
            let read = out.take(LONGEST).read_to_end(&mut said);
            let _ = send.send(read.map(|_| said));
        });
    }
    let said = receive.recv_timeout(patience);
    let _ = child.kill();
    let _ = child.wait();
    match said {
        Ok(Ok(said)) => Fact::Known(said),
        Ok(Err(e)) => Fact::Unknown(format!("what it said could not be read: {e}")),
        Err(_) => Fact::Unknown(format!("it did not answer within {} s", patience.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_says_nothing_is_not_waited_for() {
        let long = Duration::from_secs(60);
        let sh = |script: &str, patience| ask(Command::new("sh").args(["-c", script]), patience);
        assert_eq!(sh("echo yes; exit 3", long), Fact::Known(Zeroizing::new(b"yes\n".to_vec())));
        assert_eq!(ask(&mut Command::new("no-such-program-anywhere"), long), Fact::Absent);
        let silent = sh("exec sleep 1000", Duration::from_secs(1));
        assert_eq!(silent, Fact::Unknown("it did not answer within 1 s".to_owned()));
    }
}
