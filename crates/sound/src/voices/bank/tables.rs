//! The tables of a SoundFont (SoundFont Technical Specification 2.04, sections 7 and 8), checked as they are read.

use super::riff::{Source, Span};

/// Generators that are used here, by their numbers in the specification.
pub(super) mod generator {
    pub(crate) const START: usize = 0;
    pub(crate) const END: usize = 1;
    pub(crate) const LOOP_START: usize = 2;
    pub(crate) const LOOP_END: usize = 3;
    pub(crate) const START_COARSE: usize = 4;
    pub(crate) const MOD_LFO_PITCH: usize = 5;
    pub(crate) const VIB_LFO_PITCH: usize = 6;
    pub(crate) const MOD_ENV_PITCH: usize = 7;
    pub(crate) const FILTER_FC: usize = 8;
    pub(crate) const FILTER_Q: usize = 9;
    pub(crate) const MOD_LFO_FILTER: usize = 10;
    pub(crate) const MOD_ENV_FILTER: usize = 11;
    pub(crate) const END_COARSE: usize = 12;
    pub(crate) const MOD_LFO_VOLUME: usize = 13;
    pub(crate) const PAN: usize = 17;
    pub(crate) const MOD_LFO_DELAY: usize = 21;
    pub(crate) const MOD_LFO_RATE: usize = 22;
    pub(crate) const VIB_LFO_DELAY: usize = 23;
    pub(crate) const VIB_LFO_RATE: usize = 24;
    pub(crate) const MOD_ENV: usize = 25;
    pub(crate) const VOL_ENV: usize = 33;
    pub(crate) const INSTRUMENT: usize = 41;
    pub(crate) const KEYS: usize = 43;
    pub(crate) const VELOCITIES: usize = 44;
    pub(crate) const LOOP_START_COARSE: usize = 45;
    pub(crate) const FIXED_KEY: usize = 46;
    pub(crate) const FIXED_VELOCITY: usize = 47;
    pub(crate) const ATTENUATION: usize = 48;
    pub(crate) const LOOP_END_COARSE: usize = 50;
    pub(crate) const COARSE_TUNE: usize = 51;
    pub(crate) const FINE_TUNE: usize = 52;
    pub(crate) const SAMPLE: usize = 53;
    pub(crate) const MODES: usize = 54;
    pub(crate) const SCALE: usize = 56;
    pub(crate) const CLASS: usize = 57;
    pub(crate) const ROOT: usize = 58;
    pub(crate) const COUNT: usize = 61;
}

/// A modulator: source, destination, amount, amount's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Modulator {
    pub(super) source: u16,
    pub(super) destination: u16,
    pub(super) amount: i16,
    pub(super) scale: u16,
}

/// A sample's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) loop_start: u32,
    pub(super) loop_end: u32,
    pub(super) rate: u32,
    pub(super) key: u8,
    pub(super) correction: i8,
    pub(super) kind: u16,
}

#[derive(Debug, Clone, Copy)]
struct Preset {
    program: u16,
    bank: u16,
    bag: usize,
}

/// All tables.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) name: String,
    pub(super) copyright: String,
    pub(super) samples: Span,
    /// The lower bytes of 24-bit samples, where the bank has them.
    low: Option<Span>,
    presets: Vec<Preset>,
    preset_zones: Zones,
    instruments: Vec<usize>,
    instrument_zones: Zones,
    pub(super) headers: Vec<Header>,
}

#[derive(Debug, Default)]
struct Zones {
    /// First generator and first modulator of each zone.
    bags: Vec<(usize, usize)>,
    generators: Vec<(u16, u16)>,
    modulators: Vec<Modulator>,
}

/// One zone with what the global zone before it gives.
#[derive(Debug, Clone)]
pub(super) struct Zone {
    pub(super) values: [Option<i16>; generator::COUNT],
    pub(super) modulators: Vec<Modulator>,
}

/// Zones that one preset or instrument may have; generators and modulators of one zone.
const MOST: usize = 4096;

impl Zones {
    fn zones(&self, from: usize, to: usize, ends: usize) -> Vec<Zone> {
        let mut list = Vec::new();
        let mut global: Option<Zone> = None;
        for i in from..to.min(from.saturating_add(MOST)) {
            let (Some(a), Some(b)) = (self.bags.get(i), self.bags.get(i + 1)) else {
                break;
            };
            let mut zone = global.clone().unwrap_or(Zone {
                values: [None; generator::COUNT],
                modulators: Vec::new(),
            });
            let mut linked = false;
            for &(kind, value) in self
                .generators
                .get(a.0..b.0.min(a.0.saturating_add(MOST)))
                .unwrap_or(&[])
            {
                if let Some(slot) = zone.values.get_mut(usize::from(kind)) {
                    *slot = Some(value as i16);
                }
                linked |= usize::from(kind) == ends;
            }
            for m in self.modulators.get(a.1..b.1.min(a.1.saturating_add(64))).unwrap_or(&[]) {
                zone.modulators
                    .retain(|o| (o.source, o.destination, o.scale) != (m.source, m.destination, m.scale));
                zone.modulators.push(*m);
            }
            if linked {
                list.push(zone);
            } else if list.is_empty() && global.is_none() {
                global = Some(zone);
            }
        }
        list
    }
}

fn u16_at(record: &[u8], at: usize) -> u16 {
    match record.get(at..at + 2) {
        Some(&[a, b]) => u16::from_le_bytes([a, b]),
        _ => 0,
    }
}

fn u32_at(record: &[u8], at: usize) -> u32 {
    match record.get(at..at + 4) {
        Some(&[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
        _ => 0,
    }
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).trim().to_owned()
}

impl Tables {
    /// Reads every table of the file; no table may have more than `records` records.
    pub(super) fn read(source: &Source, records: usize) -> Result<Self, String> {
        let top = source.chunks(source.whole());
        let Some(&(_, riff)) = top.iter().find(|c| &c.0 == b"RIFF") else {
            return Err("it does not begin with RIFF".to_owned());
        };
        let form = source
            .read(
                Span {
                    at: riff.at,
                    length: riff.length.min(4),
                },
                4,
            )
            .unwrap_or_default();
        if form != b"sfbk" {
            return Err("its RIFF form is not sfbk".to_owned());
        }
        let inside = |span: Span| Span {
            at: span.at + 4,
            length: span.length.saturating_sub(4),
        };
        let mut tables = Self::default();
        let mut seen = 0;
        for (_, list) in source.chunks(inside(riff)).into_iter().filter(|c| &c.0 == b"LIST") {
            for (name, span) in source.chunks(inside(list)) {
                let table = |size: u64| -> Result<Vec<u8>, String> {
                    if span.length / size > records as u64 {
                        return Err(format!("its table {} is too long", String::from_utf8_lossy(&name)));
                    }
                    source.read(span, u64::MAX).map_err(|e| e.to_string())
                };
                match &name {
                    b"INAM" | b"ICOP" => {
                        let line = Span {
                            at: span.at,
                            length: span.length.min(4096),
                        };
                        let line = text(&source.read(line, 4096).unwrap_or_default());
                        *(if &name == b"INAM" {
                            &mut tables.name
                        } else {
                            &mut tables.copyright
                        }) = line;
                    }
                    b"smpl" => tables.samples = span,
                    b"sm24" => tables.low = Some(span),
                    b"phdr" => {
                        seen += 1;
                        for r in table(38)?.chunks_exact(38) {
                            tables.presets.push(Preset {
                                program: u16_at(r, 20),
                                bank: u16_at(r, 22),
                                bag: usize::from(u16_at(r, 24)),
                            });
                        }
                    }
                    b"inst" => {
                        seen += 1;
                        tables.instruments = table(22)?
                            .chunks_exact(22)
                            .map(|r| usize::from(u16_at(r, 20)))
                            .collect();
                    }
                    b"pbag" | b"ibag" => {
                        seen += 1;
                        let bags = table(4)?
                            .chunks_exact(4)
                            .map(|r| (usize::from(u16_at(r, 0)), usize::from(u16_at(r, 2))))
                            .collect();
                        tables.side(name[0]).bags = bags;
                    }
                    b"pgen" | b"igen" => {
                        seen += 1;
                        let list = table(4)?
                            .chunks_exact(4)
                            .map(|r| (u16_at(r, 0), u16_at(r, 2)))
                            .collect();
                        tables.side(name[0]).generators = list;
                    }
                    b"pmod" | b"imod" => {
                        let list = table(10)?
                            .chunks_exact(10)
                            .map(|r| Modulator {
                                source: u16_at(r, 0),
                                destination: u16_at(r, 2),
                                amount: u16_at(r, 4) as i16,
                                scale: u16_at(r, 6),
                            })
                            .collect();
                        tables.side(name[0]).modulators = list;
                    }
                    b"shdr" => {
                        seen += 1;
                        for r in table(46)?.chunks_exact(46) {
                            tables.headers.push(Header {
                                start: u32_at(r, 20),
                                end: u32_at(r, 24),
                                loop_start: u32_at(r, 28),
                                loop_end: u32_at(r, 32),
                                rate: u32_at(r, 36),
                                key: r.get(40).copied().unwrap_or(60),
                                correction: r.get(41).copied().unwrap_or(0) as i8,
                                kind: u16_at(r, 44),
                            });
                        }
                    }
                    _ => {}
                }
            }
        }
        if seen < 7 || tables.presets.len() < 2 || tables.samples.length == 0 {
            return Err("it lacks tables or samples".to_owned());
        }
        Ok(tables)
    }

    /// The lower bytes of the samples, if there is one for each frame (and at most one more, to fill up).
    pub(super) fn low_bytes(&self) -> Option<Span> {
        let frames = self.samples.length / 2;
        self.low.filter(|low| low.length == frames || low.length == frames + 1)
    }

    fn side(&mut self, first: u8) -> &mut Zones {
        if first == b'p' {
            &mut self.preset_zones
        } else {
            &mut self.instrument_zones
        }
    }

    /// Zones of the preset with this bank and program, each with the zones of its instrument.
    pub(super) fn preset(&self, bank: u16, program: u16) -> Option<Vec<(Zone, Vec<Zone>)>> {
        // The last record only ends the list.
        let last = self.presets.len().checked_sub(1)?;
        let i = self
            .presets
            .iter()
            .take(last)
            .position(|p| p.bank == bank && p.program == program)?;
        let to = self.presets.get(i + 1)?.bag;
        let zones = self
            .preset_zones
            .zones(self.presets.get(i)?.bag, to, generator::INSTRUMENT);
        let mut left = MOST;
        let mut list = Vec::new();
        for zone in zones {
            let Some(number) = zone.values[generator::INSTRUMENT] else {
                continue;
            };
            let mut inner = self.instrument(usize::from(number as u16));
            inner.truncate(left);
            left -= inner.len();
            list.push((zone, inner));
        }
        Some(list)
    }

    fn instrument(&self, i: usize) -> Vec<Zone> {
        let (Some(&from), Some(&to)) = (self.instruments.get(i), self.instruments.get(i + 1)) else {
            return Vec::new();
        };
        self.instrument_zones.zones(from, to, generator::SAMPLE)
    }
}
