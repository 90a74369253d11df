//! Starting a child, watching over it, and making sure that nothing of it remains.

use std::{
    ffi::OsString,
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, ExitStatus, Stdio},
    sync::{Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use synchresis_cue::{Cancelled, Watch};

use crate::{
    Limits, MediaError, Tools, complaint,
    jail::{self, Walls},
    tools::Tool,
};

/// One run of a tool.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    tool: Tool,
    /// What is being done, for the error message: "decoding".
    doing: &'static str,
    /// To which file, for the error message.
    subject: PathBuf,
    args: Vec<OsString>,
    reads: Vec<PathBuf>,
    writes: Vec<PathBuf>,
    feed: bool,
    wall_clock_s: Option<u64>,
}

impl Job {
    pub(crate) fn new(tool: Tool, doing: &'static str, subject: &Path) -> Self {
        Self {
            tool,
            doing,
            subject: subject.to_owned(),
            args: Vec::new(),
            reads: Vec::new(),
            writes: Vec::new(),
            feed: false,
            wall_clock_s: None,
        }
    }

    pub(crate) fn args<S: Into<OsString>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// `file:PATH`, so that a name with a dash or a colon is still a name; the file becomes readable to the child.
    pub(crate) fn read(mut self, path: &Path) -> Self {
        self.args.push(file_url(path));
        self.reads.push(path.to_owned());
        self
    }

    /// The same for a file, there already, that the child writes.
    pub(crate) fn write(mut self, path: &Path) -> Self {
        self.args.push(file_url(path));
        self.writes.push(path.to_owned());
        self
    }

    /// The child reads its standard input from us.
    pub(crate) fn fed(mut self) -> Self {
        self.feed = true;
        self
    }

    pub(crate) fn within(mut self, wall_clock_s: u64) -> Self {
        self.wall_clock_s = Some(wall_clock_s);
        self
    }
}

fn file_url(path: &Path) -> OsString {
    let mut url = OsString::from("file:");
    url.push(path);
    url
}

/// Our ends of the child's pipes.
pub(crate) struct Pipes {
    pub(crate) feed: Option<ChildStdin>,
    pub(crate) out: ChildStdout,
}

/// Why a conversation with a child stopped.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The pipe broke: the child ended, and its own messages say why.
    Pipe(io::Error),
    /// Ours.
    Error(MediaError),
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Halt::Pipe(error)
    }
}

impl From<MediaError> for Halt {
    fn from(error: MediaError) -> Self {
        Halt::Error(error)
    }
}

impl From<Cancelled> for Halt {
    fn from(cancelled: Cancelled) -> Self {
        Halt::Error(cancelled.into())
    }
}

/// What a conversation came to.
pub(crate) enum Finish<R> {
    /// The child is to end by itself, and must succeed.
    Wait(R),
    /// Enough was seen; the child is stopped and its success does not matter.
    Stop(R),
}

/// Runs a job and returns all of its standard output, at most 256 MiB.
pub(crate) fn capture(tools: &Tools, limits: &Limits, watch: &dyn Watch, job: Job) -> Result<Vec<u8>, MediaError> {
    capture_with_messages(tools, limits, watch, job).map(|(text, _)| text)
}

/// The same, with what it complained of.
pub(crate) fn capture_with_messages(
    tools: &Tools,
    limits: &Limits,
    watch: &dyn Watch,
    job: Job,
) -> Result<(Vec<u8>, String), MediaError> {
    const MOST: u64 = 256 << 20;
    let attempt = |job: Job| {
        run(tools, limits, watch, job, |pipes| {
            let mut text = Vec::new();
            pipes.out.take(MOST).read_to_end(&mut text)?;
            Ok(Finish::Wait(text))
        })
    };
    match attempt(job.clone()) {
        // An ffmpeg that is a wrapper (snap, a shell script) or that keeps its libraries in an unusual place does not
        // start within the walls. Limits and whitelists still hold it then, and `Tools::jail` says so.
        Err(MediaError::ToolBroken { .. }) if tools.walled() => {
            tools.give_up_walls();
            attempt(job)
        }
        result => result,
    }
}

#[derive(Default)]
struct Signal {
    state: Mutex<SignalState>,
    changed: Condvar,
}

#[derive(Default)]
struct SignalState {
    over: bool,
    cancelled: bool,
    timed_out: bool,
}

/// Starts the job, holds the conversation `talk` on the calling thread, and sees the child to its end: killed on
/// cancellation, on error, on timeout and on panic; always reaped. Returns what the conversation came to and what the
/// child complained of.
pub(crate) fn run<R>(
    tools: &Tools,
    limits: &Limits,
    watch: &dyn Watch,
    job: Job,
    talk: impl FnOnce(Pipes) -> Result<Finish<R>, Halt>,
) -> Result<(R, String), MediaError> {
    watch.check()?;
    let mut child = start(tools, limits, &job)?;
    let stderr = child.stderr.take();
    let (feed, out) = (child.stdin.take(), child.stdout.take());
    let child = Mutex::new(Guard(child));
    let signal = Signal::default();
    let wall_clock_s = job.wall_clock_s.unwrap_or(limits.wall_clock_s);
    let (talked, status, messages) = thread::scope(|scope| {
        let drain = scope.spawn(|| stderr.map(complaint::drain).unwrap_or_default());
        scope.spawn(|| stand_guard(&child, &signal, watch, Duration::from_secs(wall_clock_s)));
        // A panic in the conversation must end the guard too, or the scope would wait for it until the timeout.
        let over = OnDrop(|| {
            lock(&signal.state).over = true;
            signal.changed.notify_all();
        });
        let killer = OnDrop(|| lock(&child).kill());
        let talked = match out {
            Some(out) => talk(Pipes { feed, out }),
            None => Err(Halt::Pipe(io::ErrorKind::BrokenPipe.into())),
        };
        match talked {
            // The guard stays up: the child may still have much to write.
            Ok(Finish::Wait(_)) => killer.disarm(),
            _ => drop(killer),
        }
        // Its messages end when it ends.
        let messages = drain.join().unwrap_or_default();
        let status = lock(&child).0.wait();
        drop(over);
        (talked, status, messages)
    });
    let state = signal.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    let failed = |status: Option<ExitStatus>| {
        complaint::judge(
            &messages,
            status,
            tools.path(job.tool),
            job.doing,
            &job.subject,
            &job.reads,
            &job.writes,
            limits,
        )
    };
    if let Err(Halt::Error(error)) = talked {
        return Err(if state.cancelled { Cancelled.into() } else { error });
    }
    if let Ok(Finish::Stop(result)) = talked {
        return Ok((result, messages));
    }
    if state.cancelled {
        return Err(Cancelled.into());
    }
    if state.timed_out {
        return Err(MediaError::TimedOut {
            doing: job.doing,
            subject: job.subject,
            limit_s: wall_clock_s,
        });
    }
    match (talked, status) {
        (Ok(Finish::Wait(result)), Ok(status)) if status.success() => Ok((result, messages)),
        (Err(Halt::Pipe(error)), Ok(status)) if status.success() => Err(MediaError::Failed {
            doing: job.doing,
            subject: job.subject,
            why: error.to_string(),
        }),
        (_, status) => Err(failed(status.ok())),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills and reaps on drop, whatever happens.
struct Guard(Child);

impl Guard {
    fn kill(&mut self) {
        // Fails only where it has ended already.
        let _ = self.0.kill();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !matches!(self.0.try_wait(), Ok(Some(_))) {
            self.kill();
            let _ = self.0.wait();
        }
    }
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> OnDrop<F> {
    fn disarm(self) {
        std::mem::forget(self);
    }
}

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Asks 50 times a second whether to go on, so that a child that hangs is ended even while we wait for its pipe.
fn stand_guard(child: &Mutex<Guard>, signal: &Signal, watch: &dyn Watch, wall_clock: Duration) {
    // The library keeps no clock for results; this one only limits a process.
    let began = Instant::now();
    let mut state = lock(&signal.state);
    while !state.over {
        state = match signal.changed.wait_timeout(state, Duration::from_millis(20)) {
            Ok((state, _)) => state,
            Err(poisoned) => poisoned.into_inner().0,
        };
        if state.over || state.cancelled || state.timed_out {
            continue;
        }
        state.cancelled = watch.cancelled();
        state.timed_out = began.elapsed() >= wall_clock;
        if state.cancelled || state.timed_out {
            lock(child).kill();
        }
    }
}

fn start(tools: &Tools, limits: &Limits, job: &Job) -> Result<Child, MediaError> {
    let program = tools.path(job.tool);
    let walls = Walls {
        program: program.to_owned(),
        reads: job.reads.clone(),
        writes: job.writes.clone(),
    };
    let spawned = match launch(program, &walls, job, tools.walled()) {
        // A wrapper (snap, a shell script) does not start within the walls; see `capture_with_messages`.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && tools.walled() => {
            tools.give_up_walls();
            launch(program, &walls, job, false)
        }
        spawned => spawned,
    };
    let child = spawned.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => MediaError::ToolMissing { tool: job.tool.name() },
        _ => MediaError::ToolBroken {
            tool: program.to_owned(),
            why: error.to_string(),
        },
    })?;
    // It may have ended already, which is no matter.
    let _ = jail::limit(child.id(), limits);
    Ok(child)
}

/// Starts the program from a thread of its own, which is enclosed first if it is to be `walled`.
fn launch(program: &Path, walls: &Walls, job: &Job, walled: bool) -> io::Result<Child> {
    thread::scope(|scope| {
        let starter = thread::Builder::new()
            .name("synchresis-jail".into())
            .spawn_scoped(scope, || {
                if walled {
                    // Best effort: on a kernel that cannot, limits and whitelists remain.
                    let _ = jail::enclose(walls);
                }
                spawn(program, job)
            })?;
        starter
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the starting thread panicked")))
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where processes are started"
)]
fn spawn(program: &Path, job: &Job) -> io::Result<Child> {
    let mut command = std::process::Command::new(program);
    command
        .args(&job.args)
        .stdin(if job.feed { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Would make it write a log file of its own.
        .env_remove("FFREPORT")
        .env("AV_LOG_FORCE_NOCOLOR", "1");
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        // A group of its own: Ctrl-C reaches us alone, and we end the child in our own order.
        command.process_group(0);
    }
    command.spawn()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use synchresis_cue::Silent;

    use super::*;
    use crate::JailLevel;

    #[test]
    #[expect(clippy::print_stderr, reason = "what is skipped is said")]
    fn a_child_opens_a_file_that_it_was_not_given() {
        let tools = Tools::locate(None, None, std::env::var_os("PATH").as_deref()).expect("these tests need ffmpeg");
        if !matches!(tools.jail(), JailLevel::Files | JailLevel::FilesAndNetwork) {
            eprintln!("skipped: this kernel has no landlock");
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let (given, other) = (folder.path().join("given.ppm"), folder.path().join("other.ppm"));
        for path in [&given, &other] {
            std::fs::write(path, b"P6 2 2 255\n0123456789ab").expect("writes");
        }
        let look = |path: &Path| {
            let job = Job::new(Tool::Ffprobe, "reading", path)
                .args(["-v", "error", "-show_streams", "-f", "ppm_pipe", "-i"])
                .args([file_url(path)]);
            let job = Job {
                reads: vec![given.clone()],
                ..job
            };
            capture(&tools, &Limits::default(), &Silent, job)
        };
        assert!(String::from_utf8_lossy(&look(&given).expect("its own file")).contains("ppm"));
        let error = look(&other).expect_err("another file");
        assert!(error.to_string().contains("Permission denied"), "{error}");
    }

    #[test]
    fn an_ffmpeg_that_is_a_script_is_called_missing() {
        use std::os::unix::fs::PermissionsExt;
        let path = std::env::var_os("PATH");
        let real = Tools::locate(None, None, path.as_deref()).expect("these tests need ffmpeg");
        let folder = tempfile::tempdir().expect("a folder");
        let script = folder.path().join("ffmpeg");
        std::fs::write(
            &script,
            format!("#!/bin/sh\nexec '{}' \"$@\"\n", real.path(Tool::Ffmpeg).display()),
        )
        .expect("writes");
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("may be run");
        let tools = Tools::locate(Some(&script), None, path.as_deref()).expect("a wrapper is a tool");
        let job = Job::new(Tool::Ffmpeg, "asking for its version", &script).args(["-version"]);
        let said = run(&tools, &Limits::default(), &Silent, job, |mut pipes| {
            let mut text = String::new();
            pipes.out.read_to_string(&mut text)?;
            Ok(Finish::Wait(text))
        });
        assert!(said.expect("it ran").0.starts_with("ffmpeg version"));
    }
}
