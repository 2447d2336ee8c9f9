//! An ordered, bounded, restartable parallel map: the engine of the loaders and of the doctor.
//!
//! ```
//! use maskwright_data::ordered::{Ordered, Task};
//!
//! // Two threads, at most four results before they are asked for.
//! let square = |_: &mut (), task: Task| task.index * task.index;
//! let mut squares = Ordered::new(vec![(); 2], 4, "square", square)?;
//! squares.restart(0, 0, 5);
//! let found: Vec<u64> = squares.by_ref().collect();
//! assert_eq!(found, [0, 1, 4, 9, 16]);
//! # Ok::<(), std::io::Error>(())
//! ```

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A piece of work: number `index` of epoch `epoch`, counted from place `start` of the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task {
    /// The epoch, as [`restart`](Ordered::restart) got it.
    pub epoch: u64,
    /// The place, as [`restart`](Ordered::restart) got it.
    pub start: u64,
    /// The number of the task, from 0.
    pub index: u64,
}

/// What waiting for a result for a limited time came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited<T> {
    /// The next result.
    Result(T),
    /// It is not ready yet.
    NotYet,
    /// All tasks are done and delivered.
    End,
}

/// Does numbered tasks on threads, at most `ahead` before they are asked for, and delivers the
/// results in order.
///
/// A panic in a task is passed on to whoever asks for its result. Dropping it waits for the tasks under way.
pub struct Ordered<T> {
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
    /// `job` gets the worker's own state, which lives as long as the thread. `ahead` of 0 is taken for 1; `name`
    /// begins the threads' names.
    ///
    /// # Errors
    ///
    /// The system gives no more threads.
    pub fn new<W, J>(
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
    pub fn restart(&mut self, epoch: u64, start: u64, count: u64) {
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
    pub fn position(&self) -> u64 {
        self.shared.lock().wanted
    }

    /// How many results are ready for the next calls of [`next`](Ordered::next), and how many could be.
    pub fn ready(&self) -> (u64, u64) {
        let state = self.shared.lock();
        (state.ready.len() as u64, state.ahead.min(state.end - state.wanted))
    }

    /// Waits for the next result in order, no longer than `limit`.
    pub fn next_within(&mut self, limit: Duration) -> Waited<T> {
        self.wait(Some(Instant::now() + limit))
    }

    fn wait(&mut self, until: Option<Instant>) -> Waited<T> {
        let mut state = self.shared.lock();
        loop {
            let wanted = state.wanted;
            if wanted >= state.end {
                return Waited::End;
            }
            if let Some(outcome) = state.ready.remove(&wanted) {
                state.wanted += 1;
                self.shared.work.notify_one();
                drop(state);
                match outcome {
                    Ok(value) => return Waited::Result(value),
                    Err(panic) => resume_unwind(panic),
                }
            }
            state = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.shared.done.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return Waited::NotYet,
                Some(left) => {
                    let waited = self.shared.done.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

/// Waits for every result, and ends when all are delivered, until the next [`restart`](Ordered::restart).
impl<T: Send + 'static> Iterator for Ordered<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match self.wait(None) {
            Waited::Result(value) => Some(value),
            Waited::NotYet | Waited::End => None,
        }
    }
}

impl<T> std::fmt::Debug for Ordered<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ordered({} threads)", self.threads.len())
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
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Something that threads wait for, and that is true from some time on.
    #[derive(Default)]
    struct Gate<T> {
        state: Mutex<T>,
        changed: Condvar,
    }

    impl<T> Gate<T> {
        fn change(&self, change: impl FnOnce(&mut T)) {
            change(&mut self.state.lock().unwrap());
            self.changed.notify_all();
        }

        fn wait_until(&self, so: impl Fn(&T) -> bool) {
            let state = self.state.lock().unwrap();
            drop(self.changed.wait_while(state, |state| !so(state)).unwrap());
        }
    }

    fn square(task: Task) -> u64 {
        let place = task.start + task.index;
        task.epoch * 1000 + place * place
    }

    fn squares(workers: usize, ahead: usize) -> Ordered<u64> {
        Ordered::new(vec![(); workers], ahead, "square", |_, task| square(task)).unwrap()
    }

    fn drain(ordered: &mut Ordered<u64>) -> Vec<u64> {
        ordered.collect()
    }

    /// Waits until so many results are ready.
    fn wait_for_ready(ordered: &Ordered<u64>, count: u64) {
        let state = ordered.shared.lock();
        let missing = |state: &mut State<u64>| (state.ready.len() as u64) < count;
        drop(ordered.shared.done.wait_while(state, missing).unwrap());
    }

    #[test]
    fn results_come_in_order() {
        for workers in [1, 2, 5] {
            for ahead in [1, 3, 20] {
                let finished = Gate::<BTreeSet<u64>>::default();
                let out_of_order = workers > 1 && ahead > 1;
                let job = move |_: &mut (), task: Task| {
                    // Each even task waits for the odd one after it.
                    if out_of_order && task.index.is_multiple_of(2) {
                        finished.wait_until(|finished| finished.contains(&(task.index + 1)));
                    }
                    finished.change(|finished| {
                        finished.insert(task.index);
                    });
                    square(task)
                };
                let mut ordered = Ordered::new(vec![(); workers], ahead, "square", job).unwrap();
                assert_eq!(ordered.next(), None);
                ordered.restart(1, 2, 6);
                assert_eq!(drain(&mut ordered), [1004, 1009, 1016, 1025, 1036, 1049]);
                assert_eq!(ordered.next(), None);
            }
        }
    }

    #[test]
    fn a_restart_gives_up_what_was_under_way() {
        let open = Arc::new(Gate::<bool>::default());
        let gate = open.clone();
        let job = move |_: &mut (), task: Task| {
            // Whatever is begun after the first is under way until the gate opens.
            if task.epoch == 1 && task.index > 0 {
                gate.wait_until(|open| *open);
            }
            square(task)
        };
        let mut ordered = Ordered::new(vec![(); 3], 4, "square", job).unwrap();
        ordered.restart(1, 0, 100);
        ordered.next();
        assert_eq!(ordered.position(), 1);
        ordered.restart(2, 5, 2);
        assert_eq!(ordered.position(), 0);
        open.change(|open| *open = true);
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
        for taken in 0..100 {
            // Everything that is allowed is done, and one worker is left without work.
            let allowed = 3.min(100 - taken);
            wait_for_ready(&ordered, allowed);
            assert_eq!(ordered.ready(), (allowed, allowed));
            assert_eq!(started.load(Ordering::SeqCst), taken + allowed);
            assert_eq!(ordered.next(), Some(taken));
        }
    }

    #[test]
    fn waiting_has_a_limit() {
        let open = Arc::new(Gate::<bool>::default());
        let gate = open.clone();
        let job = move |_: &mut (), task: Task| {
            gate.wait_until(|open| *open);
            task.index
        };
        let mut ordered = Ordered::new(vec![()], 1, "gate", job).unwrap();
        ordered.restart(0, 0, 1);
        assert_eq!(ordered.next_within(Duration::from_millis(1)), Waited::NotYet);
        open.change(|open| *open = true);
        // Longer than any machine takes.
        assert_eq!(ordered.next_within(Duration::from_secs(600)), Waited::Result(0));
        assert_eq!(ordered.next_within(Duration::ZERO), Waited::End);
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
