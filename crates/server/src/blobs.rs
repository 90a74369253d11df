//! Content by its hash: uploads and what jobs make of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::config::Config;
use crate::error::ServerError;

/// Where content lies.
#[derive(Debug, Clone)]
pub(crate) struct Blobs {
    store: Arc<dyn ObjectStore>,
    prefix: Key,
    /// The folder, where the store is one.
    folder: Option<PathBuf>,
}

/// Content that was kept.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) blob: String,
    pub(crate) bytes: u64,
}

const CHUNK: usize = 1 << 20;

impl Blobs {
    /// Opens the folder or bucket that the settings name.
    pub(crate) fn open(config: &Config) -> Result<Self, ServerError> {
        match config.objects.as_deref() {
            Some(url) if url.contains("://") && !url.starts_with("file://") => {
                Self::remote(url, &config.object_options)
            }
            Some(folder) => Self::local_at(Path::new(folder.strip_prefix("file://").unwrap_or(folder))),
            None => Self::local_at(&config.data_dir.join("objects")),
        }
    }

    pub(crate) fn local_at(folder: &Path) -> Result<Self, ServerError> {
        std::fs::create_dir_all(folder).map_err(|why| ServerError::file("making the folder", folder, why))?;
        let folder = folder
            .canonicalize()
            .map_err(|why| ServerError::file("opening the folder", folder, why))?;
        let store =
            LocalFileSystem::new_with_prefix(&folder).map_err(|why| ServerError::Objects { doing: "opening", why })?;
        Ok(Self {
            store: Arc::new(store),
            prefix: Key::default(),
            folder: Some(folder),
        })
    }

    #[cfg(feature = "s3")]
    fn remote(url: &str, options: &[(String, String)]) -> Result<Self, ServerError> {
        use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
        let Some((bucket, prefix)) = url
            .strip_prefix("s3://")
            .map(|rest| rest.split_once('/').unwrap_or((rest, "")))
        else {
            return Err(ServerError::Setting(format!(
                "--store {url}: s3://bucket/prefix and folders are known"
            )));
        };
        // Already there if something else put it there: just as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = AmazonS3Builder::new();
        for (name, value) in options {
            if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        let store = builder
            .with_bucket_name(bucket)
            .build()
            .map_err(|why| ServerError::Objects { doing: "opening", why })?;
        Ok(Self {
            store: Arc::new(store),
            prefix: Key::from(prefix),
            folder: None,
        })
    }

    #[cfg(not(feature = "s3"))]
    fn remote(url: &str, _options: &[(String, String)]) -> Result<Self, ServerError> {
        Err(ServerError::Setting(format!(
            "--store {url}: this build knows folders alone\nhint: build it with --features s3"
        )))
    }

    /// The folder, where the store is one.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Two digits a folder, so that none grows too large. A name of ours: anything else has no key.
    fn key(&self, blob: &str) -> Option<Key> {
        let good = blob.len() == 64 && blob.bytes().all(|b| b.is_ascii_hexdigit());
        good.then(|| {
            let (head, _) = blob.split_at(2);
            self.prefix.clone().join("blobs").join(head).join(blob)
        })
    }

    fn must(&self, blob: &str) -> Result<Key, ServerError> {
        self.key(blob)
            .ok_or_else(|| ServerError::Setting("looking for content: that is no name of content".into()))
    }

    /// Where this content lies as a file, if the store is a folder.
    pub(crate) fn lies(&self, blob: &str, _extension: &str) -> Option<PathBuf> {
        let key = self.key(blob)?;
        Some(self.folder.as_deref()?.join(key.as_ref()))
    }

    /// Where this content would lie once fetched from elsewhere.
    pub(crate) fn fetched(blob: &str, extension: &str, folder: &Path) -> PathBuf {
        folder.join(format!("{blob}.{extension}"))
    }

    /// The content as a file: where it lies, or a copy in `folder` that the next job finds too.
    pub(crate) async fn local(&self, blob: &str, extension: &str, folder: &Path) -> Result<PathBuf, ServerError> {
        let reading = |why| ServerError::Objects {
            doing: "reading from",
            why,
        };
        let key = self.must(blob)?;
        if let Some(path) = self.lies(blob, extension) {
            self.store.head(&key).await.map_err(reading)?;
            return Ok(path);
        }
        let path = Self::fetched(blob, extension, folder);
        if let Ok(there) = std::fs::File::options().append(true).open(&path) {
            // Used now; the one that clears what nobody uses goes by this.
            let _ = there.set_modified(std::time::SystemTime::now());
            return Ok(path);
        }
        let writing = |why| ServerError::file("fetching a file to", folder, why);
        tokio::fs::create_dir_all(folder).await.map_err(writing)?;
        let temporary = tempfile::NamedTempFile::new_in(folder).map_err(writing)?;
        let mut file = tokio::fs::File::from_std(temporary.reopen().map_err(writing)?);
        let mut stream = self.store.get(&key).await.map_err(reading)?.into_stream();
        while let Some(bytes) = stream.next().await {
            file.write_all(&bytes.map_err(reading)?).await.map_err(writing)?;
        }
        file.flush().await.map_err(writing)?;
        temporary.persist(&path).map_err(|e| writing(e.error))?;
        Ok(path)
    }

    /// Hashes a file and keeps it under that name. A file on the folder's own disk is moved or linked, not copied.
    pub(crate) async fn keep(&self, file: &Path) -> Result<Stored, ServerError> {
        let hashed = {
            let file = file.to_owned();
            tokio::task::spawn_blocking(move || {
                let mut hasher = blake3::Hasher::new();
                hasher.update_reader(std::fs::File::open(&file)?)?;
                Ok::<_, std::io::Error>((hasher.finalize().to_hex().to_string(), std::fs::metadata(&file)?.len()))
            })
            .await
            .map_err(|_| ServerError::Setting("reading a file: the reading thread failed".into()))?
        };
        let (blob, bytes) = hashed.map_err(|why| ServerError::file("reading", file, why))?;
        self.keep_as(file, &blob).await?;
        Ok(Stored { blob, bytes })
    }

    /// Keeps a file whose hash is known.
    pub(crate) async fn keep_as(&self, file: &Path, blob: &str) -> Result<(), ServerError> {
        let key = self.must(blob)?;
        if let Some(path) = self.lies(blob, "") {
            let keeping = |why| ServerError::file("keeping", &path, why);
            let folder = path.parent().unwrap_or(Path::new("/"));
            tokio::fs::create_dir_all(folder).await.map_err(keeping)?;
            // What lies there has the same content; it stays, so that what is known of it stays known, and is young again.
            if let Ok(there) = std::fs::File::options().append(true).open(&path) {
                return there.set_modified(std::time::SystemTime::now()).map_err(keeping);
            }
            match tokio::fs::hard_link(file, &path).await {
                Ok(()) => return Ok(()),
                Err(why) if why.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
                Err(_) => {}
            }
        }
        let writing = |why| ServerError::Objects {
            doing: "writing to",
            why,
        };
        let reading = |why| ServerError::file("reading", file, why);
        let mut from = tokio::fs::File::open(file).await.map_err(reading)?;
        let mut writer = BufWriter::with_capacity(Arc::clone(&self.store), key, 8 * CHUNK);
        let wrote = |why: std::io::Error| {
            writing(object_store::Error::Generic {
                store: "objects",
                source: why.into(),
            })
        };
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = from.read(&mut buffer).await.map_err(reading)?;
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
                break;
            };
            if let Err(why) = writer.write_all(bytes).await {
                let _ = writer.abort().await;
                return Err(wrote(why));
            }
        }
        writer.shutdown().await.map_err(wrote)
    }

    /// The bytes from `start` to before `end`, as a stream.
    pub(crate) async fn read(
        &self,
        blob: &str,
        start: u64,
        end: u64,
    ) -> Result<
        impl futures_util::Stream<Item = Result<axum::body::Bytes, object_store::Error>> + Send + 'static,
        ServerError,
    > {
        let key = self.must(blob)?;
        let options = GetOptions {
            range: (start < end).then_some(GetRange::Bounded(start..end)),
            ..GetOptions::default()
        };
        let got = self
            .store
            .get_opts(&key, options)
            .await
            .map_err(|why| ServerError::Objects {
                doing: "reading from",
                why,
            })?;
        Ok(got.into_stream())
    }

    /// Whether the content is there.
    pub(crate) async fn has(&self, blob: &str) -> bool {
        match self.key(blob) {
            Some(key) => self.store.head(&key).await.is_ok(),
            None => false,
        }
    }

    pub(crate) async fn remove(&self, blob: &str) -> Result<(), ServerError> {
        let key = self.must(blob)?;
        self.store.delete(&key).await.map_err(|why| ServerError::Objects {
            doing: "deleting from",
            why,
        })
    }

    /// Everything that was last written before this moment (milliseconds since 1970).
    pub(crate) async fn older_than(&self, moment_ms: i64) -> Result<Vec<String>, ServerError> {
        let prefix = self.prefix.clone().join("blobs");
        let objects: Vec<_> = self
            .store
            .list(Some(&prefix))
            .try_filter(|object| std::future::ready(object.last_modified.timestamp_millis() < moment_ms))
            .try_collect()
            .await
            .map_err(|why| ServerError::Objects { doing: "listing", why })?;
        Ok(objects
            .iter()
            .filter_map(|object| object.location.filename().map(str::to_owned))
            .collect())
    }

    /// Whether the store answers.
    pub(crate) async fn ping(&self) -> Result<(), ServerError> {
        match self.store.head(&self.prefix.clone().join("blobs").join("none")).await {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(why) => Err(ServerError::Objects { doing: "asking", why }),
        }
    }
}
