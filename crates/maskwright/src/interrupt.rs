//! Signals that ask the command to end: Ctrl-C, SIGTERM, and SIGHUP when a terminal closes.
//!
//! The first one asks the work to stop where its state can be saved, the second ends it. Where nothing would be lost,
//! as while data are opened or a model is evaluated, the process ends by itself soon after the first.
//!
//! A run can be asked by a file in its folder, too ([`Interrupt::follow`]): to stop, or to stand still.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use maskwright_train::asked::{self, Asked};

use crate::exit;
use crate::tell::{note, say};
use crate::view::{State, View};

/// How long work that saves nothing may go on after it was asked to stop.
const PATIENCE: Duration = Duration::from_millis(1500);

/// How often a file is looked for that asks something, and whether the work may go on.
const LOOK: Duration = Duration::from_millis(200);

/// What is said when the process ends at once, made then.
type Farewell = Box<dyn Fn() -> String + Send>;

/// What a signal asks for, and what it may do.
pub(crate) struct Interrupt {
    asked: AtomicBool,
    /// Whether the work is to stand still.
    still: AtomicBool,
    may_end: AtomicBool,
    farewell: Mutex<Farewell>,
    /// The view that is on the terminal, or was.
    view: OnceLock<View>,
}

impl Interrupt {
    /// Whether the work should stop. Where it is to stand still, it does so in here.
    pub(crate) fn is_asked(&self) -> bool {
        while self.still.load(Ordering::SeqCst) && !self.asked.load(Ordering::SeqCst) {
            std::thread::sleep(LOOK);
        }
        self.asked.load(Ordering::SeqCst)
    }

    /// Does what the file of a run's folder asks for, from now on. What it asked for before was meant for another process.
    pub(crate) fn follow(self: &Arc<Self>, run: &Path) {
        let _ = asked::withdraw(run);
        let (own, run) = (Arc::downgrade(self), run.to_path_buf());
        let look = move || {
            while let Some(interrupt) = own.upgrade() {
                let wanted = asked::asked(&run);
                let still = wanted == Some(Asked::Pause);
                if interrupt.still.swap(still, Ordering::SeqCst) != still {
                    say(match still {
                        true => {
                            "standing still, as the file asked says; without it the run goes on"
                        }
                        false => "going on",
                    });
                }
                if wanted == Some(Asked::Stop) {
                    let _ = asked::withdraw(&run);
                    interrupt.hear();
                }
                drop(interrupt);
                std::thread::sleep(LOOK);
            }
        };
        if let Err(error) = std::thread::Builder::new().name("asked".into()).spawn(look) {
            note(format_args!("the file asked in the run's folder is not heeded ({error})"));
        }
    }

    /// What a signal does: the first one asks, the second ends the process.
    fn hear(self: &Arc<Self>) {
        if self.asked.swap(true, Ordering::SeqCst) {
            self.end();
        }
        if !self.may_end.load(Ordering::SeqCst) {
            self.acknowledge();
        }
        let waiting = Arc::clone(self);
        // Without a thread that waits, the work ends when it looks.
        let _ = std::thread::Builder::new().spawn(move || waiting.end_soon());
    }

    /// Whether from now on nothing is lost if the process ends at once. True at first.
    pub(crate) fn may_end(&self, may: bool) {
        self.may_end.store(may, Ordering::SeqCst);
    }

    /// What is said when the process ends at once.
    pub(crate) fn set_farewell(&self, text: impl Fn() -> String + Send + 'static) {
        *self.farewell.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(text);
    }

    /// The view that is on the terminal, which is given back before the process ends.
    pub(crate) fn set_view(&self, view: View) {
        // There is one run.
        let _ = self.view.set(view);
    }

    /// Ends the process, with the terminal as it was, and says so unless the work has.
    fn end(&self) -> ! {
        if let Some(view) = self.view.get() {
            view.leave();
        }
        exit::say_stopped(|| (self.farewell.lock().unwrap_or_else(PoisonError::into_inner))());
        std::process::exit(130)
    }

    /// Says that the first signal was heard.
    fn acknowledge(&self) {
        match self.view.get() {
            Some(view) => view.update(State::stop),
            None => say("\nstopping after this step; once more to stop at once"),
        }
    }

    /// Suspends the process, as the signal would by itself, with the terminal as it was.
    #[cfg(unix)]
    fn suspend(&self) {
        if let Some(view) = self.view.get() {
            view.suspend();
        }
        // It returns when the process goes on.
        let _ = signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP);
        if let Some(view) = self.view.get() {
            view.resume();
        }
    }

    /// Ends the process if for a while it may.
    fn end_soon(&self) {
        let step = Duration::from_millis(50);
        let mut waited = Duration::ZERO;
        while waited < PATIENCE {
            std::thread::sleep(step);
            waited =
                if self.may_end.load(Ordering::SeqCst) { waited + step } else { Duration::ZERO };
        }
        self.end()
    }
}

/// Listens to the signals from now on.
pub(crate) fn on_ctrl_c() -> Arc<Interrupt> {
    let interrupt = Arc::new(Interrupt {
        asked: AtomicBool::new(false),
        still: AtomicBool::new(false),
        may_end: AtomicBool::new(true),
        farewell: Mutex::new(Box::new(|| "stopped".into())),
        view: OnceLock::new(),
    });
    let raised = Arc::clone(&interrupt);
    #[cfg(unix)]
    let suspended = Arc::clone(&interrupt);
    let on_signal = move || raised.hear();
    #[cfg(unix)]
    let listening = listen(on_signal, move || suspended.suspend());
    #[cfg(not(unix))]
    let listening = listen(on_signal);
    if let Err(error) = listening {
        note(format_args!("Ctrl-C will end the run without saving ({error})"));
    }
    interrupt
}

#[cfg(unix)]
fn listen(
    on_signal: impl Fn() + Send + 'static,
    on_suspend: impl Fn() + Send + 'static,
) -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};
    let mut wanted = vec![SIGINT, SIGTERM, SIGTSTP];
    // `nohup` has its command ignore a terminal that closes, and the command goes on.
    if !is_ignored(SIGHUP) {
        wanted.push(SIGHUP);
    }
    let mut signals = signal_hook::iterator::Signals::new(wanted)?;
    let listener = move || {
        signals.forever().for_each(|signal| match signal {
            SIGTSTP => on_suspend(),
            _ => on_signal(),
        });
    };
    std::thread::Builder::new().name("signals".into()).spawn(listener).map(drop)
}

/// Whether the process was started to ignore a signal; Linux tells.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(not(unix))]
fn listen(on_signal: impl Fn() + Send + 'static) -> io::Result<()> {
    ctrlc::set_handler(on_signal).map_err(io::Error::other)
}
