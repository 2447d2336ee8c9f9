//! An ordered, bounded, restartable parallel map: the engine of the loaders.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// A piece of work: number `index` of epoch `epoch`, counted from place `start` of the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) epoch: u64,
    pub(super) start: u64,
    pub(super) index: u64,
}

/// Does numbered tasks on threads, at most `ahead` before they are asked for, and delivers the
/// results in order.
pub(super) struct Ordered<T> {
    shared: Arc<Shared<T>>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    /// Something can be done.
    work: Condvar,
    /// Something is done.
    done: Condvar,
}

struct State<T> {
    /// Counts restarts: results of earlier runs are thrown away.
    run: u64,
    epoch: u64,
    start: u64,
    /// The next task that no worker has taken.
    next: u64,
    /// The next task to deliver.
    wanted: u64,
    end: u64,
    ahead: u64,
    ready: BTreeMap<u64, Outcome<T>>,
    stop: bool,
}

type Outcome<T> = Result<T, Box<dyn Any + Send>>;

impl<T> Shared<T> {
    /// The state. A panic inside a task happens outside the lock, so a poisoned state is whole.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + 'static> Ordered<T> {
    /// Starts one thread per worker; nothing is done before [`restart`](Ordered::restart).
    ///
    /// `job` gets the worker's own state, which lives as long as the thread.
    pub(super) fn new<W, J>(
        workers: Vec<W>,
        ahead: usize,
        name: &str,
        job: J,
    ) -> std::io::Result<Ordered<T>>
    where
        W: Send + 'static,
        J: Fn(&mut W, Task) -> T + Send + Sync + 'static,
    {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                run: 0,
                epoch: 0,
                start: 0,
                next: 0,
                wanted: 0,
                end: 0,
                ahead: ahead.max(1) as u64,
                ready: BTreeMap::new(),
                stop: false,
            }),
            work: Condvar::new(),
            done: Condvar::new(),
        });
        let job = Arc::new(job);
        // Threads started before one fails to start end when this is dropped.
        let mut ordered = Ordered { shared, threads: Vec::new() };
        for (number, mut worker) in workers.into_iter().enumerate() {
            let (shared, job) = (ordered.shared.clone(), job.clone());
            let thread = std::thread::Builder::new().name(format!("{name}-{number}"));
            ordered.threads.push(thread.spawn(move || run(&shared, &mut worker, &*job))?);
        }
        Ok(ordered)
    }

    /// From now on does and delivers `count` tasks from place `start` of `epoch`, numbered from 0; what was
    /// under way is given up.
    pub(super) fn restart(&mut self, epoch: u64, start: u64, count: u64) {
        let mut state = self.shared.lock();
        state.run += 1;
        state.epoch = epoch;
        state.start = start;
        state.next = 0;
        state.wanted = 0;
        state.end = count;
        state.ready.clear();
        self.shared.work.notify_all();
    }

    /// The number of the result that [`next`](Ordered::next) gives.
    pub(super) fn position(&self) -> u64 {
        self.shared.lock().wanted
    }

    /// How many results are ready for the next calls of [`next`](Ordered::next), and how many could be.
    pub(super) fn ready(&self) -> (u64, u64) {
        let state = self.shared.lock();
        (state.ready.len() as u64, state.ahead.min(state.end - state.wanted))
    }

    /// The next result in order; waits for it. `None` at the end. A panic in a task goes on here.
    pub(super) fn next(&mut self) -> Option<T> {
        let mut state = self.shared.lock();
        loop {
            let wanted = state.wanted;
            if wanted >= state.end {
                return None;
            }
            if let Some(outcome) = state.ready.remove(&wanted) {
                state.wanted += 1;
                self.shared.work.notify_one();
                drop(state);
                match outcome {
                    Ok(value) => return Some(value),
                    Err(panic) => resume_unwind(panic),
                }
            }
            state = self.shared.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A worker thread's life.
fn run<T, W>(shared: &Shared<T>, worker: &mut W, job: &impl Fn(&mut W, Task) -> T) {
    loop {
        let (task, run) = {
            let mut state = shared.lock();
            loop {
                if state.stop {
                    return;
                }
                if state.next < state.end && state.next < state.wanted + state.ahead {
                    break;
                }
                state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let task = Task { epoch: state.epoch, start: state.start, index: state.next };
            state.next += 1;
            (task, state.run)
        };
        // A worker is used again after a panic only for runs that the consumer starts on purpose.
        let outcome = catch_unwind(AssertUnwindSafe(|| job(worker, task)));
        let mut state = shared.lock();
        if state.run == run {
            state.ready.insert(task.index, outcome);
            shared.done.notify_all();
        }
    }
}

impl<T> Drop for Ordered<T> {
    /// Waits for the threads to finish what they are at.
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            // Tasks catch their panics, so a thread has nothing to report.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;

    fn squares(workers: usize, ahead: usize) -> Ordered<u64> {
        let job = |_: &mut (), task: Task| {
            // Later tasks are faster, so that they finish out of order.
            std::thread::sleep(Duration::from_micros(2000 / (task.index + 1)));
            let place = task.start + task.index;
            task.epoch * 1000 + place * place
        };
        Ordered::new(vec![(); workers], ahead, "square", job).unwrap()
    }

    fn drain(ordered: &mut Ordered<u64>) -> Vec<u64> {
        std::iter::from_fn(|| ordered.next()).collect()
    }

    #[test]
    fn results_come_in_order() {
        for workers in [1, 2, 5] {
            for ahead in [1, 3, 20] {
                let mut ordered = squares(workers, ahead);
                assert_eq!(ordered.next(), None);
                ordered.restart(1, 2, 6);
                assert_eq!(drain(&mut ordered), [1004, 1009, 1016, 1025, 1036, 1049]);
                assert_eq!(ordered.next(), None);
            }
        }
    }

    #[test]
    fn a_restart_gives_up_what_was_under_way() {
        let mut ordered = squares(3, 4);
        ordered.restart(1, 0, 100);
        ordered.next();
        assert_eq!(ordered.position(), 1);
        ordered.restart(2, 5, 2);
        assert_eq!(ordered.position(), 0);
        assert_eq!(drain(&mut ordered), [2025, 2036]);
    }

    #[test]
    fn no_more_is_done_ahead_than_allowed() {
        let started = Arc::new(AtomicU64::new(0));
        let count = started.clone();
        let job = move |_: &mut (), task: Task| {
            count.fetch_add(1, Ordering::SeqCst);
            task.index
        };
        let mut ordered = Ordered::new(vec![(); 4], 3, "count", job).unwrap();
        ordered.restart(0, 0, 100);
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(started.load(Ordering::SeqCst), 3);
        assert_eq!(ordered.ready(), (3, 3));
        ordered.next();
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(started.load(Ordering::SeqCst), 4);
    }

    #[test]
    fn dropping_early_ends_the_threads() {
        let mut ordered = squares(4, 8);
        ordered.restart(0, 0, 1_000_000);
        ordered.next();
        let shared = Arc::downgrade(&ordered.shared);
        drop(ordered);
        assert!(shared.upgrade().is_none());
    }

    #[test]
    fn a_panic_reaches_the_consumer_at_its_place() {
        let job = |_: &mut (), task: Task| match task.index {
            2 => panic!("a bug in task 2"),
            index => index,
        };
        let mut ordered = Ordered::new(vec![(); 2], 4, "panic", job).unwrap();
        ordered.restart(0, 0, 4);
        assert_eq!((ordered.next(), ordered.next()), (Some(0), Some(1)));
        let panic = catch_unwind(AssertUnwindSafe(|| ordered.next())).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"a bug in task 2"));
        assert_eq!(ordered.next(), Some(3));
    }
}
