//! The walls around a child process: which files it may open, and how much it may take.
//!
//! Landlock restricts the calling thread and what that thread starts. A child is therefore started from a thread of its
//! own which walls itself in first and ends right after; the rest of the program is untouched, and no unsafe code is
//! needed. Resource limits are set on the child from outside, by `prlimit`.

use std::path::PathBuf;

/// What holds the child processes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JailLevel {
    /// Whitelists of formats and protocols and the wall-clock limit alone (macOS, Windows).
    Whitelists,
    /// And limits on memory and file size, but no walls around files (an old kernel, or an ffmpeg that is a wrapper).
    Limits,
    /// And landlock: only the named input can be read and only the temporary output written.
    Files,
    /// And no TCP connection can be made (landlock ABI 4, Linux 6.7).
    FilesAndNetwork,
}

impl JailLevel {
    /// A sentence for a person.
    pub fn describe(self) -> &'static str {
        match self {
            JailLevel::Whitelists => "formats and protocols are whitelisted, and time is limited",
            JailLevel::Limits => "formats and protocols are whitelisted; time, memory and file size are limited",
            JailLevel::Files => "only the input can be read and only the output written (landlock); limits are set",
            JailLevel::FilesAndNetwork => {
                "only the input can be read, only the output written, no network (landlock); limits are set"
            }
        }
    }
}

/// What one child may touch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Walls {
    /// The program itself.
    pub(crate) program: PathBuf,
    /// Files it may read.
    pub(crate) reads: Vec<PathBuf>,
    /// Files, there already, that it may read and write.
    pub(crate) writes: Vec<PathBuf>,
}

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::{enclose, level, limit};
#[cfg(target_os = "linux")]
pub(crate) use linux::{enclose, level, limit};

#[cfg(target_os = "linux")]
mod linux {
    use std::{io, path::Path, sync::OnceLock, thread};

    use landlock::{
        ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd,
        RestrictionStatus, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
    };
    use rustix::process::{Pid, Resource, Rlimit, prlimit};

    use super::{JailLevel, Walls};
    use crate::Limits;

    /// What a dynamically linked program needs to start and to count the cores.
    const SYSTEM: [&str; 12] = [
        "/lib",
        "/lib32",
        "/lib64",
        "/usr/lib",
        "/usr/lib32",
        "/usr/lib64",
        "/usr/local/lib",
        "/etc/ld.so.cache",
        "/etc/ld.so.preload",
        "/sys/devices/system",
        "/proc/cpuinfo",
        "/proc/meminfo",
    ];
    /// Package managers that keep libraries beside their programs: where the program lies within one, all of it is shown.
    const STORES: [&str; 3] = ["/nix/store", "/gnu/store", "/home/linuxbrew/.linuxbrew"];
    const DEVICES_READ: [&str; 3] = ["/dev/zero", "/dev/urandom", "/dev/random"];

    /// Asked of the kernel once, by walling in a thread that does nothing else.
    pub(crate) fn level() -> JailLevel {
        static LEVEL: OnceLock<JailLevel> = OnceLock::new();
        *LEVEL.get_or_init(|| {
            let tried = thread::spawn(|| enclose(&Walls::default())).join();
            match tried.ok().and_then(Result::ok).map(|status| status.landlock) {
                Some(LandlockStatus::Available { effective_abi, .. }) if effective_abi >= ABI::V4 => {
                    JailLevel::FilesAndNetwork
                }
                Some(LandlockStatus::Available { .. }) => JailLevel::Files,
                _ => JailLevel::Limits,
            }
        })
    }

    /// Walls in the calling thread for good. As much as the kernel can.
    pub(crate) fn enclose(walls: &Walls) -> Result<RestrictionStatus, RulesetError> {
        let abi = ABI::V6;
        let read = BitFlags::from(AccessFs::ReadFile);
        let run = AccessFs::from_read(abi);
        let rules = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(abi))?
            .handle_access(AccessNet::from_all(abi))?
            .scope(Scope::from_all(abi))?;
        let mut rules = rules.create()?;
        for path in SYSTEM {
            rules = allow(rules, Path::new(path), run)?;
        }
        for path in DEVICES_READ {
            rules = allow(rules, Path::new(path), read)?;
        }
        rules = allow(rules, Path::new("/dev/null"), read | AccessFs::WriteFile)?;
        rules = allow(rules, &walls.program, run)?;
        if let Ok(real) = walls.program.canonicalize() {
            rules = allow(rules, &real, run)?;
            if let Some(store) = STORES.iter().map(Path::new).find(|store| real.starts_with(store)) {
                rules = allow(rules, store, run)?;
            } else if let Some(prefix) = real.parent().and_then(Path::parent) {
                rules = allow(rules, &prefix.join("lib"), run)?;
            }
        }
        for path in &walls.reads {
            rules = allow(rules, path, read)?;
        }
        for path in &walls.writes {
            rules = allow(rules, path, read | AccessFs::WriteFile | AccessFs::Truncate)?;
        }
        rules.restrict_self()
    }

    /// A path that is not there needs no permission.
    fn allow(rules: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, RulesetError> {
        let Ok(fd) = PathFd::new(path) else { return Ok(rules) };
        let access = if path.is_dir() {
            access
        } else {
            access & AccessFs::from_file(ABI::V6)
        };
        rules.add_rule(PathBeneath::new(fd, access))
    }

    /// Sets memory, file-size and core limits on a running child.
    pub(crate) fn limit(pid: u32, limits: &Limits) -> io::Result<()> {
        let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
            return Ok(());
        };
        for (resource, most) in [
            (Resource::Data, limits.memory),
            (Resource::Fsize, limits.output_bytes),
            (Resource::Core, 0),
        ] {
            prlimit(
                Some(pid),
                resource,
                Rlimit {
                    current: Some(most),
                    maximum: Some(most),
                },
            )?;
        }
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::{convert::Infallible, io};

    use super::{JailLevel, Walls};
    use crate::Limits;

    pub(crate) fn level() -> JailLevel {
        JailLevel::Whitelists
    }

    pub(crate) fn enclose(_walls: &Walls) -> Result<(), Infallible> {
        Ok(())
    }

    pub(crate) fn limit(_pid: u32, _limits: &Limits) -> io::Result<()> {
        Ok(())
    }
}
