//! Standard MIDI files, format 1: what a person opens in a workstation.

use midly::num::{u4, u7, u14, u24, u28};
use midly::{
    Format, Header, MetaMessage, MidiMessage, PitchBend, Smf, Timing, Track as Chunk, TrackEvent, TrackEventKind,
};
use synchresis_cue::{CueSheet, Key, Role, Score, Spotting, Track, VoiceFamily, voice};

use crate::grid::Grid;

/// Ticks of a quarter.
const PPQ: f64 = 960.0;
/// Microseconds of a quarter at most, as the format has 24 bits.
const SLOWEST: f64 = 16_777_215.0;

/// The score as a MIDI file: the tempo map and meters of the grid, keys, a marker for every section and hit, and a
/// track a player with its name, program, notes, bends, pedal and expression. Drums are on channel 10. Players beyond
/// the fifteenth melodic one share a channel with one of the same program, or stand on another port.
///
/// Tempo events are whole microseconds: each bar makes good the rounding of the one before, and notes are placed by the
/// tempos as written, so that onsets in seconds are those of the score within half a tick.
pub fn write(cue: &CueSheet, spotting: &Spotting, score: &Score) -> Vec<u8> {
    let clock = Clock::new(&Grid::new(&spotting.bars));
    let mut tracks = vec![conductor(cue, spotting, score, &clock)];
    let seats = seats(score);
    for (track, seat) in score.tracks.iter().zip(&seats) {
        tracks.push(player(track, *seat, &clock));
    }
    let names: Vec<Chunk> = tracks
        .iter()
        .map(|events| {
            let mut chunk: Chunk = Vec::with_capacity(events.len() + 1);
            let mut last = 0;
            for (tick, _, event) in events {
                chunk.push(TrackEvent {
                    delta: u28::new((tick - last).min(0x0fff_ffff)),
                    kind: event.as_kind(),
                });
                last = *tick;
            }
            chunk.push(TrackEvent {
                delta: u28::new(0),
                kind: TrackEventKind::Meta(MetaMessage::EndOfTrack),
            });
            chunk
        })
        .collect();
    let header = Header::new(Format::Parallel, Timing::Metrical((PPQ as u16).into()));
    let mut bytes = Vec::new();
    // Writing to memory cannot fail.
    let _ = Smf { header, tracks: names }.write_std(&mut bytes);
    bytes
}

/// An event that owns its text.
enum Event {
    Text(TextKind, String),
    Plain(TrackEventKind<'static>),
}

#[derive(Clone, Copy)]
enum TextKind {
    Name,
    Marker,
    Instrument,
}

impl Event {
    fn as_kind(&self) -> TrackEventKind<'_> {
        match self {
            Event::Plain(kind) => *kind,
            Event::Text(TextKind::Name, text) => TrackEventKind::Meta(MetaMessage::TrackName(text.as_bytes())),
            Event::Text(TextKind::Marker, text) => TrackEventKind::Meta(MetaMessage::Marker(text.as_bytes())),
            Event::Text(TextKind::Instrument, text) => {
                TrackEventKind::Meta(MetaMessage::InstrumentName(text.as_bytes()))
            }
        }
    }
}

/// (tick, order within the tick, event)
type Events = Vec<(u32, u8, Event)>;

/// Seconds and ticks, by the tempos as written.
struct Clock {
    /// (start in microseconds, start tick, microseconds a quarter, beats, unit)
    bars: Vec<(f64, f64, f64, u8, u8)>,
}

impl Clock {
    fn new(grid: &Grid) -> Self {
        let mut bars = Vec::new();
        let (mut time, mut tick) = (0.0, 0.0);
        let mut add = |end: f64, quarters: f64, beats: u8, unit: u8, last: bool| {
            // A bar too slow for the format is written as several.
            let copies = ((end - time) / (quarters * SLOWEST)).ceil().max(1.0);
            for k in 0..copies as usize {
                let target = time + (end - time) / (copies - k as f64);
                let mpq = ((target - time) / quarters).round().clamp(1.0, SLOWEST);
                bars.push((time, tick, mpq, beats, unit));
                time += mpq * quarters;
                tick += quarters * PPQ;
            }
            let _ = last;
        };
        let first = grid.seconds(grid.quarter(0));
        if let Some(bar) = grid.bars().first().filter(|_| first > 1e-4) {
            add(
                first * 1e6,
                bar.meter.quarters(),
                bar.meter.beats,
                bar.meter.unit,
                false,
            );
        }
        let count = grid.bars().len();
        for (i, bar) in grid.bars().iter().enumerate() {
            let end = if i + 1 < count {
                grid.bars()[i + 1].start_s
            } else {
                bar.end_s()
            };
            add(
                end * 1e6,
                bar.meter.quarters(),
                bar.meter.beats,
                bar.meter.unit,
                i + 1 == count,
            );
        }
        Self { bars }
    }

    fn tick(&self, seconds: f64) -> u32 {
        let us = seconds * 1e6;
        let i = self.bars.partition_point(|b| b.0 <= us).saturating_sub(1);
        let Some(bar) = self.bars.get(i) else { return 0 };
        (bar.1 + (us - bar.0) / bar.2 * PPQ)
            .round()
            .clamp(0.0, f64::from(u32::MAX)) as u32
    }
}

fn conductor(cue: &CueSheet, spotting: &Spotting, score: &Score, clock: &Clock) -> Events {
    let mut events: Events = vec![(0, 0, Event::Text(TextKind::Name, cue.title.clone()))];
    let (mut tempo, mut meter) = (0.0, (0, 0));
    for bar in &clock.bars {
        let tick = bar.1 as u32;
        if (bar.2 - tempo).abs() > 0.5 {
            let micros = u24::new(bar.2 as u32);
            events.push((tick, 1, Event::Plain(TrackEventKind::Meta(MetaMessage::Tempo(micros)))));
            tempo = bar.2;
        }
        if meter != (bar.3, bar.4) {
            meter = (bar.3, bar.4);
            let power = bar.4.max(1).trailing_zeros() as u8;
            events.push((
                tick,
                2,
                Event::Plain(TrackEventKind::Meta(MetaMessage::TimeSignature(bar.3, power, 24, 8))),
            ));
        }
    }
    let mut key: Option<Key> = None;
    for section in &cue.form {
        let tick = clock.tick(section.start_s);
        if section.role != Role::Silence && key != Some(section.key) {
            key = Some(section.key);
            let (sharps, minor) = signature(section.key);
            events.push((
                tick,
                3,
                Event::Plain(TrackEventKind::Meta(MetaMessage::KeySignature(sharps, minor))),
            ));
        }
        events.push((tick, 4, Event::Text(TextKind::Marker, format!("{:?}", section.role))));
    }
    for mark in &score.marks {
        events.push((
            clock.tick(mark.time_s),
            5,
            Event::Text(TextKind::Marker, mark.label.clone()),
        ));
    }
    let _ = spotting;
    events.sort_by_key(|e| (e.0, e.1));
    events
}

/// Sharps (above 0) or flats (below) of a key's signature, and whether it is minor. Modes take that of their parallel
/// major or minor.
pub(crate) fn signature(key: Key) -> (i8, bool) {
    const FIFTHS: [i8; 12] = [0, -5, 2, -3, 4, -1, 6, 1, -4, 3, -2, 5];
    let minor = key.mode.is_minor();
    let major = if minor { (key.tonic + 3) % 12 } else { key.tonic % 12 };
    let mut fifths = FIFTHS[usize::from(major)];
    // As the tonic is named: C# minor and G# minor have sharps, F# major too.
    if minor && key.tonic % 12 == 8 {
        fifths = 5;
    }
    if minor && key.tonic % 12 == 1 {
        fifths = 4;
    }
    (fifths, minor)
}

/// Port, channel and program of every player.
fn seats(score: &Score) -> Vec<(u8, u8, u8)> {
    let mut taken: Vec<(u8, u8, u8)> = Vec::new();
    let mut seats = Vec::new();
    let melodic = score.tracks.iter().filter(|t| !is_kit(t)).count();
    for track in &score.tracks {
        let program = voice(&track.voice).map_or(0, |v| v.program);
        if is_kit(track) {
            seats.push((0, 9, program));
            continue;
        }
        let shared = taken
            .iter()
            .find(|s| melodic > 15 && s.2 == program && track.bends.is_empty())
            .copied();
        let seat = shared.unwrap_or_else(|| {
            let n = taken.len() as u8;
            let channel = n % 15;
            (n / 15, if channel >= 9 { channel + 1 } else { channel }, program)
        });
        if shared.is_none() {
            taken.push(seat);
        }
        seats.push(seat);
    }
    seats
}

fn is_kit(track: &Track) -> bool {
    voice(&track.voice).is_some_and(|v| v.family == VoiceFamily::Kit)
}

fn player(track: &Track, (port, channel, program): (u8, u8, u8), clock: &Clock) -> Events {
    let channel = u4::new(channel);
    let midi = |message: MidiMessage| Event::Plain(TrackEventKind::Midi { channel, message });
    let control = |number: u8, value: f64| {
        midi(MidiMessage::Controller {
            controller: u7::new(number),
            value: u7::new(value.round().clamp(0.0, 127.0) as u8),
        })
    };
    let mut events: Events = vec![
        (0, 0, Event::Text(TextKind::Name, track.name.clone())),
        (0, 0, Event::Text(TextKind::Instrument, track.voice.clone())),
    ];
    if port > 0 {
        events.push((
            0,
            0,
            Event::Plain(TrackEventKind::Meta(MetaMessage::MidiPort(u7::new(port)))),
        ));
    }
    events.push((
        0,
        1,
        midi(MidiMessage::ProgramChange {
            program: u7::new(program & 127),
        }),
    ));
    // General MIDI volume goes with the square: 40·log10(value / 127) dB; 0 dB of ours is 100.
    events.push((0, 1, control(7, 100.0 * 10f64.powf(track.level_db / 40.0))));
    events.push((0, 1, control(10, 64.0 + 63.0 * track.pan)));
    events.push((
        0,
        1,
        control(91, 127.0 * (0.4 * track.room + 0.7 * track.hall).min(1.0)),
    ));
    for note in &track.notes {
        let on = clock.tick(note.start_s);
        let off = clock.tick(note.start_s + note.duration_s).max(on + 1);
        let key = u7::new(note.pitch.min(127));
        let vel = u7::new((f64::from(note.velocity) * 127.0).round().clamp(1.0, 127.0) as u8);
        events.push((on, 6, midi(MidiMessage::NoteOn { key, vel })));
        events.push((off, 4, midi(MidiMessage::NoteOff { key, vel: u7::new(64) })));
    }
    for pedal in &track.pedal {
        events.push((clock.tick(pedal.down_s), 3, control(64, 127.0)));
        events.push((clock.tick(pedal.up_s), 2, control(64, 0.0)));
    }
    for bend in &track.bends {
        let value = (8192.0 + bend.semitones / 2.0 * 8191.0).round().clamp(0.0, 16383.0) as u16;
        events.push((
            clock.tick(bend.time_s),
            5,
            midi(MidiMessage::PitchBend {
                bend: PitchBend(u14::new(value)),
            }),
        ));
    }
    let mut last = 255;
    for (time, gain) in expression(track) {
        // Expression goes with the square too.
        let value = (127.0 * gain.clamp(0.0, 1.0).sqrt()).round() as u8;
        if value != last {
            last = value;
            events.push((clock.tick(time), 5, control(11, f64::from(value))));
        }
    }
    events.sort_by_key(|e| (e.0, e.1));
    events
}

/// Expression with points close enough that steps are not heard.
fn expression(track: &Track) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    for w in track.expression.windows(2) {
        let ((t0, g0), (t1, g1)) = (w[0], w[1]);
        let n = (((t1 - t0) / 0.06).ceil().clamp(1.0, 64.0)) as usize;
        points.extend((0..n).map(|k| {
            let x = k as f64 / n as f64;
            (t0 + (t1 - t0) * x, g0 + (g1 - g0) * x)
        }));
    }
    points.extend(track.expression.last());
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use synchresis_cue::Mode;

    #[test]
    fn a_key_has_the_wrong_signature() {
        for (tonic, mode, want) in [
            (0, Mode::Ionian, (0, false)),
            (9, Mode::Aeolian, (0, true)),
            (2, Mode::Dorian, (-1, true)),
            (3, Mode::Lydian, (-3, false)),
            (6, Mode::Aeolian, (3, true)),
            (1, Mode::Aeolian, (4, true)),
        ] {
            assert_eq!(signature(Key { tonic, mode }), want);
        }
    }
}
