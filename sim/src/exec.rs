//! A single-threaded executor on a virtual clock. Who of the ready runs next is thrown; time passes when nobody is ready.
//!
//! Tasks belong to groups. A group is a process: it can be frozen, and it can end at any await without a word.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use keyflow_sync::stamp::Millis;

use crate::dice::{Dice, Stream, mix};

/// The group of the world itself: it never ends.
pub const WORLD: u64 = 0;
/// So many polls without time passing are a loop that never rests.
const HOT: u64 = 200_000;

type Work = Pin<Box<dyn Future<Output = ()>>>;
type Ready = Arc<Mutex<Vec<u64>>>;

struct Bell {
    task: u64,
    ready: Ready,
    rung: AtomicBool,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        if !self.rung.swap(true, Ordering::Relaxed) {
            self.ready.lock().unwrap_or_else(PoisonError::into_inner).push(self.task);
        }
    }
}

struct Task {
    group: u64,
    /// Absent while it is being polled.
    work: Option<Work>,
    bell: Arc<Bell>,
}

/// The executor and its clock.
pub struct Exec {
    tasks: RefCell<BTreeMap<u64, Task>>,
    ready: Ready,
    timers: RefCell<BTreeMap<(Millis, u64), Waker>>,
    frozen: RefCell<BTreeMap<u64, Millis>>,
    doomed: RefCell<Vec<u64>>,
    now: Cell<Millis>,
    next: Cell<u64>,
    dice: Dice,
    polls: Cell<u64>,
    hash: Cell<u64>,
}

impl Exec {
    /// An executor at time 0.
    pub fn new(seed: u64) -> Rc<Exec> {
        Rc::new(Exec {
            tasks: RefCell::default(),
            ready: Ready::default(),
            timers: RefCell::default(),
            frozen: RefCell::default(),
            doomed: RefCell::default(),
            now: Cell::new(0),
            next: Cell::new(1),
            dice: Dice::new(seed, Stream::Schedule, 0),
            polls: Cell::new(0),
            hash: Cell::new(seed),
        })
    }

    /// Virtual time, ms.
    pub fn now(&self) -> Millis {
        self.now.get()
    }

    /// How many times a task was polled.
    pub fn polls(&self) -> u64 {
        self.polls.get()
    }

    /// A number that stands for everything noted so far.
    pub fn hash(&self) -> u64 {
        self.hash.get()
    }

    /// Notes a fact, so that two runs of a seed can be compared.
    pub fn note(&self, fact: &str) {
        let text = fact.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        self.hash.set(mix(self.hash.get() ^ text ^ self.now.get() as u64));
    }

    /// A number never given before; names groups and timers.
    pub fn name(&self) -> u64 {
        self.next.set(self.next.get() + 1);
        self.next.get()
    }

    /// Starts a task of `group`.
    pub fn spawn(&self, group: u64, work: impl Future<Output = ()> + 'static) {
        let id = self.name();
        let bell = Arc::new(Bell { task: id, ready: self.ready.clone(), rung: AtomicBool::new(false) });
        self.tasks.borrow_mut().insert(id, Task { group, work: Some(Box::pin(work)), bell: bell.clone() });
        bell.wake();
    }

    /// Resolves at `at`.
    pub fn sleep_until(self: &Rc<Self>, at: Millis) -> Sleep {
        Sleep { exec: self.clone(), at, timer: None }
    }

    /// Resolves after `span`.
    pub fn sleep(self: &Rc<Self>, span: Millis) -> Sleep {
        self.sleep_until(self.now() + span)
    }

    /// Lets the others go first.
    pub async fn yield_now(&self) {
        let mut first = true;
        std::future::poll_fn(|context| {
            if std::mem::take(&mut first) {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Ends a group before anything else runs.
    pub fn doom(&self, group: u64) {
        self.doomed.borrow_mut().push(group);
    }

    /// Runs nothing of a group until `until`.
    pub fn freeze(&self, group: u64, until: Millis) {
        self.frozen.borrow_mut().insert(group, until);
    }

    /// Lets every frozen group go on from now.
    pub fn thaw(&self) {
        self.frozen.borrow_mut().clear();
        for task in self.tasks.borrow().values() {
            task.bell.clone().wake();
        }
    }

    /// Runs until `until`. An error says that the tasks never rest.
    pub fn run_until(self: &Rc<Self>, until: Millis) -> Result<(), String> {
        let mut hot = 0;
        loop {
            self.bury();
            let chosen = {
                let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
                let count = ready.len() as u64;
                if count == 0 { None } else { Some(ready.swap_remove(self.dice.below(count) as usize)) }
            };
            if let Some(id) = chosen {
                hot += 1;
                if hot > HOT {
                    return Err("I12: the tasks never rest".into());
                }
                self.turn(id);
                continue;
            }
            let due = self.timers.borrow().first_key_value().map(|(due, _)| *due);
            match due {
                Some(due) if due.0 <= until => {
                    if due.0 > self.now.get() {
                        hot = 0;
                        self.now.set(due.0);
                    }
                    let waker = self.timers.borrow_mut().remove(&due);
                    if let Some(waker) = waker {
                        waker.wake();
                    }
                }
                _ => {
                    self.now.set(until.max(self.now.get()));
                    return Ok(());
                }
            }
        }
    }

    fn turn(self: &Rc<Self>, id: u64) {
        let (mut work, bell, group) = {
            let mut tasks = self.tasks.borrow_mut();
            let Some(task) = tasks.get_mut(&id) else { return };
            task.bell.rung.store(false, Ordering::Relaxed);
            let Some(work) = task.work.take() else { return };
            (work, task.bell.clone(), task.group)
        };
        let until = self.frozen.borrow().get(&group).copied().filter(|until| *until > self.now());
        if let Some(until) = until {
            self.timers.borrow_mut().insert((until, self.name()), Waker::from(bell));
            self.put_back(id, work);
            return;
        }
        self.polls.set(self.polls.get() + 1);
        self.hash.set(mix(self.hash.get() ^ id ^ (self.now.get() as u64) << 20));
        match work.as_mut().poll(&mut Context::from_waker(&Waker::from(bell))) {
            Poll::Ready(()) => {
                self.tasks.borrow_mut().remove(&id);
            }
            Poll::Pending => self.put_back(id, work),
        }
    }

    fn put_back(&self, id: u64, work: Work) {
        if let Some(task) = self.tasks.borrow_mut().get_mut(&id) {
            task.work = Some(work);
        }
    }

    fn bury(&self) {
        let doomed = std::mem::take(&mut *self.doomed.borrow_mut());
        if doomed.is_empty() {
            return;
        }
        let dead: Vec<Task> = {
            let mut tasks = self.tasks.borrow_mut();
            let ids: Vec<u64> =
                tasks.iter().filter(|(_, task)| doomed.contains(&task.group)).map(|(id, _)| *id).collect();
            ids.iter().filter_map(|id| tasks.remove(id)).collect()
        };
        // Dropping may wake and spawn, so nothing is borrowed here.
        drop(dead);
    }

    /// Ends everything.
    pub fn clear(&self) {
        let all = std::mem::take(&mut *self.tasks.borrow_mut());
        drop(all);
        self.timers.borrow_mut().clear();
    }
}

/// Waits for a moment.
pub struct Sleep {
    exec: Rc<Exec>,
    at: Millis,
    timer: Option<(Millis, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.exec.now() >= self.at {
            return Poll::Ready(());
        }
        let timer = match self.timer {
            Some(timer) => timer,
            None => (self.at, self.exec.name()),
        };
        self.timer = Some(timer);
        self.exec.timers.borrow_mut().insert(timer, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            self.exec.timers.borrow_mut().remove(&timer);
        }
    }
}
