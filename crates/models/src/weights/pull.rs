//! Pulling weights: what a repository has, file by file, going on where it was broken off, and nothing under its name before it is
//! whole and the one that was announced.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Entry;
use synchresis_cue::Cancelled;

use crate::error::ModelError;
use crate::http::{Client, Patience, streaming};

const DOING: &str = "pulling weights";
/// The hub that repositories are on.
pub const HUB: &str = "https://huggingface.co";
/// What is written beside pulled files.
const RECEIPT: &str = ".synchresis.json";

/// Where weights are pulled from, and how.
pub struct Source<'a> {
    /// The base of the hub; all files come from there where it is another than [`HUB`].
    pub hub: &'a str,
    /// A key for repositories that ask for one.
    pub key: Option<&'a str>,
    /// How patient requests are.
    pub patience: Patience,
    /// Whether the person asked to stop.
    pub cancelled: &'a dyn Fn() -> bool,
}

impl Source<'_> {
    fn client(&self) -> Client<'_> {
        Client {
            doing: DOING,
            key: self.key.map(str::to_owned),
            patience: self.patience,
            cancelled: self.cancelled,
        }
    }
}

/// A file to be pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its path within the model's folder.
    pub path: String,
    url: String,
    /// Its length, where that is announced.
    pub bytes: Option<u64>,
    /// SHA-256 as 64 hexadecimal digits, where that is announced.
    pub sha256: Option<String>,
}

/// What was pulled: `.synchresis.json` beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The model's name.
    pub name: String,
    /// Where it is published.
    pub repository: String,
    /// Which of its states.
    pub revision: String,
    /// The licence that the person agreed to.
    pub licence: String,
    /// Its files.
    pub files: Vec<Pulled>,
}

/// A file that was pulled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulled {
    /// Its path within the model's folder.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Of what arrived.
    pub sha256: String,
}

/// The files of `entry`, as the hub lists them now.
///
/// # Errors
/// [`ModelError::Endpoint`] where it cannot be reached or has no such files.
pub fn list(entry: &Entry, source: &Source<'_>) -> Result<Vec<Remote>, ModelError> {
    let (hub, repository, revision) = (source.hub.trim_end_matches('/'), &entry.repository, &entry.revision);
    let resolve = |file: &str| format!("{hub}/{repository}/resolve/{revision}/{file}");
    if let Some(url) = &entry.url {
        let each = |file: &String| Remote {
            path: file.clone(),
            url: if hub == HUB {
                let url = url.replace("{repository}", repository).replace("{revision}", revision);
                url.replace("{file}", file)
            } else {
                resolve(file)
            },
            bytes: None,
            sha256: None,
        };
        return Ok(entry.files.iter().map(each).collect());
    }
    let client = source.client();
    let url = format!("{hub}/api/models/{repository}/revision/{revision}?blobs=true");
    let json = client.json(&url, None)?;
    let Some(siblings) = json.get("siblings").and_then(Value::as_array) else {
        return Err(client.nonsense(&url, &json.to_string()));
    };
    let mut all: Vec<Remote> = siblings
        .iter()
        .filter_map(|sibling| {
            let path = sibling.get("rfilename")?.as_str()?;
            let large = sibling.get("lfs");
            let size = sibling.get("size").or_else(|| large?.get("size"));
            let sha256 = large.and_then(|large| large.get("sha256").or(large.get("oid")));
            Some(Remote {
                path: path.to_owned(),
                url: resolve(path),
                bytes: size.and_then(Value::as_u64),
                sha256: sha256.and_then(Value::as_str).map(str::to_lowercase),
            })
        })
        .filter(|remote| inside(&remote.path) && wanted(entry, &remote.path))
        .collect();
    one_kind(&mut all);
    if all.is_empty() {
        return Err(client.failed(
            &url,
            "it has none of the files that are wanted".to_owned(),
            "was the repository changed?",
        ));
    }
    Ok(all)
}

/// A path that stays in its folder.
fn inside(path: &str) -> bool {
    !path.is_empty()
        && Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
        && !path.contains('\\')
}

fn wanted(entry: &Entry, path: &str) -> bool {
    // Halves, other frameworks' weights and exports are not what the engines read.
    let foreign = [
        ".fp16.",
        ".non_ema.",
        "flax_model",
        "tf_model",
        "openvino",
        "onnx",
        "safety_checker",
    ];
    !foreign.iter().any(|part| path.contains(part)) && entry.wants.iter().any(|pattern| fits(pattern, path))
}

/// `*` is anything within a name, `**/` any folder.
fn fits(pattern: &str, path: &str) -> bool {
    match pattern.strip_prefix("**/") {
        Some(rest) => path
            .split_once('/')
            .is_some_and(|(_, inner)| fits(rest, inner) || fits(pattern, inner)),
        None => match pattern.split_once('*') {
            None => pattern == path,
            Some((start, end)) => {
                let middle = path.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
                middle.is_some_and(|middle| !middle.contains('/'))
            }
        },
    }
}

/// Where a folder has its weights twice, the ones that cannot hold code.
fn one_kind(all: &mut Vec<Remote>) {
    let folder = |path: &str| path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    let safe: BTreeSet<String> = all
        .iter()
        .filter(|remote| remote.path.ends_with(".safetensors"))
        .map(|remote| folder(&remote.path))
        .collect();
    all.retain(|remote| {
        let pickled = [".bin", ".pt", ".pth", ".ckpt"]
            .iter()
            .any(|end| remote.path.ends_with(end));
        !pickled || !safe.contains(&folder(&remote.path))
    });
}

/// Pulls `files` into the place of `entry` under `models`; `tell` hears how many bytes are there of about how many. What is there
/// and whole is not pulled again.
///
/// # Errors
/// [`ModelError::Endpoint`], [`ModelError::Checkpoint`] where something cannot be written or is not what was announced,
/// [`ModelError::Cancelled`].
pub fn fetch(
    entry: &Entry,
    files: &[Remote],
    models: &Path,
    source: &Source<'_>,
    tell: &mut dyn FnMut(u64, u64),
) -> Result<Receipt, ModelError> {
    let home = entry.home(models);
    let known: u64 = files.iter().filter_map(|remote| remote.bytes).sum();
    let all = if known > 0 { known } else { entry.megabytes * 1_000_000 };
    let mut done = 0;
    let mut pulled = Vec::new();
    for remote in files {
        let path = home.join(&remote.path);
        let one = match there(&path, remote)? {
            Some(one) => one,
            None => one_file(remote, &path, source, &mut |bytes| tell(done + bytes, all))?,
        };
        done += one.bytes;
        tell(done, all.max(done));
        pulled.push(one);
    }
    let receipt = Receipt {
        name: entry.name.clone(),
        repository: entry.repository.clone(),
        revision: entry.revision.clone(),
        licence: entry.licence.clone(),
        files: pulled,
    };
    if !entry.folder.is_empty() {
        let text = serde_json::to_vec_pretty(&receipt).unwrap_or_default();
        let path = home.join(RECEIPT);
        fs::write(&path, text).map_err(|e| broken(&path, e.to_string()))?;
    }
    Ok(receipt)
}

fn broken(path: &Path, reason: String) -> ModelError {
    ModelError::Checkpoint {
        path: path.to_path_buf(),
        reason,
        hint: "is there room on the disk, and may you write there? What has arrived is kept, the next pull goes on from it",
    }
}

/// The file as it lies, if it is the one that was announced.
fn there(path: &Path, remote: &Remote) -> Result<Option<Pulled>, ModelError> {
    let Ok(metadata) = fs::metadata(path) else {
        return Ok(None);
    };
    if !metadata.is_file() || remote.bytes.is_some_and(|bytes| bytes != metadata.len()) {
        return Ok(None);
    }
    let mut file = File::open(path).map_err(|e| broken(path, e.to_string()))?;
    let sha256 = hash(&mut file, &mut Sha256::new()).map_err(|e| broken(path, e.to_string()))?;
    let same = remote.sha256.as_ref().is_none_or(|announced| *announced == sha256);
    Ok(same.then(|| Pulled {
        path: remote.path.clone(),
        bytes: metadata.len(),
        sha256,
    }))
}

fn hash(file: &mut File, hasher: &mut Sha256) -> std::io::Result<String> {
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hexadecimal(&hasher.finalize_reset()));
        }
        hasher.update(&buffer[..read]);
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn one_file(
    remote: &Remote,
    path: &Path,
    source: &Source<'_>,
    tell: &mut dyn FnMut(u64),
) -> Result<Pulled, ModelError> {
    let client = source.client();
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let failed = |e: std::io::Error| broken(&part, e.to_string());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|e| broken(folder, e.to_string()))?;
    }
    let mut wait = source.patience.wait;
    let mut tries = source.patience.tries.max(1);
    loop {
        let before = fs::metadata(&part).map_or(0, |metadata| metadata.len());
        match stream(remote, &part, source, tell)? {
            Ok(()) => break,
            Err(reason) => {
                let after = fs::metadata(&part).map_or(0, |metadata| metadata.len());
                // Tries count while nothing arrives.
                tries = if after > before {
                    source.patience.tries
                } else {
                    tries.saturating_sub(1)
                };
                if tries == 0 {
                    let hint = "what has arrived is kept; the next pull goes on from there";
                    return Err(client.failed(&remote.url, reason, hint));
                }
                client.pause(wait)?;
                wait = (wait * 2).min(Duration::from_secs(30));
            }
        }
    }
    let mut file = File::open(&part).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let sha256 = hash(&mut file, &mut Sha256::new()).map_err(failed)?;
    drop(file);
    let wrong = match (&remote.bytes, &remote.sha256) {
        (Some(announced), _) if *announced != bytes => Some(format!("{announced} bytes were announced, {bytes} came")),
        (_, Some(announced)) if *announced != sha256 => {
            Some(format!("its SHA-256 is {sha256}, {announced} was announced"))
        }
        _ => None,
    };
    if let Some(reason) = wrong {
        // Going on from it would never end well.
        let _ = fs::remove_file(&part);
        return Err(ModelError::Checkpoint {
            path: path.to_path_buf(),
            reason,
            hint: "pull it again; what came is thrown away",
        });
    }
    fs::rename(&part, path).map_err(failed)?;
    Ok(Pulled {
        path: remote.path.clone(),
        bytes,
        sha256,
    })
}

/// What is missing of a file, added to what is there. The inner error is one that may pass.
fn stream(
    remote: &Remote,
    part: &Path,
    source: &Source<'_>,
    tell: &mut dyn FnMut(u64),
) -> Result<Result<(), String>, ModelError> {
    let failed = |e: std::io::Error| broken(part, e.to_string());
    let client = source.client();
    let mut file = OpenOptions::new()
        .create(true)
        .append(false)
        .write(true)
        .truncate(false)
        .open(part)
        .map_err(failed)?;
    let mut have = file.metadata().map_err(failed)?.len();
    if remote.bytes == Some(have) {
        return Ok(Ok(()));
    }
    let mut request = streaming(source.patience).get(&remote.url);
    if let Some(key) = source.key {
        request = request.header("Authorization", format!("Bearer {key}"));
    }
    if have > 0 {
        request = request.header("Range", format!("bytes={have}-"));
    }
    let mut response = match request.call() {
        Ok(response) => response,
        Err(e) => return Ok(Err(e.to_string())),
    };
    match response.status().as_u16() {
        206 => {}
        // It sends all of it, from the beginning.
        200 => have = 0,
        416 if have > 0 => {
            file.set_len(0).map_err(failed)?;
            return Ok(Err("it has not as many bytes as are here".to_owned()));
        }
        status @ (401 | 403) => {
            let hint = "this repository asks for a key: put it into the environment as HF_TOKEN, after agreeing to its terms there";
            return Err(client.failed(&remote.url, format!("it refused with status {status}"), hint));
        }
        404 => {
            let hint = "was the repository changed?";
            return Err(client.failed(&remote.url, "there is no such file".to_owned(), hint));
        }
        status => return Ok(Err(format!("it refused with status {status}"))),
    }
    file.set_len(have).map_err(failed)?;
    file.seek(SeekFrom::Start(have)).map_err(failed)?;
    let mut body = response.body_mut().as_reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        if (source.cancelled)() {
            return Err(ModelError::Cancelled(Cancelled));
        }
        match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                file.write_all(&buffer[..read]).map_err(failed)?;
                have += read as u64;
                tell(have);
            }
            Err(e) => return Ok(Err(e.to_string())),
        }
    }
    Ok(match remote.bytes {
        Some(bytes) if have < bytes => Err(format!("it broke off after {have} of {bytes} bytes")),
        _ => Ok(()),
    })
}

/// Removes what was pulled of `entry`; how many bytes that frees. Where a person put the files there by hand, the engine's whole
/// folder goes.
///
/// # Errors
/// [`ModelError::NoWeights`] where nothing is there, [`ModelError::Checkpoint`] where it cannot be removed.
pub fn remove(entry: &Entry, models: &Path) -> Result<u64, ModelError> {
    let place = entry.place(models);
    if !entry.is_there(models) {
        return Err(ModelError::NoWeights {
            path: place,
            reason: format!("{} is not there", entry.name),
        });
    }
    let bytes = size(&place);
    let gone = if place.is_file() {
        fs::remove_file(&place)
    } else {
        fs::remove_dir_all(&place)
    };
    gone.map_err(|e| ModelError::Checkpoint {
        path: place.clone(),
        reason: e.to_string(),
        hint: "may you write there?",
    })?;
    Ok(bytes)
}

/// Bytes of a file, or of all in a folder.
fn size(path: &Path) -> u64 {
    if path.is_file() {
        return fs::metadata(path).map_or(0, |metadata| metadata.len());
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()))
        .map(|entry| size(&entry.path()))
        .sum()
}

#[cfg(test)]
mod tests;
