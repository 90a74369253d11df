//! Rhythms written by hand: `"x..x ..x. x... x..."`.

use synchresis_cue::Meter;

/// One mark of a rhythm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    /// Quarters after the bar's start.
    pub(crate) at: f64,
    /// Quarters it lasts, holds included.
    pub(crate) len: f64,
    /// The mark.
    pub(crate) mark: char,
}

/// A rhythm of one bar or several.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pattern {
    meter: Option<Meter>,
    /// Bars of groups of marks.
    bars: Vec<Vec<Vec<char>>>,
}

impl Pattern {
    /// Reads a rhythm of marks out of `allowed` (`-` and `.` are always).
    pub(crate) fn parse(text: &str, allowed: &str) -> Result<Self, String> {
        let (meter, rest) = match text.split_once(':') {
            Some((m, rest)) => (Some(parse_meter(m)?), rest),
            None => (None, text),
        };
        let mut bars = Vec::new();
        for bar in rest.split('|') {
            let groups: Vec<Vec<char>> = bar.split_whitespace().map(|g| g.chars().collect()).collect();
            for &mark in groups.iter().flatten() {
                if mark != '.' && mark != '-' && !allowed.contains(mark) {
                    let list: Vec<String> = allowed.chars().map(|c| format!("{c:?}")).collect();
                    return Err(format!(
                        "the rhythm {text:?} has {mark:?}; allowed are {}, '-' and '.'",
                        list.join(", ")
                    ));
                }
            }
            if groups.is_empty() {
                return Err(format!("the rhythm {text:?} has an empty bar"));
            }
            bars.push(groups);
        }
        Ok(Self { meter, bars })
    }

    /// How well it suits a bar of this meter: 2 written for it, 1 can be cut to it, 0 written for another.
    pub(crate) fn fit(&self, meter: Meter) -> u8 {
        match self.meter {
            Some(m) if m == meter => 2,
            Some(_) => 0,
            None if meter.unit == 4 || meter.unit == 2 => 2,
            None => 1,
        }
    }

    /// Its marks in bar `index` of a section, that bar having this meter. Groups beyond the bar are cut, missing ones
    /// are taken from its beginning again.
    pub(crate) fn steps(&self, index: usize, meter: Meter) -> Vec<Step> {
        let groups = &self.bars[index % self.bars.len()];
        let total = meter.quarters();
        let size = if self.meter == Some(meter) {
            total / groups.len() as f64
        } else {
            1.0
        };
        let mut steps: Vec<Step> = Vec::new();
        let mut held = false;
        let count = (total / size - 1e-9).ceil() as usize;
        for g in 0..count {
            let group = &groups[g % groups.len()];
            let each = size / group.len() as f64;
            for (i, &mark) in group.iter().enumerate() {
                let at = g as f64 * size + i as f64 * each;
                if at >= total - 1e-6 {
                    break;
                }
                let len = each.min(total - at);
                match mark {
                    '.' => held = false,
                    '-' => {
                        if let Some(last) = steps.last_mut().filter(|_| held) {
                            last.len += len;
                        }
                    }
                    mark => {
                        steps.push(Step { at, len, mark });
                        held = true;
                    }
                }
            }
        }
        steps
    }
}

/// Reads `3/4`.
pub(crate) fn parse_meter(text: &str) -> Result<Meter, String> {
    let wrong = || format!("{text:?} is no meter; write one like \"3/4\"");
    let (beats, unit) = text.trim().split_once('/').ok_or_else(wrong)?;
    let meter = Meter {
        beats: beats.parse().map_err(|_| wrong())?,
        unit: unit.parse().map_err(|_| wrong())?,
    };
    if meter.beats == 0 || ![2, 4, 8, 16].contains(&meter.unit) {
        Err(wrong())
    } else {
        Ok(meter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: Meter = Meter { beats: 4, unit: 4 };

    #[test]
    fn a_hold_is_dropped_or_a_group_is_not_a_quarter() {
        let p = Pattern::parse("x-.x x-- .", "x").expect("parses");
        let s = p.steps(0, FOUR);
        assert_eq!(
            s[0],
            Step {
                at: 0.0,
                len: 0.5,
                mark: 'x'
            }
        );
        assert!((s[1].at - 0.75).abs() < 1e-9);
        assert!((s[2].len - 1.0).abs() < 1e-9);
        assert!(
            (s[3].at - 3.0).abs() < 1e-9,
            "the fourth quarter repeats the first group"
        );
    }

    #[test]
    fn a_bar_of_another_meter_overflows() {
        let p = Pattern::parse("x.x. x.x. x.x. x.x.", "x").expect("parses");
        for meter in [
            Meter { beats: 2, unit: 4 },
            Meter { beats: 7, unit: 8 },
            Meter { beats: 5, unit: 4 },
        ] {
            assert!(
                p.steps(3, meter)
                    .iter()
                    .all(|s| s.at + s.len <= meter.quarters() + 1e-9)
            );
            assert_eq!(p.steps(0, meter).len(), (meter.quarters() * 2.0) as usize);
        }
        let six = Pattern::parse("6/8: x.o x.o", "xo").expect("parses");
        assert!((six.steps(0, Meter { beats: 6, unit: 8 })[1].at - 1.0).abs() < 1e-9);
    }
}
