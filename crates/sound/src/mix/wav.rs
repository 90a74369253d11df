//! WAV files: written as Broadcast Wave (EBU Tech 3285), turned into RF64 (EBU Tech 3306) where they pass 4 GiB.

use std::io::{Seek, SeekFrom, Write};

use crate::{SAMPLE_RATE, SoundError};

/// How samples are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleFormat {
    /// 24-bit whole numbers.
    Pcm24,
    /// 32-bit floats.
    Float32,
}

impl SampleFormat {
    fn bytes(self) -> u16 {
        match self {
            Self::Pcm24 => 3,
            Self::Float32 => 4,
        }
    }
}

/// What the `bext` chunk says. Text beyond its field's length is cut; what is not ASCII becomes `?`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Broadcast {
    /// What the file is: at most 256 characters.
    pub description: String,
    /// Who made it: at most 32 characters.
    pub originator: String,
    /// A reference of the originator's: at most 32 characters.
    pub reference: String,
    /// Sample frames since midnight at which the file begins on a timeline.
    pub time_reference: u64,
}

/// Bytes of a `bext` chunk of version 1 without coding history.
const BEXT: u32 = 602;

/// Bytes of the `ds64` chunk, and of the `JUNK` chunk that keeps its place.
const DS64: u32 = 28;

/// Writes a stereo WAV file at 48 kHz, sample by sample; the sizes in its header are filled in at the end.
#[derive(Debug)]
pub struct WavWriter<W: Write + Seek> {
    name: String,
    inner: W,
    format: SampleFormat,
    header: u64,
    data: u64,
    bytes: Vec<u8>,
}

impl<W: Write + Seek> WavWriter<W> {
    /// Begins a file at the present position of `inner`, which must be its beginning; `name` is what errors call it.
    ///
    /// # Errors
    /// [`SoundError::Write`].
    pub fn new(
        name: impl Into<String>,
        inner: W,
        format: SampleFormat,
        broadcast: Option<&Broadcast>,
    ) -> Result<Self, SoundError> {
        let mut writer = Self {
            name: name.into(),
            inner,
            format,
            header: 0,
            data: 0,
            bytes: Vec::new(),
        };
        let mut head = Vec::with_capacity(720);
        head.extend_from_slice(b"RIFF\0\0\0\0WAVEJUNK");
        head.extend_from_slice(&DS64.to_le_bytes());
        head.extend_from_slice(&[0; DS64 as usize]);
        if let Some(broadcast) = broadcast {
            bext(broadcast, &mut head);
        }
        let bytes = format.bytes();
        head.extend_from_slice(b"fmt \x10\0\0\0");
        let tag: u16 = if format == SampleFormat::Float32 { 3 } else { 1 };
        for field in [tag, 2] {
            head.extend_from_slice(&field.to_le_bytes());
        }
        for field in [SAMPLE_RATE, SAMPLE_RATE * 2 * u32::from(bytes)] {
            head.extend_from_slice(&field.to_le_bytes());
        }
        for field in [2 * bytes, 8 * bytes] {
            head.extend_from_slice(&field.to_le_bytes());
        }
        head.extend_from_slice(b"data\0\0\0\0");
        writer.header = head.len() as u64;
        writer.put(&head)?;
        Ok(writer)
    }

    /// Appends 24-bit samples, −8,388,608 to 8,388,607 (what is beyond is clipped); into a float file they go as fractions
    /// of full scale.
    ///
    /// # Errors
    /// [`SoundError::Write`].
    pub fn write_24(&mut self, samples: &[i32]) -> Result<(), SoundError> {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        for sample in samples {
            let sample = (*sample).clamp(-8_388_608, 8_388_607);
            match self.format {
                SampleFormat::Pcm24 => bytes.extend_from_slice(&sample.to_le_bytes()[..3]),
                SampleFormat::Float32 => bytes.extend_from_slice(&(sample as f32 / 8_388_608.0).to_le_bytes()),
            }
        }
        self.append(bytes)
    }

    /// Appends float samples; into a 24-bit file they are rounded, and clipped to −1 to 1.
    ///
    /// # Errors
    /// [`SoundError::Write`].
    pub fn write(&mut self, samples: &[f32]) -> Result<(), SoundError> {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        for sample in samples {
            match self.format {
                SampleFormat::Pcm24 => {
                    let whole = (f64::from(*sample) * 8_388_608.0)
                        .round()
                        .clamp(-8_388_608.0, 8_388_607.0) as i32;
                    bytes.extend_from_slice(&whole.to_le_bytes()[..3]);
                }
                SampleFormat::Float32 => bytes.extend_from_slice(&sample.to_le_bytes()),
            }
        }
        self.append(bytes)
    }

    fn append(&mut self, bytes: Vec<u8>) -> Result<(), SoundError> {
        self.data += bytes.len() as u64;
        let done = self.put(&bytes);
        self.bytes = bytes;
        done
    }

    /// Fills in the sizes, flushes, and gives back what was written to.
    ///
    /// # Errors
    /// [`SoundError::Write`].
    pub fn finish(mut self) -> Result<W, SoundError> {
        if self.data % 2 == 1 {
            self.put(&[0])?;
        }
        let riff = self.header - 8 + self.data + self.data % 2;
        if let (Ok(riff), Ok(data)) = (u32::try_from(riff), u32::try_from(self.data)) {
            self.put_at(4, &riff.to_le_bytes())?;
            self.put_at(self.header - 4, &data.to_le_bytes())?;
        } else {
            let frames = self.data / u64::from(2 * self.format.bytes());
            self.put_at(0, b"RF64\xff\xff\xff\xffWAVEds64")?;
            let mut sizes = Vec::with_capacity(DS64 as usize);
            for size in [riff, self.data, frames] {
                sizes.extend_from_slice(&size.to_le_bytes());
            }
            sizes.extend_from_slice(&0u32.to_le_bytes());
            self.put_at(20, &sizes)?;
            self.put_at(self.header - 4, &u32::MAX.to_le_bytes())?;
        }
        let flushed = self.inner.seek(SeekFrom::End(0)).and_then(|_| self.inner.flush());
        flushed.map_err(|source| SoundError::Write {
            what: self.name,
            source,
        })?;
        Ok(self.inner)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), SoundError> {
        self.inner.write_all(bytes).map_err(|source| SoundError::Write {
            what: self.name.clone(),
            source,
        })
    }

    fn put_at(&mut self, at: u64, bytes: &[u8]) -> Result<(), SoundError> {
        let moved = self.inner.seek(SeekFrom::Start(at));
        moved.map_err(|source| SoundError::Write {
            what: self.name.clone(),
            source,
        })?;
        self.put(bytes)
    }
}

/// Appends a `bext` chunk, version 1, without date: the same music is the same bytes on any day.
fn bext(broadcast: &Broadcast, head: &mut Vec<u8>) {
    head.extend_from_slice(b"bext");
    head.extend_from_slice(&BEXT.to_le_bytes());
    let start = head.len();
    for (text, length) in [
        (&broadcast.description, 256),
        (&broadcast.originator, 32),
        (&broadcast.reference, 32),
    ] {
        let end = head.len() + length;
        head.extend(
            text.chars()
                .take(length)
                .map(|c| if c.is_ascii() && c != '\0' { c as u8 } else { b'?' }),
        );
        head.resize(end, 0);
    }
    // Date and time of origination.
    head.resize(start + 338, 0);
    head.extend_from_slice(&broadcast.time_reference.to_le_bytes());
    head.extend_from_slice(&1u16.to_le_bytes());
    head.resize(start + BEXT as usize, 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn another_reader_hears_other_samples() {
        for format in [SampleFormat::Pcm24, SampleFormat::Float32] {
            let broadcast = Broadcast {
                description: "Piano".into(),
                originator: "Synchresis".into(),
                ..Default::default()
            };
            let mut writer = WavWriter::new("test", Cursor::new(Vec::new()), format, Some(&broadcast)).expect("begins");
            writer.write(&[0.5, -0.5, 1.5, -1.0]).expect("writes");
            writer.write_24(&[1, -1, i32::MAX, i32::MIN]).expect("writes");
            let bytes = writer.finish().expect("ends").into_inner();
            let mut reader = hound::WavReader::new(Cursor::new(bytes)).expect("reads");
            assert_eq!((reader.spec().channels, reader.spec().sample_rate), (2, 48_000));
            if format == SampleFormat::Pcm24 {
                let got: Vec<i32> = reader.samples::<i32>().map(|s| s.expect("sample")).collect();
                assert_eq!(
                    got,
                    [
                        4_194_304, -4_194_304, 8_388_607, -8_388_608, 1, -1, 8_388_607, -8_388_608
                    ]
                );
            } else {
                let got: Vec<f32> = reader.samples::<f32>().map(|s| s.expect("sample")).collect();
                assert_eq!(got[..4], [0.5, -0.5, 1.5, -1.0]);
            }
        }
    }

    /// Remembers the first bytes alone, and how much came after.
    struct Sparse {
        head: Vec<u8>,
        at: u64,
    }

    impl Write for Sparse {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            for (i, b) in bytes
                .iter()
                .enumerate()
                .take_while(|(i, _)| self.at + (*i as u64) < 1024)
            {
                let at = self.at as usize + i;
                self.head.resize(self.head.len().max(at + 1), 0);
                self.head[at] = *b;
            }
            self.at += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Sparse {
        fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
            if let SeekFrom::Start(at) = to {
                self.at = at;
            }
            Ok(self.at)
        }
    }

    #[test]
    fn a_file_of_more_than_four_gigabytes_lies_about_its_size() {
        let sink = Sparse {
            head: Vec::new(),
            at: 0,
        };
        let mut writer = WavWriter::new("long", sink, SampleFormat::Pcm24, None).expect("begins");
        writer.data = 5_000_000_004;
        let head = writer.finish().expect("ends").head;
        assert_eq!((&head[..4], &head[12..16]), (&b"RF64"[..], &b"ds64"[..]));
        let size = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
        assert_eq!((size(28), size(36)), (5_000_000_004, 833_333_334));
        assert_eq!(size(20), 5_000_000_004 + 80 - 8);
        assert_eq!(&head[head.len() - 8..], b"data\xff\xff\xff\xff");
    }
}
