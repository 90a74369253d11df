//! The stage cache: what a stage made, under the hash of everything it was made from.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The name of a stage's result: a hash over the stage, its version and its inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// The key of `stage` at `version` over `inputs`; anything that changes the result must be among the inputs.
    pub fn new(stage: &str, version: u32, inputs: &impl Serialize) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(stage.as_bytes());
        hasher.update(&version.to_le_bytes());
        // Serialising to a hasher cannot fail for the types of the document: no maps with other keys than strings.
        let _ = serde_json::to_writer(&mut hasher, inputs);
        Self(hasher.finalize().to_hex()[..32].to_owned())
    }

    /// 32 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A folder of results. Files appear under their names whole or not at all.
#[derive(Debug)]
pub struct Cache {
    root: PathBuf,
    limit_bytes: u64,
    lost: Mutex<Option<io::Error>>,
}

/// Unfinished files older than this belong to nobody any more.
const STALE: Duration = Duration::from_secs(24 * 3600);

impl Cache {
    /// A cache in `root`, which is made if it is not there. [`Cache::prune`] keeps it under `limit_bytes`.
    ///
    /// # Errors
    /// Those of making the folder.
    pub fn open(root: &Path, limit_bytes: u64) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        Ok(Self {
            root: root.to_owned(),
            limit_bytes,
            lost: Mutex::new(None),
        })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn path(&self, stage: &str, key: &Key, extension: &str) -> PathBuf {
        self.root.join(format!("{stage}-{}.{extension}", key.0))
    }

    /// The JSON that `stage` made for `key`, unless it was never made or no longer reads.
    pub fn json<T: DeserializeOwned>(&self, stage: &str, key: &Key) -> Option<T> {
        let path = self.path(stage, key, "json");
        let bytes = fs::read(&path).ok()?;
        let value = serde_json::from_slice(&bytes).ok()?;
        touch(&path);
        Some(value)
    }

    /// Keeps `value`, which its maker still holds, as what `stage` made for `key`; where that fails, the next run
    /// makes it again, and [`Cache::lost`] says so.
    pub fn remember(&self, stage: &str, key: &Key, value: &impl Serialize) {
        if let Err(error) = self.put_json(stage, key, value) {
            self.lose(error);
        }
    }

    /// A result that nobody waits for could not be kept.
    pub fn lose(&self, why: io::Error) {
        self.lost
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(why);
    }

    /// A sentence for the person if results could not be kept since this was asked last.
    pub fn lost(&self) -> Option<String> {
        let why = self.lost.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let root = self.root.display();
        Some(format!(
            "cache: not all was kept in {root} ({why}): what is missing will be made again when it is next asked for\nhint: free some space, or choose another folder with --cache-dir"
        ))
    }

    /// Keeps `value` as what `stage` made for `key`.
    ///
    /// # Errors
    /// Those of writing the file.
    pub fn put_json(&self, stage: &str, key: &Key, value: &impl Serialize) -> io::Result<()> {
        let mut pending = self.create(stage, key, "json")?;
        let mut file = io::BufWriter::new(pending.file());
        serde_json::to_writer(&mut file, value).map_err(io::Error::other)?;
        file.flush()?;
        drop(file);
        pending.keep().map(drop)
    }

    /// The file that `stage` made for `key`.
    pub fn file(&self, stage: &str, key: &Key, extension: &str) -> Option<PathBuf> {
        let path = self.path(stage, key, extension);
        path.is_file().then(|| {
            touch(&path);
            path
        })
    }

    /// A file to be filled and then kept under `key`.
    ///
    /// # Errors
    /// Those of making the file.
    pub fn create(&self, stage: &str, key: &Key, extension: &str) -> io::Result<Pending> {
        let temporary = tempfile::Builder::new()
            .prefix(&format!(".{stage}-"))
            .suffix(&format!(".{extension}"))
            .tempfile_in(&self.root)?;
        Ok(Pending {
            temporary,
            path: self.path(stage, key, extension),
        })
    }

    /// Forgets the results used longest ago until the cache is under its limit, and unfinished files of the dead.
    pub fn prune(&self) {
        self.shrink(|_| self.limit_bytes);
    }

    /// The disk is full: forgets half of what there is, used longest ago.
    pub fn make_room(&self) {
        self.shrink(|total| total / 2);
    }

    fn shrink(&self, limit: impl FnOnce(u64) -> u64) {
        let Ok(entries) = fs::read_dir(&self.root) else { return };
        let mut files = Vec::new();
        let mut total = 0;
        for entry in entries.flatten() {
            let (Ok(meta), path) = (entry.metadata(), entry.path()) else {
                continue;
            };
            let used = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if entry.file_name().to_string_lossy().starts_with('.') {
                if used.elapsed().is_ok_and(|age| age > STALE) {
                    let _ = fs::remove_file(path);
                }
                continue;
            }
            total += meta.len();
            files.push((used, meta.len(), path));
        }
        files.sort();
        let limit = limit(total);
        for (_, bytes, path) in files {
            if total <= limit {
                break;
            }
            if fs::remove_file(path).is_ok() {
                total -= bytes;
            }
        }
    }
}

/// Marks a result as used now; a read-only cache is no reason to fail.
fn touch(path: &Path) {
    if let Ok(file) = File::options().append(true).open(path) {
        let _ = file.set_modified(SystemTime::now());
    }
}

/// A file on its way into the cache; dropped, it is gone.
#[derive(Debug)]
pub struct Pending {
    temporary: tempfile::NamedTempFile,
    path: PathBuf,
}

impl Pending {
    /// The open file.
    pub fn file(&mut self) -> &mut File {
        self.temporary.as_file_mut()
    }

    /// Where it lies until it is kept.
    pub fn path(&self) -> &Path {
        self.temporary.path()
    }

    /// Puts the file under its name.
    ///
    /// # Errors
    /// Those of renaming it.
    pub fn keep(self) -> io::Result<PathBuf> {
        self.temporary.persist(&self.path).map_err(|e| e.error)?;
        Ok(self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(limit: u64) -> (tempfile::TempDir, Cache) {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = Cache::open(dir.path(), limit).expect("opens");
        (dir, cache)
    }

    #[test]
    fn another_input_or_version_finds_the_old_result() {
        let (_dir, cache) = cache(1 << 20);
        let key = Key::new("spot", 1, &("clip", 7));
        cache.put_json("spot", &key, &[1, 2, 3]).expect("writes");
        assert_eq!(
            cache.json::<Vec<i32>>("spot", &Key::new("spot", 1, &("clip", 7))),
            Some(vec![1, 2, 3])
        );
        assert_eq!(cache.json::<Vec<i32>>("spot", &Key::new("spot", 2, &("clip", 7))), None);
        assert_eq!(cache.json::<Vec<i32>>("spot", &Key::new("spot", 1, &("clip", 8))), None);
    }

    #[test]
    fn a_result_given_up_half_way_is_found_later() {
        let (dir, cache) = cache(1 << 20);
        let key = Key::new("mix", 1, &0);
        let mut pending = cache.create("mix", &key, "wav").expect("makes");
        pending.file().write_all(b"half").expect("writes");
        drop(pending);
        assert_eq!(cache.file("mix", &key, "wav"), None);
        assert_eq!(fs::read_dir(dir.path()).expect("reads").count(), 0);
    }

    #[test]
    fn the_cache_grows_past_its_limit_or_forgets_what_was_used_last() {
        let (_dir, cache) = cache(150);
        for i in 0..3 {
            let key = Key::new("mix", 1, &i);
            let mut pending = cache.create("mix", &key, "f32").expect("makes");
            pending.file().write_all(&[0; 100]).expect("writes");
            let path = pending.keep().expect("keeps");
            let when = SystemTime::now() - Duration::from_secs(100 - i);
            File::options()
                .append(true)
                .open(path)
                .and_then(|f| f.set_modified(when))
                .expect("dates");
        }
        let left = || -> Vec<u64> {
            (0..3)
                .filter(|i| cache.path("mix", &Key::new("mix", 1, i), "f32").is_file())
                .collect()
        };
        cache.prune();
        assert_eq!(left(), [2]);
        cache.make_room();
        assert_eq!(left(), [0; 0], "nothing is forgotten on a full disk");
    }
}
