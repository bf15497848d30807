//! Programs that are given a credential on standard input, and give one on standard output: never on a command line, which
//! everybody can read.

use super::Kept;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;
use zeroize::Zeroizing;

/// A keyring may ask the user to unlock it.
const PATIENCE: Duration = Duration::from_secs(120);
/// No credential is longer.
const LONGEST: u64 = 1 << 20;

/// What a program has left.
pub(super) struct Said {
    pub(super) success: bool,
    pub(super) out: Zeroizing<Vec<u8>>,
}

/// Runs it to its end. What it says on standard error is for its own terminal and may hold secrets: it is dropped.
pub(super) fn ask(mut command: Command, input: &[u8]) -> Result<Said, Kept> {
    let name = command.get_program().to_string_lossy().into_owned();
    let fail = |why: String| Kept::Tool(format!("`{name}` {why}"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|e| fail(format!("cannot be started: {e}")))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let input = Zeroizing::new(input.to_owned());
    // A program that says much before it has read all must not wait for us, nor we for it.
    let writer = std::thread::spawn(move || {
        // One that does not want its input has its reasons; what it says tells.
        let _ = stdin.map(|mut pipe| pipe.write_all(&input));
    });
    let (send, receive) = channel();
    std::thread::spawn(move || {
        let mut out = Zeroizing::new(Vec::new());
        let read = stdout.map(|pipe| pipe.take(LONGEST).read_to_end(&mut out));
        let _ = send.send(read.and_then(Result::ok).map(|_| out));
    });
    let Ok(out) = receive.recv_timeout(PATIENCE) else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(fail(format!("did not answer within {} s", PATIENCE.as_secs())));
    };
    let status = child.wait().map_err(|e| fail(format!("cannot be waited for: {e}")))?;
    let _ = writer.join();
    Ok(Said { success: status.success(), out: out.unwrap_or_default() })
}
