//! The record of every job, in the database that the queue lies in too.

use std::path::Path;
use std::str::FromStr as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use apalis::prelude::TaskBuilder;
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgPool, SqlitePool};

use crate::error::ServerError;
use crate::job::{Artefact, Failure, Input, Kind, Request, Status};
use crate::queue::{QUEUE, Ticket};

/// The connections.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// The same words for either database.
macro_rules! on {
    ($database:expr, $pool:ident => $body:expr) => {
        match $database {
            Database::Sqlite($pool) => $body,
            Database::Postgres($pool) => $body,
        }
    };
}

const TABLES: [&str; 6] = [
    "CREATE TABLE IF NOT EXISTS synchresis_jobs (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, status TEXT NOT NULL, version BIGINT NOT NULL, attempts BIGINT NOT NULL,
        cancel BIGINT NOT NULL, client TEXT NOT NULL, idempotency TEXT, fingerprint TEXT NOT NULL, request TEXT NOT NULL,
        inputs TEXT NOT NULL, stage TEXT, progress DOUBLE PRECISION NOT NULL, left_s DOUBLE PRECISION,
        artefacts TEXT NOT NULL, told TEXT NOT NULL, failure TEXT, worker TEXT, created BIGINT NOT NULL, started BIGINT,
        finished BIGINT)",
    "CREATE UNIQUE INDEX IF NOT EXISTS synchresis_jobs_once ON synchresis_jobs (client, idempotency)",
    "CREATE INDEX IF NOT EXISTS synchresis_jobs_status ON synchresis_jobs (status, client)",
    "CREATE INDEX IF NOT EXISTS synchresis_jobs_finished ON synchresis_jobs (finished)",
    "CREATE TABLE IF NOT EXISTS synchresis_uses (blob TEXT NOT NULL, job TEXT NOT NULL, PRIMARY KEY (blob, job))",
    "CREATE INDEX IF NOT EXISTS synchresis_uses_job ON synchresis_uses (job)",
];

const COLUMNS: &str = "id, kind, status, version, attempts, cancel, fingerprint, request, inputs, stage, progress, left_s, \
                       artefacts, told, failure, created, started, finished";

/// A job as the database has it.
#[derive(Debug, Clone, sqlx::FromRow)]
struct Row {
    id: String,
    kind: String,
    status: String,
    version: i64,
    attempts: i64,
    cancel: i64,
    fingerprint: String,
    request: String,
    inputs: String,
    stage: Option<String>,
    progress: f64,
    left_s: Option<f64>,
    artefacts: String,
    told: String,
    failure: Option<String>,
    created: i64,
    started: Option<i64>,
    finished: Option<i64>,
}

/// A job.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) status: Status,
    /// Grows with every change.
    pub(crate) version: i64,
    /// How often a worker began.
    pub(crate) attempts: i64,
    /// Whether the client asked to stop.
    pub(crate) cancel: bool,
    pub(crate) fingerprint: String,
    pub(crate) request: Request,
    pub(crate) inputs: Vec<Input>,
    pub(crate) stage: Option<String>,
    pub(crate) progress: f64,
    pub(crate) left_s: Option<f64>,
    pub(crate) artefacts: Vec<Artefact>,
    pub(crate) told: Vec<String>,
    pub(crate) failure: Option<Failure>,
    /// Milliseconds since 1970.
    pub(crate) created: i64,
    pub(crate) started: Option<i64>,
    pub(crate) finished: Option<i64>,
}

impl TryFrom<Row> for Job {
    type Error = ServerError;

    fn try_from(row: Row) -> Result<Self, ServerError> {
        let unknown = || {
            ServerError::Setting(format!(
                "reading the record of the job {}: written by a newer version",
                row.id
            ))
        };
        Ok(Self {
            kind: Kind::named(&row.kind).ok_or_else(unknown)?,
            status: Status::named(&row.status).ok_or_else(unknown)?,
            version: row.version,
            attempts: row.attempts,
            cancel: row.cancel != 0,
            fingerprint: row.fingerprint,
            request: serde_json::from_str(&row.request)?,
            inputs: serde_json::from_str(&row.inputs)?,
            stage: row.stage,
            progress: row.progress,
            left_s: row.left_s,
            artefacts: serde_json::from_str(&row.artefacts)?,
            told: serde_json::from_str(&row.told)?,
            failure: row.failure.as_deref().map(serde_json::from_str).transpose()?,
            created: row.created,
            started: row.started,
            finished: row.finished,
            id: row.id,
        })
    }
}

/// A job to be made.
#[derive(Debug)]
pub(crate) struct NewJob {
    pub(crate) id: String,
    pub(crate) client: String,
    pub(crate) idempotency: Option<String>,
    pub(crate) fingerprint: String,
    pub(crate) request: Request,
    pub(crate) inputs: Vec<Input>,
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}

/// Why PostgreSQL cannot be reached: a pool only says that it waited for long.
async fn unreachable(options: &PgConnectOptions, waited: sqlx::Error) -> ServerError {
    let at = format!(
        "{}:{}/{}",
        options.get_host(),
        options.get_port(),
        options.get_database().unwrap_or_default()
    );
    let asked = tokio::time::timeout(Duration::from_secs(5), sqlx::PgConnection::connect_with(options));
    ServerError::Connect {
        at,
        why: match asked.await {
            Ok(Err(why)) => why,
            _ => waited,
        },
        hint: "is PostgreSQL started there, and do the user, the password and the name in --database fit?",
    }
}

/// The record.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) database: Database,
}

impl History {
    /// Connects, and makes the tables that are missing.
    pub(crate) async fn open(database: Option<&str>, data_dir: &Path) -> Result<Self, ServerError> {
        let database = match database {
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                let options = PgConnectOptions::from_str(url).map_err(|why| {
                    ServerError::Setting(format!(
                        "--database: {why}\nhint: postgres://user:password@host:port/name"
                    ))
                })?;
                let pool = PgPoolOptions::new()
                    .max_connections(16)
                    .acquire_timeout(Duration::from_secs(10))
                    .connect_with(options.clone())
                    .await;
                let pool = match pool {
                    Ok(pool) => pool,
                    Err(error) => return Err(unreachable(&options, error).await),
                };
                let history = Self {
                    database: Database::Postgres(pool),
                };
                history.migrate().await?;
                return Ok(history);
            }
            Some(_) => {
                return Err(ServerError::Setting(
                    "--database: only postgres://… is known\nhint: without it the jobs lie in SQLite, in the data folder".into(),
                ));
            }
            None => {
                let file = data_dir.join("jobs.sqlite");
                let connecting = |why| ServerError::Connect {
                    at: file.display().to_string(),
                    why,
                    hint: "move it away to begin with an empty one, or choose another folder with --data-dir",
                };
                let options = SqliteConnectOptions::new()
                    .filename(&file)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Normal)
                    .busy_timeout(Duration::from_secs(20));
                // The tables on a connection of their own: one that had looked at them half made would go on believing it, and
                // refuse what leans on an index that it has not seen.
                let alone = SqlitePoolOptions::new().max_connections(1);
                let pool = alone.connect_with(options.clone()).await.map_err(connecting)?;
                let unmade = Self {
                    database: Database::Sqlite(pool.clone()),
                };
                unmade.migrate().await?;
                pool.close().await;
                let pool = SqlitePoolOptions::new()
                    .max_connections(8)
                    // A file does not go away as a server does: no question before each question.
                    .test_before_acquire(false)
                    // SQLite takes a transaction back by itself when the disk is full; sqlx goes on counting it, and what it begins
                    // next is never ended: a lock that nobody lets go. Once what was to be taken back is, none may be open.
                    .after_release(|connection, _| {
                        Box::pin(async move {
                            connection.ping().await?;
                            Ok(!connection.is_in_transaction())
                        })
                    })
                    .connect_with(options)
                    .await
                    .map_err(connecting)?;
                Database::Sqlite(pool)
            }
        };
        Ok(Self { database })
    }

    async fn migrate(&self) -> Result<(), ServerError> {
        let failed = |why: sqlx::migrate::MigrateError| ServerError::Queue {
            doing: "making the tables of the queue",
            why: why.to_string(),
        };
        match &self.database {
            Database::Sqlite(pool) => {
                let mut migrations = apalis_sqlite::SqliteStorage::migrations();
                migrations.set_ignore_missing(true);
                migrations.run(pool).await.map_err(failed)?;
            }
            Database::Postgres(pool) => {
                let mut migrations = apalis_postgres::PostgresStorage::migrations();
                migrations.set_ignore_missing(true);
                migrations.run(pool).await.map_err(failed)?;
            }
        }
        for table in TABLES {
            let made = on!(&self.database, pool => sqlx::query(table).execute(pool).await.map(drop));
            // Two processes that begin at the same moment: one of them finds the table there after all.
            if let Err(why) = made
                && !why
                    .as_database_error()
                    .is_some_and(sqlx::error::DatabaseError::is_unique_violation)
            {
                return Err(ServerError::Database {
                    doing: "making the tables of the history",
                    why,
                });
            }
        }
        Ok(())
    }

    /// Whether the database answers.
    pub(crate) async fn ping(&self) -> Result<(), ServerError> {
        on!(&self.database, pool => sqlx::query("SELECT 1").execute(pool).await.map(drop))
            .map_err(ServerError::database("asking the database"))
    }

    /// Records a job and puts it in the queue, both or neither. `None` where the client made one under this key before.
    pub(crate) async fn create(&self, job: &NewJob) -> Result<Option<()>, ServerError> {
        let failed = || ServerError::database("recording a job");
        let (request, inputs) = (
            serde_json::to_string(&job.request)?,
            serde_json::to_string(&job.inputs)?,
        );
        let ticket = Ticket { job: job.id.clone() };
        let task = TaskBuilder::new(serde_json::to_vec(&ticket)?)
            // Attempts are counted in the record: a worker that dies counts there, too.
            .max_attempts(1000)
            .priority(usize::from(job.request.priority))
            .build();
        let insert = "INSERT INTO synchresis_jobs (id, kind, status, version, attempts, cancel, client, idempotency, fingerprint, request, \
                      inputs, progress, artefacts, told, created) VALUES ($1, $2, 'queued', 1, 0, 0, $3, $4, $5, $6, $7, 0, '[]', '[]', $8) \
                      ON CONFLICT (client, idempotency) DO NOTHING";
        let queued = |why: &dyn std::fmt::Display| ServerError::Queue {
            doing: "putting a job in the queue",
            why: why.to_string(),
        };
        macro_rules! both {
            ($pool:expr, $push:expr) => {{
                let mut transaction = $pool.begin().await.map_err(failed())?;
                let made = sqlx::query(insert)
                    .bind(&job.id)
                    .bind(job.request.kind.name())
                    .bind(&job.client)
                    .bind(&job.idempotency)
                    .bind(&job.fingerprint)
                    .bind(&request)
                    .bind(&inputs)
                    .bind(now_ms())
                    .execute(&mut *transaction)
                    .await
                    .map_err(failed())?;
                if made.rows_affected() == 0 {
                    return Ok(None);
                }
                for input in &job.inputs {
                    sqlx::query("INSERT INTO synchresis_uses (blob, job) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                        .bind(&input.blob)
                        .bind(&job.id)
                        .execute(&mut *transaction)
                        .await
                        .map_err(failed())?;
                }
                $push(&mut transaction).await.map_err(|why| queued(&why))?;
                transaction.commit().await.map_err(failed())?;
            }};
        }
        match &self.database {
            Database::Sqlite(pool) => {
                let tasks = [task];
                both!(pool, async |transaction: &mut sqlx::Transaction<'_, sqlx::Sqlite>| {
                    apalis_sqlite::queries::push_tasks(&mut **transaction, QUEUE, &tasks).await
                });
            }
            Database::Postgres(pool) => {
                let mut tasks = vec![task];
                both!(pool, async |transaction: &mut sqlx::Transaction<'_, sqlx::Postgres>| {
                    apalis_postgres::queries::push_tasks(&mut **transaction, QUEUE, std::mem::take(&mut tasks)).await
                });
            }
        }
        Ok(Some(()))
    }

    async fn rows(&self, tail: &str, binds: &[Bind<'_>]) -> Result<Vec<Job>, ServerError> {
        let text = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM synchresis_jobs {tail}"));
        let rows: Vec<Row> = on!(&self.database, pool => {
            let mut query = sqlx::query_as(text);
            for bind in binds {
                query = match bind {
                    Bind::Text(text) => query.bind(*text),
                    Bind::Number(number) => query.bind(*number),
                };
            }
            query.fetch_all(pool).await
        })
        .map_err(ServerError::database("reading the history"))?;
        rows.into_iter().map(Job::try_from).collect()
    }

    /// The job of this name.
    pub(crate) async fn job(&self, id: &str) -> Result<Option<Job>, ServerError> {
        Ok(self.rows("WHERE id = $1", &[Bind::Text(id)]).await?.pop())
    }

    /// The job that the client made under this key.
    pub(crate) async fn by_key(&self, client: &str, key: &str) -> Result<Option<Job>, ServerError> {
        let binds = [Bind::Text(client), Bind::Text(key)];
        Ok(self.rows("WHERE client = $1 AND idempotency = $2", &binds).await?.pop())
    }

    /// Jobs, the newest first; those older than `before` where that is a name.
    pub(crate) async fn list(
        &self,
        status: Option<Status>,
        kind: Option<Kind>,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Job>, ServerError> {
        // Only what is asked for is in the question, so that names are looked up in their index however long the history is.
        let mut binds = Vec::new();
        let mut wheres = Vec::new();
        for (column, value) in [
            ("status =", status.map(Status::name)),
            ("kind =", kind.map(Kind::name)),
            ("id <", before),
        ] {
            if let Some(value) = value {
                binds.push(Bind::Text(value));
                wheres.push(format!("{column} ${}", binds.len()));
            }
        }
        let wheres = match wheres.as_slice() {
            [] => String::new(),
            wheres => format!("WHERE {} ", wheres.join(" AND ")),
        };
        binds.push(Bind::Number(limit));
        let tail = format!("{wheres}ORDER BY id DESC LIMIT ${}", binds.len());
        self.rows(&tail, &binds).await
    }

    /// The versions of those of `ids` that are there: the little that tells whether there is news.
    pub(crate) async fn versions(&self, ids: &[String]) -> Result<Vec<(String, i64)>, ServerError> {
        let list = serde_json::to_string(ids)?;
        let text = match &self.database {
            Database::Sqlite(_) => {
                "SELECT id, version FROM synchresis_jobs WHERE id IN (SELECT value FROM json_each($1))"
            }
            Database::Postgres(_) => {
                "SELECT id, version FROM synchresis_jobs WHERE id IN (SELECT json_array_elements_text($1::json))"
            }
        };
        on!(&self.database, pool => sqlx::query_as::<_, (String, i64)>(text).bind(&list).fetch_all(pool).await)
            .map_err(ServerError::database("looking for changes"))
    }

    /// Those of `ids` that are there.
    pub(crate) async fn several(&self, ids: &[String]) -> Result<Vec<Job>, ServerError> {
        let list = serde_json::to_string(ids)?;
        let tail = match &self.database {
            Database::Sqlite(_) => "WHERE id IN (SELECT value FROM json_each($1))",
            Database::Postgres(_) => "WHERE id IN (SELECT json_array_elements_text($1::json))",
        };
        self.rows(tail, &[Bind::Text(&list)]).await
    }

    /// A job of the past that was given this content, the newest.
    pub(crate) async fn with_blob(&self, blob: &str) -> Result<Option<Job>, ServerError> {
        let tail = "WHERE id IN (SELECT job FROM synchresis_uses WHERE blob = $1) ORDER BY id DESC LIMIT 1";
        Ok(self.rows(tail, &[Bind::Text(blob)]).await?.pop())
    }

    /// How many jobs of the client wait or run.
    pub(crate) async fn active(&self, client: &str) -> Result<i64, ServerError> {
        let text = "SELECT COUNT(*) FROM synchresis_jobs WHERE status IN ('queued', 'running') AND client = $1";
        on!(&self.database, pool => sqlx::query_scalar::<_, i64>(text).bind(client).fetch_one(pool).await)
            .map_err(ServerError::database("counting jobs"))
    }

    /// How many jobs there are of each status.
    pub(crate) async fn counts(&self) -> Result<Vec<(String, i64)>, ServerError> {
        let text = "SELECT status, COUNT(*) FROM synchresis_jobs GROUP BY status";
        on!(&self.database, pool => sqlx::query_as::<_, (String, i64)>(text).fetch_all(pool).await)
            .map_err(ServerError::database("counting jobs"))
    }

    /// Marks the job as wished to end. `Some` of how it stands then, `None` where there is no such job.
    pub(crate) async fn cancel(&self, id: &str) -> Result<Option<Job>, ServerError> {
        let waiting = "UPDATE synchresis_jobs SET status = 'cancelled', cancel = 1, version = version + 1, finished = $2 \
                       WHERE id = $1 AND status = 'queued'";
        let running = "UPDATE synchresis_jobs SET cancel = 1, version = version + 1 WHERE id = $1 AND status = 'running' AND cancel = 0";
        on!(&self.database, pool => async {
            sqlx::query(waiting).bind(id).bind(now_ms()).execute(pool).await?;
            sqlx::query(running).bind(id).execute(pool).await.map(drop)
        }.await)
        .map_err(ServerError::database("cancelling a job"))?;
        self.job(id).await
    }

    /// Begins an attempt: `None` where there is nothing to be done any more.
    pub(crate) async fn claim(&self, id: &str, worker: &str) -> Result<Option<Job>, ServerError> {
        let text = "UPDATE synchresis_jobs SET status = 'running', attempts = attempts + 1, version = version + 1, worker = $2, \
                    started = COALESCE(started, $3), stage = NULL, progress = 0, left_s = NULL \
                    WHERE id = $1 AND status IN ('queued', 'running')";
        let begun =
            on!(&self.database, pool => sqlx::query(text).bind(id).bind(worker).bind(now_ms()).execute(pool).await
            .map(|done| done.rows_affected()))
            .map_err(ServerError::database("beginning a job"))?;
        if begun == 0 { Ok(None) } else { self.job(id).await }
    }

    /// Says how far the attempt is, and asks whether to go on: `None` where the attempt is no longer the one that counts,
    /// else whether the client wants it to stop.
    pub(crate) async fn pulse(
        &self,
        id: &str,
        attempt: i64,
        stage: &str,
        progress: f64,
        left_s: Option<f64>,
    ) -> Result<Option<bool>, ServerError> {
        let text = "UPDATE synchresis_jobs SET stage = $3, progress = $4, left_s = $5, version = version + 1 \
                    WHERE id = $1 AND attempts = $2 AND status = 'running' RETURNING cancel";
        let cancel = on!(&self.database, pool => sqlx::query_scalar::<_, i64>(text)
            .bind(id).bind(attempt).bind(stage).bind(progress).bind(left_s).fetch_optional(pool).await)
        .map_err(ServerError::database("saying how far a job is"))?;
        Ok(cancel.map(|cancel| cancel != 0))
    }

    /// Asks whether to go on, as [`History::pulse`] does, where nothing has changed.
    pub(crate) async fn wanted(&self, id: &str, attempt: i64) -> Result<Option<bool>, ServerError> {
        let text = "SELECT cancel FROM synchresis_jobs WHERE id = $1 AND attempts = $2 AND status = 'running'";
        let cancel = on!(&self.database, pool => sqlx::query_scalar::<_, i64>(text)
            .bind(id).bind(attempt).fetch_optional(pool).await)
        .map_err(ServerError::database("asking whether a job is wanted"))?;
        Ok(cancel.map(|cancel| cancel != 0))
    }

    /// Ends the attempt. `false` where it was no longer the one that counts: another worker has the job, or it is gone.
    pub(crate) async fn finish(&self, id: &str, attempt: i64, end: &End<'_>) -> Result<bool, ServerError> {
        let failed = || ServerError::database("ending a job");
        let (status, artefacts, told, failure): (_, &[Artefact], &[String], Option<&Failure>) = match end {
            End::Done { artefacts, told } => (Status::Done, artefacts, told, None),
            End::Failed(failure) => (Status::Failed, &[], &[], Some(failure)),
            End::Cancelled => (Status::Cancelled, &[], &[], None),
        };
        let progress = "progress = CASE WHEN $3 = 'done' THEN 1 ELSE progress END";
        let text = format!(
            "UPDATE synchresis_jobs SET status = $3, {progress}, artefacts = $4, told = $5, failure = $6, finished = $7, \
             left_s = NULL, version = version + 1 WHERE id = $1 AND attempts = $2 AND status = 'running'"
        );
        let (listed, told) = (serde_json::to_string(artefacts)?, serde_json::to_string(told)?);
        let failure = failure.map(serde_json::to_string).transpose()?;
        on!(&self.database, pool => {
            let mut transaction = pool.begin().await.map_err(failed())?;
            let ended = sqlx::query(sqlx::AssertSqlSafe(text)).bind(id).bind(attempt).bind(status.name()).bind(&listed).bind(&told)
                .bind(&failure).bind(now_ms()).execute(&mut *transaction).await.map_err(failed())?;
            if ended.rows_affected() == 0 {
                return Ok(false);
            }
            for artefact in artefacts {
                sqlx::query("INSERT INTO synchresis_uses (blob, job) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                    .bind(&artefact.blob).bind(id).execute(&mut *transaction).await.map_err(failed())?;
            }
            transaction.commit().await.map_err(failed())?;
            Ok(true)
        })
    }

    /// Puts the job back in the queue; `counted` says whether the attempt counts. What the queue itself does with the
    /// task is the queue's.
    pub(crate) async fn put_back(
        &self,
        id: &str,
        attempt: i64,
        counted: bool,
        failure: Option<&Failure>,
    ) -> Result<(), ServerError> {
        let text = "UPDATE synchresis_jobs SET status = 'queued', attempts = attempts - $3, stage = NULL, progress = 0, left_s = NULL, \
                    worker = NULL, failure = $4, version = version + 1 WHERE id = $1 AND attempts = $2 AND status = 'running'";
        let failure = failure.map(serde_json::to_string).transpose()?;
        on!(&self.database, pool => sqlx::query(text).bind(id).bind(attempt).bind(i64::from(!counted)).bind(failure)
            .execute(pool).await.map(drop))
        .map_err(ServerError::database("putting a job back"))
    }

    /// Forgets a job that has ended. Its content goes with the next sweep, unless another job uses it.
    pub(crate) async fn forget(&self, id: &str) -> Result<bool, ServerError> {
        let failed = || ServerError::database("forgetting a job");
        on!(&self.database, pool => {
            let mut transaction = pool.begin().await.map_err(failed())?;
            let gone = sqlx::query("DELETE FROM synchresis_jobs WHERE id = $1 AND status IN ('done', 'failed', 'cancelled')")
                .bind(id).execute(&mut *transaction).await.map_err(failed())?;
            if gone.rows_affected() == 0 {
                return Ok(false);
            }
            sqlx::query("DELETE FROM synchresis_uses WHERE job = $1").bind(id).execute(&mut *transaction).await.map_err(failed())?;
            transaction.commit().await.map_err(failed())?;
            Ok(true)
        })
    }

    /// Takes the job's hold off its inputs, so that the next sweep may take them.
    pub(crate) async fn release(&self, id: &str, blobs: &[&str]) -> Result<(), ServerError> {
        for blob in blobs {
            on!(&self.database, pool => sqlx::query("DELETE FROM synchresis_uses WHERE job = $1 AND blob = $2")
                .bind(id).bind(blob).execute(pool).await.map(drop))
            .map_err(ServerError::database("letting go of a file"))?;
        }
        Ok(())
    }

    /// Jobs that ended before this moment.
    pub(crate) async fn ended_before(&self, moment_ms: i64) -> Result<Vec<String>, ServerError> {
        let text = "SELECT id FROM synchresis_jobs WHERE finished < $1 AND status IN ('done', 'failed', 'cancelled') LIMIT 1000";
        on!(&self.database, pool => sqlx::query_scalar::<_, String>(text).bind(moment_ms).fetch_all(pool).await)
            .map_err(ServerError::database("looking for old jobs"))
    }

    /// Whether a job refers to this content.
    pub(crate) async fn used(&self, blob: &str) -> Result<bool, ServerError> {
        let text = "SELECT COUNT(*) FROM synchresis_uses WHERE blob = $1";
        on!(&self.database, pool => sqlx::query_scalar::<_, i64>(text).bind(blob).fetch_one(pool).await)
            .map(|uses| uses > 0)
            .map_err(ServerError::database("asking who uses a file"))
    }

    /// Clears the queue's own tables of tasks that are over and of workers that are gone for a day.
    pub(crate) async fn clear_queue(&self) -> Result<(), ServerError> {
        let (tasks, workers): (&'static str, &'static str) = match &self.database {
            Database::Sqlite(_) => (
                "DELETE FROM Jobs WHERE status IN ('Done', 'Killed') AND done_at < strftime('%s', 'now') - 86400",
                "DELETE FROM Workers WHERE last_seen < strftime('%s', 'now') - 86400 AND id NOT IN (SELECT lock_by FROM Jobs WHERE lock_by IS NOT NULL)",
            ),
            Database::Postgres(_) => (
                "DELETE FROM apalis.jobs WHERE status IN ('Done', 'Killed') AND done_at < NOW() - INTERVAL '1 day'",
                "DELETE FROM apalis.workers w WHERE last_seen < NOW() - INTERVAL '1 day' \
                 AND NOT EXISTS (SELECT 1 FROM apalis.jobs j WHERE j.lock_by = w.id)",
            ),
        };
        for text in [tasks, workers] {
            on!(&self.database, pool => sqlx::query(text).execute(pool).await.map(drop))
                .map_err(ServerError::database("clearing the queue"))?;
        }
        Ok(())
    }
}

enum Bind<'a> {
    Text(&'a str),
    Number(i64),
}

/// How an attempt ended.
#[derive(Debug)]
pub(crate) enum End<'a> {
    Done {
        artefacts: &'a [Artefact],
        told: &'a [String],
    },
    Failed(&'a Failure),
    Cancelled,
}
