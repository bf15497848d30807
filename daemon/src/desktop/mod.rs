//! The edge to the desktop's notifications: a task that shows what [`crate::notice`] has written and tells what people
//! answer. A service that is absent, comes later or dies is no error: what could not be shown waits for it.
//!
//! What leaves here is the text of a [`Notice`], which holds masked previews and nothing else of a secret.

mod quiet;
mod show;
#[cfg(test)]
pub(crate) mod testing;
mod wire;

pub(crate) use quiet::Asker;
pub(crate) use show::{Terminal, can_show, show};

use crate::notice::Notice;
use crate::power::{next, ready};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use wire::{ActionInvoked, ActionInvokedStream, NotificationClosedStream, NotificationsProxy, Server};
use zbus::Connection;
use zbus::fdo::{DBusProxy, NameOwnerChangedStream};

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
/// A service that takes longer counts as absent.
const PATIENCE: Duration = Duration::from_secs(10);
/// Notices that wait for a service; of more, the oldest go: the findings themselves are in the ledger.
const WAITING: usize = 8;
/// Notices whose answers are waited for.
const SHOWN: usize = 64;

/// Something that cannot be told, or not in this way.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// Nothing shows notifications now.
    #[error("there is no notification service; what is new waits for one")]
    Absent,
    /// The service does not show this.
    #[error("the notification service does not show it: {0}")]
    Refused(String),
    /// The session bus has gone away, and this task with it.
    #[error("the session bus has gone away")]
    BusLost,
    /// No program in which a command can be shown.
    #[error("no terminal is installed; run the command of the notification in one")]
    NoTerminal,
    /// Nothing that would start a terminal outside of the agent's own confinement.
    #[error("no service manager starts a terminal: {0}")]
    NoServiceManager(String),
    /// What is to be shown is not named like a finding.
    #[error("not the id of a finding")]
    NotAnId,
}

/// What people answer to a notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// They want to see it.
    Show,
    /// They do not want to hear of it for a week.
    IgnoreWeek,
    /// It has gone from the screen.
    Closed,
}

/// An answer, and to what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Choice {
    /// The findings of the notice.
    pub(crate) ids: Vec<String>,
    /// What was chosen.
    pub(crate) answer: Answer,
}

/// What the desktop has to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum DesktopEvent {
    /// Somebody has answered.
    Choice(Choice),
    /// A notice is on the screen; its [`Notice::id`].
    Shown(u64),
    /// It could not be told; told itself once, until things change.
    Problem(Problem),
}

/// What the task is asked.
enum Command {
    Tell(Notice),
    Withdraw(Vec<String>),
}

/// The desktop, as the shell has it.
pub(crate) struct Desktop {
    commands: Sender<Command>,
}

impl Desktop {
    /// Starts the task. `can_show` says whether "Show" has anything to open ([`Terminal::find`]). The task ends with the
    /// bus, with the receiver of `out`, or with this.
    pub(crate) async fn start(
        session: &Connection,
        can_show: bool,
        out: Sender<DesktopEvent>,
    ) -> zbus::Result<Desktop> {
        let (commands, asked) = channel(32);
        let proxy = NotificationsProxy::new(session).await?;
        let bus = DBusProxy::new(session).await?;
        let streams = Streams {
            asked,
            actions: proxy.receive_action_invoked().await?,
            closed: proxy.receive_notification_closed().await?,
            owners: bus.receive_name_owner_changed_with_args(&[(0, NAME)]).await?,
        };
        let task = Task {
            proxy,
            can_show,
            out,
            server: None,
            shown: Vec::new(),
            waiting: VecDeque::new(),
            troubled: false,
        };
        tokio::spawn(task.run(streams));
        Ok(Desktop { commands })
    }

    /// Shows a notice, now or when something is there to show it. `false` when the task has ended or cannot follow.
    pub(crate) fn tell(&self, notice: Notice) -> bool {
        self.commands.try_send(Command::Tell(notice)).is_ok()
    }

    /// Findings are settled: notices about nothing else leave the screen.
    pub(crate) fn withdraw(&self, ids: Vec<String>) -> bool {
        self.commands.try_send(Command::Withdraw(ids)).is_ok()
    }
}

struct Streams {
    asked: Receiver<Command>,
    actions: ActionInvokedStream,
    closed: NotificationClosedStream,
    owners: NameOwnerChangedStream,
}

struct Shown {
    /// The service's number for it.
    number: u32,
    /// Findings that are not settled.
    open: Vec<String>,
    ids: Vec<String>,
}

struct Task {
    proxy: NotificationsProxy<'static>,
    can_show: bool,
    out: Sender<DesktopEvent>,
    server: Option<Server>,
    shown: Vec<Shown>,
    waiting: VecDeque<Notice>,
    /// A problem was told, and nothing has changed since.
    troubled: bool,
}

impl Task {
    async fn run(mut self, mut streams: Streams) {
        let out = self.out.clone();
        loop {
            tokio::select! {
                () = out.closed() => return,
                command = streams.asked.recv() => match command {
                    Some(Command::Tell(notice)) => self.tell(notice).await,
                    Some(Command::Withdraw(ids)) => self.withdraw(&ids).await,
                    None => return,
                },
                signal = next(&mut streams.actions) => match signal {
                    Some(signal) => self.action(&signal).await,
                    None => return self.say(DesktopEvent::Problem(Problem::BusLost)).await,
                },
                signal = next(&mut streams.closed) => match signal {
                    Some(signal) => {
                        // Who answers closes it as well, in this order; the two come by different streams.
                        while let Some(signal) = ready(&mut streams.actions).await {
                            self.action(&signal).await;
                        }
                        if let Ok(args) = signal.args() {
                            self.answer(args.id, Answer::Closed).await;
                        }
                    }
                    None => return self.say(DesktopEvent::Problem(Problem::BusLost)).await,
                },
                change = next(&mut streams.owners) => match change {
                    Some(change) => {
                        let there = change.args().is_ok_and(|args| args.new_owner().is_some());
                        self.another_service(there).await;
                    }
                    None => return self.say(DesktopEvent::Problem(Problem::BusLost)).await,
                },
            }
        }
    }

    async fn say(&self, event: DesktopEvent) {
        // Nobody listens any more: the loop sees that by itself.
        let _ = self.out.send(event).await;
    }

    /// The service has come, gone, or is another one: numbers and abilities of the old one mean nothing any more.
    async fn another_service(&mut self, there: bool) {
        self.server = None;
        self.shown.clear();
        if there {
            self.troubled = false;
            for notice in std::mem::take(&mut self.waiting) {
                self.tell(notice).await;
            }
        }
    }

    async fn tell(&mut self, notice: Notice) {
        let problem = match tokio::time::timeout(PATIENCE, self.notify(&notice)).await {
            Ok(Ok(number)) => {
                self.shown.retain(|shown| shown.number != number);
                if self.shown.len() >= SHOWN {
                    self.shown.remove(0);
                }
                self.shown.push(Shown { number, open: notice.ids.clone(), ids: notice.ids });
                return self.say(DesktopEvent::Shown(notice.id)).await;
            }
            Ok(Err(error)) => wire::problem(&error),
            Err(_) => Problem::Absent,
        };
        if problem == Problem::Absent {
            self.waiting.retain(|waits| waits.ids != notice.ids);
            if self.waiting.len() >= WAITING {
                self.waiting.pop_front();
            }
            self.waiting.push_back(notice);
        }
        if !std::mem::replace(&mut self.troubled, true) {
            self.say(DesktopEvent::Problem(problem)).await;
        }
    }

    async fn notify(&mut self, notice: &Notice) -> zbus::Result<u32> {
        let server = match self.server {
            Some(server) => server,
            None => *self.server.insert(Server::new(&self.proxy.get_capabilities().await?)),
        };
        let body = if server.markup { wire::escaped(&notice.body) } else { notice.body.clone() };
        // What is told again about a finding takes the place of what is still there about it.
        let about = |shown: &&Shown| shown.ids.iter().any(|id| notice.ids.contains(id));
        let replaces = self.shown.iter().find(about).map_or(0, |shown| shown.number);
        let actions = wire::actions(server, self.can_show);
        let hints = wire::hints(notice.urgency);
        self.proxy
            .notify(wire::APPLICATION, replaces, wire::ICON, &notice.title, &body, &actions, hints, -1)
            .await
    }

    async fn withdraw(&mut self, ids: &[String]) {
        self.waiting.retain(|notice| !notice.ids.iter().all(|id| ids.contains(id)));
        for shown in &mut self.shown {
            shown.open.retain(|id| !ids.contains(id));
        }
        let settled: Vec<u32> = self.shown.iter().filter(|s| s.open.is_empty()).map(|s| s.number).collect();
        self.shown.retain(|shown| !shown.open.is_empty());
        for number in settled {
            // Gone already, or the service is: as good.
            let _ = tokio::time::timeout(PATIENCE, self.proxy.close_notification(number)).await;
        }
    }

    async fn action(&mut self, signal: &ActionInvoked) {
        let Ok(args) = signal.args() else { return };
        if let Some(answer) = wire::answer(&args.action_key) {
            self.answer(args.id, answer).await;
        }
    }

    /// Services send signals about everybody's notifications: those of others have numbers that are not ours.
    async fn answer(&mut self, number: u32, answer: Answer) {
        let Some(at) = self.shown.iter().position(|shown| shown.number == number) else { return };
        let ids = self.shown.remove(at).ids;
        self.say(DesktopEvent::Choice(Choice { ids, answer })).await;
    }
}

#[cfg(test)]
mod tests;
