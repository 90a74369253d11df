//! A server on the loopback that answers what it is told to, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One request as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// `POST /v1/predictions`.
    pub(crate) line: String,
    pub(crate) headers: String,
    pub(crate) body: String,
}

/// How it answers.
pub(crate) enum Answer {
    /// Status, further header lines, body.
    Says(u16, &'static str, Vec<u8>),
    /// Nothing, for so long.
    Waits(Duration),
    /// It closes the connection.
    Hangs,
}

pub(crate) fn says(status: u16, body: &str) -> Answer {
    Answer::Says(status, "", body.as_bytes().to_vec())
}

/// The server.
pub(crate) struct Mock {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Mock {
    /// Answers each request by what `answer` makes of it and its number, from 0.
    pub(crate) fn new(answer: impl Fn(usize, &Asked) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut reader = BufReader::new(stream.try_clone().expect("another end"));
                let mut request = Asked::default();
                if reader.read_line(&mut request.line).unwrap_or(0) == 0 {
                    continue;
                }
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) < 3 {
                        break;
                    }
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap_or(0);
                    }
                    request.headers += &line;
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).expect("the body");
                request.body = String::from_utf8(body).expect("text");
                let number = {
                    let mut all = seen.lock().expect("nobody panics here");
                    all.push(request.clone());
                    all.len() - 1
                };
                match answer(number, &request) {
                    Answer::Says(status, headers, body) => {
                        let head = format!(
                            "HTTP/1.1 {status} Said\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n",
                            body.len()
                        );
                        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
                    }
                    Answer::Waits(time) => std::thread::sleep(time),
                    Answer::Hangs => {}
                }
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
        Self { url, asked }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("nobody panics here").clone()
    }
}

/// An address at which nobody listens.
pub(crate) fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

/// Short enough for tests.
pub(crate) fn hasty() -> super::Patience {
    super::Patience {
        answer: Duration::from_millis(400),
        tries: 3,
        wait: Duration::from_millis(10),
    }
}
