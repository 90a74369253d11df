//! Reading NUT from a pipe: the one simple container that carries raw frames with their exact timestamps.
//!
//! After the NUT specification, "NUT Open Container Format" (2008, draft 20080517 and later). Only what a muxer that
//! writes one stream needs is read: main header, stream header, syncpoints, frames; checksums are skipped, since a pipe
//! loses nothing.

use std::io::{self, BufRead, ErrorKind, Read};

const FILE_ID: &[u8; 25] = b"nut/multimedia container\0";
const MAIN: u64 = 0x4E4D_7A56_1F5F_04AD;
const STREAM: u64 = 0x4E53_1140_5BF2_F9DB;
const SYNCPOINT: u64 = 0x4E4B_E4AD_EECA_4569;

const CODED_PTS: u64 = 8;
const STREAM_ID: u64 = 16;
const SIZE_MSB: u64 = 32;
const CHECKSUM: u64 = 64;
const RESERVED: u64 = 128;
const SIDE_DATA: u64 = 256;
const HEADER_IDX: u64 = 1024;
const MATCH_TIME: u64 = 2048;
const CODED: u64 = 4096;
const INVALID: u64 = 8192;

/// Streams at most; ours have one.
const MOST_STREAMS: u64 = 16;
/// A header packet is a few hundred bytes.
const MOST_HEADER: u64 = 1 << 20;

#[derive(Debug, Clone, Copy, Default)]
struct FrameCode {
    flags: u64,
    stream: u64,
    size_mul: u64,
    size_lsb: u64,
    pts_delta: i64,
    reserved: u64,
    header: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct StreamState {
    time_base: (u64, u64),
    msb_shift: u32,
    last_pts: i64,
}

/// A reader of the packets of one NUT stream.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    from: R,
    codes: Vec<FrameCode>,
    headers: Vec<Vec<u8>>,
    time_bases: Vec<(u64, u64)>,
    streams: Vec<StreamState>,
    largest: usize,
}

fn bad(what: &str) -> io::Error {
    io::Error::new(
        ErrorKind::InvalidData,
        format!("the frames from ffmpeg do not read: {what}"),
    )
}

impl<R: BufRead> Reader<R> {
    /// `largest` is the most bytes that a packet may have.
    pub(crate) fn new(from: R, largest: usize) -> Self {
        Self {
            from,
            codes: Vec::new(),
            headers: Vec::new(),
            time_bases: Vec::new(),
            streams: Vec::new(),
            largest,
        }
    }

    /// Reads the next packet into `packet` (replacing what it held) and returns its timestamp in seconds; `None` at the end.
    pub(crate) fn next(&mut self, packet: &mut Vec<u8>) -> io::Result<Option<f64>> {
        if self.codes.is_empty() && !self.begin()? {
            return Ok(None);
        }
        loop {
            let Some(code) = self.byte_or_end()? else {
                return Ok(None);
            };
            if code == b'N' {
                let mut start = [0; 8];
                start[0] = code;
                self.from.read_exact(start.get_mut(1..).unwrap_or_default())?;
                self.header_packet(u64::from_be_bytes(start))?;
                continue;
            }
            return self.frame(code, packet).map(Some);
        }
    }

    /// The file's mark; false where the child wrote nothing at all.
    fn begin(&mut self) -> io::Result<bool> {
        if self.from.fill_buf()?.is_empty() {
            return Ok(false);
        }
        let mut mark = [0; FILE_ID.len()];
        self.from.read_exact(&mut mark)?;
        if &mark != FILE_ID {
            return Err(bad("no NUT mark"));
        }
        let mut start = [0; 8];
        self.from.read_exact(&mut start)?;
        if u64::from_be_bytes(start) != MAIN {
            return Err(bad("no main header"));
        }
        self.header_packet(MAIN)?;
        Ok(true)
    }

    fn byte_or_end(&mut self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        loop {
            return match self.from.read(&mut byte) {
                Ok(0) => Ok(None),
                Ok(_) => Ok(Some(byte[0])),
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => Err(e),
            };
        }
    }

    fn header_packet(&mut self, start: u64) -> io::Result<()> {
        let length = value(&mut self.from)?;
        if length > MOST_HEADER {
            return Err(bad("a header too long"));
        }
        if length > 4096 {
            skip(&mut self.from, 4)?;
        }
        let mut body = Vec::new();
        (&mut self.from).take(length).read_to_end(&mut body)?;
        if body.len() as u64 != length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let mut body = body.as_slice();
        match start {
            MAIN => self.main(&mut body),
            STREAM => self.stream(&mut body),
            SYNCPOINT => self.syncpoint(&mut body),
            // Index, tags, anything newer.
            _ => Ok(()),
        }
    }

    fn main(&mut self, b: &mut &[u8]) -> io::Result<()> {
        let version = value(b)?;
        if version > 3 {
            value(b)?;
        }
        let streams = value(b)?;
        let _max_distance = value(b)?;
        let bases = value(b)?;
        if streams > MOST_STREAMS || bases > MOST_STREAMS || bases == 0 {
            return Err(bad("too many streams"));
        }
        self.streams = vec![StreamState::default(); streams as usize];
        self.time_bases.clear();
        for _ in 0..bases {
            let base = (value(b)?, value(b)?);
            if base.0 == 0 || base.1 == 0 {
                return Err(bad("a time base of 0"));
            }
            self.time_bases.push(base);
        }
        self.codes = Vec::with_capacity(256);
        let mut now = FrameCode {
            size_mul: 1,
            ..FrameCode::default()
        };
        while self.codes.len() < 256 {
            now.flags = value(b)?;
            let fields = value(b)?;
            if fields > 0 {
                now.pts_delta = signed(b)?;
            }
            if fields > 1 {
                now.size_mul = value(b)?;
            }
            if fields > 2 {
                now.stream = value(b)?;
            }
            let size = if fields > 3 { value(b)? } else { 0 };
            now.reserved = if fields > 4 { value(b)? } else { 0 };
            let count = if fields > 5 {
                value(b)?
            } else {
                now.size_mul.saturating_sub(size)
            };
            if fields > 6 {
                signed(b)?;
            }
            if fields > 7 {
                now.header = usize::try_from(value(b)?).map_err(|_| bad("a header index too large"))?;
            }
            for _ in 8..fields {
                value(b)?;
            }
            if count == 0 && self.codes.len() != usize::from(b'N') {
                return Err(bad("an empty run of frame codes"));
            }
            let mut j = 0;
            while j < count && self.codes.len() < 256 {
                if self.codes.len() == usize::from(b'N') {
                    self.codes.push(FrameCode {
                        flags: INVALID,
                        ..FrameCode::default()
                    });
                    continue;
                }
                self.codes.push(FrameCode {
                    size_lsb: size.saturating_add(j),
                    ..now
                });
                j += 1;
            }
        }
        let elided = value(b)?;
        self.headers = vec![Vec::new()];
        for _ in 0..elided.min(256) {
            let length = usize::try_from(value(b)?).map_err(|_| bad("a header too long"))?;
            if length > b.len() {
                return Err(bad("a header too long"));
            }
            let (header, rest) = b.split_at(length);
            self.headers.push(header.to_vec());
            *b = rest;
        }
        Ok(())
    }

    fn stream(&mut self, b: &mut &[u8]) -> io::Result<()> {
        let id = value(b)?;
        let _class = value(b)?;
        let fourcc = value(b)?;
        skip(b, fourcc)?;
        let base = usize::try_from(value(b)?).unwrap_or(usize::MAX);
        let msb_shift = u32::try_from(value(b)?).unwrap_or(u32::MAX);
        let time_base = *self.time_bases.get(base).ok_or_else(|| bad("an unknown time base"))?;
        if msb_shift > 32 {
            return Err(bad("an unlikely shift of timestamps"));
        }
        let state = usize::try_from(id)
            .ok()
            .and_then(|id| self.streams.get_mut(id))
            .ok_or_else(|| bad("an unknown stream"))?;
        *state = StreamState {
            time_base,
            msb_shift,
            last_pts: 0,
        };
        Ok(())
    }

    fn syncpoint(&mut self, b: &mut &[u8]) -> io::Result<()> {
        let coded = value(b)?;
        let bases = self.time_bases.len() as u64;
        if bases == 0 {
            return Err(bad("a syncpoint before the main header"));
        }
        let index = usize::try_from(coded % bases).unwrap_or(0);
        let (num, den) = *self.time_bases.get(index).ok_or_else(|| bad("an unknown time base"))?;
        let time = i128::from(coded / bases);
        for state in &mut self.streams {
            let (to_num, to_den) = state.time_base;
            if to_num == 0 {
                continue;
            }
            // Rounded down, as the muxer does.
            let up = time.saturating_mul(i128::from(num)).saturating_mul(i128::from(to_den));
            let down = i128::from(den).saturating_mul(i128::from(to_num)).max(1);
            state.last_pts = i64::try_from(up.div_euclid(down)).map_err(|_| bad("a timestamp too large"))?;
        }
        Ok(())
    }

    fn frame(&mut self, code: u8, packet: &mut Vec<u8>) -> io::Result<f64> {
        let code = *self.codes.get(usize::from(code)).ok_or_else(|| bad("no frame code"))?;
        let from = &mut self.from;
        let mut flags = code.flags;
        if flags & CODED != 0 {
            flags ^= value(from)?;
        }
        if flags & INVALID != 0 {
            return Err(bad("an invalid frame code"));
        }
        let stream = if flags & STREAM_ID != 0 {
            value(from)?
        } else {
            code.stream
        };
        let state = usize::try_from(stream)
            .ok()
            .and_then(|id| self.streams.get_mut(id))
            .filter(|state| state.time_base.0 > 0)
            .ok_or_else(|| bad("a frame of an unknown stream"))?;
        let pts = if flags & CODED_PTS != 0 {
            let coded = i64::try_from(value(from)?).map_err(|_| bad("a timestamp too large"))?;
            let span = 1i64 << state.msb_shift;
            if coded < span {
                // The low bits of a timestamp near the last one.
                let base = state.last_pts.saturating_sub((span - 1) / 2);
                base.saturating_add(coded.wrapping_sub(base) & (span - 1))
            } else {
                coded - span
            }
        } else {
            state.last_pts.saturating_add(code.pts_delta)
        };
        state.last_pts = pts;
        let time_s = pts as f64 * (state.time_base.0 as f64) / (state.time_base.1 as f64);
        let msb = if flags & SIZE_MSB != 0 { value(from)? } else { 0 };
        if flags & MATCH_TIME != 0 {
            signed(from)?;
        }
        let header = if flags & HEADER_IDX != 0 {
            usize::try_from(value(from)?).unwrap_or(usize::MAX)
        } else {
            code.header
        };
        let reserved = if flags & RESERVED != 0 {
            value(from)?
        } else {
            code.reserved
        };
        for _ in 0..reserved.min(256) {
            value(from)?;
        }
        if flags & CHECKSUM != 0 {
            skip(from, 4)?;
        }
        if flags & SIDE_DATA != 0 {
            return Err(bad("side data within a frame"));
        }
        let size = msb.saturating_mul(code.size_mul).saturating_add(code.size_lsb);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let header = self.headers.get(header).map(Vec::as_slice).unwrap_or_default();
        if size > self.largest || header.len() > size {
            return Err(bad("a frame too large"));
        }
        packet.clear();
        packet.extend_from_slice(header);
        let rest = (size - header.len()) as u64;
        if (&mut *from).take(rest).read_to_end(packet)? as u64 != rest {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(time_s)
    }
}

/// A variable-length number: seven bits a byte, highest first, the top bit says that more follow.
fn value(from: &mut impl Read) -> io::Result<u64> {
    let mut sum = 0u64;
    for _ in 0..10 {
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        sum = sum.checked_mul(128).ok_or_else(|| bad("a number too long"))? | u64::from(byte[0] & 127);
        if byte[0] < 128 {
            return Ok(sum);
        }
    }
    Err(bad("a number too long"))
}

/// 0, 1, −1, 2, −2, …
fn signed(from: &mut impl Read) -> io::Result<i64> {
    let coded = value(from)?.saturating_add(1);
    let half = i64::try_from(coded >> 1).unwrap_or(i64::MAX);
    Ok(if coded & 1 == 1 { -half } else { half })
}

fn skip(from: &mut impl Read, bytes: u64) -> io::Result<()> {
    match io::copy(&mut from.take(bytes), &mut io::sink())? {
        n if n == bytes => Ok(()),
        _ => Err(ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(mut n: u64) -> Vec<u8> {
        let mut bytes = vec![(n & 127) as u8];
        while n > 127 {
            n >>= 7;
            bytes.push((n & 127) as u8 | 128);
        }
        bytes.reverse();
        bytes
    }

    fn packet(start: u64, body: &[u8]) -> Vec<u8> {
        let mut bytes = start.to_be_bytes().to_vec();
        bytes.extend(number(body.len() as u64 + 4));
        bytes.extend(body);
        bytes.extend([0; 4]);
        bytes
    }

    /// A film of frames with these timestamps (in ticks of 1001/30000 s) and these bytes.
    fn film(frames: &[(u64, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = FILE_ID.to_vec();
        let mut main = [3u64, 1, 65_536, 1, 1001, 30_000].map(number).concat();
        // One run of 255 codes, all alike: timestamp and size are coded with the frame.
        main.extend(
            [
                number(CODED_PTS | SIZE_MSB),
                number(6),
                vec![0],
                number(1),
                number(0),
                number(0),
                number(0),
                number(255),
            ]
            .concat(),
        );
        main.extend(number(0));
        bytes.extend(packet(MAIN, &main));
        bytes.extend(packet(
            STREAM,
            &[&[0, 0, 4][..], b"I420", &[0, 7, 1, 0, 0, 0, 2, 2, 0, 0, 0]].concat(),
        ));
        for (pts, data) in frames {
            bytes.extend(packet(SYNCPOINT, &[number(*pts), number(0)].concat()));
            // The first codes hold low sizes in `size_lsb`: code 0 has 0.
            bytes.push(0);
            bytes.extend(number(pts + 128));
            bytes.extend(number(data.len() as u64));
            bytes.extend(data);
        }
        bytes
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<(f64, Vec<u8>)>> {
        let mut reader = Reader::new(bytes, 4096);
        let (mut packet, mut all) = (Vec::new(), Vec::new());
        while let Some(time_s) = reader.next(&mut packet)? {
            all.push((time_s, packet.clone()));
        }
        Ok(all)
    }

    #[test]
    fn a_film_cut_within_a_frame_ends_as_if_whole() {
        let whole = film(&[(0, vec![1; 100]), (1, vec![2; 100])]);
        assert_eq!(read(&whole).expect("reads").len(), 2);
        assert!(read(&whole[..whole.len() - 1]).is_err());
        assert!(read(b"").expect("nothing").is_empty());
        assert!(read(b"nut/multimedia contained").is_err());
    }

    proptest! {
        #[test]
        fn a_frame_or_its_time_changes_on_the_way(
            frames in proptest::collection::vec((0u64..1 << 40, proptest::collection::vec(any::<u8>(), 0..300)), 0..20),
        ) {
            let heard = read(&film(&frames)).expect("reads");
            prop_assert_eq!(heard.len(), frames.len());
            for ((time_s, data), (pts, sent)) in heard.iter().zip(&frames) {
                prop_assert_eq!(data, sent);
                prop_assert!((time_s - *pts as f64 * 1001.0 / 30_000.0).abs() < 1e-6);
            }
        }

        #[test]
        fn foreign_bytes_bring_it_down_or_fill_the_memory(
            noise in proptest::collection::vec(any::<u8>(), 0..200),
            at in 0usize..300,
        ) {
            let mut bytes = film(&[(0, vec![7; 50]), (5, vec![8; 60])]);
            for (i, byte) in noise.iter().enumerate() {
                if let Some(place) = bytes.get_mut(at + i) {
                    *place = *byte;
                }
            }
            let _ = read(&bytes);
            let _ = read(&noise);
        }
    }
}
