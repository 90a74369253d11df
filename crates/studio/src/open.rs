//! What the input is: its content, its name, its streams.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::UNIX_EPOCH;

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use synchresis_cue::{Cancelled, Footage, FootageKind, Watch};
use synchresis_media::probe;

use crate::cache::Key;
use crate::error::StudioError;
use crate::ledger::Ledger;
use crate::order::Order;
use crate::sections::VideoInput;
use crate::world::World;

/// Version of what the probe reads.
const FOOTAGE: u32 = 1;

/// How long a picture is shown where nothing else is asked, seconds.
const PICTURE_S: f64 = 10.0;

/// The input, opened.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) footage: Footage,
    /// Hash of the file's bytes: the name its results are kept under, wherever it lies and whatever it is called.
    pub(crate) content: String,
    /// MD5 of the file, if an earlier run has read it.
    pub(crate) token: Option<String>,
    identity: Key,
}

/// What is known of a file that lay here before, with the same size and time.
#[derive(Debug, Serialize, Deserialize)]
struct Known {
    content: String,
    token: Option<String>,
}

const KNOWN: &str = "file";

/// Probes the input.
pub(crate) fn run(ledger: &mut Ledger, order: &Order, world: &dyn World) -> Result<Opened, StudioError> {
    world.begin("opening");
    let input = &order.input;
    // Where there is no such file, the probe says it best.
    let Some(identity) = identity(input) else {
        let refused = probe(input, world.tools()?, world.limits(), &Quietly(world));
        return Err(refused.map_or_else(Into::into, |_| {
            StudioError::file("opening", input, io::Error::from(io::ErrorKind::NotFound))
        }));
    };
    let known = world.cache().json::<Known>(KNOWN, &identity);
    let (content, token) = match known {
        Some(known) => (known.content, known.token),
        None => {
            let size = std::fs::metadata(input).map_or(0, |meta| meta.len());
            if size > world.limits().bytes || size == 0 {
                probe(input, world.tools()?, world.limits(), &Quietly(world))?;
            }
            let mut hasher = blake3::Hasher::new();
            read(input, world, |bytes| {
                hasher.update(bytes);
            })?;
            (hasher.finalize().to_hex()[..32].to_owned(), None)
        }
    };
    let asked = order.brief.duration;
    let footage: Footage = ledger.section(FOOTAGE, &(&content, asked), world, || {
        let mut footage = probe(input, world.tools()?, world.limits(), &Quietly(world))?;
        if footage.kind == FootageKind::Picture {
            let seconds = asked.unwrap_or(PICTURE_S);
            if !(0.04..=world.limits().duration_s).contains(&seconds) {
                return Err(StudioError::Brief(format!(
                    "showing {} for {seconds} s: a film lasts from 0.04 s to {} s\nhint: choose another --duration",
                    input.display(),
                    world.limits().duration_s
                )));
            }
            footage.duration_s = seconds;
            footage.video.duration_s = seconds;
        }
        Ok(footage)
    })?;
    Ok(Opened {
        footage,
        content,
        token,
        identity,
    })
}

impl Opened {
    /// The MD5 that the document names the file by, read if no earlier run has.
    pub(crate) fn token(&self, input: &Path, world: &dyn World) -> Result<String, StudioError> {
        if let Some(token) = &self.token {
            return Ok(token.clone());
        }
        let mut hasher = Md5::new();
        read(input, world, |bytes| hasher.update(bytes))?;
        let token: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let known = Known {
            content: self.content.clone(),
            token: Some(token.clone()),
        };
        world.cache().remember(KNOWN, &self.identity, &known);
        Ok(token)
    }
}

/// The section that names the input; its token is filled in once it is read.
pub(crate) fn video_input(order: &Order, duration_s: f64, token: String) -> VideoInput {
    let input = &order.input;
    VideoInput {
        token,
        video_name: order.called(),
        video_path: input.display().to_string(),
        video_duration: duration_s,
        output_path: order.film().display().to_string(),
        file_format: Path::new(&order.called())
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase(),
    }
}

/// Where a file lies, how large it is and when it was changed: enough to know it again without reading it.
pub(crate) fn identity(path: &Path) -> Option<Key> {
    let meta = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    let path = std::fs::canonicalize(path).ok()?;
    let changed = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Key::new(
        KNOWN,
        1,
        &(path.to_string_lossy(), meta.len(), changed.as_nanos().to_string()),
    ))
}

fn read(path: &Path, world: &dyn World, mut each: impl FnMut(&[u8])) -> Result<(), StudioError> {
    let failed = |e| StudioError::file("reading", path, e);
    let mut file = File::open(path).map_err(failed)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        world.check()?;
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => each(&buffer[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(failed(e)),
        }
    }
}

/// The person's wish to stop, without the progress bar.
pub(crate) struct Quietly<'a>(pub(crate) &'a dyn World);

impl Watch for Quietly<'_> {
    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
    fn progress(&self, _fraction: f64) {}
    fn check(&self) -> Result<(), Cancelled> {
        self.0.check()
    }
}
