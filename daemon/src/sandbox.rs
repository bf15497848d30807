//! What the agent gives up before it looks at anything. [`begin`] comes first in `main`, before there are threads: no core
//! file, no debugger, no new privileges, no network. [`Begun::confine`] follows as soon as it is known where the home and
//! the state are: from then on the home can only be read.
//!
//! Everything that is started afterwards inherits this, which is why the agent starts `git` to ask it, and nothing that
//! belongs to the user: a terminal is started by the user's service manager.
//!
//! Two things are given up on purpose with Landlock: programs below the home cannot be run, and the environment of other
//! processes cannot be read, because the kernel does not let a confined process look into one that is not.

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, LandlockStatus, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How much of the file system's confinement is in force.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Landlock {
    /// All of what is asked for; the kernel knows this version of Landlock.
    Enforced(i32),
    /// What this kernel's version of Landlock can do.
    Partly(i32),
    /// Nothing: the kernel has no Landlock, or it is switched off.
    Absent,
}

/// Whether system calls are filtered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seccomp {
    /// They are.
    Enforced,
    /// The kernel or the processor has none of it.
    Absent,
}

/// What is in force.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sandbox {
    /// Files, TCP, signals.
    pub(crate) landlock: Landlock,
    /// System calls, the network among them.
    pub(crate) seccomp: Seccomp,
    /// Whether others may read its memory.
    pub(crate) dumpable: bool,
    /// Whether a crash may leave a file with what was in memory.
    pub(crate) core: bool,
    /// Whether programs that it starts can have no more rights than itself.
    pub(crate) no_new_privs: bool,
}

/// Where the agent works.
pub(crate) struct Paths<'a> {
    /// The home, read only.
    pub(crate) home: &'a Path,
    /// What else is to be read: packs, places that a variable has moved, `$XDG_CONFIG_HOME` when it is elsewhere (git
    /// does not start when it may not read its configuration). What is not there is passed over.
    pub(crate) read: &'a [PathBuf],
    /// Its own directories, which exist: the state, and its part of the runtime directory.
    pub(crate) write: &'a [PathBuf],
}

/// The first half is in force.
pub(crate) struct Begun {
    seccomp: Seccomp,
}

/// Programs and what they need. Read, and run.
const PROGRAMS: &[&str] = &[
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix", "/gnu", "/snap",
];
/// What the system says about itself.
const FACTS: &[&str] = &["/proc", "/sys", "/run", "/var/lib", "/dev/urandom", "/dev/random", "/dev/zero"];
/// Git opens it for writing.
const SINK: &str = "/dev/null";
/// The newest version that was tried with everything that the agent does. Later ones may refuse to connect to sockets
/// that have a path, and with them the bus.
const VERSION: ABI = ABI::V6;

/// No core file, no debugger, no new privileges, no network, and none of the system calls that only attacks need.
pub(crate) fn begin() -> Begun {
    let _ = rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let applied = filters().and_then(|filters| {
        filters.iter().try_for_each(|filter| seccompiler::apply_filter_all_threads(filter))
    });
    Begun { seccomp: if applied.is_ok() { Seccomp::Enforced } else { Seccomp::Absent } }
}

impl Begun {
    /// The home can only be read from now on. Covers this thread and those that it starts.
    pub(crate) fn confine(self, paths: &Paths) -> Sandbox {
        let landlock = landlock(paths).unwrap_or(Landlock::Absent);
        let dumpable = rustix::process::dumpable_behavior();
        Sandbox {
            landlock,
            seccomp: self.seccomp,
            dumpable: !matches!(dumpable, Ok(DumpableBehavior::NotDumpable)),
            core: rustix::process::getrlimit(Resource::Core).maximum != Some(0),
            no_new_privs: no_new_privs(),
        }
    }
}

impl Sandbox {
    /// Whether everything is in force.
    pub(crate) fn complete(&self) -> bool {
        matches!(self.landlock, Landlock::Enforced(_))
            && self.seccomp == Seccomp::Enforced
            && !self.dumpable
            && !self.core
            && self.no_new_privs
    }

    /// One line for people.
    pub(crate) fn words(&self) -> String {
        let files = match self.landlock {
            Landlock::Enforced(version) => format!("files read-only (Landlock {version})"),
            Landlock::Partly(version) => format!("files read-only as far as Landlock {version} goes"),
            Landlock::Absent => "files NOT confined (no Landlock in this kernel)".to_owned(),
        };
        let calls = match self.seccomp {
            Seccomp::Enforced => "no network",
            Seccomp::Absent => "network NOT refused (no seccomp in this kernel)",
        };
        let part = |lacking: bool, good: &str, bad: &str| if lacking { bad } else { good }.to_owned();
        [
            files,
            calls.to_owned(),
            part(self.dumpable, "memory private", "memory NOT private"),
            part(self.core, "no core files", "core files NOT off"),
            part(!self.no_new_privs, "no new privileges", "new privileges NOT refused"),
        ]
        .join(", ")
    }
}

fn landlock(paths: &Paths) -> Result<Landlock, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let files = AccessFs::from_all(VERSION);
    let tcp: BitFlags<AccessNet> = AccessNet::from_all(VERSION);
    let below = |paths: &[PathBuf], access| path_beneath_rules(paths.to_vec(), access);
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(files)?
        .handle_access(tcp)?
        // Not `AbstractUnixSocket`: a session bus may listen on one.
        .scope(Scope::Signal)?
        .create()?
        .add_rules(path_beneath_rules(PROGRAMS, read | AccessFs::Execute))?
        .add_rules(path_beneath_rules(FACTS, read))?
        .add_rules(path_beneath_rules([SINK], AccessFs::ReadFile | AccessFs::WriteFile))?
        .add_rules(path_beneath_rules([paths.home], read))?
        .add_rules(below(paths.read, read))?
        .add_rules(below(paths.write, files & !AccessFs::Execute))?
        .restrict_self()?;
    let version = match status.landlock {
        LandlockStatus::Available { effective_abi, kernel_abi } => kernel_abi.unwrap_or(effective_abi as i32),
        _ => return Ok(Landlock::Absent),
    };
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Landlock::Enforced(version),
        RulesetStatus::PartiallyEnforced => Landlock::Partly(version),
        RulesetStatus::NotEnforced => Landlock::Absent,
    })
}

/// System calls that are refused with `EPERM`: looking into other processes, changing the kernel, mounts, clocks or
/// namespaces, and doors that are known for being broken open. `io_uring` can open sockets that no filter sees.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_quotactl,
    libc::SYS_acct,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    libc::SYS_personality,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
];

/// Two filters, because a filter has one answer: calls that are refused, and sockets of families that are not there.
fn filters() -> seccompiler::Result<[BpfProgram; 2]> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let refused = REFUSED.iter().flat_map(|call| numbers(*call)).map(|call| (call, Vec::new())).collect();
    let value = u64::from(libc::AF_UNIX.unsigned_abs());
    let other = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, value)?;
    let rule = SeccompRule::new(vec![other])?;
    let socket: BTreeMap<_, _> =
        numbers(libc::SYS_socket).map(|call| (call, vec![rule.clone()])).into_iter().collect();
    let filter = |rules, error: libc::c_int| -> seccompiler::Result<BpfProgram> {
        let answer = SeccompAction::Errno(error.unsigned_abs());
        Ok(SeccompFilter::new(rules, SeccompAction::Allow, answer, arch)?.try_into()?)
    };
    Ok([filter(refused, libc::EPERM)?, filter(socket, libc::EAFNOSUPPORT)?])
}

/// A call's number, and the one by which programs for x32 know it: a filter sees them as two.
#[cfg(target_arch = "x86_64")]
fn numbers(call: libc::c_long) -> [i64; 2] {
    [call, call | 0x4000_0000]
}

/// A call's number.
#[cfg(not(target_arch = "x86_64"))]
fn numbers(call: libc::c_long) -> [i64; 1] {
    [call]
}

/// As the kernel says it.
fn no_new_privs() -> bool {
    own("/proc/self/status").lines().any(|line| line.split_whitespace().eq(["NoNewPrivs:", "1"]))
}

#[expect(clippy::disallowed_methods, reason = "the kernel's word about this process, not a file")]
fn own(file: &str) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}

#[cfg(test)]
mod tests;
