//! A registry on this machine that wants a credential, and tells which it was given.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What it answers with.
pub(crate) struct Answer {
    kind: &'static str,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(body: impl Into<Vec<u8>>) -> Answer {
        Answer { kind: "application/json", body: body.into() }
    }

    pub(crate) fn html(body: impl Into<Vec<u8>>) -> Answer {
        Answer { kind: "text/html", body: body.into() }
    }

    pub(crate) fn bytes(body: impl Into<Vec<u8>>) -> Answer {
        Answer { kind: "application/octet-stream", body: body.into() }
    }
}

/// A registry, and the credentials that it was given.
pub(crate) struct Registry {
    pub(crate) port: u16,
    credentials: Arc<Mutex<Vec<String>>>,
}

impl Registry {
    /// Answers each request with what `answer` makes of its path; without a credential it says that it wants one.
    pub(crate) fn new(answer: impl Fn(&str, u16) -> Answer + Send + 'static) -> Registry {
        Registry::start(|_| true, answer)
    }

    /// As [`Registry::new`], and content with this credential only.
    pub(crate) fn demanding(
        wanted: String,
        answer: impl Fn(&str, u16) -> Answer + Send + 'static,
    ) -> Registry {
        Registry::start(move |given| given == wanted, answer)
    }

    fn start(
        content: impl Fn(&str) -> bool + Send + 'static,
        answer: impl Fn(&str, u16) -> Answer + Send + 'static,
    ) -> Registry {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let credentials = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&credentials);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some((path, credential)) = request(&stream) else { continue };
                let known = credential.as_deref().is_some_and(&content);
                let status = if known { "200 OK" } else { "401 Unauthorized" };
                let Answer { kind, body } =
                    if known { answer(&path, port) } else { Answer::json("{\"crates\": []}") };
                heard.lock().unwrap().extend(credential);
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(&body);
            }
        });
        Registry { port, credentials }
    }

    /// Every credential that it was given, in order.
    pub(crate) fn credentials(&self) -> Vec<String> {
        self.credentials.lock().unwrap().clone()
    }
}

/// The path of a request and its credential, once all of it was read: who still writes does not read an answer.
fn request(stream: &TcpStream) -> Option<(String, Option<String>)> {
    let mut from = BufReader::new(stream);
    let mut line = String::new();
    from.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut credential, mut length) = (None, 0);
    loop {
        line.clear();
        from.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => credential = Some(value.to_owned()),
            "content-length" => length = value.parse().ok()?,
            _ => {}
        }
    }
    std::io::copy(&mut from.take(length), &mut std::io::sink()).ok()?;
    Some((path, credential))
}
