//! HTTP by hand, so that a test can also misbehave.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("not JSON: {e}: {} {}", self.status, self.text()))
    }
}

/// A part of a form.
pub(crate) enum Part<'a> {
    Text(&'a str, &'a str),
    /// Field, file name, bytes.
    File(&'a str, &'a str, &'a [u8]),
}

const BOUNDARY: &str = "a-boundary-that-no-file-has-9f3c";

pub(crate) fn form(parts: &[Part<'_>]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for part in parts {
        body.extend_from_slice(format!("--{BOUNDARY}\r\n").as_bytes());
        match part {
            Part::Text(name, value) => body.extend_from_slice(
                format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").as_bytes(),
            ),
            Part::File(name, called, bytes) => {
                body.extend_from_slice(
                    format!(
                        "Content-Disposition: form-data; name=\"{name}\"; filename=\"{called}\"\r\n\
                         Content-Type: application/octet-stream\r\n\r\n"
                    )
                    .as_bytes(),
                );
                body.extend_from_slice(bytes);
                body.extend_from_slice(b"\r\n");
            }
        }
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={BOUNDARY}"), body)
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(10)).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
    stream.set_nodelay(true).expect("no delay");
    stream
}

/// Sends the head of a request; `Host` and `Connection: close` are added unless they are there.
pub(crate) fn send_head(
    stream: &mut TcpStream,
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) {
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head += &format!("Host: {address}\r\n");
    }
    head += "Connection: close\r\n";
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    stream.write_all(head.as_bytes()).expect("the server reads");
}

/// Reads the answer's head, and gives the stream behind it.
pub(crate) fn read_head(stream: TcpStream) -> (u16, Vec<(String, String)>, BufReader<TcpStream>) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).expect("an answer");
    let status = line
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("no status: {line:?}"));
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("headers");
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.push((name.to_owned(), value.to_owned()));
    }
    (status, headers, reader)
}

pub(crate) fn ask(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut stream = connect(address);
    let length = body.len().to_string();
    let mut all = headers.to_vec();
    if !body.is_empty() || method == "POST" {
        all.push(("Content-Length", &length));
    }
    send_head(&mut stream, address, method, path, &all);
    // A server that refuses early may close before it has read everything.
    let _ = stream.write_all(body);
    let (status, headers, mut reader) = read_head(stream);
    let chunked = headers
        .iter()
        .any(|(name, value)| name.eq_ignore_ascii_case("transfer-encoding") && value.contains("chunked"));
    let mut body = Vec::new();
    if chunked {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a chunk");
            let size = usize::from_str_radix(line.trim(), 16).expect("a size");
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk).expect("a whole chunk");
            if size == 0 {
                break;
            }
            body.extend_from_slice(&chunk[..size]);
        }
    } else {
        // What was refused early may end in a reset.
        let _ = reader.read_to_end(&mut body);
    }
    Answer { status, headers, body }
}

/// Server-sent events of the type `job`, until the stream ends or `enough` says so.
pub(crate) fn follow(address: SocketAddr, path: &str, mut enough: impl FnMut(&Value) -> bool) -> Vec<Value> {
    let mut stream = connect(address);
    send_head(&mut stream, address, "GET", path, &[("Accept", "text/event-stream")]);
    let (status, headers, reader) = read_head(stream);
    assert_eq!(status, 200, "{headers:?}");
    let mut events = Vec::new();
    for line in reader.lines() {
        let Ok(line) = line else { break };
        let Some(data) = line.strip_prefix("data: ") else {
            continue;
        };
        let event: Value = serde_json::from_str(data).expect("JSON");
        events.push(event);
        if events.last().is_some_and(&mut enough) {
            break;
        }
    }
    events
}

/// Sends half of an upload and goes away.
pub(crate) fn abandon(address: SocketAddr, body: &[u8], content_type: &str) {
    let mut stream = connect(address);
    let length = (body.len() * 2).to_string();
    send_head(
        &mut stream,
        address,
        "POST",
        "/api/v1/jobs",
        &[("Content-Type", content_type), ("Content-Length", &length)],
    );
    let _ = stream.write_all(body);
    std::thread::sleep(Duration::from_millis(100));
    let _ = stream.shutdown(Shutdown::Both);
}
