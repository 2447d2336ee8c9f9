//! A training run on a whole terminal: curves, speed, where the time goes, the last validation.
//!
//! A thread of its own draws four times a second what is known by then ([`State`]), so that training waits for no terminal, and a
//! window that is resized is drawn anew. The view lies on the terminal's second screen. Lines that are said meanwhile are
//! shown in it, and written to the first screen when the view is left: at the end of the run, before the process ends by
//! a signal, and where it panics. A terminal that cannot be written to ends the view and nothing else.

mod ansi;
mod draw;
mod screen;
mod state;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use screen::Screen;
pub(crate) use state::State;

use crate::tell;

/// The time between two drawings.
const INTERVAL: Duration = Duration::from_millis(250);
/// How long leaving waits for a drawing that is under way: it may never end.
const PATIENCE: Duration = Duration::from_millis(300);

/// A view that is shown, or was. Clones are the same one.
#[derive(Clone)]
pub(crate) struct View(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    /// None before the view is shown, while the process is suspended, and after the view is left.
    screen: Mutex<Option<Screen>>,
    phase: Mutex<Phase>,
    changed: Condvar,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Shown,
    Suspended,
    Left,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lock, if it comes free in a while; a thread that panics may hold it.
fn lock_soon<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    let begun = Instant::now();
    loop {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(error)) => return Some(error.into_inner()),
            Err(TryLockError::WouldBlock) if begun.elapsed() > PATIENCE => return None,
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

impl View {
    /// Shows the view. `None` if the terminal or the thread cannot be had.
    pub(crate) fn show(state: State) -> Option<Self> {
        let screen = Screen::enter().ok()?;
        let view = Self(Arc::new(Inner {
            state: Mutex::new(state),
            screen: Mutex::new(Some(screen)),
            phase: Mutex::new(Phase::Shown),
            changed: Condvar::new(),
        }));
        let drawing = view.clone();
        let thread = std::thread::Builder::new().name("view".into());
        if thread.spawn(move || drawing.draw()).is_err() {
            view.leave();
            return None;
        }
        let (left, before) = (view.clone(), std::panic::take_hook());
        std::panic::set_hook(Box::new(move |panic| {
            left.leave();
            before(panic);
        }));
        Some(view)
    }

    /// Draws until the view is left.
    fn draw(&self) {
        let Inner { state, screen, phase, changed } = &*self.0;
        let begun = Instant::now();
        loop {
            let guard = lock(phase);
            let waited = changed.wait_timeout(guard, INTERVAL);
            let now = *waited.unwrap_or_else(PoisonError::into_inner).0;
            match now {
                Phase::Left => return,
                Phase::Suspended => continue,
                Phase::Shown => {}
            }
            // The run goes on while this is drawn.
            let state = lock(state).clone();
            let drawn = match lock(screen).as_mut() {
                Some(screen) => screen.draw(&state, begun.elapsed()),
                None => Ok(()),
            };
            if drawn.is_err() {
                self.leave();
                return;
            }
        }
    }

    /// Whether it is on the terminal.
    fn is_shown(&self) -> bool {
        *lock(&self.0.phase) == Phase::Shown
    }

    /// Tells the view something new.
    pub(crate) fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut lock(&self.0.state));
    }

    /// Says a line; `warns` if it is a remark on something odd.
    pub(crate) fn say(&self, text: &str, warns: bool) {
        if self.is_shown() {
            self.update(|state| state.say(text, warns));
        } else if warns {
            tell::note(text);
        } else {
            tell::say(text);
        }
    }

    /// Gives the terminal back, with the lines that were said; may be called again, and from anywhere.
    pub(crate) fn leave(&self) {
        self.step_aside(Phase::Left);
    }

    /// Gives the terminal back for a while: the process is about to be suspended.
    pub(crate) fn suspend(&self) {
        self.step_aside(Phase::Suspended);
    }

    /// Shows itself again after it was suspended.
    pub(crate) fn resume(&self) {
        let mut phase = lock(&self.0.phase);
        if *phase != Phase::Suspended {
            return;
        }
        *phase = match Screen::enter() {
            Ok(screen) => {
                *lock(&self.0.screen) = Some(screen);
                Phase::Shown
            }
            Err(_) => Phase::Left,
        };
    }

    fn step_aside(&self, to: Phase) {
        let Inner { state, screen, phase, changed } = &*self.0;
        let Some(mut phase) = lock_soon(phase) else { return };
        if *phase != Phase::Shown {
            return;
        }
        *phase = to;
        drop(phase);
        changed.notify_all();
        match lock_soon(screen) {
            Some(mut screen) => {
                if let Some(screen) = screen.take() {
                    screen.leave();
                }
            }
            // A drawing that does not end holds it.
            None => screen::give_back(),
        }
        let lines = lock_soon(state).map(|mut state| state.take_lines());
        lines.unwrap_or_default().iter().for_each(tell::say);
    }
}

#[cfg(all(test, unix))]
mod tests;
