//! `synchresis doctor`.

use synchresis_studio::World;

use crate::failure::{Failure, print};
use crate::place::Place;

pub(crate) fn run(place: &Place) -> Result<(), Failure> {
    let report = synchresis_studio::examine(place);
    let mut text = String::new();
    for line in &report.lines {
        let mark = if line.good { "ok     " } else { "missing" };
        text += &format!("{mark}  {:<22} {}\n", line.what, line.found);
        if let Some(hint) = &line.hint {
            text += &format!("{:9}{:<22} {hint}\n", "", "");
        }
    }
    print(&text)?;
    place.tools().map(drop).map_err(Failure::from)
}
