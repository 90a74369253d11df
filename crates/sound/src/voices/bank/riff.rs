//! The file as nested chunks, read by range: tables whole, samples only when asked for.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Mutex;

/// Where a chunk's data lies in the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) at: u64,
    pub(super) length: u64,
}

/// A file that several tracks read from.
#[derive(Debug)]
pub(super) struct Source {
    file: Mutex<File>,
    length: u64,
}

impl Source {
    pub(super) fn new(file: File) -> std::io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self {
            file: Mutex::new(file),
            length,
        })
    }

    /// The bytes of `span`; an error where the file ends before it, or it is longer than `most`.
    pub(super) fn read(&self, span: Span, most: u64) -> std::io::Result<Vec<u8>> {
        let end = span.at.checked_add(span.length);
        if span.length > most || end.is_none_or(|end| end > self.length) {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
        }
        let mut bytes = vec![0; span.length as usize];
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.seek(SeekFrom::Start(span.at))?;
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// The chunks inside `span`, in order: name, data. Stops quietly where the file does.
    pub(super) fn chunks(&self, span: Span) -> Vec<([u8; 4], Span)> {
        let mut list = Vec::new();
        let mut at = span.at;
        let end = span.at.saturating_add(span.length).min(self.length);
        while list.len() < 256 && at.saturating_add(8) <= end {
            let Ok(head) = self.read(Span { at, length: 8 }, 8) else {
                break;
            };
            let [a, b, c, d, e, f, g, h] = head[..] else { break };
            let length = u64::from(u32::from_le_bytes([e, f, g, h]));
            let data = Span {
                at: at + 8,
                length: length.min(end - at - 8),
            };
            list.push(([a, b, c, d], data));
            at = at + 8 + length;
            // Chunks of odd length are padded, except by some writers of SF3.
            if length & 1 == 1 && self.read(Span { at, length: 4 }, 4).is_ok_and(|next| next != b"LIST") {
                at += 1;
            }
        }
        list
    }

    /// The whole file.
    pub(super) fn whole(&self) -> Span {
        Span {
            at: 0,
            length: self.length,
        }
    }
}
